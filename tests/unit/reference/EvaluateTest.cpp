// SPDX-License-Identifier: Apache-2.0
//
// Values of expressions, and why some have none.
#include "compiler/reference/Evaluate.h"
#include "mlir/IR/MLIRContext.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace falloff;
using mask::ExprAttr;
using mask::ExprKind;

namespace {
struct EvaluateTest : public testing::Test {
  EvaluateTest() { context.loadDialect<mask::MaskDialect>(); }

  ExprAttr number(double value) { return ExprAttr::get(&context, value); }
  ExprAttr of(ExprKind kind, llvm::ArrayRef<ExprAttr> children) { return ExprAttr::get(&context, kind, children); }
  /// The value with every leaf equal to 7; `error` is left for tests to read.
  double value(ExprAttr expr) {
    error = nullptr;
    return evaluate(expr, [](ExprAttr) { return 7.0; }, error);
  }

  mlir::MLIRContext context;
  const char *error = nullptr;
};
} // namespace

TEST(BitFloor, IsTheLargestPowerOfTwoBelow) {
  EXPECT_EQ(bitFloor(0), 0);
  EXPECT_EQ(bitFloor(0.99), 0);
  EXPECT_EQ(bitFloor(-3), 0);
  EXPECT_EQ(bitFloor(1), 1);
  EXPECT_EQ(bitFloor(3.9), 2);
  EXPECT_EQ(bitFloor(4), 4);
  EXPECT_EQ(bitFloor(1000000), 524288);
}

TEST(PositiveMod, LiesBetweenZeroAndTheDivisor) {
  EXPECT_EQ(positiveMod(7, 3), 1);
  EXPECT_EQ(positiveMod(-7, 3), 2);
  EXPECT_EQ(positiveMod(-7, -3), 2);
  EXPECT_EQ(positiveMod(6, 3), 0);
  EXPECT_EQ(positiveMod(5.5, 2), 1.5);
}

TEST_F(EvaluateTest, FunctionsOfOneNumber) {
  EXPECT_EQ(value(of(ExprKind::Floor, {number(-1.5)})), -2);
  EXPECT_EQ(value(of(ExprKind::Ceil, {number(-1.5)})), -1);
  EXPECT_EQ(value(of(ExprKind::Abs, {number(-1.5)})), 1.5);
  EXPECT_EQ(value(of(ExprKind::Sqrt, {number(2)})), std::sqrt(2.0));
  EXPECT_EQ(value(of(ExprKind::BitFloor, {number(5)})), 4);
}

TEST_F(EvaluateTest, FunctionsOfTwoNumbers) {
  EXPECT_EQ(value(of(ExprKind::Add, {number(2), number(3)})), 5);
  EXPECT_EQ(value(of(ExprKind::Subtract, {number(2), number(3)})), -1);
  EXPECT_EQ(value(of(ExprKind::Multiply, {number(2), number(3)})), 6);
  EXPECT_EQ(value(of(ExprKind::Divide, {number(3), number(2)})), 1.5);
  EXPECT_EQ(value(of(ExprKind::Mod, {number(5), number(3)})), 2);
  EXPECT_EQ(value(of(ExprKind::Min, {number(5), number(3)})), 3);
  EXPECT_EQ(value(of(ExprKind::Max, {number(5), number(3)})), 5);
}

TEST_F(EvaluateTest, LeavesAreAsked) {
  ExprAttr distance = ExprAttr::get(&context, ExprKind::Distance, 0u);
  EXPECT_EQ(value(of(ExprKind::Subtract, {distance, number(1)})), 6);
  EXPECT_EQ(error, nullptr);
}

TEST_F(EvaluateTest, SaysWhyThereIsNoValue) {
  EXPECT_TRUE(std::isnan(value(of(ExprKind::Divide, {number(1), number(0)}))));
  EXPECT_STREQ(error, "divides by 0");
  EXPECT_TRUE(std::isnan(value(of(ExprKind::Mod, {number(1), number(0)}))));
  EXPECT_STREQ(error, "takes mod 0");
  EXPECT_TRUE(std::isnan(value(of(ExprKind::Sqrt, {number(-1)}))));
  EXPECT_STREQ(error, "takes the square root of a negative number");
  ExprAttr huge = number(std::numeric_limits<double>::max());
  ExprAttr over = of(ExprKind::Add, {huge, huge});
  EXPECT_TRUE(std::isnan(value(of(ExprKind::Subtract, {over, over}))));
  EXPECT_STREQ(error, "is not a number");
}

TEST_F(EvaluateTest, AnErrorBelowIsTheErrorAbove) {
  ExprAttr bad = of(ExprKind::Divide, {number(1), number(0)});
  EXPECT_TRUE(std::isnan(value(of(ExprKind::Max, {bad, number(3)}))));
  EXPECT_STREQ(error, "divides by 0");
}
