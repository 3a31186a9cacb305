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

class StepCursor {
public:
  __device__ StepCursor(const AttentionArguments &a, const PlanTable &plan, const RowPiece &piece)
      : run(plan.runs + piece.firstRun), lastRun(plan.runs + piece.lastRun), firstTile(piece.firstTile),
        lastTile(piece.lastTile), keyStride(a.keyStride), keyLane(0), keyLaneEnd(0), test(0) {}

  /// The first key lane of the next block, or -1 past the last; `test` is then its test.
  __device__ int next() {
    while (keyLane >= keyLaneEnd) {
      if (run == lastRun)
        return -1;
      const unsigned long long bits = __ldg(run++);
      const int first = int(bits & 0xfffffff), last = int(bits >> 28 & 0xfffffff);
      keyLane = max(first, firstTile) * keyStride;
      keyLaneEnd = min(last, lastTile) * keyStride;
      test = unsigned(bits >> 56);
    }
    keyLane += keyBlock;
    return keyLane - keyBlock;
  }
  __device__ unsigned testOfNext() const { return test; }

private:
  const unsigned long long *run, *lastRun;
  int firstTile, lastTile, keyStride;
  int keyLane, keyLaneEnd;
  unsigned test;
};
