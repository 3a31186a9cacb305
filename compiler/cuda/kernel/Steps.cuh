// SPDX-License-Identifier: Apache-2.0
//
// The blocks of keys that a piece of work visits: run by run, each a range of tiles tested in one way.

/// The table of this CTA's head and batch entry. Looked up wherever it is needed, which is seldom: registers are
/// dearer, and an index that the compiler does not see through keeps it from holding the address in some.
__device__ inline const PlanTable &planOf(const AttentionArguments &a) {
  int batch, head;
  asm volatile("mov.u32 %0, %ctaid.z;" : "=r"(batch));
  asm volatile("mov.u32 %0, %ctaid.y;" : "=r"(head));
  return a.tables[a.tableOf[(a.tableBatches > 1 ? batch : 0) * a.tableHeads + (a.tableHeads > 1 ? head : 0)]];
}

/// One block of keys. All of it is the same in every lane.
struct Step {
  int keyLane;   ///< of the block's first key; below 0: there is no block
  unsigned kind; ///< runtime::Run's test, 0 where every pair is kept; and `gaps`

  static constexpr unsigned gaps = 256; ///< some lanes have no token, or one that is missing
  __device__ bool isWhole() const { return kind == 0; }
  __device__ bool hasGaps() const { return kind & gaps; }
  __device__ unsigned test() const { return kind & 255; }
};

class StepCursor {
public:
  __device__ explicit StepCursor(const AttentionArguments &a)
      : a(a), run(planOf(a).pieces[blockIdx.x].firstRun), keyLaneEnd(0) {}

  /// The block after another one, which at first and past the last is none.
  __device__ Step after(Step step) {
    step = {step.keyLane + keyBlock, step.test()};
    while (step.keyLane >= keyLaneEnd) {
      const PlanTable &plan = planOf(a);
      const RowPiece &piece = plan.pieces[blockIdx.x];
      if (run == piece.lastRun) {
        keyLaneEnd = 0;
        return {-1, 0};
      }
      const unsigned long long bits = plan.runs[run++];
      const int first = int(bits & 0xfffffff), last = int(bits >> 28 & 0xfffffff);
      keyLaneEnd = min(last, piece.lastTile) * a.keyStride;
      step = {max(first, piece.firstTile) * a.keyStride, unsigned(bits >> 56)};
    }
    return step;
  }

private:
  const AttentionArguments &a;
  int run, keyLaneEnd; ///< of the present run
};
