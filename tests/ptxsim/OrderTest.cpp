// SPDX-License-Identifier: Apache-2.0
//
// Which accesses of shared memory are ordered, and barriers: what has to race, and what must not.
#include "tests/ptxsim/Run.h"

#include <gtest/gtest.h>

using namespace ptxsim;

// Pieces of bodies. Each thread's own word is at %r2, that of the thread `^ n` at %r4.
static const char *const own = "shl.b32 %r1, %r0, 2; add.u32 %r2, %r61, %r1;\n";
static std::string other(const std::string &n) {
  return "xor.b32 %r3, %r0, " + n + "; shl.b32 %r3, %r3, 2; add.u32 %r4, %r61, %r3;\n";
}
static const char *const put = "st.shared.u32 [%r2], %r0;\n";
static const char *const get = "ld.shared.u32 %r60, [%r4];\n";

TEST(Order, WritesAreSeenAfterABarrier) {
  Outcome outcome = runBody(own + other("32") + put + "bar.sync 0;\n" + get, 64);
  ASSERT_EQ(outcome.fault, "");
  for (uint32_t thread = 0; thread < 64; ++thread)
    EXPECT_EQ(outcome.out[thread], thread ^ 32);
}

TEST(Order, ReadingWhatAnotherWarpWroteIsARace) {
  // All bytes are initialised before, so that nothing is wrong but the order.
  std::string body = own + other("32") + put + "bar.sync 0;\n" + put + get;
  EXPECT_FAULT(runBody(body, 64), Race, "no barrier is between the two");
}

TEST(Order, WritingWhatAnotherWarpReadsIsARace) {
  // Warp 1, which comes last to the barrier, goes on first and reads what warp 0 then overwrites: in this order nothing
  // went wrong.
  std::string body = own + other("32") + put + "bar.sync 0;\n" +
                     "setp.ge.u32 %p1, %r0, 32; @%p1 ld.shared.u32 %r60, [%r4]; @!%p1 st.shared.u32 [%r2], 7;\n";
  EXPECT_FAULT(runBody(body, 64), Race, "writes what thread 32 read at line");
}

TEST(Order, SeveralReadersAreAllRemembered) {
  // Warps 0 and 1 read word 0 of warp 2; warp 2 is ordered behind warp 0 by barrier 1, but not behind warp 1.
  std::string body = own + std::string(put) +
                     "bar.sync 0; setp.lt.u32 %p1, %r0, 64; @%p1 ld.shared.u32 %r60, [%r61+256];\n"
                     "setp.ge.u32 %p2, %r0, 64; setp.lt.u32 %p3, %r0, 32;\n"
                     "@%p3 bar.arrive 1, 64; @%p2 bar.sync 1, 64; @%p2 st.shared.u32 [%r2], 7;\n";
  EXPECT_FAULT(runBody(body, 96), Race, "writes what thread 32 read");
}

TEST(Order, LanesOfAWarpNeedOrderToo) {
  EXPECT_FAULT(runBody(own + other("1") + put + get), Race, "no barrier is between the two");
  Outcome outcome = runBody(own + other("1") + put + "bar.warp.sync -1;\n" + get);
  ASSERT_EQ(outcome.fault, "");
  EXPECT_EQ(outcome.out[5], 4u);
}

TEST(Order, MatricesAreReadByAllLanes) {
  // Each lane writes the row whose address it gives: three other lanes get parts of it.
  std::string row = "shl.b32 %r1, %r0, 4; add.u32 %r2, %r61, %r1; st.shared.v4.u32 [%r2], {%r0, %r0, %r0, %r0};\n";
  std::string load = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r60, %r4, %r5, %r6}, [%r2];\n";
  EXPECT_FAULT(runBody(row + load), Race, "reads what thread");
  Outcome outcome = runBody(row + "bar.warp.sync -1;\n" + load);
  ASSERT_EQ(outcome.fault, "");
  EXPECT_EQ(outcome.out[21], 5u); // of row 5
}

TEST(Order, PartOfAWarpMayMeet) {
  // Lanes 0 to 15 exchange among themselves; the upper half writes what nobody reads.
  std::string meet = "setp.lt.u32 %p1, %r0, 16; @%p1 bar.warp.sync 0xffff;\n";
  EXPECT_EQ(runBody(own + other("1") + put + meet + "@%p1 ld.shared.u32 %r60, [%r4];").fault, "");
  EXPECT_FAULT(runBody(own + other("1") + put + meet + get), Race, "thread 16 reads what thread 17 wrote");
}

TEST(Order, AThreadKnowsItsOwn) { EXPECT_EQ(runBody(own + other("0") + put + get + put + get, 64).fault, ""); }

TEST(Order, LanesThatStoreTogetherHaveToAgree) {
  EXPECT_EQ(runBody("st.shared.u32 [%r61], 9; bar.warp.sync -1; ld.shared.u32 %r60, [%r61];").out[3], 9u);
  EXPECT_FAULT(runBody("st.shared.u32 [%r61], %r0;"), Race, "thread 1 writes what thread 0 wrote");
  // Two warps that write the same are not one instruction.
  EXPECT_FAULT(runBody("st.shared.u32 [%r61], 9;", 64), Race, "thread 32 writes");
}

TEST(Order, BytesOfOneWordAreApart) {
  std::string body = "add.u32 %r2, %r61, %r0; st.shared.u8 [%r2], %r0; bar.sync 0; xor.b32 %r3, %r0, 33;\n"
                     "add.u32 %r3, %r61, %r3; ld.shared.u8 %r60, [%r3];";
  Outcome outcome = runBody(body, 64);
  ASSERT_EQ(outcome.fault, "");
  EXPECT_EQ(outcome.out[40], 40u ^ 33);
  // A word over bytes that others wrote.
  EXPECT_FAULT(runBody("add.u32 %r2, %r61, %r0; st.shared.u8 [%r2], %r0; setp.eq.u32 %p1, %r0, 0;\n"
                       "@%p1 ld.shared.u32 %r60, [%r61];"),
               Race, "thread 0 reads what thread 1 wrote");
}

TEST(Order, AtomicOperationsDoNotRaceWithEachOther) {
  std::string body = "setp.eq.u32 %p1, %r0, 0; @%p1 st.shared.u32 [%r61], 0; bar.sync 0;\n"
                     "red.shared.add.u32 [%r61], 1; bar.sync 0; ld.shared.u32 %r60, [%r61];";
  EXPECT_EQ(runBody(body, 96).out[7], 96u);
  std::string plain = "setp.eq.u32 %p1, %r0, 0; @%p1 st.shared.u32 [%r61], 0;\nred.shared.add.u32 [%r61], 1;";
  EXPECT_FAULT(runBody(plain, 64), Race, "thread 1 changes what thread 0 wrote");
  std::string then = body.substr(0, body.rfind("bar.sync"));
  EXPECT_FAULT(runBody(then + "ld.shared.u32 %r60, [%r61];", 64), Race, "changed at line");
  EXPECT_FAULT(runBody(then + "@%p1 st.shared.u32 [%r61], 1;", 64), Race, "thread 0 writes what thread 32 changed");
}

TEST(Order, ProducerAndConsumersByNamedBarriers) {
  // Warp 0 fills a word for the others again and again: "full" is barrier 1, "empty" barrier 2.
  std::string body = "mov.u32 %r5, 0; setp.lt.u32 %p1, %r0, 32; @!%p1 bra CONSUME;\n"
                     "PRODUCE: setp.eq.u32 %p2, %r5, 0; @%p2 bra FIRST; bar.sync 2, 96;\n"
                     "FIRST: setp.eq.u32 %p3, %r0, 0; @%p3 st.shared.u32 [%r61], %r5; bar.arrive 1, 96;\n"
                     "add.u32 %r5, %r5, 1; setp.lt.u32 %p4, %r5, 10; @%p4 bra PRODUCE; bra END;\n"
                     "CONSUME: bar.sync 1, 96; ld.shared.u32 %r6, [%r61]; add.u32 %r60, %r60, %r6;\n"
                     "setp.eq.u32 %p5, %r5, 9; @%p5 bra END; bar.arrive 2, 96; add.u32 %r5, %r5, 1; bra CONSUME;\n";
  Outcome outcome = runBody(body, 96);
  ASSERT_EQ(outcome.fault, "");
  EXPECT_EQ(outcome.out[95], 45u);
  // Without waiting for "empty" the producer overwrites what is still read.
  size_t at = body.find("bar.sync 2, 96;");
  body.replace(at, 15, "               ");
  EXPECT_FAULT(runBody(body, 96), Barrier, "twice");
}

TEST(Order, KnowledgeIsPassedOn) {
  // Warp 0 writes, meets warp 1 at barrier 1; warp 1 meets warp 2 at barrier 2: warp 2 knows warp 0's write.
  auto body = [](const std::string &second) {
    return "setp.eq.u32 %p1, %r0, 0; @%p1 st.shared.u32 [%r61], 5; setp.lt.u32 %p2, %r0, 64;\n"
           "@%p2 bar.sync 1, 64; setp.ge.u32 %p3, %r0, 32;\n" +
           second + "setp.ge.u32 %p4, %r0, 64; @%p4 ld.shared.u32 %r60, [%r61];\n";
  };
  EXPECT_EQ(runBody(body("@%p3 bar.sync 2, 64;\n"), 96).out[64], 5u);
  EXPECT_FAULT(runBody(body("setp.ge.u32 %p5, %r0, 64; @%p5 bar.sync 2, 32;\n"), 96), Race,
               "reads what thread 0 wrote");
}

// ---- barriers

TEST(Barriers, CountsHaveToFit) {
  EXPECT_FAULT(runBody("bar.sync 0, 40;", 64), Barrier, "whole warps");
  EXPECT_FAULT(runBody("bar.sync 0, 96;", 64), Barrier, "64 threads");
  EXPECT_FAULT(runBody("bar.sync 16;", 32), Barrier, "below 16");
  EXPECT_FAULT(runBody("setp.lt.u32 %p1, %r0, 32; @%p1 bar.sync 1, 64; @!%p1 bar.sync 1, 96;", 96), Barrier,
               "64 threads at barrier 1 like the warps before");
}

TEST(Barriers, WhoWaitsForEverIsNamed) {
  EXPECT_FAULT(runBody("setp.lt.u32 %p1, %r0, 32; @%p1 bra END; bar.sync 0;", 64), Deadlock,
               "warp 0 has ended, warp 1 waits at line");
  EXPECT_FAULT(runBody("setp.lt.u32 %p1, %r0, 32; @%p1 bar.sync 1, 64; @!%p1 bar.sync 2, 64;", 64), Deadlock,
               "barrier 2, where 32 of 64 threads are");
}

TEST(Barriers, WantWholeWarps) {
  EXPECT_FAULT(runBody("setp.lt.u32 %p1, %r0, 5; @%p1 bar.sync 0;"), Divergence, "mask 0x1f of 0xffffffff");
  EXPECT_FAULT(runBody("setp.eq.u32 %p1, %r0, 5; @%p1 bra END; bar.sync 0;"), Divergence, "missing");
  EXPECT_FAULT(runBody("and.b32 %r1, %r0, 1; bar.sync %r1;"), Divergence, "one barrier in all lanes");
  // The last warp of a CTA of 40 threads has 8 lanes.
  EXPECT_EQ(runBody("bar.sync 0;", 40).fault, "");
}

TEST(Barriers, Reduce) {
  Outcome outcome = runBody("setp.lt.u32 %p1, %r0, 40; bar.red.popc.u32 %r60, 0, %p1;", 64);
  EXPECT_EQ(outcome.out[63], 40u);
  outcome = runBody("setp.eq.u32 %p1, %r0, 40; bar.red.or.pred %p2, 0, %p1; selp.u32 %r60, 1, 0, %p2;", 64);
  EXPECT_EQ(outcome.out[0], 1u);
  outcome = runBody("setp.eq.u32 %p1, %r0, 40; bar.red.and.pred %p2, 0, !%p1; selp.u32 %r60, 1, 0, %p2;", 64);
  EXPECT_EQ(outcome.out[0], 0u);
}

TEST(Barriers, ReduceOrDoNot) {
  std::string parted = "setp.lt.u32 %p1, %r0, 32; @%p1 bra REDUCE; bar.sync 0; bra END;\n";
  EXPECT_FAULT(runBody(parted + "REDUCE: bar.red.and.pred %p2, 0, %p1;", 64), Barrier, "one kind of barrier");
  EXPECT_FAULT(runBody("setp.lt.u32 %p1, %r0, 32; @%p1 bra REDUCE; bar.red.or.pred %p2, 0, %p1; bra END;\n"
                       "REDUCE: bar.red.and.pred %p2, 0, %p1;",
                       64),
               Barrier, "one kind of barrier");
}

TEST(Branches, ThatPromiseToBeUniform) {
  EXPECT_FAULT(runBody("setp.lt.u32 %p1, %r0, 5; @%p1 bra.uni END;"), Divergence, "that says .uni");
  EXPECT_EQ(runBody("setp.lt.u32 %p1, %r0, 32; @%p1 bra.uni END;").fault, "");
  EXPECT_EQ(runBody("setp.lt.u32 %p1, %r0, 5; @%p1 bra ON; bra.uni END; ON: bra.uni END;").fault, "");
}

TEST(Order, CtasInGlobalMemory) {
  std::string write = "setp.eq.u32 %p1, %r0, 0; mov.u32 %r1, %ctaid.x;\n";
  EXPECT_FAULT(runBody(write + "@%p1 st.global.u32 [%rd60], %r1;", 32, 2), Race, "that CTA number 0 wrote");
  EXPECT_FAULT(runBody(write +
                           "setp.eq.u32 %p2, %r1, 0; and.pred %p2, %p1, %p2; @%p2 st.global.u32 [%rd60], %r1;\n@%p1 "
                           "ld.global.u32 %r60, [%rd60];",
                       32, 2),
               Race, "reads global memory that CTA number 0 wrote");
  EXPECT_EQ(runBody("red.global.add.u32 [%rd60], 1;", 32, 2).fault, "");
  EXPECT_FAULT(runBody("red.global.add.u32 [%rd60], 1; mov.u32 %r1, %ctaid.x; setp.eq.u32 %p1, %r1, 1;\n"
                       "@%p1 st.global.u32 [%rd60], 1;",
                       32, 2),
               Race, "atomic operations of others");
}

TEST(Order, ThreadsInGlobalMemory) {
  std::string address = "mad.wide.u32 %rd1, %r0, 4, %rd60; xor.b32 %r1, %r0, 32; mad.wide.u32 %rd2, %r1, 4, %rd60;\n"
                        "st.global.u32 [%rd1], 7;\n";
  EXPECT_FAULT(runBody(address + "bar.sync 0; st.global.u32 [%rd1], 8; ld.global.u32 %r60, [%rd2];", 64), Race,
               "of this CTA wrote without a barrier");
  EXPECT_EQ(runBody(address + "bar.sync 0; ld.global.u32 %r60, [%rd2];", 64).out[3], 7u);
  EXPECT_FAULT(runBody("st.global.u32 [%rd60], %r0;"), Race, "a thread writes global memory that thread 0 of this CTA");
  EXPECT_EQ(runBody("st.global.u32 [%rd60], 5;", 64).fault, "");
}

TEST(Order, ConstantReadsMeetNoWrites) {
  EXPECT_EQ(runBody("ld.global.nc.u32 %r60, [%rd60];").fault, "");
  EXPECT_FAULT(runBody("mad.wide.u32 %rd1, %r0, 4, %rd60; st.global.u32 [%rd1], 1; ld.global.nc.u32 %r60, [%rd1];"),
               Race, "constant (.nc)");
}
