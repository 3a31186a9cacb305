// SPDX-License-Identifier: Apache-2.0
//
// The blocks of keys that a piece of work visits: run by run, each a range of tiles tested in one way.

/// The table of this CTA's head and batch entry. Looked up wherever it is needed, which is seldom: registers are
/// dearer.
__device__ inline const PlanTable &planOf(const AttentionArguments &a) {
  return a
      .tables[a.tableOf[(a.tableBatches > 1 ? batchAnew() : 0) * a.tableHeads + (a.tableHeads > 1 ? headAnew() : 0)]];
}

/// One block of keys.
struct Step {
  int keyLane; ///< of the block's first key; below 0: there is no block
  int kind;    ///< runtime::Run's test, 0 where every pair is kept; and `gaps`

  static constexpr int gaps = 256; ///< some lanes have no token, or one that is missing
  __device__ bool exists() const { return keyLane >= 0; }
  __device__ bool isWhole() const { return kind == 0; }
  __device__ bool hasGaps() const { return kind & gaps; }
  __device__ int test() const { return kind & 255; }
};

/// The steps of a piece, in shared memory: those in flight, and the one that follows. One thread finds them, all read
/// them a barrier later: what the way through the runs asks for takes no registers in the others.
struct Steps {
  static constexpr int places = 4;
  static_assert(places >= stages + 2, "no one reads the step whose place the next takes");

  Step step[places];
  int run, keyLaneEnd; ///< the next run, and the end of the present one

  __device__ const Step &operator[](int n) const { return step[unsigned(n) % places]; }
  __device__ Step &operator[](int n) { return step[unsigned(n) % places]; }

  /// Called by one thread, before all else.
  __device__ void begin(const AttentionArguments &a) {
    run = planOf(a).pieces[blockIdx.x].firstRun;
    keyLaneEnd = 0;
#pragma unroll
    for (int n = 0; n < places; ++n)
      step[n] = {-1, 0};
    find(a, 0);
  }
  /// Finds step n, the one after n - 1, or that there is none. Called by one thread.
  __device__ void find(const AttentionArguments &a, int n) {
    Step next = {(*this)[n - 1].keyLane + keyBlock, (*this)[n - 1].test()};
    while (next.keyLane >= keyLaneEnd) {
      const PlanTable &plan = planOf(a);
      const RowPiece &piece = plan.pieces[blockIdx.x];
      if (run == piece.lastRun) {
        keyLaneEnd = 0;
        next = {-1, 0};
        break;
      }
      const unsigned long long bits = plan.runs[run++];
      const int first = int(bits & 0xfffffff), last = int(bits >> 28 & 0xfffffff);
      keyLaneEnd = min(last, piece.lastTile) * a.keyStride;
      next = {max(first, piece.firstTile) * a.keyStride, int(bits >> 56)};
    }
    (*this)[n] = next;
  }
};
__shared__ Steps steps;
