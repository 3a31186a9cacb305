// SPDX-License-Identifier: Apache-2.0
//
// The attention of one block of queries, for one head and batch entry, over the blocks of keys that its piece of the
// plan lists. README.md has the loop as a picture.

/// Key and value blocks in flight. A group of copies is one block of K, or one of V; groups are committed in the order
/// K0 V0 K1 V1 ..., an empty one where there is no block left, so that waits can count them.
class Pipeline {
public:
  Step steps[stages]; ///< of the blocks in stages, the present one first
  static constexpr int pending = 2 * (stages - 1);

  __device__ Pipeline(const AttentionArguments &a, const Scores &scores, const Values &values)
      : a(a), scores(scores), values(values), cursor(a) {
#pragma unroll
    for (int i = 0; i < stages; ++i)
      steps[i] = {-1, 0};
  }

  /// V of the last block in flight, into the stage that the step before has left. `steps` moves on to the next block,
  /// whose tokens come while scores are made.
  __device__ void advanceValues(int stage) {
    if (last().keyLane >= 0)
      values.copyValues(stage, last().keyLane, tokens);
    commitCopies();
    const Step next = cursor.after(last());
#pragma unroll
    for (int i = 0; i + 1 < stages; ++i)
      steps[i] = steps[i + 1];
    last() = next;
    if (last().keyLane >= 0)
      tokens.load(a.keyTokens + last().keyLane, MissingTokens(a));
  }
  /// K of that next block, into the stage whose scores have been made.
  __device__ void advanceKeys(int stage) {
    if (last().keyLane >= 0) {
      last().kind |= tokens.haveGaps() ? Step::gaps : 0;
      scores.copyKeys(stage, last().keyLane, tokens);
    }
    commitCopies();
  }

private:
  const AttentionArguments &a;
  const Scores &scores;
  const Values &values;
  StepCursor cursor;
  KeyTokens tokens = {}; ///< of the newest block: for its keys, then for its values

  __device__ Step &last() { return steps[stages - 1]; }
};

/// Visits every block of the piece. On return no copy is in flight, and no one reads shared memory.
__device__ inline void attend(const AttentionArguments &a, Pipeline &pipeline, Scores &scores, const Values &values,
                              Softmax &softmax, float (&outputs)[rowTiles][valueDim / 8][4]) {
  // The steps below 0 begin the copies of the first blocks and do nothing else.
  for (int n = -stages; n < 0 || pipeline.steps[0].keyLane >= 0; ++n) {
    const int stage = unsigned(n) % stages; // worked out anew: registers are scarce
    const bool works = n >= 0, masks = works && !pipeline.steps[0].isWhole();
    Kept kept;
    if (masks)
      kept = keptOf(a, pipeline.steps[0]);

    waitForCopies<Pipeline::pending>(); // K of this block
    __syncthreads();                    // ... of every thread; and all have left the stage that V goes to
    pipeline.advanceValues(unsigned(n - 1) % stages);
    float weights[rowTiles][keyBlock / 8][4];
    if (works)
      scores.multiply(weights, stage);
    else
      scores.skip(weights);
    if (masks)
      applyMask(weights, kept);

    waitForCopies<Pipeline::pending>(); // V of this block
    __syncthreads();                    // ... of every thread; and all have made their scores
    pipeline.advanceKeys(stage);
    if (works) {
      softmax.weigh(weights, outputs, scores);
      values.multiply(outputs, weights, stage);
    }
  }
  waitForCopies<0>();
  __syncthreads();
}

/// Grid: pieces of work (the longest first), query heads, batch entries.
extern "C" __global__ void __launch_bounds__(threads, residentBlocks)
    falloff_attention(const __grid_constant__ AttentionArguments a) {
  extern __shared__ __align__(1024) unsigned char memory[];
  const unsigned shared = sharedAddress(memory);
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
  Pipeline pipeline(a, scores, values);
  Softmax softmax;
  float outputs[rowTiles][valueDim / 8][4] = {};
  attend(a, pipeline, scores, values, softmax, outputs);
  const RowPiece &piece = planOf(a).pieces[blockIdx.x];
  if (piece.slot < 0)
    storeOutputs(a, scores, values, softmax, outputs, shared, piece.firstLane, head);
  else
    storePartial(a, scores, values, softmax, outputs, piece.slot);
}
