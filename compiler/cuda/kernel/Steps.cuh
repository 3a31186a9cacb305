// SPDX-License-Identifier: Apache-2.0
//
// The blocks of keys that a piece of work visits: run by run, each a range of tiles tested in one way.

/// One block of keys. All of it is the same in every lane.
struct Step {
  int keyLane;              ///< of the block's first key; below 0: there is no block
  unsigned test;            ///< 0: every pair is kept; else 1 + fills
  unsigned valid[keyWords]; ///< keys that have a token

  __device__ bool isWhole() const {
    unsigned all = valid[0];
#pragma unroll
    for (int word = 1; word < keyWords; ++word)
      all &= valid[word];
    return test == 0 && all == allLanes;
  }
};

/// Holds little, since registers are dear: what changes with a run is read again when a run begins.
class StepCursor {
public:
  __device__ explicit StepCursor(const PlanTable &plan)
      : plan(plan), run(plan.pieces[blockIdx.x].firstRun), keyLane(0), keyLaneEnd(0), test(0) {}

  /// The first key lane of the next block, or -1 past the last; `test` is then its test.
  __device__ int next(int keyStride) {
    while (keyLane >= keyLaneEnd) {
      const RowPiece &piece = plan.pieces[blockIdx.x];
      if (run == piece.lastRun)
        return -1;
      const unsigned long long bits = plan.runs[run++];
      const int first = int(bits & 0xfffffff), last = int(bits >> 28 & 0xfffffff);
      keyLane = max(first, piece.firstTile) * keyStride;
      keyLaneEnd = min(last, piece.lastTile) * keyStride;
      test = unsigned(bits >> 56);
    }
    keyLane += keyBlock;
    return keyLane - keyBlock;
  }
  __device__ unsigned testOfNext() const { return test; }

private:
  const PlanTable &plan;
  int run, keyLane, keyLaneEnd;
  unsigned test;
};
