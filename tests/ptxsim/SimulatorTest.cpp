// SPDX-License-Identifier: Apache-2.0
//
// Launches from end to end: grids and indices, loops, lanes that part and meet again, functions, memory of every space.
#include "tests/ptxsim/Run.h"

#include <gtest/gtest.h>

#include <numeric>

using namespace ptxsim;

static const char *const registers = ".reg .pred %p<8>; .reg .b16 %rs<8>; .reg .b32 %r<32>; .reg .f32 %f<32>; "
                                     ".reg .b64 %rd<32>; .reg .f64 %fd<8>;\n";

/// Runs `body`, which leaves a u32 for each thread in %r0, with %r1 its index in the grid.
static std::vector<uint32_t> perThread(const std::string &body, uint32_t threads = 32, uint32_t ctas = 1,
                                       const std::string &variables = "") {
  std::string text = std::string(registers) + variables +
                     "mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x;\n"
                     "mad.lo.s32 %r1, %r2, %r3, %r1;\n" +
                     body +
                     "\nld.param.u64 %rd1, [out]; cvta.to.global.u64 %rd1, %rd1;\n"
                     "mul.wide.u32 %rd2, %r1, 4; add.s64 %rd1, %rd1, %rd2; st.global.u32 [%rd1], %r0; ret;";
  Module module = Module::parse(kernelText(".param .u64 out", text));
  Device device;
  uint64_t out = device.allocate(4ull * threads * ctas);
  Launch launch;
  launch.kernel = "k";
  launch.grid = {ctas, 1, 1};
  launch.block = {threads, 1, 1};
  launch.parameters = parameters(out);
  run(device, module, launch);
  return download<uint32_t>(device, out, threads * ctas);
}

TEST(Simulator, IndicesOfThreads) {
  std::vector<uint32_t> got = perThread("mov.u32 %r0, %r1;", 40, 3); // a last warp of 8 lanes
  std::vector<uint32_t> wanted(120);
  std::iota(wanted.begin(), wanted.end(), 0);
  EXPECT_EQ(got, wanted);
}

TEST(Simulator, LoopsOfDifferentLength) {
  // The sum of 0 .. lane; lanes leave the loop one by one and meet behind it.
  std::vector<uint32_t> got = perThread("mov.u32 %r0, 0; mov.u32 %r4, 0;\n"
                                        "LOOP: add.u32 %r0, %r0, %r4; add.u32 %r4, %r4, 1;\n"
                                        "setp.le.u32 %p1, %r4, %r1; @%p1 bra LOOP;\n"
                                        "vote.sync.ballot.b32 %r5, %p1, 0xffffffff; add.u32 %r0, %r0, %r5;");
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane], lane * (lane + 1) / 2);
}

TEST(Simulator, SidesOfABranchMeetAgain) {
  // Nested: lanes by lane mod 4 go four ways, one of them through code that stands behind the place where all meet.
  std::vector<uint32_t> got = perThread("and.b32 %r4, %r1, 3; setp.eq.u32 %p1, %r4, 0; @%p1 bra FAR;\n"
                                        "setp.eq.u32 %p2, %r4, 1; @%p2 bra ONE; mov.u32 %r0, 20;\n"
                                        "setp.eq.u32 %p3, %r4, 3; @!%p3 bra JOIN; mov.u32 %r0, 30; bra JOIN;\n"
                                        "ONE: mov.u32 %r0, 10;\n"
                                        "JOIN: setp.eq.u32 %p4, %r0, 10; vote.sync.ballot.b32 %r5, %p4, -1;\n"
                                        "popc.b32 %r5, %r5; add.u32 %r0, %r0, %r5; bra OUT;\n"
                                        "FAR: mov.u32 %r0, 0; bra JOIN;\n"
                                        "OUT:");
  const uint32_t wanted[] = {8, 18, 28, 38};
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane], wanted[lane % 4]);
}

TEST(Simulator, SomeLanesReturnEarly) {
  std::string text = std::string(registers) +
                     "ld.param.u64 %rd1, [out]; mov.u32 %r1, %tid.x; mul.wide.u32 %rd2, %r1, 4;\n"
                     "add.s64 %rd1, %rd1, %rd2; setp.gt.u32 %p1, %r1, 9; @%p1 ret; st.global.u32 [%rd1], %r1; ret;";
  Module module = Module::parse(kernelText(".param .u64 out", text));
  Device device;
  uint64_t out = device.allocate(128);
  device.fill(out, 0xff, 128);
  Launch launch{"k", {1, 1, 1}, {32, 1, 1}, 0, parameters(out), {}};
  Counts counts = run(device, module, launch);
  std::vector<uint32_t> got = download<uint32_t>(device, out, 32);
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane], lane <= 9 ? lane : 0xffffffff);
  EXPECT_EQ(counts.kinds().at(Kind::StoreGlobal), 1u);
  EXPECT_EQ(counts.total().globalBytes, 40u);
}

TEST(Simulator, BranchesByIndex) {
  std::vector<uint32_t> got = perThread("rem.u32 %r4, %r1, 3; ts: .branchtargets A, B, C;\n"
                                        "brx.idx %r4, ts;\n"
                                        "A: mov.u32 %r0, 7; bra D; B: mov.u32 %r0, 8; bra D; C: mov.u32 %r0, 9; D:");
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane], 7 + lane % 3);
}

TEST(Simulator, LocalMemoryIsEachLanesOwn) {
  std::vector<uint32_t> got = perThread("mov.u64 %rd3, spill; cvta.local.u64 %rd4, %rd3; st.u32 [%rd4+4], %r1;\n"
                                        "ld.local.u32 %r0, [%rd3+4];",
                                        64, 1, ".local .align 8 .b8 spill[8];\n");
  for (uint32_t thread = 0; thread < 64; ++thread)
    EXPECT_EQ(got[thread], thread);
}

TEST(Simulator, SharedMemoryAcrossABarrier) {
  std::vector<uint32_t> got = perThread("shl.b32 %r4, %r1, 2; mov.u32 %r5, tile; add.u32 %r4, %r5, %r4;\n"
                                        "mul.lo.u32 %r6, %r1, %r1; st.shared.u32 [%r4], %r6; bar.sync 0;\n"
                                        "xor.b32 %r7, %r1, 63; shl.b32 %r7, %r7, 2; add.u32 %r7, %r5, %r7;\n"
                                        "ld.shared.u32 %r0, [%r7];",
                                        64, 1, ".shared .align 4 .b8 tile[256];\n");
  for (uint32_t thread = 0; thread < 64; ++thread)
    EXPECT_EQ(got[thread], (63 - thread) * (63 - thread));
}

TEST(Simulator, FunctionsWithParameters) {
  std::string text = ".version 8.0\n.target sm_80\n.address_size 64\n"
                     ".func (.param .b32 result) square(.param .b32 x) {\n"
                     ".reg .b32 %r<4>; .reg .pred %p<2>; ld.param.u32 %r1, [x]; setp.gt.u32 %p1, %r1, 4;\n"
                     "mul.lo.u32 %r2, %r1, %r1; @%p1 bra BIG; st.param.b32 [result], %r2; ret;\n"
                     "BIG: st.param.b32 [result], %r1; ret; }\n"
                     ".visible .entry k(.param .u64 out) {\n.reg .b32 %r<8>; .reg .b64 %rd<4>; .reg .pred %p<2>;\n"
                     "mov.u32 %r1, %tid.x; mov.u32 %r3, 99; setp.ne.u32 %p1, %r1, 3; @!%p1 bra SKIP;\n"
                     "{ .param .b32 argument; st.param.b32 [argument], %r1; .param .b32 back;\n"
                     "call.uni (back), square, (argument); ld.param.b32 %r3, [back]; }\n"
                     "SKIP: ld.param.u64 %rd1, [out]; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd1, %rd1, %rd2;\n"
                     "st.global.u32 [%rd1], %r3; ret; }\n";
  Module module = Module::parse(text);
  Device device;
  uint64_t out = device.allocate(128);
  run(device, module, {"k", {1, 1, 1}, {32, 1, 1}, 0, parameters(out), {}});
  std::vector<uint32_t> got = download<uint32_t>(device, out, 32);
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane], lane == 3 ? 99 : lane <= 4 ? lane * lane : lane);
}

TEST(Simulator, VariablesOfTheModule) {
  std::string text = ".version 8.0\n.target sm_80\n.address_size 64\n"
                     ".const .align 4 .u32 table[3] = {5, 6, 7};\n"
                     ".global .align 8 .u64 pointer = generic(table);\n"
                     ".global .align 4 .b8 zeros[8];\n"
                     ".visible .entry k(.param .u64 out) {\n.reg .b32 %r<8>; .reg .b64 %rd<8>;\n"
                     "ld.const.u32 %r1, [table+4]; ld.global.u64 %rd1, [pointer]; ld.u32 %r2, [%rd1+8];\n"
                     "mov.u64 %rd2, zeros; ld.global.u32 %r3, [%rd2+4]; add.u32 %r1, %r1, %r2; add.u32 %r1, %r1, %r3;\n"
                     "ld.param.u64 %rd3, [out]; st.global.u32 [%rd3], %r1; ret; }\n";
  Module module = Module::parse(text);
  Device device;
  uint64_t out = device.allocate(4);
  run(device, module, {"k", {1, 1, 1}, {1, 1, 1}, 0, parameters(out), {}});
  EXPECT_EQ(download<uint32_t>(device, out, 1)[0], 13u);
  uint64_t bytes = 0;
  EXPECT_TRUE(device.initialised(device.variable(module, "table", &bytes), 12));
  EXPECT_EQ(bytes, 12u);
}

TEST(Simulator, ParametersByValue) {
  std::string text = std::string(registers) +
                     "ld.param.u64 %rd1, [arguments+8]; mov.b64 %rd2, arguments; mov.u32 %r1, %tid.x;\n"
                     "mul.wide.u32 %rd3, %r1, 4; add.s64 %rd4, %rd2, %rd3; ld.param.u32 %r2, [%rd4+16];\n"
                     "cvta.param.u64 %rd5, %rd4; ld.u32 %r3, [%rd5+16]; add.u32 %r2, %r2, %r3;\n"
                     "add.s64 %rd1, %rd1, %rd3; st.global.u32 [%rd1], %r2; ret;";
  Module module = Module::parse(kernelText(".param .align 8 .b8 arguments[32]", text));
  Device device;
  uint64_t out = device.allocate(16);
  run(device, module, {"k", {1, 1, 1}, {4, 1, 1}, 0, parameters(uint64_t(0), out, 10u, 20u, 30u, 40u), {}});
  EXPECT_EQ(download<uint32_t>(device, out, 4), (std::vector<uint32_t>{20, 40, 60, 80}));
}

TEST(Simulator, TheSameTwice) {
  auto once = [] { return perThread("clz.b32 %r0, %r1;", 96, 2); };
  EXPECT_EQ(once(), once());
}
