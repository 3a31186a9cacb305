// SPDX-License-Identifier: Apache-2.0
//
// From postfix order to text with no more parentheses than needed. A product is a call of __dmul_rn, which no compiler
// joins with a sum: contracted, it would be rounded otherwise than on a processor.
#include "compiler/cuda/WhereText.h"

namespace falloff::cuda {
namespace {

/// How tightly the outermost operator of an expression binds.
enum class Level : uint8_t { Compare, Sum, Product, Atom };

struct Text {
  std::string text;
  Level level = Level::Atom;
  bool isBool = false;
};

/// As an operand of an operator that binds as `level` does; a comparison becomes 1 or 0.
std::string operand(const Text &of, Level level) {
  if (of.isBool)
    return "double(" + of.text + ")";
  return of.level < level ? "(" + of.text + ")" : of.text;
}

std::string argument(const Text &of) { return operand(of, Level::Compare); }

class WhereWriter {
public:
  WhereWriter(const WhereEnds &ends, WhereHelpers &helpers) : ends(ends), helpers(helpers) {}

  std::string write(const std::vector<WhereStep> &steps) {
    for (const WhereStep &step : steps)
      push(step);
    const Text &last = stack.back();
    return last.isBool ? last.text : operand(last, Level::Sum) + " != 0";
  }

private:
  const WhereEnds &ends;
  WhereHelpers &helpers;
  std::vector<Text> stack;

  void push(const WhereStep &step) {
    switch (step.kind) {
    case WhereStep::Number:
      stack.push_back({"plan.numbers[" + std::to_string(step.slot) + "]"});
      return;
    case WhereStep::Query:
      stack.push_back({"double(" + ends.query(step.slot) + ")"});
      return;
    case WhereStep::Key:
      stack.push_back({"double(" + ends.key(step.slot) + ")"});
      return;
    case WhereStep::Distance:
      stack.push_back({"double(" + ends.distance(step.slot) + ")"});
      return;
    case WhereStep::Floor:
      return call("floor");
    case WhereStep::Ceil:
      return call("ceil");
    case WhereStep::Abs:
      return call("fabs");
    case WhereStep::Sqrt:
      return call("sqrt");
    case WhereStep::BitFloor:
      helpers.power = true;
      return call("powerUpTo");
    default:
      binary(step.kind);
    }
  }

  void call(const char *function) { stack.back() = {function + ("(" + argument(stack.back()) + ")")}; }
  void call(const char *function, const Text &right) {
    stack.back() = {function + ("(" + argument(stack.back()) + ", " + argument(right) + ")")};
  }
  /// An operator that groups from the left.
  void infix(const char *sign, const Text &right, Level level, bool isBool = false) {
    std::string left = operand(stack.back(), isBool ? Level::Sum : level);
    stack.back() = {left + " " + sign + " " + operand(right, Level(int(level) + 1)), level, isBool};
  }

  void binary(WhereStep::Kind kind) {
    Text right = stack.back();
    stack.pop_back();
    switch (kind) {
    case WhereStep::Add:
      return infix("+", right, Level::Sum);
    case WhereStep::Subtract:
      return infix("-", right, Level::Sum);
    case WhereStep::Multiply:
      return call("__dmul_rn", right);
    case WhereStep::Divide:
      return infix("/", right, Level::Product);
    case WhereStep::Mod:
      helpers.rest = true;
      return call("rest", right);
    case WhereStep::Min:
      helpers.smaller = true;
      return call("smaller", right);
    case WhereStep::Max:
      helpers.larger = true;
      return call("larger", right);
    case WhereStep::Less:
      return infix("<", right, Level::Compare, true);
    case WhereStep::LessEqual:
      return infix("<=", right, Level::Compare, true);
    case WhereStep::Greater:
      return infix(">", right, Level::Compare, true);
    case WhereStep::GreaterEqual:
      return infix(">=", right, Level::Compare, true);
    case WhereStep::Equal:
      return infix("==", right, Level::Compare, true);
    default:
      return infix("!=", right, Level::Compare, true);
    }
  }
};

} // namespace

std::string WhereHelpers::text() const {
  std::string text;
  if (smaller)
    text += "__device__ double smaller(double a, double b) { return a < b ? a : b; }\n\n";
  if (larger)
    text += "__device__ double larger(double a, double b) { return a > b ? a : b; }\n\n";
  if (rest)
    text += R"(// a mod |b| in [0, |b|), exact: a rounded quotient is off by at most one.
__device__ double rest(double a, double b) {
  b = fabs(b);
  double quotient = floor(a / b);
  const double first = fma(0.0 - quotient, b, a);
  quotient = first < 0 ? quotient - 1 : quotient;
  quotient = first >= b ? quotient + 1 : quotient;
  return fma(0.0 - quotient, b, a);
}

)";
  if (power)
    text += R"(// The largest power of two up to a; 0 below 1.
__device__ double powerUpTo(double a) {
  return a < 1 ? 0.0 : __longlong_as_double(__double_as_longlong(a) & 0x7ff0000000000000ll);
}

)";
  return text;
}

std::string whereText(const std::vector<WhereStep> &steps, const WhereEnds &ends, WhereHelpers &helpers) {
  return WhereWriter(ends, helpers).write(steps);
}

} // namespace falloff::cuda
