// SPDX-License-Identifier: Apache-2.0
//
// The attention of one block of queries, for one head and batch entry, over the blocks of keys that its piece of the
// plan lists. README.md has the loop as a picture.

/// Key and value blocks in flight. A group of copies is one block of K, or one of V; groups are committed in the order
/// K0 V0 K1 V1 ..., an empty one where there is no block left, so that waits can count them.
class Pipeline {
public:
  static constexpr int pending = 2 * (stages - 1);

  __device__ Pipeline(const AttentionArguments &a, const Scores &scores, const Values &values)
      : a(a), scores(scores), values(values) {}

  /// In step n, V of the last block in flight, into the stage that the step before has left. Tokens of the next block
  /// come while scores are made.
  __device__ void advanceValues(int n) {
    const Step last = steps[n + stages - 1], next = steps[n + stages];
    if (last.exists())
      values.copyValues(unsigned(n - 1) % stages, last.keyLane, tokens);
    commitCopies();
    if (next.exists() && (Scores::takesTokens || Values::takesTokens))
      tokens.load(a.keyTokens + next.keyLane, MissingTokens(a));
  }
  /// K of that next block, into the stage whose scores have been made.
  __device__ void advanceKeys(int n) {
    const int keyLane = steps[n + stages].keyLane;
    bool haveGaps = false;
    if (keyLane >= 0) {
      haveGaps = Scores::takesTokens && tokens.haveGaps();
      scores.copyKeys(unsigned(n) % stages, keyLane, tokens);
    }
    commitCopies();
    if (threadIdAnew() == 0) {
      if (haveGaps)
        steps[n + stages].kind |= Step::gaps;
      steps.find(a, n + stages + 1);
    }
  }

private:
  const AttentionArguments &a;
  const Scores &scores;
  const Values &values;
  KeyTokens tokens = {}; ///< of the newest block: for its keys, then for its values
};

/// Visits every block of the piece. On return no copy is in flight, and no one reads shared memory.
__device__ inline void attend(const AttentionArguments &a, Pipeline &pipeline, Scores &scores, const Values &values,
                              Softmax &softmax, float (&outputs)[rowTiles][valueDim / 8][4]) {
  // The steps below 0 begin the copies of the first blocks and do nothing else.
  for (int n = -stages; n < 0 || steps[n].exists(); ++n) {
    const int stage = unsigned(n) % stages;
    waitForCopies<Pipeline::pending>(); // K of this block
    __syncthreads();                    // ... of every thread; and all have left the stage that V goes to
    const bool works = n >= 0;
    Step step = steps[n];
    if (works && scores.haveGaps(stage))
      step.kind |= Step::gaps;
    const bool masks = works && !step.isWhole();
    Kept kept;
    if (masks)
      kept = keptOf(a, step);
    pipeline.advanceValues(n);
    float weights[rowTiles][keyBlock / 8][4];
    if (works)
      scores.multiply(weights, stage);
    else
      scores.skip(weights);
    if (masks)
      applyMask(weights, kept);

    waitForCopies<Pipeline::pending>(); // V of this block
    __syncthreads();                    // ... of every thread; and all have made their scores
    pipeline.advanceKeys(n);
    if (works) {
      softmax.weigh(weights, outputs, scores);
      values.multiply(outputs, weights, stage);
    }
  }
  waitForCopies<0>();
  __syncthreads();
}

static_assert(sizeof(Corner) + sizeof(Steps) <= cornerBytes, "as the table of kernels counts");

/// Grid: pieces of work (the longest first), query heads, batch entries.
extern "C" __global__ void __launch_bounds__(threads, residentBlocks)
    falloff_attention(const __grid_constant__ AttentionArguments a) {
  extern __shared__ __align__(128) unsigned char memory[]; // as swizzled rows ask
  // Which of the two keeps kernels of either kind out of local memory, the compile matrix found.
  const bool isOpaque = Scores::takesTokens && !functorTests;
  const unsigned shared = isOpaque ? opaque(sharedAddress(memory)) : sharedAddress(memory);
  const int head = blockIdx.y, keyHead = head / (a.heads / a.keyHeads);
  if (blockIdx.x >= planOf(a).pieceCount)
    return;
  const unsigned keys = shared + Scores::queryBytes, valuesAt = keys + stages * Scores::keyBytes;
  Scores scores(a, keyHead, shared, keys);
  const Values values(a, keyHead, valuesAt);
  scores.copyQueries(a, head, planOf(a).pieces[blockIdx.x].firstLane, MissingTokens(a));
  if (Scores::preparesQueries(a)) {
    commitCopies();
    waitForCopies<0>();
    __syncthreads();
    scores.prepareQueries(a);
  }
  if (threadId() == 0)
    steps.begin(a);
  Pipeline pipeline(a, scores, values);
  Softmax softmax;
  float outputs[rowTiles][valueDim / 8][4] = {};
  attend(a, pipeline, scores, values, softmax, outputs);
  // Of what was worked out before the loop, little is asked for after it.
  const RowPiece &piece = planOf(a).pieces[blockIdx.x];
  scaleOutputs(outputs, values, softmax, piece.slot < 0);
  if (piece.slot < 0)
    storeOutputs(a, scores, softmax, outputs, shared, piece.firstLane);
  else
    storePartial(a, scores, softmax, outputs, piece);
}
