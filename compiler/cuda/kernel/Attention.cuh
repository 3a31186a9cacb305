// SPDX-License-Identifier: Apache-2.0
//
// The attention of one block of queries, for one head and batch entry, over the blocks of keys that its piece of the
// plan lists. README.md has the loop as a picture.

/// Key and value blocks in flight. A group of copies is one block of K, or one of V; groups are committed in the order
/// K0 V0 K1 V1 ..., an empty one where there is no block left, so that waits can count them.
class Pipeline {
public:
  Step steps[stages]; ///< of the blocks in stages: the present one first
  static constexpr int pending = 2 * (stages - 1);

  __device__ Pipeline(const AttentionArguments &a, const PlanTable &plan, const Scores &scores, const Values &values)
      : a(a), scores(scores), values(values), cursor(plan) {}

  /// Begins with K0 V0 ... K(stages - 1); copies begun before join the first group.
  __device__ void begin() {
#pragma unroll
    for (int i = 0; i < stages; ++i)
      steps[i].keyLane = -1;
#pragma unroll 1
    for (int i = 0; i < stages; ++i) {
      advanceValues(i > 0 ? i - 1 : 0);
      advanceKeys(i);
    }
  }
  /// V of the last block in flight, into the stage that the step before has left. Then looks for the next block, whose
  /// tokens come while scores are made.
  __device__ void advanceValues(int stage) {
    copyValues(steps[stages - 1], stage);
    findNext();
  }
  /// K of that next block, into the stage whose scores are made. `steps` moves on.
  __device__ void advanceKeys(int stage) {
#pragma unroll
    for (int i = 0; i + 1 < stages; ++i)
      steps[i] = steps[i + 1];
    steps[stages - 1] = takeNext();
    copyKeys(steps[stages - 1], stage);
  }

private:
  const AttentionArguments &a;
  const Scores &scores;
  const Values &values;
  StepCursor cursor;
  KeyTokens tokens; ///< of the newest block: of its keys, then of its values
  int nextLane;

  __device__ void findNext() {
    nextLane = cursor.next(a.keyStride);
    if (nextLane >= 0)
      tokens.load(a.keyTokens + nextLane, MissingTokens(a));
  }
  __device__ Step takeNext() const {
    Step step;
    step.keyLane = nextLane;
    step.test = cursor.testOfNext();
#pragma unroll
    for (int word = 0; word < keyWords; ++word)
      step.valid[word] = tokens.valid(word);
    return step;
  }
  __device__ void copyKeys(const Step &step, int stage) const {
    if (step.keyLane >= 0)
      scores.copyKeys(stage, step.keyLane, tokens);
    commitCopies();
  }
  __device__ void copyValues(const Step &step, int stage) const {
    if (step.keyLane >= 0)
      values.copyValues(stage, step.keyLane, tokens);
    commitCopies();
  }
};

/// Visits every block of the piece. On return no copy is in flight, and no one reads shared memory.
__device__ inline void attend(const AttentionArguments &a, const PlanTable &plan, Pipeline &pipeline, Scores &scores,
                              const Values &values, Softmax &softmax, float (&outputs)[rowTiles][valueDim / 8][4]) {
  int stage = 0;
  while (pipeline.steps[0].keyLane >= 0) {
    const Step &step = pipeline.steps[0];
    const bool whole = step.isWhole();
    Kept kept;
    if (!whole)
      kept = keptOf(plan, a, step);

    waitForCopies<Pipeline::pending>(); // K of this block
    __syncthreads();                    // ... of every thread; and all have left the stage that V goes to
    pipeline.advanceValues(stage == 0 ? stages - 1 : stage - 1);
    float weights[rowTiles][keyBlock / 8][4];
    scores.multiply(weights, stage);
    if (!whole)
      applyMask(weights, kept);

    waitForCopies<Pipeline::pending>(); // V of this block
    __syncthreads();                    // ... of every thread; and all have made their scores
    pipeline.advanceKeys(stage);
    softmax.weigh(weights, outputs, scores);
    values.multiply(outputs, weights, stage);
    stage = stage + 1 == stages ? 0 : stage + 1;
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
  const PlanTable &plan =
      a.tables[a.tableOf[(a.tableBatches > 1 ? blockIdx.z : 0) * a.tableHeads + (a.tableHeads > 1 ? head : 0)]];
  if (blockIdx.x >= plan.pieceCount)
    return;
  const RowPiece &piece = plan.pieces[blockIdx.x];

  const unsigned keys = shared + Scores::queryBytes, valuesAt = keys + stages * Scores::keyBytes;
  Scores scores(a, keyHead, shared, keys);
  const Values values(a, keyHead, valuesAt);
  scores.copyQueries(a, head, piece.firstLane, MissingTokens(a));
  Pipeline pipeline(a, plan, scores, values);
  pipeline.begin();
  if (Scores::preparesQueries(a)) {
    waitForCopies<Pipeline::pending>();
    __syncthreads();
    scores.prepareQueries(a);
  }

  Softmax softmax;
  float outputs[rowTiles][valueDim / 8][4] = {};
  attend(a, plan, pipeline, scores, values, softmax, outputs);
  if (piece.slot < 0)
    storeOutputs(a, scores, values, softmax, outputs, shared, piece.firstLane, head);
  else
    storePartial(a, scores, values, softmax, outputs, piece.slot, head);
}
