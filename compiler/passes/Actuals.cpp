// SPDX-License-Identifier: Apache-2.0
//
// What an include gives to its callee: axes and values of parameters.
#include "compiler/passes/Actuals.h"
#include "compiler/passes/Names.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace mlir;
using namespace falloff;
using namespace falloff::mask;

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

static std::string axesOf(PatternOp pattern) {
  std::vector<std::string> segments;
  for (auto segment : pattern.getDomain().getAsRange<SegmentAttr>()) {
    std::vector<std::string> axes;
    for (unsigned i = 0; i < segment.getNumAxes(); ++i)
      axes.push_back(segment.getAxisName(i).str());
    segments.push_back((segment.getLabel() + "(" + llvm::join(axes, ", ") + ")").str());
  }
  return llvm::join(segments, ", ");
}

/// Index of the caller's segment that these axes are, whole and in order.
static std::optional<unsigned> wholeSegment(PatternOp caller, OperandRange axes) {
  std::optional<unsigned> found;
  for (auto [index, axis] : llvm::enumerate(axes)) {
    auto argument = dyn_cast<BlockArgument>(axis);
    if (!argument)
      return std::nullopt; // split from an axis, so not the segment's own
    auto [segment, position] = caller.getPlaceOf(argument);
    if (position != index || (found && *found != segment))
      return std::nullopt;
    found = segment;
  }
  if (found && caller.getSegment(*found).getNumAxes() != axes.size())
    return std::nullopt;
  return found;
}

LogicalResult falloff::verifyAxes(IncludeOp include, PatternOp callee) {
  PatternOp caller = patternOf(include.getSet());
  size_t expected = callee.getAxisArguments().size();
  if (include.getAxes().size() != expected)
    return include.emitError() << "@" << callee.getSymName() << " expects " << expected
                               << (expected == 1 ? " axis" : " axes") << ", over " << axesOf(callee) << ", but got "
                               << include.getAxes().size();
  size_t axis = 0;
  for (auto segment : callee.getDomain().getAsRange<SegmentAttr>()) {
    OperandRange given = include.getAxes().slice(axis, segment.getNumAxes());
    axis += segment.getNumAxes();
    std::optional<unsigned> whole = wholeSegment(caller, given);
    std::vector<std::string> names;
    for (Value value : given)
      names.push_back("%" + nameOf(value).str());
    if (!whole)
      return include.emitError() << "@" << callee.getSymName() << " expects the axes of its segment '"
                                 << segment.getLabel() << "' from one segment here, whole and in order, but got "
                                 << llvm::join(names, ", ") << " of " << axesOf(caller);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

static std::vector<std::string> wordsOf(ParamAttr param) {
  std::vector<std::string> words;
  for (StringRef word : param.getWords().getAsValueRange<StringAttr>())
    words.push_back(word.str());
  return words;
}

static const char *nounOf(ParamKind kind) {
  switch (kind) {
  case ParamKind::Real:
    return "a real";
  case ParamKind::Count:
    return "a count";
  case ParamKind::Table:
    return "a table";
  case ParamKind::Relation:
    return "a relation";
  case ParamKind::Choice:
    return "a word";
  }
  llvm_unreachable("unknown kind");
}

static const char *nounOf(Type type) {
  if (isa<NumberType>(type))
    return "a number";
  if (isa<TableType>(type))
    return "a table";
  return isa<RelationType>(type) ? "a relation" : "a word";
}

namespace {
/// One actual against the parameter it is for.
struct ActualCheck {
  IncludeOp include;
  PatternOp callee;
  ParamAttr param;

  InFlightDiagnostic mismatch(const Twine &expected, const Twine &got) {
    return include.emitError() << "@" << callee.getSymName() << " expects " << expected << " for '"
                               << param.getName().getValue() << "', but got " << got;
  }
  LogicalResult checkValue(Value value);
  LogicalResult checkLiteral(Attribute &literal);
  LogicalResult checkWord(llvm::StringRef word);
};
} // namespace

LogicalResult ActualCheck::checkWord(llvm::StringRef word) {
  std::vector<std::string> words = wordsOf(param);
  if (llvm::is_contained(words, word))
    return success();
  std::string nearest = nearestName(word, words);
  return mismatch("one of " + listNames(words),
                  "'" + word + "'" + (nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
}

LogicalResult ActualCheck::checkValue(Value value) {
  std::string name = "%" + nameOf(value).str();
  if (value.getType() != param.getArgumentType())
    return mismatch(nounOf(param.getKind()), Twine(nounOf(value.getType())) + ", " + name);
  ParamAttr given = patternOf(include.getSet()).getParamOf(value);
  if (!given)
    return success(); // a `let`, whose value is known when bound
  if (param.getKind() == ParamKind::Count && given.getKind() == ParamKind::Real)
    return mismatch("a count", "the real " + name);
  if (param.getKind() == ParamKind::Choice)
    for (const std::string &word : wordsOf(given))
      if (!llvm::is_contained(wordsOf(param), word))
        return mismatch("one of " + listNames(wordsOf(param)), name + ", which may be '" + word + "'");
  return success();
}

/// Leaves `literal` of the type that the parameter's default has.
LogicalResult ActualCheck::checkLiteral(Attribute &literal) {
  Builder builder(include.getContext());
  auto whole = dyn_cast<IntegerAttr>(literal);
  auto word = dyn_cast<StringAttr>(literal);
  auto table = dyn_cast<DenseI64ArrayAttr>(literal);
  switch (param.getKind()) {
  case ParamKind::Real:
    if (whole)
      literal = builder.getF64FloatAttr(double(whole.getInt()));
    if (isa<FloatAttr>(literal))
      return success();
    break;
  case ParamKind::Count:
    if (whole)
      return whole.getInt() >= 0 ? success() : LogicalResult(mismatch("a count of at least 0", Twine(whole.getInt())));
    break;
  case ParamKind::Table:
    if (table)
      return success(); // in order, or the include would not have verified
    break;
  case ParamKind::Relation:
    if (table && table.empty()) // `[]` is either
      literal = builder.getDenseBoolArrayAttr({});
    if (isa<DenseBoolArrayAttr>(literal))
      return success();
    break;
  case ParamKind::Choice:
    if (word)
      return checkWord(word.getValue());
    break;
  }
  const char *got = whole                              ? "a whole number"
                    : isa<FloatAttr>(literal)          ? "a real"
                    : word                             ? "a word"
                    : isa<DenseBoolArrayAttr>(literal) ? "a relation"
                                                       : "a table";
  return mismatch(nounOf(param.getKind()), got);
}

FailureOr<ActualValues> ActualValues::of(IncludeOp include, PatternOp callee) {
  ActualValues actuals;
  std::vector<std::string> known;
  for (auto param : callee.getParams().getAsRange<ParamAttr>()) {
    known.push_back(param.getName().getValue().str());
    actuals.values.push_back({Value(), param.getValue()});
  }
  for (IncludeOp::Actual actual : include.getActuals()) {
    std::optional<unsigned> index = callee.lookupParam(actual.name);
    if (!index)
      return include.emitError() << "@" << callee.getSymName() << " has no parameter '" << actual.name << "'"
                                 << suggest(actual.name, known);
    ActualCheck check{include, callee, callee.getParam(*index)};
    One one{actual.value, actual.literal};
    if (failed(one.value ? check.checkValue(one.value) : check.checkLiteral(one.literal)))
      return failure();
    actuals.values[*index] = one;
  }
  for (auto [index, one] : llvm::enumerate(actuals.values))
    if (!one.value && !one.literal)
      return include.emitError() << "@" << callee.getSymName() << " expects "
                                 << nounOf(callee.getParam(index).getKind()) << " for '" << known[index]
                                 << "', which has no default";
  return actuals;
}

Operation *falloff::createConstant(OpBuilder &builder, Location loc, ParamAttr param, Attribute value) {
  loc = NameLoc::get(param.getName(), loc);
  if (auto table = dyn_cast<DenseI64ArrayAttr>(value))
    return TableOp::create(builder, loc, builder.getType<TableType>(), table);
  if (auto links = dyn_cast<DenseBoolArrayAttr>(value))
    return RelationOp::create(builder, loc, builder.getType<RelationType>(), links);
  auto whole = dyn_cast<IntegerAttr>(value);
  double number = whole ? double(whole.getInt()) : cast<FloatAttr>(value).getValueAsDouble();
  return LetOp::create(builder, loc, builder.getType<NumberType>(), ExprAttr::get(builder.getContext(), number),
                       ValueRange());
}

/// Where a line stands, without the name that it gives.
static Location unnamed(Location loc) {
  auto named = dyn_cast<NameLoc>(loc);
  return named ? named.getChildLoc() : loc;
}

void ActualValues::materialise(OpBuilder &builder, PatternOp callee, IRMapping &mapping,
                               llvm::SmallVectorImpl<Operation *> &made) {
  for (auto [index, one] : llvm::enumerate(values)) {
    BlockArgument argument = callee.getParamArguments()[index];
    if (one.value) {
      mapping.map(argument, one.value);
    } else if (!isa<StringAttr>(one.literal)) {
      made.push_back(createConstant(builder, unnamed(callee.getLoc()), callee.getParam(index), one.literal));
      mapping.map(argument, made.back()->getResult(0));
    }
  }
}

StringAttr ActualValues::wordOf(Value parameter) const {
  unsigned index = cast<BlockArgument>(parameter).getArgNumber();
  return dyn_cast_if_present<StringAttr>(values[index].literal);
}
