// SPDX-License-Identifier: Apache-2.0
//
// What is refused when a module is read, and forms that NVRTC writes.
#include "tests/ptxsim/Run.h"

#include <gtest/gtest.h>

using namespace ptxsim;

static std::string refused(const std::string &body, FaultKind expected) {
  FaultKind kind{};
  std::string message = faultOf(
      [&] {
        Module::parse(kernelText(".param .u64 a", ".reg .pred %p<4>; .reg .b32 %r<4>; .reg .b64 %rd<4>;\n" + body));
      },
      &kind);
  EXPECT_FALSE(message.empty()) << body << " was read";
  EXPECT_STREQ(name(kind), name(expected)) << message;
  return message;
}

TEST(Parser, WhatIsNotKnownIsNamed) {
  EXPECT_NE(refused("wgmma.fence.sync.aligned;", FaultKind::Unsupported).find("'wgmma.fence.sync.aligned'"),
            std::string::npos);
  EXPECT_NE(refused("add.u32.odd %r1, %r2, %r3;", FaultKind::Unsupported).find("'.odd'"), std::string::npos);
  EXPECT_NE(refused("mov.u32 %r1, %clock;", FaultKind::Unsupported).find("'%clock'"), std::string::npos);
  EXPECT_NE(refused(".surfref x;", FaultKind::Unsupported).find("'.surfref'"), std::string::npos);
  EXPECT_NE(refused("cp.async.bulk.commit_group;", FaultKind::Unsupported).find("without .bulk"), std::string::npos);
  EXPECT_NE(refused("call printf, (%r1);", FaultKind::Unsupported).find("'printf'"), std::string::npos);
  EXPECT_NE(refused("ld.global.b128 %rd1, [%rd2];", FaultKind::Unsupported).find("b128"), std::string::npos);
}

/// What ptxas refuses, too.
TEST(Parser, FormsThatPtxDoesNotHave) {
  for (const char *line : {
           "min.cc.u32 %r1, %r2, 3;",
           "atom.global.cas.s32 %r1, [%rd1], 1, 2;",
           "atom.global.add.ftz.f32 %r1, [%rd1], 0f3f800000;",
           "atom.global.inc.s32 %r1, [%rd1], 1;",
           "atom.global.and.s32 %r1, [%rd1], 1;",
           "red.global.exch.b32 [%rd1], 1;",
           "cvt.rn.sat.f16x2.f32 %r1, %r2, %r3;",
           "cvt.relu.rzi.s32.f32 %r1, %r2;",
           "cvt.rn.s32.f32 %r1, %r2;",
           "cvt.rn.f32.f32 %r1, %r2;",
           "cvt.rni.f32.s32 %r1, %r2;",
           "cvt.rna.f32.f64 %r1, %rd2;",
           "cvt.f32.f64 %r1, %rd2;",
           "cvt.rn.f64.f32 %rd1, %r2;",
           "cvt.rn.s64.s32 %rd1, %r2;",
           "cvt.satfinite.u8.s32 %r1, %r2;",
           "cvt.ftz.s64.s32 %rd1, %r2;",
           "mma.sync.aligned.m16n8k16.col.row.f32.bf16.bf16.f32 {%r1,%r1,%r1,%r1}, {%r1,%r1,%r1,%r1}, {%r1,%r1}, "
           "{%r1,%r1,%r1,%r1};",
           "mma.sync.aligned.m16n8k16.row.col.satfinite.f32.bf16.bf16.f32 {%r1,%r1,%r1,%r1}, {%r1,%r1,%r1,%r1}, "
           "{%r1,%r1}, {%r1,%r1,%r1,%r1};",
           "mma.sync.aligned.m16n8k16.row.col.kind::f8f6f4.f32.bf16.bf16.f32 {%r1,%r1,%r1,%r1}, {%r1,%r1,%r1,%r1}, "
           "{%r1,%r1}, {%r1,%r1,%r1,%r1};",
           "ex2.rn.f32 %r1, %r2;",
           "tanh.approx.ftz.f32 %r1, %r2;",
           "set.eq.f16x2.u32 %r1, %r2, %r3;",
           "ld.weak.cta.global.u32 %r1, [%rd1];",
           "ld.acquire.gpu.cs.global.u32 %r1, [%rd1];",
           "ld.global.wb.u32 %r1, [%rd1];",
           "st.acquire.gpu.global.u32 [%rd1], %r1;",
           "st.const.u32 [%rd1], %r1;",
           "ldu.global.nc.u32 %r1, [%rd1];",
           "isspacep.const %p1, %rd1;",
       })
    refused(line, FaultKind::Unsupported);
  for (const char *line : {
           "ld.global.u32 %r1, [%rd1], 64;",
           "bar.sync 0, 32, 5;",
           "setp.eq.s32 %p1, %r1, %r2, %p2;",
           "brev.b32 %r1, %r2, 4;",
           "vote.sync.ballot.b32 %r1, %p1, 1, 5;",
       })
    refused(line, FaultKind::Syntax);
}

TEST(Parser, LinesAndTextsAreNamed) {
  std::string message = refused("mov.u32 %r1, 1;\n  add.f32   %r1,\n %r2, 1;", FaultKind::Syntax);
  EXPECT_NE(message.find("[line 8: `add.f32 %r1, %r2, 1;`]"), std::string::npos) << message;
}

TEST(Parser, WidthsHaveToFit) {
  refused("add.u32 %r1, %r2, %rd1;", FaultKind::Syntax);
  refused("add.u64 %rd1, %rd2, %r1;", FaultKind::Syntax);
  refused("mov.u32 %p1, 1;", FaultKind::Syntax);
  refused("@%r1 mov.u32 %r2, 1;", FaultKind::Syntax);
  refused("ld.global.u64 %r1, [%rd1];", FaultKind::Syntax);
  refused("ld.global.u32 %r1, [%r2];", FaultKind::Syntax);
  refused("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%r1,%r1}, {%r1,%r1,%r1,%r1}, {%r1,%r1}, {%r1,%r1};",
          FaultKind::Syntax);
}

TEST(Parser, NamesHaveToBeThere) {
  refused("mov.u32 %r1, %r9;", FaultKind::Unsupported);
  refused("bra NOWHERE;", FaultKind::Syntax);
  refused("ld.param.u64 %rd1, [b];", FaultKind::Syntax);
  refused("ld.shared.u32 %r1, [a];", FaultKind::Syntax);
  refused("mov.u32 %r1 2;", FaultKind::Syntax);
}

TEST(Parser, ModulesOfNvrtc) {
  // Directives, scopes with labels of their own, comments, implicit names of parameters.
  const char *text = "//\n// Generated\n//\n.version 9.0\n.target sm_90a, debug\n.address_size 64\n\n"
                     "\t// .globl\tf\n.extern .shared .align 128 .b8 dynamic[];\n"
                     ".file 1 \"k.cu\"\n.visible .entry f(\n\t.param .align 8 .b8 f_param_0[24]\n)\n"
                     ".maxntid 128, 1, 1\n.minnctapersm 2\n{\n\t.reg .b32 \t%r<3>;\n\t.loc 1 3 2\n"
                     "\tmov.u32 %r1, %tid.x; /* in\nside */ { .reg .pred p; L: setp.eq.u32 p, %r1, 1000; @p bra L; }\n"
                     "\t{ .reg .pred p; setp.ne.u32 p, %r1, %r1; L: @p bra L; }\n\t.pragma \"nounroll\";\n\tret;\n\n}\n"
                     "\t.section\t.debug_str { .b8 1 }\n";
  Module module = Module::parse(text);
  ASSERT_EQ(module.entries().size(), 1u);
  EXPECT_EQ(module.entries()[0].maxThreads, 128);
  EXPECT_EQ(module.entries()[0].parameterBytes, 24);
  EXPECT_EQ(module.target(), "sm_90a");
  Device device;
  EXPECT_EQ(faultOf([&] { run(device, module, {"f", {1, 1, 1}, {128, 1, 1}, 512, std::vector<uint8_t>(24), {}}); }),
            "");
}
