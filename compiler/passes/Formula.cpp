// SPDX-License-Identifier: Apache-2.0
//
// Expressions in postfix order: a loop over steps and a small stack of values, or of bounds.
#include "compiler/passes/Formula.h"
#include "compiler/reference/Evaluate.h"
#include "llvm/ADT/SmallVector.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace falloff;

static constexpr double noValue = std::numeric_limits<double>::quiet_NaN();
static constexpr double infinity = std::numeric_limits<double>::infinity();

int falloff::arity(WhereStep::Kind kind) {
  switch (kind) {
  case WhereStep::Number:
  case WhereStep::Query:
  case WhereStep::Key:
  case WhereStep::Distance:
    return 0;
  case WhereStep::Floor:
  case WhereStep::Ceil:
  case WhereStep::Abs:
  case WhereStep::Sqrt:
  case WhereStep::BitFloor:
    return 1;
  default:
    return 2;
  }
}

/// A function of one or two numbers; NaN where it has no value.
static double apply(WhereStep::Kind kind, double a, double b) {
  switch (kind) {
  case WhereStep::Add:
    return a + b;
  case WhereStep::Subtract:
    return a - b;
  case WhereStep::Multiply:
    return a * b;
  case WhereStep::Divide:
    return b == 0 ? noValue : a / b;
  case WhereStep::Mod:
    return b == 0 ? noValue : positiveMod(a, b);
  case WhereStep::Min:
    return std::min(a, b);
  case WhereStep::Max:
    return std::max(a, b);
  case WhereStep::Floor:
    return std::floor(a);
  case WhereStep::Ceil:
    return std::ceil(a);
  case WhereStep::Abs:
    return std::abs(a);
  case WhereStep::Sqrt:
    return std::sqrt(a);
  case WhereStep::BitFloor:
    return bitFloor(a);
  case WhereStep::Less:
    return a < b;
  case WhereStep::LessEqual:
    return a <= b;
  case WhereStep::Greater:
    return a > b;
  case WhereStep::GreaterEqual:
    return a >= b;
  case WhereStep::Equal:
    return a == b;
  case WhereStep::NotEqual:
    return a != b;
  default:
    return noValue;
  }
}

static const char *reason(WhereStep::Kind kind, double b) {
  if (kind == WhereStep::Divide && b == 0)
    return "divides by 0";
  if (kind == WhereStep::Mod && b == 0)
    return "takes mod 0";
  if (kind == WhereStep::Sqrt)
    return "takes the square root of a negative number";
  return "is not a number";
}

/// Replaces the operands on the stack by the result; false if it is NaN.
static bool applyTop(WhereStep::Kind kind, llvm::SmallVectorImpl<double> &stack, const char *&error) {
  double b = arity(kind) == 2 ? stack.pop_back_val() : 0;
  double value = apply(kind, stack.back(), b);
  stack.back() = value;
  if (!std::isnan(value))
    return true;
  error = reason(kind, b);
  return false;
}

double falloff::evaluate(const Formula &formula, const FormulaInputs &inputs, const char *&error) {
  llvm::SmallVector<double, 16> stack;
  for (const FormulaStep &step : formula) {
    if (step.kind == FormulaStep::Literal)
      stack.push_back(step.value);
    else if (step.kind == FormulaStep::Parameter)
      stack.push_back(inputs.parameters[step.index]);
    else if (step.kind == FormulaStep::Extent)
      stack.push_back(double(inputs.extents[step.index]));
    else if (step.step == WhereStep::Distance)
      stack.push_back(inputs.distances[step.index]);
    else if (!applyTop(step.step, stack, error))
      return noValue;
    if (std::isnan(stack.back())) {
      error = "is not a number";
      return noValue;
    }
  }
  return stack.back();
}

void falloff::collectDistances(const Formula &formula, std::vector<int32_t> &axes) {
  for (const FormulaStep &step : formula)
    if (step.kind == FormulaStep::Read && step.step == WhereStep::Distance &&
        std::find(axes.begin(), axes.end(), step.index) == axes.end())
      axes.push_back(step.index);
}

bool falloff::readsEnds(const Formula &formula) {
  return std::any_of(formula.begin(), formula.end(), [](const FormulaStep &step) {
    return step.kind == FormulaStep::Read && (step.step == WhereStep::Query || step.step == WhereStep::Key);
  });
}

double falloff::evaluate(const std::vector<WhereStep> &steps, const std::vector<double> &numbers, const int32_t *query,
                         const int32_t *key) {
  llvm::SmallVector<double, 16> stack;
  const char *error = nullptr;
  for (const WhereStep &step : steps) {
    if (step.kind == WhereStep::Number)
      stack.push_back(numbers[step.slot]);
    else if (step.kind == WhereStep::Query)
      stack.push_back(query[step.slot]);
    else if (step.kind == WhereStep::Key)
      stack.push_back(key[step.slot]);
    else if (step.kind == WhereStep::Distance)
      stack.push_back(std::abs(key[step.slot] - query[step.slot]));
    else
      (void)applyTop(step.kind, stack, error);
  }
  return stack.back();
}

//===--- bounds -------------------------------------------------------------------------------------------------===//

static Bounds hull(std::initializer_list<double> values) {
  Bounds bounds{infinity, -infinity};
  for (double value : values) {
    bounds.unknown |= std::isnan(value);
    bounds.lo = std::min(bounds.lo, value);
    bounds.hi = std::max(bounds.hi, value);
  }
  return bounds;
}

/// Bounds of a comparison that is surely true, surely false, or either.
static Bounds truth(bool surely, bool never) { return {surely ? 1.0 : 0.0, never ? 0.0 : 1.0}; }

static Bounds boundsOfMod(Bounds a, Bounds b) {
  if (b.lo <= 0 && b.hi >= 0)
    return {-infinity, infinity, true};
  double largest = std::max(std::abs(b.lo), std::abs(b.hi));
  if (b.lo == b.hi && std::floor(a.lo / largest) == std::floor(a.hi / largest)) {
    double lo = positiveMod(a.lo, b.lo), hi = positiveMod(a.hi, b.lo);
    if (lo <= hi && hi - lo == a.hi - a.lo)
      return {lo, hi};
  }
  return {0, largest};
}

static Bounds boundsOf(WhereStep::Kind kind, Bounds a, Bounds b) {
  switch (kind) {
  case WhereStep::Add:
    return hull({a.lo + b.lo, a.hi + b.hi});
  case WhereStep::Subtract:
    return hull({a.lo - b.hi, a.hi - b.lo});
  case WhereStep::Multiply:
    return hull({a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi});
  case WhereStep::Divide:
    if (b.lo <= 0 && b.hi >= 0)
      return {-infinity, infinity, true};
    return hull({a.lo / b.lo, a.lo / b.hi, a.hi / b.lo, a.hi / b.hi});
  case WhereStep::Mod:
    return boundsOfMod(a, b);
  case WhereStep::Abs:
    if (a.lo <= 0 && a.hi >= 0)
      return {0, std::max(-a.lo, a.hi)};
    return hull({std::abs(a.lo), std::abs(a.hi)});
  case WhereStep::Less:
    return truth(a.hi < b.lo, a.lo >= b.hi);
  case WhereStep::LessEqual:
    return truth(a.hi <= b.lo, a.lo > b.hi);
  case WhereStep::Greater:
    return truth(a.lo > b.hi, a.hi <= b.lo);
  case WhereStep::GreaterEqual:
    return truth(a.lo >= b.hi, a.hi < b.lo);
  case WhereStep::Equal:
    return truth(a.lo == a.hi && b.lo == b.hi && a.lo == b.lo, a.hi < b.lo || a.lo > b.hi);
  case WhereStep::NotEqual:
    return truth(a.hi < b.lo || a.lo > b.hi, a.lo == a.hi && b.lo == b.hi && a.lo == b.lo);
  default: // the others grow with each operand
    return hull({apply(kind, a.lo, b.lo), apply(kind, a.hi, b.hi)});
  }
}

Bounds falloff::evaluateBounds(const std::vector<WhereStep> &steps, const std::vector<double> &numbers,
                               const Bounds *query, const Bounds *key, const Bounds *distance) {
  llvm::SmallVector<Bounds, 16> stack;
  for (const WhereStep &step : steps) {
    if (step.kind == WhereStep::Number) {
      stack.push_back({numbers[step.slot], numbers[step.slot]});
    } else if (step.kind == WhereStep::Query) {
      stack.push_back(query[step.slot]);
    } else if (step.kind == WhereStep::Key) {
      stack.push_back(key[step.slot]);
    } else if (step.kind == WhereStep::Distance) {
      stack.push_back(distance[step.slot]);
    } else {
      Bounds b = arity(step.kind) == 2 ? stack.pop_back_val() : Bounds{0, 0};
      Bounds a = stack.back();
      stack.back() = boundsOf(step.kind, a, b);
      if (a.unknown || b.unknown || stack.back().unknown)
        return {-infinity, infinity, true};
    }
  }
  return stack.back();
}
