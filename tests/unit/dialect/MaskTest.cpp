// SPDX-License-Identifier: Apache-2.0
//
// What the mask dialect offers readers of a pattern: names, axes, expressions, numbers.
#include "compiler/dialect/mask/Mask.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/bit.h"
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace falloff::mask;
using namespace mlir;

namespace {

class MaskTest : public ::testing::Test {
protected:
  MaskTest() { context.loadDialect<MaskDialect>(); }

  /// The only pattern of a text, which must parse.
  PatternOp parse(llvm::StringRef text) {
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    return *module->getOps<PatternOp>().begin();
  }

  template <typename OpTy>
  static OpTy first(PatternOp pattern) {
    return *pattern.getBody().getOps<OpTy>().begin();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

const char *const twoSegments = R"(
mask.pattern @p(%n: count = 3, %kind: a | b) over video(%frame: ?, %patch: ?), text(%token: 7) {
  %block, %beat = split %token by 4
  %half, %rest = split %beat by 2
  %w = let distance(%frame) + %n
  %twice = let %w * 2 + distance(%patch) + distance(%frame)
  %near = within %twice of %patch
  %own = same %half
  keep %near, %own
}
)";

TEST_F(MaskTest, finds_axes_and_parameters_by_name) {
  PatternOp pattern = parse(twoSegments);
  EXPECT_EQ(pattern.getParamArguments().size(), 2u);
  EXPECT_EQ(pattern.getAxisArguments().size(), 3u);
  EXPECT_EQ(pattern.lookupParam("kind"), std::optional<unsigned>(1));
  EXPECT_EQ(pattern.lookupParam("token"), std::nullopt);
  EXPECT_EQ(pattern.lookupAxis("token"), Value(pattern.getAxisArguments()[2]));
  EXPECT_FALSE(pattern.lookupAxis("kind"));
  EXPECT_EQ(pattern.getParamOf(pattern.getParamArguments()[0]).getName().getValue(), "n");
  EXPECT_FALSE(pattern.getParamOf(pattern.getAxisArguments()[0]));
  EXPECT_EQ(pattern.getPlaceOf(pattern.getAxisArguments()[1]), std::make_pair(0u, 1u));
  EXPECT_EQ(pattern.getKeep().getSets().size(), 2u);
}

TEST_F(MaskTest, follows_splits_to_the_axis_declared) {
  PatternOp pattern = parse(twoSegments);
  Value half = first<SameOp>(pattern).getAxis();
  EXPECT_EQ(baseAxis(half), pattern.getAxisArguments()[2]);
  EXPECT_EQ(segmentOf(half), 1u);
  EXPECT_EQ(patternOf(half), pattern);
}

TEST_F(MaskTest, knows_authors_names) {
  PatternOp pattern = parse(twoSegments);
  SplitOp split = first<SplitOp>(pattern);
  EXPECT_EQ(nameOf(split.getPart()), "block");
  EXPECT_EQ(nameOf(split.getOffset()), "beat");
  EXPECT_EQ(nameOf(split.getAxis()), "token");
  EXPECT_EQ(nameOf(pattern.getParamArguments()[0]), "n");
  split->setLoc(UnknownLoc::get(&context));
  EXPECT_EQ(nameOf(split.getPart()), "split");
}

TEST_F(MaskTest, collects_distances_through_lets_once) {
  PatternOp pattern = parse(twoSegments);
  SmallVector<Value> axes = distancesOf(first<WithinOp>(pattern).getCount());
  ASSERT_EQ(axes.size(), 2u);
  EXPECT_EQ(nameOf(axes[0]), "patch");
  EXPECT_EQ(nameOf(axes[1]), "frame");
}

TEST_F(MaskTest, window_gives_literals_and_values_by_axis) {
  PatternOp pattern = parse(R"(
mask.pattern @p(%n: count) over (%frame: ?, %row: ?, %column: ?) {
  %near = window [5, %n, 7] over %frame, %row, %column stride [1, 2, %n] causal %row
  keep %near
})");
  WindowOp window = first<WindowOp>(pattern);
  EXPECT_EQ(window.getSize(0).literal, 5);
  EXPECT_EQ(window.getSize(1).value, Value(pattern.getParamArguments()[0]));
  EXPECT_EQ(window.getSize(2).literal, 7);
  EXPECT_EQ(window.getStride(1).literal, 2);
  EXPECT_EQ(window.getStride(2).value, Value(pattern.getParamArguments()[0]));
  EXPECT_EQ(window.getDilation(0).literal, 1);
  EXPECT_FALSE(window.getDilation(0).value);
  EXPECT_FALSE(window.isCausal(0));
  EXPECT_TRUE(window.isCausal(1));
}

TEST_F(MaskTest, include_gives_actuals_in_order) {
  PatternOp pattern = parse(R"(
mask.pattern @p(%n: count) over (%token: ?) {
  %set = include @q(a = 2, b = %n, c = word) over %token
  keep %set
})");
  SmallVector<IncludeOp::Actual> actuals = first<IncludeOp>(pattern).getActuals();
  ASSERT_EQ(actuals.size(), 3u);
  EXPECT_EQ(actuals[0].name, "a");
  EXPECT_EQ(cast<IntegerAttr>(actuals[0].literal).getInt(), 2);
  EXPECT_EQ(actuals[1].value, Value(pattern.getParamArguments()[0]));
  EXPECT_EQ(cast<StringAttr>(actuals[2].literal).getValue(), "word");
}

TEST_F(MaskTest, renumbers_operands_of_expressions) {
  PatternOp pattern = parse(twoSegments);
  ExprAttr expr = first<LetOp>(pattern).getExpr();
  std::string text;
  llvm::raw_string_ostream os(text);
  printExpr(os, expr.renumber({1, 0}), {"%x", "%y"});
  EXPECT_EQ(text, "distance(%y) + %x");
}

TEST_F(MaskTest, expression_verifies_its_arity) {
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) { return success(); });
  auto emitError = [&] { return mlir::emitError(UnknownLoc::get(&context)); };
  ExprAttr one = ExprAttr::get(&context, 1.0);
  EXPECT_FALSE(ExprAttr::getChecked(emitError, &context, ExprKind::Add, llvm::APFloat(0.0), 0u, ArrayRef(one)));
  EXPECT_FALSE(ExprAttr::getChecked(emitError, &context, ExprKind::Number,
                                    llvm::APFloat(std::numeric_limits<double>::infinity()), 0u, ArrayRef<ExprAttr>()));
  EXPECT_TRUE(ExprAttr::getChecked(emitError, &context, ExprKind::Abs, llvm::APFloat(0.0), 0u, ArrayRef(one)));
}

TEST_F(MaskTest, numbers_read_back_to_the_same_bits) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    auto value = llvm::bit_cast<double>(random());
    if (i % 2)
      value = static_cast<double>(static_cast<int64_t>(random()) >> (random() % 64)) / 8;
    if (!std::isfinite(value))
      continue;
    std::string number;
    llvm::raw_string_ostream os(number);
    printNumber(os, value);
    EXPECT_EQ(llvm::bit_cast<uint64_t>(std::strtod(number.c_str(), nullptr)), llvm::bit_cast<uint64_t>(value))
        << number;
    PatternOp pattern =
        parse("mask.pattern @p over (%token: ?) {\n %n = let " + number + "\n %s = same %token\n keep %s\n}");
    EXPECT_EQ(llvm::bit_cast<uint64_t>(first<LetOp>(pattern).getExpr().getValue()), llvm::bit_cast<uint64_t>(value))
        << number;
  }
}

} // namespace
