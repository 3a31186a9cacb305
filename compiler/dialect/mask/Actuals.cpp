// SPDX-License-Identifier: Apache-2.0
//
// What ops are given besides axes and sets: counts, words, cuts, and the
// actuals of an include.
#include "compiler/dialect/mask/Assembly.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace falloff::mask {

/// An integer, or else a value.
static ParseResult parseIntegerOrValue(OpAsmParser &parser, int64_t &integer, function_ref<Unresolved &()> addValue) {
  OptionalParseResult result = parser.parseOptionalInteger(integer);
  if (result.has_value())
    return *result;
  Unresolved value;
  result = parser.parseOptionalOperand(value);
  if (!result.has_value())
    return parser.emitError(parser.getCurrentLocation(), "expects a whole number or a %name");
  addValue() = value;
  return *result;
}

ParseResult parseCount(OpAsmParser &parser, std::optional<Unresolved> &value, IntegerAttr &literal) {
  int64_t integer = 0;
  if (parseIntegerOrValue(parser, integer, [&]() -> Unresolved & { return value.emplace(); }))
    return failure();
  if (!value)
    literal = parser.getBuilder().getI64IntegerAttr(integer);
  return success();
}

void printCount(OpAsmPrinter &printer, Operation *, Value value, IntegerAttr literal) {
  if (value)
    printer << value;
  else if (literal)
    printer << literal.getInt();
}

ParseResult parseCounts(OpAsmParser &parser, SmallVectorImpl<Unresolved> &values, DenseI64ArrayAttr &literals) {
  SmallVector<int64_t> integers;
  auto entry = [&] {
    return parseIntegerOrValue(parser, integers.emplace_back(ShapedType::kDynamic),
                               [&]() -> Unresolved & { return values.emplace_back(); });
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, entry))
    return failure();
  literals = parser.getBuilder().getDenseI64ArrayAttr(integers);
  return success();
}

void printCounts(OpAsmPrinter &printer, Operation *, OperandRange values, DenseI64ArrayAttr literals) {
  auto value = values.begin();
  printer << '[';
  llvm::interleaveComma(literals.asArrayRef(), printer, [&](int64_t integer) {
    if (ShapedType::isDynamic(integer))
      printer << *value++;
    else
      printer << integer;
  });
  printer << ']';
}

ParseResult parseOptCounts(OpAsmParser &parser, SmallVectorImpl<Unresolved> &values, DenseI64ArrayAttr &literals) {
  return parseCounts(parser, values, literals);
}

void printOptCounts(OpAsmPrinter &printer, Operation *op, OperandRange values, DenseI64ArrayAttr literals) {
  if (literals)
    printCounts(printer, op, values, literals);
}

ParseResult parseWord(OpAsmParser &parser, StringAttr &word) {
  StringRef text;
  if (parser.parseKeyword(&text))
    return failure();
  word = parser.getBuilder().getStringAttr(text);
  return success();
}

void printWord(OpAsmPrinter &printer, Operation *, StringAttr word) { printer << word.getValue(); }

ParseResult parseCut(OpAsmParser &parser, std::optional<Unresolved> &size, IntegerAttr &literal,
                     std::optional<Unresolved> &table, DenseI64ArrayAttr &cuts) {
  if (succeeded(parser.parseOptionalKeyword("by")))
    return parseCount(parser, size, literal);
  if (failed(parser.parseOptionalKeyword("at")))
    return parser.emitError(parser.getCurrentLocation(), "expects 'by' a size or 'at' cuts");
  Unresolved value;
  OptionalParseResult result = parser.parseOptionalOperand(value);
  if (result.has_value()) {
    table = value;
    return *result;
  }
  SmallVector<int64_t> integers;
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                     [&] { return parser.parseInteger(integers.emplace_back()); }))
    return failure();
  cuts = parser.getBuilder().getDenseI64ArrayAttr(integers);
  return success();
}

void printCut(OpAsmPrinter &printer, Operation *op, Value size, IntegerAttr literal, Value table,
              DenseI64ArrayAttr cuts) {
  if (size || literal) {
    printer << "by ";
    printCount(printer, op, size, literal);
    return;
  }
  printer << "at ";
  if (table) {
    printer << table;
  } else {
    printer << '[';
    llvm::interleaveComma(cuts.asArrayRef(), printer);
    printer << ']';
  }
}

/// The type of a parameter that has been declared; the text does not give it,
/// so the types are tried in turn. A name not declared gets a number's, and the
/// parser reports it later.
static Type typeOfValue(OpAsmParser &parser, const Unresolved &value) {
  MLIRContext *context = parser.getContext();
  Quiet quiet(context);
  for (Type type : {Type(NumberType::get(context)), Type(TableType::get(context)), Type(RelationType::get(context)),
                    Type(ChoiceType::get(context))}) {
    SmallVector<Value> resolved;
    if (succeeded(parser.resolveOperand(value, type, resolved)))
      return type;
  }
  return {};
}

ParseResult parseActuals(OpAsmParser &parser, ArrayAttr &names, ArrayAttr &literals,
                         SmallVectorImpl<Unresolved> &params, SmallVectorImpl<Type> &types) {
  Builder &builder = parser.getBuilder();
  SmallVector<Attribute> nameAttrs, literalAttrs;
  auto actual = [&]() -> ParseResult {
    StringRef name;
    if (parser.parseKeyword(&name) || parser.parseEqual())
      return failure();
    nameAttrs.push_back(builder.getStringAttr(name));
    Unresolved value;
    OptionalParseResult result = parser.parseOptionalOperand(value);
    if (!result.has_value())
      return parseLiteral(parser, literalAttrs.emplace_back());
    if (failed(*result))
      return failure();
    Type type = typeOfValue(parser, value);
    if (!type)
      return parser.emitError(value.location, "expects a number, table, relation or word for '")
             << name << "', but got " << value.name << ", which is an axis or a set";
    params.push_back(value);
    types.push_back(type);
    literalAttrs.push_back(builder.getUnitAttr());
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::OptionalParen, actual))
    return failure();
  names = builder.getArrayAttr(nameAttrs);
  literals = builder.getArrayAttr(literalAttrs);
  return success();
}

void printActuals(OpAsmPrinter &printer, Operation *, ArrayAttr names, ArrayAttr literals, OperandRange params,
                  TypeRange) {
  if (names.empty())
    return;
  auto param = params.begin();
  printer << '(';
  llvm::interleaveComma(llvm::zip(names.getAsValueRange<StringAttr>(), literals), printer, [&](auto actual) {
    auto [name, literal] = actual;
    printer << name << " = ";
    if (isa<UnitAttr>(literal))
      printer << *param++;
    else
      printLiteral(printer.getStream(), literal);
  });
  printer << ')';
}

} // namespace falloff::mask
