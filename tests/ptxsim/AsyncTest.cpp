// SPDX-License-Identifier: Apache-2.0
//
// cp.async: bytes are nobody's until their thread has waited for them, and others' after a barrier.
#include "tests/ptxsim/Run.h"

#include <gtest/gtest.h>

using namespace ptxsim;

/// Each thread copies 4 words of global memory to its own 16 bytes, whose address is %r2; those of thread ^ 32 are at
/// %r4.
static const std::string copy = "shl.b32 %r1, %r0, 4; add.u32 %r2, %r61, %r1; and.b32 %r5, %r1, 511;\n"
                                "cvt.u64.u32 %rd1, %r5; add.s64 %rd2, %rd60, %rd1; xor.b32 %r3, %r1, 512;\n"
                                "add.u32 %r4, %r61, %r3; cp.async.cg.shared.global [%r2], [%rd2], 16;\n";
static const std::string commit = "cp.async.commit_group;\n";
static const std::string readOwn = "ld.shared.u32 %r60, [%r2+4];\n", readOther = "ld.shared.u32 %r60, [%r4+4];\n";

TEST(Async, CopiesAreReadAfterTheWait) {
  Outcome outcome = runBody(copy + commit + "cp.async.wait_group 0;\n" + readOwn);
  ASSERT_EQ(outcome.fault, "");
  for (uint32_t thread = 0; thread < 32; ++thread)
    EXPECT_EQ(outcome.out[thread], 4 * thread + 1);
  EXPECT_EQ(outcome.counts.total().globalBytes, 512u + 128);
  EXPECT_EQ(runBody(copy + "cp.async.wait_all;\n" + readOwn).fault, "");
}

TEST(Async, NotBefore) {
  EXPECT_FAULT(runBody(copy + commit + readOwn), Pending, "has not waited");
  EXPECT_FAULT(runBody(copy + "cp.async.wait_group 0;\n" + readOwn), Pending, "has not waited"); // no commit
  EXPECT_FAULT(runBody(copy + commit + "bar.sync 0;\n" + readOther, 64), Pending, "may still write");
  EXPECT_FAULT(runBody(copy + commit + "st.shared.u32 [%r2], 1;"), Pending, "a write of 4 bytes");
  EXPECT_FAULT(runBody(copy + commit + "red.shared.add.u32 [%r2], 1;"), Pending, "may still write");
  EXPECT_FAULT(runBody(copy + commit + copy), Pending, "a write of 16 bytes");
}

TEST(Async, OthersNeedABarrierToo) {
  // Both warps have waited when warp 0 reads, but have not met since.
  std::string body = copy + "bar.sync 0; cp.async.wait_all; setp.lt.u32 %p1, %r0, 32; @%p1 ld.shared.u32 %r60, [%r4];";
  EXPECT_FAULT(runBody(body, 64), Race, "reads what thread 32 wrote");
  Outcome outcome = runBody(copy + commit + "cp.async.wait_group 0; bar.sync 0;\n" + readOther, 64);
  ASSERT_EQ(outcome.fault, "");
  EXPECT_EQ(outcome.out[33], 5u);
}

TEST(Async, GroupsEndInTheirOrder) {
  // Group 0 to bytes 0.., group 1 to bytes 1024..; one may stay.
  std::string two = copy + commit + "add.u32 %r6, %r2, 1024; cp.async.cg.shared.global [%r6], [%rd2], 16;\n" + commit +
                    "cp.async.wait_group 1;\n";
  EXPECT_EQ(runBody(two + readOwn + "cp.async.wait_all;").fault, "");
  EXPECT_FAULT(runBody(two + "ld.shared.u32 %r60, [%r6];"), Pending, "may still write");
  // An empty group counts.
  EXPECT_EQ(runBody(copy + commit + commit + "cp.async.wait_group 1;\n" + readOwn).fault, "");
}

TEST(Async, AThreadMayNotEndBefore) {
  EXPECT_FAULT(runBody(copy + commit), Pending, "without having waited for its cp.async at line");
  EXPECT_FAULT(runBody(copy), Pending, "without having waited");
}

TEST(Async, OverwritingWhatOthersReadIsARace) {
  std::string first = copy + "cp.async.wait_all; bar.sync 0;\n" + readOther;
  EXPECT_FAULT(runBody(first + "setp.lt.u32 %p1, %r0, 32; @%p1 cp.async.cg.shared.global [%r2], [%rd2], 16;", 64), Race,
               "thread 0 overwrites what thread 32 read");
  EXPECT_EQ(runBody(first + "bar.sync 0; cp.async.cg.shared.global [%r2], [%rd2], 16; cp.async.wait_all;", 64).fault,
            "");
}

TEST(Async, WhatIsNotReadIsZero) {
  std::string address =
      "shl.b32 %r1, %r0, 4; add.u32 %r2, %r61, %r1; cvt.u64.u32 %rd1, %r1; add.s64 %rd2, %rd60, %rd1;\n";
  Outcome outcome =
      runBody(address + "cp.async.cg.shared.global [%r2], [%rd2], 16, 4; cp.async.wait_all;\n"
                        "ld.shared.v2.u32 {%r5, %r6}, [%r2]; shl.b32 %r6, %r6, 16; or.b32 %r60, %r5, %r6;");
  ASSERT_EQ(outcome.fault, "");
  EXPECT_EQ(outcome.out[3], 12u);
  EXPECT_EQ(outcome.counts.total().globalBytes, 128u + 128);
  // Nothing is read, so nothing need be there.
  outcome = runBody(address + "cp.async.cg.shared.global [%r2], [%rd2+4096], 16, 0; cp.async.wait_all;\n"
                              "ld.shared.u32 %r60, [%r2+12];");
  ASSERT_EQ(outcome.fault, "");
  EXPECT_EQ(outcome.out[3], 0u);
  EXPECT_FAULT(runBody(address + "cp.async.cg.shared.global [%r2], [%rd2], 16, 17;"), Undefined, "at most 16 bytes");
  outcome = runBody(address + "setp.lt.u32 %p1, %r0, 4; cp.async.ca.shared.global [%r2], [%rd2], 8, %p1;\n"
                              "cp.async.wait_all; ld.shared.u32 %r60, [%r2+4];");
  ASSERT_EQ(outcome.fault, "");
  EXPECT_EQ(outcome.out[3], 0u);
  EXPECT_EQ(outcome.out[4], 17u);
}

TEST(Async, AddressesAreChecked) {
  EXPECT_FAULT(runBody("cp.async.cg.shared.global [%r61+8], [%rd60], 16;"), Misaligned, "the shared address");
  EXPECT_FAULT(runBody("cp.async.cg.shared.global [%r61], [%rd60+4], 16;"), Misaligned, "the global address");
  EXPECT_FAULT(runBody("cp.async.cg.shared.global [%r61], [%rd60+1024], 16;"), OutOfBounds, "offset 1024");
  EXPECT_FAULT(runBody("cp.async.cg.shared.global [%r61+4096], [%rd60], 16;"), OutOfBounds, "no variable is");
  EXPECT_FAULT(runBody("cp.async.cg.shared.global [%r61], [%rd60], 8;"), Syntax, "expects 16 bytes");
}
