// SPDX-License-Identifier: Apache-2.0
//
// Texts that would exhaust the stack or never end are refused at the place where they become so; what people write is
// far from any limit.
#include "compiler/passes/Limits.h"
#include "compiler/passes/Pipelines.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include <gtest/gtest.h>

using namespace falloff;
using namespace mlir;

namespace {

const std::string head = "mask.pattern @p over video(%frame: ?, %patch: ?) {\n";

std::string repeated(llvm::StringRef text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i)
    all += text;
  return all;
}

/// "line:column: message" of the first error; empty if there was none.
std::string errorOf(const std::string &text, llvm::StringRef symbol = "p") {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<mask::MaskDialect>();
  context.printOpOnDiagnostic(false);
  std::string error;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    auto place = diagnostic.getLocation()->findInstanceOf<FileLineColRange>();
    if (error.empty())
      error =
          (place ? std::to_string(place.getStartLine()) + ":" + std::to_string(place.getStartColumn()) + ": " : "") +
          diagnostic.str();
  });
  bool read = succeeded(loadPatternText(&context, text, symbol, FALLOFF_PATTERNS));
  EXPECT_EQ(read, error.empty());
  return error;
}

TEST(Limits, BracketsNestSoFar) {
  std::string place = "2:" + std::to_string(13 + maxNesting - 1) + ": ";
  std::string refusal = "expects at most 320 levels of brackets, but got more";
  for (const char *bracket : {"(", "[", "{", "<"})
    EXPECT_EQ(errorOf(head + "  keep %a x = " + repeated(bracket, 100000)).substr(place.size()), refusal) << bracket;
  EXPECT_EQ(errorOf(head + "  %a = let    " + repeated("(", 100000)), "2:334: " + refusal);
  EXPECT_EQ(errorOf(repeated("module {", 100000)), "1:2568: " + refusal);
  EXPECT_EQ(errorOf(repeated("))", 1000) + repeated("((", 1000)).substr(0, 6), "1:2321");
}

TEST(Limits, BracketsOfStringsAndCommentsDoNotNest) {
  std::string brackets = repeated("[(<{", 1000);
  EXPECT_EQ(errorOf("// " + brackets + "\n" + head + "  %a = causal %frame\n  keep %a\n}\n"), "");
  EXPECT_EQ(errorOf("module attributes {mask.x = \"\\\"" + brackets + "\"} {\n" + head +
                    "  %a = causal %frame\n  keep %a\n}\n}\n")
                .find("levels of brackets"),
            std::string::npos);
}

TEST(Limits, ComparisonsAreNoBrackets) {
  std::string text = head, names;
  for (int i = 0; i < 1000; ++i) {
    text += "  %s" + std::to_string(i) + " = where distance(%frame) < 3\n";
    names += (i ? ", %s" : "%s") + std::to_string(i);
  }
  EXPECT_EQ(errorOf(text + "  keep " + names + "\n}\n"), "");
}

TEST(Limits, AffineMapsAreNotRead) {
  EXPECT_EQ(errorOf("#a = affine_map<(d0) -> (" + repeated("-", 100000) + "d0)>\n"),
            "1:6: expects a pattern, which has no 'affine_map'");
  EXPECT_EQ(errorOf(head + "  %affine_map = causal %frame\n  keep %affine_map\n}\n"), "");
}

TEST(Limits, NumbersAndSetsWrittenOut) {
  std::string text = head + "  %a0 = let distance(%frame)\n";
  for (int i = 0; i < 60; ++i)
    text += "  %a" + std::to_string(i + 1) + " = let %a" + std::to_string(i) + " * %a" + std::to_string(i) + " - 1\n";
  EXPECT_NE(errorOf(text + "  %s = within %a60 of %frame\n  keep %s\n}\n").find("at most 65536 sets and numbers"),
            std::string::npos);
  text = head + "  %s0 = causal %frame\n  %t = causal %patch\n";
  for (int i = 0; i < 60; ++i) {
    std::string here = std::to_string(i);
    text += "  %n" + here + " = none_of %s" + here + "\n  %s" + std::to_string(i + 1) + " = any_of %n" + here +
            ", %t, %s" + here + "\n";
  }
  EXPECT_NE(errorOf(text + "  keep %s60\n}\n").find("at most 65536 sets and numbers"), std::string::npos);
}

TEST(Limits, Includes) {
  // Each pattern includes the next one twice: 2^30 sets, if nobody counted.
  std::string doubling, chain;
  for (int i = 0; i < 200; ++i) {
    std::string here = "mask.pattern @p" + (i ? std::to_string(i) : "") + " over (%t: ?) {\n";
    std::string next = " = include @p" + std::to_string(i + 1) + " over %t\n";
    if (i < 30)
      doubling += here + "  %a" + next + "  %b" + next + "  keep %a, %b\n}\n";
    chain += here + "  %a" + next + "  keep %a\n}\n";
  }
  auto last = [](const char *name) {
    return std::string("mask.pattern @") + name + " over (%t: ?) {\n  %a = causal %t\n  keep %a\n}\n";
  };
  EXPECT_NE(errorOf(doubling + last("p30")).find("at most 65536 sets"), std::string::npos);
  EXPECT_NE(errorOf(chain + last("p200")).find("at most 64 deep"), std::string::npos);
  EXPECT_EQ(errorOf(chain + last("p200"), "p140"), "");
}

} // namespace
