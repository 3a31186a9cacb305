// SPDX-License-Identifier: Apache-2.0
//
// Values of parameters: which kind a value has, and whether it is one that the
// kind allows.
#include "compiler/passes/BindParameters.h"
#include "compiler/passes/Names.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace falloff;
using mask::ParamAttr;
using mask::ParamKind;
using mask::PatternOp;
using Numbers = std::vector<double>;
using Words = std::vector<std::string>;
using Relation = std::vector<std::vector<bool>>;

static std::vector<std::string> wordsOf(ParamAttr param) {
  std::vector<std::string> words;
  if (param.getWords())
    for (StringRef word : param.getWords().getAsValueRange<StringAttr>())
      words.push_back(word.str());
  return words;
}

std::string falloff::describe(ParamAttr param) {
  std::string text;
  switch (param.getKind()) {
  case ParamKind::Real:
    text = "a number";
    break;
  case ParamKind::Count:
    text = "a whole number";
    break;
  case ParamKind::Table:
    return "a table of whole numbers";
  case ParamKind::Relation:
    return "a square relation of booleans";
  case ParamKind::Choice:
    text = "one of " + listNames(wordsOf(param));
    break;
  }
  return param.getPerHead() ? text + " (or a list of one a head)" : text;
}

static std::string printNumber(double number) { return llvm::formatv("{0}", llvm::format("%.17g", number)).str(); }

std::string falloff::printValue(const ParameterValue &value) {
  std::vector<std::string> parts;
  if (const double *number = std::get_if<double>(&value)) {
    if (*number == std::floor(*number) && std::abs(*number) < 1e15 && !(*number == 0 && std::signbit(*number)))
      return std::to_string(int64_t(*number)); // 400 and not 4e+02
    // The shortest text that reads back as the same number.
    for (int digits = 1; digits <= 17; ++digits) {
      std::string text = llvm::formatv("{0}", llvm::format("%.*g", digits, *number)).str();
      if (std::strtod(text.c_str(), nullptr) == *number)
        return text;
    }
    return printNumber(*number);
  }
  if (const std::string *word = std::get_if<std::string>(&value))
    return *word;
  if (const Numbers *numbers = std::get_if<Numbers>(&value))
    for (double number : *numbers)
      parts.push_back(printValue(number));
  else if (const Words *words = std::get_if<Words>(&value))
    parts = *words;
  else
    for (const std::vector<bool> &row : std::get<Relation>(value)) {
      std::string &bits = parts.emplace_back();
      for (bool bit : row)
        bits += bit ? '1' : '0';
    }
  return llvm::join(parts, ",");
}

/// What is wrong with a number for a parameter of this kind; empty if nothing
/// is.
static std::string faultOf(ParamKind kind, double number) {
  if (!std::isfinite(number))
    return "a finite number";
  if (kind != ParamKind::Real && number != std::floor(number))
    return "a whole number";
  // Whole numbers stay exact in f64, and sums of a few of them in 64 bits.
  if (kind != ParamKind::Real && std::abs(number) > 9007199254740992.0)
    return "a number of at most 2^53";
  if (kind != ParamKind::Real && number < 0)
    return "a number of at least 0";
  return {};
}

namespace {
/// Checks one value against the parameter it is for.
struct ParameterCheck {
  mutable PatternOp pattern; // op handles have no const members
  ParamAttr param;

  InFlightDiagnostic expects(const Twine &what, const Twine &got) const {
    return emitError(pattern.getLoc()) << "expects " << what << " for parameter '" << param.getName().getValue()
                                       << "', but got " << got;
  }
  LogicalResult wrongKind(const ParameterValue &value) const {
    static const char *const kinds[] = {"the number ", "the word ", "the numbers ", "the words ", "the relation "};
    return expects(describe(param), kinds[value.index()] + printValue(value));
  }
  LogicalResult number(double value) const {
    std::string fault = faultOf(param.getKind(), value);
    return fault.empty() ? success() : LogicalResult(expects(fault, printValue(value)));
  }
  LogicalResult table(const Numbers &values) const {
    for (size_t i = 0; i < values.size(); ++i) {
      if (failed(number(values[i])))
        return failure();
      if (i > 0 && values[i] < values[i - 1])
        return expects("a table sorted in ascending order",
                       printValue(values[i - 1]) + " before " + printValue(values[i]));
    }
    return success();
  }
  LogicalResult relation(const Relation &rows) const {
    for (const std::vector<bool> &row : rows)
      if (row.size() != rows.size())
        return expects("a square relation", Twine(rows.size()) + " rows and a row of " + Twine(row.size()));
    return success();
  }
  LogicalResult word(const std::string &value) const {
    std::vector<std::string> words = wordsOf(param);
    if (llvm::is_contained(words, value))
      return success();
    std::string nearest = nearestName(value, words);
    return expects(describe(param), "'" + value + "'" + (nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
  }

  /// `perHead` is whether the value is a list of one a head.
  LogicalResult check(const ParameterValue &value, bool &perHead) const;
};
} // namespace

LogicalResult ParameterCheck::check(const ParameterValue &value, bool &perHead) const {
  perHead = false;
  ParamKind kind = param.getKind();
  const Numbers *numbers = std::get_if<Numbers>(&value);
  const Words *words = std::get_if<Words>(&value);
  if (kind == ParamKind::Table)
    return numbers ? table(*numbers) : wrongKind(value);
  if (kind == ParamKind::Relation) {
    const Relation *rows = std::get_if<Relation>(&value);
    return rows ? relation(*rows) : wrongKind(value);
  }
  if (kind == ParamKind::Choice) {
    if (const std::string *one = std::get_if<std::string>(&value))
      return word(*one);
    perHead = words && param.getPerHead();
    if (!perHead)
      return wrongKind(value);
    return success(llvm::all_of(*words, [&](const std::string &one) { return succeeded(word(one)); }));
  }
  if (const double *one = std::get_if<double>(&value))
    return number(*one);
  perHead = numbers && param.getPerHead();
  if (!perHead)
    return wrongKind(value);
  return success(llvm::all_of(*numbers, [&](double one) { return succeeded(number(one)); }));
}

static ParameterValue valueOfDefault(Attribute attr) {
  if (auto number = dyn_cast<FloatAttr>(attr))
    return number.getValueAsDouble();
  if (auto number = dyn_cast<IntegerAttr>(attr))
    return double(number.getInt());
  if (auto word = dyn_cast<StringAttr>(attr))
    return word.getValue().str();
  if (auto table = dyn_cast<DenseI64ArrayAttr>(attr))
    return Numbers(table.asArrayRef().begin(), table.asArrayRef().end());
  auto bits = cast<DenseBoolArrayAttr>(attr).asArrayRef();
  size_t side = size_t(std::lround(std::sqrt(double(bits.size()))));
  Relation rows;
  for (size_t row = 0; row < side; ++row)
    rows.emplace_back(bits.begin() + row * side, bits.begin() + (row + 1) * side);
  return rows;
}

LogicalResult falloff::verifyParameters(PatternOp pattern,
                                        llvm::ArrayRef<std::pair<std::string, ParameterValue>> given) {
  std::vector<std::string> known;
  for (ParamAttr param : pattern.getParams().getAsRange<ParamAttr>())
    known.push_back(param.getName().getValue().str());
  for (const auto &[name, value] : given) {
    auto it = llvm::find(known, name);
    if (it == known.end())
      return emitError(pattern.getLoc()) << "pattern '" << pattern.getSymName() << "' has no parameter '" << name << "'"
                                         << suggest(name, known);
    bool perHead = false;
    if (failed(ParameterCheck{pattern, cast<ParamAttr>(pattern.getParams()[it - known.begin()])}.check(value, perHead)))
      return failure();
  }
  return success();
}

LogicalResult falloff::resolveParameters(PatternOp pattern,
                                         llvm::ArrayRef<std::pair<std::string, ParameterValue>> given,
                                         BoundPattern &bound) {
  if (failed(verifyParameters(pattern, given)))
    return failure();
  for (ParamAttr param : pattern.getParams().getAsRange<ParamAttr>()) {
    const ParameterValue *value = nullptr;
    for (const auto &[name, one] : given)
      if (name == param.getName().getValue())
        value = &one;
    if (!value && !param.getValue())
      return emitError(pattern.getLoc()) << "pattern '" << pattern.getSymName() << "' expects " << describe(param)
                                         << " for parameter '" << param.getName().getValue() << "', but got none";
    bool perHead = false;
    bound.parameters.push_back(value ? *value : valueOfDefault(param.getValue()));
    if (failed(ParameterCheck{pattern, param}.check(bound.parameters.back(), perHead)))
      return failure();
    bound.isPerHead.push_back(perHead);
  }
  return success();
}
