// SPDX-License-Identifier: Apache-2.0
//
// Attributes of the mask dialect: what each may hold, and the text of
// #mask.expr on its own.
#include "compiler/dialect/mask/Assembly.h"
#include "compiler/dialect/mask/Verify.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "compiler/dialect/mask/MaskEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/dialect/mask/MaskAttributes.cpp.inc"

namespace falloff::mask {

void MaskDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "compiler/dialect/mask/MaskAttributes.cpp.inc"
      >();
}

using EmitError = function_ref<InFlightDiagnostic()>;

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

Type ParamAttr::getArgumentType() const {
  switch (getKind()) {
  case ParamKind::Real:
  case ParamKind::Count:
    return NumberType::get(getContext());
  case ParamKind::Table:
    return TableType::get(getContext());
  case ParamKind::Relation:
    return RelationType::get(getContext());
  case ParamKind::Choice:
    return ChoiceType::get(getContext());
  }
  llvm_unreachable("expects a known kind of parameter");
}

static LogicalResult verifyWords(EmitError emitError, StringAttr name, ParamKind kind, ArrayAttr words) {
  if (kind != ParamKind::Choice)
    return words ? emitError() << "expects words of parameter '" << name.getValue() << "' only if it is a choice"
                 : success();
  if (!words || words.size() < 2)
    return emitError() << "expects at least two words of parameter '" << name.getValue() << "'";
  llvm::StringSet<> seen;
  for (Attribute word : words) {
    if (failed(verifyName(emitError, word, ("a word of '" + name.getValue() + "'").str())))
      return failure();
    StringRef text = cast<StringAttr>(word).getValue();
    if (!seen.insert(text).second)
      return emitError() << "expects different words of parameter '" << name.getValue() << "', but got '" << text
                         << "' twice";
  }
  return success();
}

static LogicalResult verifyDefault(EmitError emitError, StringAttr name, ParamKind kind, ArrayAttr words,
                                   Attribute value) {
  auto wrong = [&](StringRef wanted) {
    std::string text;
    llvm::raw_string_ostream os(text);
    printLiteral(os, value);
    return emitError() << "expects " << wanted << " as default of " << stringifyParamKind(kind) << " '"
                       << name.getValue() << "', but got '" << text << "'";
  };
  switch (kind) {
  case ParamKind::Real: {
    auto real = dyn_cast<FloatAttr>(value);
    return real && real.getType().isF64() && real.getValue().isFinite() ? success() : wrong("a finite number");
  }
  case ParamKind::Count: {
    auto count = dyn_cast<IntegerAttr>(value);
    return count && count.getType().isInteger(64) && count.getInt() >= 0 ? success()
                                                                         : wrong("a whole number of at least 0");
  }
  case ParamKind::Table: {
    auto table = dyn_cast<DenseI64ArrayAttr>(value);
    return table ? verifyTable(emitError, table, "table '" + name.getValue() + "'") : wrong("numbers in brackets");
  }
  case ParamKind::Relation: {
    auto relation = dyn_cast<DenseBoolArrayAttr>(value);
    return relation && (relation.empty() || sizeOfRelation(relation.size())) ? success()
                                                                             : wrong("a square matrix of 0 and 1");
  }
  case ParamKind::Choice:
    return llvm::is_contained(words, value) ? success() : wrong("one of its words");
  }
  llvm_unreachable("expects a known kind of parameter");
}

LogicalResult ParamAttr::verify(EmitError emitError, StringAttr name, ParamKind kind, ArrayAttr words, bool perHead,
                                Attribute value) {
  if (failed(verifyName(emitError, name, "a parameter")) || failed(verifyWords(emitError, name, kind, words)))
    return failure();
  return value ? verifyDefault(emitError, name, kind, words, value) : success();
}

//===----------------------------------------------------------------------===//
// Segments
//===----------------------------------------------------------------------===//

StringRef SegmentAttr::getLabel() const { return getName().empty() ? StringRef("tokens") : getName().getValue(); }

StringRef SegmentAttr::getAxisName(unsigned index) const { return cast<StringAttr>(getAxes()[index]).getValue(); }

/// Names of axes that always have a place: a video without frames is no video.
static bool needsPlace(StringRef axis) {
  return axis == "frame" || axis == "row" || axis == "column" || axis == "patch";
}

LogicalResult SegmentAttr::verify(EmitError emitError, StringAttr name, ArrayAttr axes, DenseI64ArrayAttr extents) {
  StringRef label = name.empty() ? StringRef("tokens") : name.getValue();
  if (!name.empty() && failed(verifyName(emitError, name, "a segment")))
    return failure();
  if (axes.empty())
    return emitError() << "expects at least one axis of segment '" << label << "'";
  if (static_cast<size_t>(extents.size()) != axes.size())
    return emitError() << "expects " << axes.size() << " extents of segment '" << label << "', but got "
                       << extents.size();
  for (auto [axis, extent] : llvm::zip(axes, extents.asArrayRef())) {
    if (failed(verifyName(emitError, axis, ("an axis of '" + label + "'").str())))
      return failure();
    StringRef axisName = cast<StringAttr>(axis).getValue();
    int64_t least = needsPlace(axisName) ? 1 : 0;
    if (!ShapedType::isDynamic(extent) && extent < least)
      return emitError() << "expects an extent of at least " << least << " of axis '" << axisName << "', but got "
                         << extent;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

unsigned arityOf(ExprKind kind) {
  switch (kind) {
  case ExprKind::Number:
  case ExprKind::Operand:
  case ExprKind::Distance:
  case ExprKind::Extent:
  case ExprKind::Query:
  case ExprKind::Key:
    return 0;
  case ExprKind::Floor:
  case ExprKind::Ceil:
  case ExprKind::Abs:
  case ExprKind::Sqrt:
  case ExprKind::BitFloor:
    return 1;
  default:
    return 2;
  }
}

bool ExprAttr::isOfAxis() const {
  ExprKind kind = getKind();
  return kind == ExprKind::Distance || kind == ExprKind::Extent || kind == ExprKind::Query || kind == ExprKind::Key;
}

LogicalResult ExprAttr::verify(EmitError emitError, ExprKind kind, llvm::APFloat number, unsigned index,
                               ArrayRef<ExprAttr> children) {
  if (children.size() != arityOf(kind))
    return emitError() << "expects " << arityOf(kind) << " children of '" << stringifyExprKind(kind) << "', but got "
                       << children.size();
  if (!number.isFinite())
    return emitError() << "expects a finite number in an expression";
  return success();
}

void ExprAttr::walk(function_ref<void(ExprAttr)> visit) const {
  visit(*this);
  for (ExprAttr child : getChildren())
    child.walk(visit);
}

ExprAttr ExprAttr::renumber(ArrayRef<unsigned> indices) const {
  if (isNumber())
    return *this;
  if (getChildren().empty())
    return ExprAttr::get(getContext(), getKind(), indices[getIndex()]);
  SmallVector<ExprAttr, 2> children;
  for (ExprAttr child : getChildren())
    children.push_back(child.renumber(indices));
  return ExprAttr::get(getContext(), getKind(), children);
}

void ExprAttr::print(AsmPrinter &printer) const {
  llvm::raw_ostream &os = printer.getStream();
  std::function<void(ExprAttr)> node = [&](ExprAttr expr) {
    if (expr.isNumber())
      return printNumber(os, expr.getValue());
    os << stringifyExprKind(expr.getKind()) << '(';
    if (expr.getChildren().empty())
      os << expr.getIndex();
    llvm::interleaveComma(expr.getChildren(), os, node);
    os << ')';
  };
  os << '<';
  node(*this);
  os << '>';
}

static ParseResult parseNode(AsmParser &parser, ExprAttr &expr, unsigned depth) {
  MLIRContext *context = parser.getContext();
  SMLoc loc = parser.getCurrentLocation();
  if (depth > ExprAttr::maxDepth)
    return parser.emitError(loc, "expects an expression of at most ") << ExprAttr::maxDepth << " levels, but got more";
  StringRef word;
  if (failed(parser.parseOptionalKeyword(&word))) {
    TypedAttr number;
    if (parseNumber(parser, number))
      return failure();
    expr = ExprAttr::get(context, valueOf(number));
    return success();
  }
  std::optional<ExprKind> kind = symbolizeExprKind(word);
  if (!kind || *kind == ExprKind::Number)
    return parser.emitError(loc, "expects a node of an expression, but got '") << word << "'";
  if (parser.parseLParen())
    return failure();
  unsigned index = 0;
  SmallVector<ExprAttr, 2> children;
  auto child = [&] { return parseNode(parser, children.emplace_back(), depth + 1); };
  if (arityOf(*kind) == 0 ? parser.parseInteger(index) : parser.parseCommaSeparatedList(child))
    return failure();
  expr = ExprAttr::getChecked([&] { return parser.emitError(loc); }, context, *kind, llvm::APFloat(0.0), index,
                              ArrayRef<ExprAttr>(children));
  return failure(!expr || parser.parseRParen());
}

Attribute ExprAttr::parse(AsmParser &parser, Type) {
  ExprAttr expr;
  if (parser.parseLess() || parseNode(parser, expr, 1) || parser.parseGreater())
    return {};
  return expr;
}

} // namespace falloff::mask
