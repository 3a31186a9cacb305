// SPDX-License-Identifier: Apache-2.0
//
// Lanes that part and meet in random ways: a warp has to leave what its lanes leave one by one, and lanes that parted
// have to be together again where all their ways join.
#include "tests/ptxsim/Run.h"

#include <gtest/gtest.h>

#include <random>

using namespace ptxsim;

/// Blocks that change %r1, count in %r2, and go on by what %r1 is: to the next block, to any two, or by a table; some
/// lanes leave. Nothing is structured; a lane takes at most 40 blocks.
static std::string randomFlow(uint32_t seed) {
  std::mt19937 random(seed);
  auto pick = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
  uint32_t blocks = 3 + pick(12);
  auto block = [&] { return "B" + std::to_string(pick(blocks)); };
  std::string text = ".reg .pred %p<4>; .reg .b32 %r<8>; .reg .b64 %rd<4>;\n"
                     "ld.param.u32 %r0, [first]; mov.u32 %r1, %tid.x; add.u32 %r0, %r0, %r1; mov.u32 %r1, %r0;\n"
                     "mov.u32 %r2, 0;\n";
  for (uint32_t i = 0; i < blocks; ++i) {
    std::string targets = "T" + std::to_string(i);
    text += "B" + std::to_string(i) + ": mad.lo.u32 %r1, %r1, 1664525, " + std::to_string(random() % 100000) +
            "; add.u32 %r2, %r2, 1;\nsetp.gt.u32 %p0, %r2, 40; @%p0 bra DONE; shr.u32 %r3, %r1, " +
            std::to_string(20 + pick(8)) + "; and.b32 %r4, %r3, 3;\n";
    switch (pick(5)) {
    case 0:
      text += "setp.lt.u32 %p1, %r4, 2; @%p1 bra " + block() + ";\n";
      break;
    case 1:
      text += "setp.eq.u32 %p1, %r4, 1; @!%p1 bra " + block() + "; bra " + block() + ";\n";
      break;
    case 2:
      text += targets + ": .branchtargets " + block() + ", " + block() + ", " + block() + ", " + block() +
              ";\nbrx.idx %r4, " + targets + ";\n";
      break;
    case 3:
      text += "setp.eq.u32 %p1, %r4, 0; @%p1 bra DONE; bra " + block() + ";\n";
      break;
    default:
      break; // falls through
    }
  }
  return text + "DONE: ld.param.u64 %rd1, [out]; mad.wide.u32 %rd1, %r0, 4, %rd1; xor.b32 %r1, %r1, %r2;\n"
                "ld.param.u32 %r5, [votes]; setp.eq.u32 %p1, %r5, 0; @%p1 bra STORE;\n"
                "activemask.b32 %r6; popc.b32 %r6, %r6; shl.b32 %r6, %r6, 24; xor.b32 %r1, %r1, %r6;\n"
                "STORE: st.global.u32 [%rd1], %r1; ret;";
}

static std::vector<uint32_t> runFlow(const Module &module, bool together, uint32_t votes) {
  Device device;
  uint64_t out = device.allocate(128);
  for (uint32_t lane = 0; lane < (together ? 1u : 32u); ++lane) {
    Launch launch{"k", {1, 1, 1}, {together ? 32u : 1u, 1, 1}, 0, parameters(out, lane, votes), {}};
    launch.options.maxWarpInstructions = 200'000;
    run(device, module, launch);
  }
  return download<uint32_t>(device, out, 32);
}

TEST(Flow, AWarpDoesWhatItsLanesDo) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::string text = randomFlow(seed);
    Module module = Module::parse(kernelText(".param .u64 out, .param .u32 first, .param .u32 votes", text));
    ASSERT_EQ(runFlow(module, true, 0), runFlow(module, false, 0)) << "seed " << seed << "\n" << text;
    // All ways lead to DONE: there the lanes are one warp again.
    std::vector<uint32_t> alone = runFlow(module, false, 0), met = runFlow(module, true, 1);
    for (uint32_t lane = 0; lane < 32; ++lane)
      ASSERT_EQ(met[lane], alone[lane] ^ 32u << 24) << "seed " << seed << "\n" << text;
  }
}
