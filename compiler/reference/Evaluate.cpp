// SPDX-License-Identifier: Apache-2.0
//
// The value of an expression, in f64.
#include "compiler/reference/Evaluate.h"
#include "llvm/ADT/SmallVector.h"
#include <cmath>
#include <limits>

using namespace falloff;
using mask::Comparison;
using mask::ExprAttr;
using mask::ExprKind;

static constexpr double none = std::numeric_limits<double>::quiet_NaN();

double falloff::bitFloor(double x) { return x < 1 ? 0 : std::ldexp(1.0, std::ilogb(x)); }

double falloff::positiveMod(double x, double y) {
  double rest = std::fmod(x, std::abs(y));
  return rest < 0 ? rest + std::abs(y) : rest;
}

double falloff::apply(ExprKind kind, llvm::ArrayRef<double> x, const char *&error) {
  switch (kind) {
  case ExprKind::Add:
    return x[0] + x[1];
  case ExprKind::Subtract:
    return x[0] - x[1];
  case ExprKind::Multiply:
    return x[0] * x[1];
  case ExprKind::Divide:
    if (x[1] == 0) {
      error = "divides by 0";
      return none;
    }
    return x[0] / x[1];
  case ExprKind::Mod:
    if (x[1] == 0) {
      error = "takes mod 0";
      return none;
    }
    return positiveMod(x[0], x[1]);
  case ExprKind::Min:
    return std::min(x[0], x[1]);
  case ExprKind::Max:
    return std::max(x[0], x[1]);
  case ExprKind::Floor:
    return std::floor(x[0]);
  case ExprKind::Ceil:
    return std::ceil(x[0]);
  case ExprKind::Abs:
    return std::abs(x[0]);
  case ExprKind::Sqrt:
    if (x[0] < 0) {
      error = "takes the square root of a negative number";
      return none;
    }
    return std::sqrt(x[0]);
  case ExprKind::BitFloor:
    return bitFloor(x[0]);
  default:
    llvm_unreachable("a leaf is no function");
  }
}

double falloff::evaluate(ExprAttr expr, LeafFn leaf, const char *&error) {
  if (expr.isNumber())
    return expr.getValue();
  if (expr.getChildren().empty())
    return leaf(expr);
  double arguments[2] = {};
  llvm::ArrayRef<ExprAttr> children = expr.getChildren();
  for (size_t i = 0; i < children.size(); ++i) {
    arguments[i] = evaluate(children[i], leaf, error);
    if (std::isnan(arguments[i]))
      return none;
  }
  double value = apply(expr.getKind(), {arguments, children.size()}, error);
  if (std::isnan(value) && !error)
    error = "is not a number";
  return value;
}

bool falloff::compare(Comparison comparison, double left, double right) {
  switch (comparison) {
  case Comparison::Less:
    return left < right;
  case Comparison::LessEqual:
    return left <= right;
  case Comparison::Greater:
    return left > right;
  case Comparison::GreaterEqual:
    return left >= right;
  case Comparison::Equal:
    return left == right;
  }
  llvm_unreachable("unknown comparison");
}
