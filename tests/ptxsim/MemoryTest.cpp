// SPDX-License-Identifier: Apache-2.0
//
// Faults of memory and of registers, of kernels and of hosts.
#include "tests/ptxsim/Run.h"

#include <gtest/gtest.h>

using namespace ptxsim;

TEST(Memory, GlobalBoundsAreExact) {
  EXPECT_EQ(runBody("ld.global.u32 %r60, [%rd60+1020];").fault, "");
  EXPECT_FAULT(runBody("ld.global.u32 %r60, [%rd60+1024];"), OutOfBounds,
               "a read of 4 bytes at offset 1024 of an allocation of 1024 bytes");
  EXPECT_FAULT(runBody("ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%rd60+1024];"), OutOfBounds, "16 bytes");
  EXPECT_FAULT(runBody("ld.global.u32 %r60, [%rd60+-4];"), OutOfBounds, "no allocation");
  EXPECT_FAULT(runBody("mov.u64 %rd1, 0; ld.u32 %r60, [%rd1];"), OutOfBounds, "address 0x0");
  EXPECT_FAULT(runBody("mul.wide.u32 %rd1, %r0, 64; add.s64 %rd1, %rd1, %rd60; st.global.u32 [%rd1], 0;"), OutOfBounds,
               "lane 16");
}

TEST(Memory, SharedBoundsAreExact) {
  EXPECT_EQ(runBody("st.shared.u32 [%r61+4092], 1;").fault, "");
  EXPECT_FAULT(runBody("st.shared.u32 [%r61+4096], 1;"), OutOfBounds, "no variable is");
  EXPECT_FAULT(runBody("st.shared.u32 [%r61+-4], 1;"), OutOfBounds, "no variable is");
  EXPECT_FAULT(runBody("mov.u32 %r1, 0; st.shared.u32 [%r1], 1;"), OutOfBounds, "address 0x0");
}

TEST(Memory, AddressesAreMultiples) {
  EXPECT_FAULT(runBody("ld.global.u32 %r60, [%rd60+2];"), Misaligned, "a multiple of 4");
  EXPECT_FAULT(runBody("ld.global.v2.u32 {%r1, %r2}, [%rd60+4];"), Misaligned, "a multiple of 8");
  EXPECT_FAULT(runBody("st.shared.v4.u32 [%r61+8], {%r0, %r0, %r0, %r0};"), Misaligned, "a multiple of 16");
  EXPECT_FAULT(runBody("red.shared.add.u32 [%r61+1], 1;"), Misaligned, "a multiple of 4");
  EXPECT_FAULT(runBody("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r1}, [%r61+8];"), Misaligned, "a multiple of 16");
}

TEST(Memory, NobodyWroteIt) {
  EXPECT_FAULT(runBody("ld.shared.u32 %r60, [%r61];"), Uninitialised, "nobody wrote");
  EXPECT_FAULT(runBody("st.shared.u8 [%r61], 1; ld.shared.u16 %r60, [%r61];", 1), Uninitialised, "address 0x411");
  EXPECT_FAULT(runBody("ld.param.u64 %rd1, [out]; ld.global.u32 %r60, [%rd1];"), Uninitialised, "nobody wrote byte 0");
  EXPECT_FAULT(runBody(".local .align 4 .b8 own[8]; st.local.u32 [own], 1; ld.local.u32 %r60, [own+4];"), Uninitialised,
               "local");
  EXPECT_FAULT(runBody("ld.shared.u32 %r60, [%r61];"), Uninitialised, "CTA (0, 0, 0), warp 0, lane 0");
}

TEST(Memory, NobodyWroteTheRegister) {
  EXPECT_FAULT(runBody("add.u32 %r60, %r1, %r2;"), Uninitialised, "source operand 1");
  EXPECT_FAULT(runBody("setp.eq.u32 %p1, %r0, 7; @%p1 mov.u32 %r1, 1; add.u32 %r60, %r1, 1;"), Uninitialised, "lane 0");
  EXPECT_FAULT(runBody("@%p1 mov.u32 %r60, 1;"), Uninitialised, "the predicate");
  EXPECT_FAULT(runBody("mov.u32 %r1, %r2; st.shared.u32 [%r61], %r1;"), Uninitialised, "source operand 2");
  // What nobody wrote may be moved, and passed over by a selection.
  EXPECT_EQ(runBody("mov.u32 %r1, %r2; setp.eq.u32 %p1, %r0, %r0; selp.u32 %r60, 5, %r1, %p1;").out[0], 5u);
  EXPECT_FAULT(runBody("setp.ne.u32 %p1, %r0, 3; selp.u32 %r60, 5, %r1, %p1; add.u32 %r60, %r60, 1;"), Uninitialised,
               "lane 3");
  EXPECT_FAULT(runBody("addc.u32 %r60, %r0, %r0;"), Uninitialised, "carry");
}

TEST(Memory, SpacesAreApart) {
  EXPECT_EQ(
      runBody("cvt.u64.u32 %rd1, %r61; cvta.shared.u64 %rd1, %rd1; st.u32 [%rd1], 3; ld.u32 %r60, [%rd1];", 1).out[0],
      3u);
  EXPECT_FAULT(runBody("cvta.to.shared.u64 %rd1, %rd60;"), OutOfBounds, "of the space that it is converted to");
  EXPECT_FAULT(runBody("ld.shared.u32 %r60, [%rd60];"), OutOfBounds, "no variable is");
  EXPECT_FAULT(runBody("mov.b64 %rd1, out; cvta.param.u64 %rd1, %rd1; st.u32 [%rd1], 0;"), OutOfBounds, "parameters");
  EXPECT_FAULT(runBody("mov.b64 %rd1, out; ld.param.u64 %rd2, [%rd1+16];"), OutOfBounds, "16 bytes of parameters");
}

TEST(Memory, TheManualLeavesItOpen) {
  EXPECT_FAULT(runBody("div.u32 %r60, 3, %r0;"), Undefined, "division by zero");
  EXPECT_FAULT(runBody("trap;"), Trap, "traps");
  EXPECT_FAULT(runBody("LOOP: bra LOOP;"), Limit, "100000");
}

// ---- hosts

TEST(Host, KeepsToAllocations) {
  Device device;
  uint64_t address = device.allocate(10);
  char bytes[16] = {};
  device.write(address, bytes, 10);
  EXPECT_NE(faultOf([&] { device.write(address, bytes, 11); }), "");
  EXPECT_NE(faultOf([&] { device.read(address + 1, bytes, 10); }), "");
  device.free(address);
  EXPECT_NE(faultOf([&] { device.read(address, bytes, 1); }).find("freed"), std::string::npos);
  EXPECT_NE(faultOf([&] { device.free(address); }), "");
  EXPECT_NE(faultOf([&] { device.free(address + 4); }), "");
}

TEST(Host, SeesWhatNobodyWrote) {
  Device device;
  uint64_t from = device.allocate(8), to = device.allocate(8);
  uint8_t bytes[8] = {1, 2, 3, 4};
  device.write(from, bytes, 4);
  EXPECT_TRUE(device.initialised(from, 4));
  EXPECT_FALSE(device.initialised(from, 5));
  EXPECT_NE(faultOf([&] { device.read(from, bytes, 8); }).find("byte 4"), std::string::npos);
  device.copy(to, from, 8);
  EXPECT_TRUE(device.initialised(to, 4));
  EXPECT_FALSE(device.initialised(to + 4, 1));
  device.readAny(to, bytes, 8, 0xee);
  EXPECT_EQ(bytes[3], 4);
  EXPECT_EQ(bytes[4], 0xee);
  device.forget(to, 8);
  EXPECT_FALSE(device.initialised(to, 1));
}

TEST(Host, LaunchesHaveToFit) {
  Module module = Module::parse(kernelText(".param .u64 a, .param .u32 b", ".shared .b8 x[64]; ret;"));
  Device device;
  auto launch = [&](Launch what) { return faultOf([&] { run(device, module, what); }); };
  std::vector<uint8_t> twelve(12);
  EXPECT_EQ(launch({"k", {1, 1, 1}, {32, 1, 1}, 0, twelve, {}}), "");
  EXPECT_NE(launch({"other", {1, 1, 1}, {32, 1, 1}, 0, twelve, {}}).find("'other'"), std::string::npos);
  EXPECT_NE(launch({"k", {1, 1, 1}, {32, 1, 1}, 0, {}, {}}).find("12 bytes of parameters"), std::string::npos);
  EXPECT_NE(launch({"k", {1, 1, 1}, {1025, 1, 1}, 0, twelve, {}}).find("1024 threads"), std::string::npos);
  EXPECT_NE(launch({"k", {1, 0, 1}, {32, 1, 1}, 0, twelve, {}}).find("a grid"), std::string::npos);
  EXPECT_NE(launch({"k", {1, 1, 1}, {32, 1, 1}, 232448, twelve, {}}).find("232512"), std::string::npos);
  EXPECT_EQ(module.entry("k").staticSharedBytes, 64);
  EXPECT_EQ(module.entry("k").parameterBytes, 12);
}
