// SPDX-License-Identifier: Apache-2.0
//
// From names and texts to bound patterns: what the compiler's door calls.
#include "compiler/passes/Pipelines.h"
#include "compiler/reference/Reference.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include <gtest/gtest.h>

using namespace falloff;
using namespace mlir;

namespace {
struct PipelinesTest : public testing::Test {
  PipelinesTest() : handler(&context, [this](Diagnostic &diagnostic) { errors.push_back(diagnostic.str()); }) {
    context.loadDialect<mask::MaskDialect>();
  }
  FailureOr<OwningOpRef<ModuleOp>> load(llvm::StringRef name) { return loadPattern(&context, name, FALLOFF_PATTERNS); }
  FailureOr<OwningOpRef<ModuleOp>> text(llvm::StringRef text, llvm::StringRef symbol = "") {
    return loadPatternText(&context, text, symbol, FALLOFF_PATTERNS);
  }
  /// Errors there were, one a line.
  std::string error() {
    std::string all;
    for (const std::string &one : errors)
      all += one + "\n";
    return all;
  }

  MLIRContext context;
  std::vector<std::string> errors;
  ScopedDiagnosticHandler handler;
};
} // namespace

static const char *const twoPatterns = R"(
mask.pattern @past over (%token: 4) {
  %past = causal %token
  keep %past
}
mask.pattern @own(%kind: near | far per head = near, %width: real per head = 0.0) over (%token: 4) {
  %within = within %width of %token
  %near = when %kind is near, %within
  %first = first 1 of %token
  %far = when %kind is far, %first
  keep %near, %far
}
)";

TEST_F(PipelinesTest, NamesArePatternsOfTheLibrary) {
  auto module = load("vace");
  ASSERT_TRUE(succeeded(module)) << error();
  EXPECT_EQ(patternIn(**module).getSymName(), "vace");
  EXPECT_TRUE(patternIn(**module).getBody().getOps<mask::IncludeOp>().empty());
}

TEST_F(PipelinesTest, PathsMayNameASymbol) {
  auto module = load(FALLOFF_PATTERNS "/radial.mlir:@radial");
  ASSERT_TRUE(succeeded(module)) << error();
  EXPECT_EQ(patternIn(**module).getSymName(), "radial");
}

TEST_F(PipelinesTest, UnknownNamesAreSuggested) {
  EXPECT_TRUE(failed(load("radail")));
  EXPECT_EQ(error(), "unknown pattern 'radail'; did you mean 'radial'?\n");
}

TEST_F(PipelinesTest, AMissingFileIsNamed) {
  EXPECT_TRUE(failed(load("/nowhere/radial.mlir")));
  EXPECT_EQ(error(), "expects a pattern file, but there is no '/nowhere/radial.mlir'\n");
}

TEST_F(PipelinesTest, AnUnknownSymbolOfAFileIsSuggested) {
  EXPECT_TRUE(failed(text(twoPatterns, "pst")));
  EXPECT_EQ(error(), "unknown pattern @pst; did you mean 'past'?\n");
}

TEST_F(PipelinesTest, ClassesOfHeadsGetPatternsOfTheirOwn) {
  auto module = text(twoPatterns, "own");
  ASSERT_TRUE(succeeded(module)) << error();
  Binding binding;
  binding.parameters = {{"kind", std::vector<std::string>{"near", "far", "near"}},
                        {"width", std::vector<double>{1, 0, 1}}};
  auto bound = specialisePattern(patternIn(**module), binding);
  ASSERT_TRUE(succeeded(bound)) << error();
  EXPECT_EQ(bound->bound.heads, 3);
  EXPECT_EQ(bound->patternOfHead, (std::vector<unsigned>{0, 1, 0}));
  ASSERT_EQ(bound->patterns.size(), 2u);
  Reference near(bound->patterns[0]), far(bound->patterns[1]);
  EXPECT_TRUE(near.contains(2, 3));
  EXPECT_FALSE(near.contains(3, 0));
  EXPECT_TRUE(far.contains(3, 0));
  EXPECT_FALSE(far.contains(2, 3));
}

TEST_F(PipelinesTest, AScalarHoldsForAllHeads) {
  auto module = text(twoPatterns, "own");
  ASSERT_TRUE(succeeded(module)) << error();
  auto bound = specialisePattern(patternIn(**module), {});
  ASSERT_TRUE(succeeded(bound)) << error();
  EXPECT_EQ(bound->bound.heads, 0);
  EXPECT_TRUE(bound->patternOfHead.empty());
  EXPECT_EQ(bound->patterns.size(), 1u);
  EXPECT_EQ(bound->bound.tokens, 4);
}

TEST_F(PipelinesTest, TheLaterOfTwoValuesHolds) {
  auto module = text(twoPatterns, "own");
  ASSERT_TRUE(succeeded(module)) << error();
  Binding binding;
  binding.parameters = {{"width", 1.0}, {"width", 3.0}};
  auto bound = specialisePattern(patternIn(**module), binding);
  ASSERT_TRUE(succeeded(bound)) << error();
  EXPECT_EQ(std::get<double>(bound->bound.parameters[1]), 3.0);
}

TEST_F(PipelinesTest, ValuesOfTheWrongTypeAreRefused) {
  auto module = text(twoPatterns, "own");
  ASSERT_TRUE(succeeded(module)) << error();
  Binding binding;
  binding.parameters = {{"width", std::string("wide")}};
  EXPECT_TRUE(failed(specialisePattern(patternIn(**module), binding)));
  EXPECT_EQ(error(), "expects a number (or a list of one a head) for parameter 'width', but got the word wide\n");
}

TEST_F(PipelinesTest, SimplifyingKeepsTheMeaning) {
  auto module = load("scene_aware");
  ASSERT_TRUE(succeeded(module)) << error();
  Binding binding;
  binding.extents = {{"frames", 7}, {"height", 2}, {"width", 3}, {"text", 2}};
  binding.parameters = {{"cuts", std::vector<double>{2, 5}},
                        {"links", std::vector<std::vector<bool>>{{1, 0, 1}, {0, 1, 0}, {1, 1, 0}}}};
  auto bound = specialisePattern(patternIn(**module), binding);
  ASSERT_TRUE(succeeded(bound)) << error();
  OwningOpRef<ModuleOp> simple(bound->module->clone());
  simplifyPatterns(*simple);
  Reference before(bound->patterns[0]), after(patternIn(*simple));
  ASSERT_EQ(before.tokens(), 44);
  for (int64_t query = 0; query < 44; ++query)
    for (int64_t key = 0; key < 44; ++key)
      ASSERT_EQ(before.contains(query, key), after.contains(query, key)) << query << ", " << key;
}
