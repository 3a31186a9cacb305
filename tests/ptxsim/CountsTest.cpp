// SPDX-License-Identifier: Apache-2.0
//
// Counts against what can be told from the text by hand.
#include "tests/ptxsim/Run.h"

#include <gtest/gtest.h>

using namespace ptxsim;

/// Wavefronts and conflicts of one store of `bytes` a lane at `stride` bytes from each other.
static std::pair<uint64_t, uint64_t> store(uint32_t bytes, uint32_t stride) {
  std::string width = bytes == 4   ? "st.shared.u32 [%r1], %r0;"
                      : bytes == 8 ? "st.shared.v2.u32 [%r1], {%r0, %r0};"
                                   : "st.shared.v4.u32 [%r1], {%r0, %r0, %r0, %r0};";
  Outcome outcome = runBody("mad.lo.u32 %r1, %r0, " + std::to_string(stride) + ", %r61;\n" + width);
  EXPECT_EQ(outcome.fault, "");
  LineCounts total = outcome.counts.total();
  EXPECT_EQ(total.sharedBytes, 32u * bytes);
  return {total.wavefronts, total.conflicts};
}

TEST(Counts, BankConflicts) {
  using Pair = std::pair<uint64_t, uint64_t>;
  EXPECT_EQ(store(4, 4), Pair(1, 0));
  EXPECT_EQ(store(4, 8), Pair(2, 1));
  EXPECT_EQ(store(4, 12), Pair(1, 0)); // odd strides meet every bank once
  EXPECT_EQ(store(4, 128), Pair(32, 31));
  EXPECT_EQ(store(8, 8), Pair(2, 0));
  EXPECT_EQ(store(8, 16), Pair(4, 2));
  EXPECT_EQ(store(16, 16), Pair(4, 0));
  EXPECT_EQ(store(16, 128), Pair(32, 28));
  EXPECT_EQ(store(16, 144 - 128 + 64), Pair(4, 0)); // 80: eight rows in eight different fours of banks
}

TEST(Counts, OneWordForAllLanesIsNoConflict) {
  Outcome outcome = runBody("setp.eq.u32 %p1, %r0, 0; @%p1 st.shared.u32 [%r61], 1; bar.warp.sync -1;\n"
                            "ld.shared.u32 %r60, [%r61];");
  EXPECT_EQ(outcome.counts.total().wavefronts, 2u);
  EXPECT_EQ(outcome.counts.total().conflicts, 0u);
}

TEST(Counts, KindsAndLanes) {
  Outcome outcome = runBody("setp.lt.u32 %p1, %r0, 5;\n@%p1 add.u32 %r60, %r0, 1;\n"
                            "cvt.rn.f32.u32 %f1, %r0;\nfma.rn.f32 %f2, %f1, %f1, %f1;\nex2.approx.ftz.f32 %f3, %f2;\n"
                            "ld.global.u32 %r60, [%rd60];\n");
  ASSERT_EQ(outcome.fault, "");
  std::map<Kind, uint64_t> kinds = outcome.counts.kinds();
  EXPECT_EQ(kinds[Kind::Convert], 1u);
  EXPECT_EQ(kinds[Kind::Float], 1u);
  EXPECT_EQ(kinds[Kind::Special], 1u);
  EXPECT_EQ(kinds[Kind::LoadGlobal], 1u);
  EXPECT_EQ(kinds[Kind::StoreGlobal], 1u);
  EXPECT_EQ(kinds[Kind::LoadParameter], 2u);
  for (const LineCounts &line : outcome.counts.lines)
    if (line.text == "@%p1 add.u32 %r60, %r0, 1;") {
      EXPECT_EQ(line.instructions, 1u);
      EXPECT_EQ(line.lanes, 5u);
    }
}

TEST(Counts, LoopsByTheirLines) {
  Outcome outcome =
      runBody("mov.u32 %r1, 0;\nOUTER:\nmov.u32 %r2, 0;\nINNER:\nadd.u32 %r2, %r2, 1;\n"
              "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f1,%f2,%f3,%f4}, {%r0,%r0,%r0,%r0},\n"
              "  {%r0,%r0}, {0f00000000,0f00000000,0f00000000,0f00000000};\n"
              "setp.lt.u32 %p1, %r2, 3;\n@%p1 bra INNER;\nadd.u32 %r1, %r1, 1;\n"
              "setp.lt.u32 %p1, %r1, 4;\n@%p1 bra OUTER;\n");
  ASSERT_EQ(outcome.fault, "");
  ASSERT_EQ(outcome.counts.loops.size(), 2u);
  auto [first, last] = outcome.counts.mainLoop();
  EXPECT_EQ(outcome.counts.matrix(first, last).at("m16n8k16.row.col.f32.bf16.bf16.f32"), 12u);
  EXPECT_EQ(outcome.counts.total(first, last).instructions, 12u * 4); // add, mma, setp, bra
}
