// SPDX-License-Identifier: Apache-2.0
//
// Numbers, tables and relations in a pattern's text: parsing and printing.
#include "compiler/dialect/mask/Assembly.h"
#include "llvm/Support/Threading.h"
#include <charconv>
#include <cmath>

using namespace mlir;

namespace falloff::mask {

/// Beyond it, not every whole number is a 64-bit float.
static constexpr int64_t largestWhole = int64_t(1) << 53;

Quiet::Quiet(MLIRContext *context)
    : handler(context,
              [thread = llvm::get_threadid()](Diagnostic &) { return success(llvm::get_threadid() == thread); }) {}

ParseResult parseNumber(AsmParser &parser, TypedAttr &number) {
  Builder &builder = parser.getBuilder();
  SMLoc loc = parser.getCurrentLocation();
  bool negative = succeeded(parser.parseOptionalMinus());
  if (negative && succeeded(parser.parseOptionalMinus()))
    return parser.emitError(loc, "expects a number, but got two minus signs");
  int64_t whole = 0;
  OptionalParseResult result = parser.parseOptionalInteger(whole);
  if (result.has_value()) {
    if (failed(*result))
      return failure();
    if (whole > largestWhole)
      return parser.emitError(loc, "expects a whole number of at most 2^53, but got ") << whole;
    number = builder.getI64IntegerAttr(negative ? -whole : whole);
    return success();
  }
  double real = 0;
  {
    Quiet quiet(builder.getContext());
    if (succeeded(parser.parseFloat(real))) {
      number = builder.getF64FloatAttr(negative ? -real : real);
      return success();
    }
  }
  return parser.emitError(parser.getCurrentLocation(), "expects a number");
}

double valueOf(Attribute number) {
  if (auto whole = dyn_cast<IntegerAttr>(number))
    return static_cast<double>(whole.getInt());
  return cast<FloatAttr>(number).getValueAsDouble();
}

void printNumber(llvm::raw_ostream &os, double value) {
  if (value == std::trunc(value) && std::abs(value) <= static_cast<double>(largestWhole) &&
      !(value == 0 && std::signbit(value))) {
    os << static_cast<int64_t>(value);
    return;
  }
  char buffer[64];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  assert(error == std::errc() && "expects room for any double");
  (void)error;
  // MLIR's lexer wants a point in every number that is not whole: 1e-07 is
  // written 1.0e-07.
  llvm::StringRef text(buffer, end - buffer);
  auto [mantissa, exponent] = text.split('e');
  os << mantissa << (mantissa.contains('.') ? "" : ".0");
  if (!exponent.empty())
    os << 'e' << exponent;
}

namespace {
/// Reads what stands in the brackets of a table or a relation.
class Brackets {
public:
  explicit Brackets(AsmParser &parser) : parser(parser) {}

  /// Reads up to the closing bracket.
  ParseResult parse(Attribute &literal) {
    SMLoc loc = parser.getCurrentLocation();
    if (failed(parser.parseOptionalRSquare()))
      if (parser.parseCommaSeparatedList([&] { return parseEntry(); }) || parser.parseRSquare())
        return failure();
    for (auto [row, width] : llvm::enumerate(widths))
      if (width != widths.size())
        return parser.emitError(loc, "expects a square relation, so rows of ")
               << widths.size() << ", but got " << width << " in row " << row;
    if (widths.empty())
      literal = parser.getBuilder().getDenseI64ArrayAttr(values);
    else
      literal = parser.getBuilder().getDenseBoolArrayAttr(links);
    return success();
  }

private:
  ParseResult parseEntry() {
    SMLoc loc = parser.getCurrentLocation();
    if (failed(parser.parseOptionalLSquare())) {
      if (!widths.empty())
        return parser.emitError(loc, "expects a row in brackets, as before it in this relation");
      return parser.parseInteger(values.emplace_back());
    }
    if (!values.empty())
      return parser.emitError(loc, "expects a number, as before it in this table, but got a row");
    widths.push_back(0);
    if (succeeded(parser.parseOptionalRSquare()))
      return success();
    return failure(parser.parseCommaSeparatedList([&] { return parseCell(); }) || parser.parseRSquare());
  }

  ParseResult parseCell() {
    int64_t bit = 0;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseInteger(bit))
      return failure();
    if (bit != 0 && bit != 1)
      return parser.emitError(loc, "expects 0 or 1 in a relation, but got ") << bit;
    links.push_back(bit == 1);
    ++widths.back();
    return success();
  }

  AsmParser &parser;
  SmallVector<int64_t> values; ///< of a table
  SmallVector<bool> links;     ///< of a relation, row by row
  SmallVector<size_t> widths;  ///< of the relation's rows
};
} // namespace

OptionalParseResult parseOptionalBrackets(AsmParser &parser, Attribute &literal) {
  if (failed(parser.parseOptionalLSquare()))
    return std::nullopt;
  return Brackets(parser).parse(literal);
}

ParseResult parseLiteral(AsmParser &parser, Attribute &literal) {
  StringRef word;
  if (succeeded(parser.parseOptionalKeyword(&word))) {
    literal = parser.getBuilder().getStringAttr(word);
    return success();
  }
  OptionalParseResult brackets = parseOptionalBrackets(parser, literal);
  if (brackets.has_value())
    return *brackets;
  TypedAttr number;
  if (parseNumber(parser, number))
    return failure();
  literal = number;
  return success();
}

static void printRelation(llvm::raw_ostream &os, ArrayRef<bool> links) {
  size_t size = sizeOfRelation(links.size());
  os << '[';
  for (size_t row = 0; row < size; ++row) {
    os << (row ? ", [" : "[");
    llvm::interleaveComma(links.slice(row * size, size), os, [&](bool bit) { os << (bit ? 1 : 0); });
    os << ']';
  }
  os << ']';
}

void printLiteral(llvm::raw_ostream &os, Attribute literal) {
  if (auto word = dyn_cast<StringAttr>(literal)) {
    os << word.getValue();
  } else if (auto table = dyn_cast<DenseI64ArrayAttr>(literal)) {
    os << '[';
    llvm::interleaveComma(table.asArrayRef(), os);
    os << ']';
  } else if (auto relation = dyn_cast<DenseBoolArrayAttr>(literal)) {
    printRelation(os, relation.asArrayRef());
  } else if (auto whole = dyn_cast<IntegerAttr>(literal)) {
    os << whole.getInt();
  } else if (auto real = dyn_cast<FloatAttr>(literal)) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    printNumber(stream, real.getValueAsDouble());
    // A real stays a real when read back.
    os << text << (StringRef(text).contains('.') ? "" : ".0");
  } else {
    literal.print(os);
  }
}

size_t sizeOfRelation(size_t links) {
  auto size = static_cast<size_t>(std::llround(std::sqrt(static_cast<double>(links))));
  return size * size == links ? size : 0;
}

ParseResult parseMatrix(OpAsmParser &parser, DenseBoolArrayAttr &links) {
  SMLoc loc = parser.getCurrentLocation();
  Attribute literal;
  if (parser.parseLSquare() || Brackets(parser).parse(literal))
    return failure();
  links = asRelation(literal);
  return links ? success() : parser.emitError(loc, "expects rows in brackets, but got a table");
}

void printMatrix(OpAsmPrinter &printer, Operation *, DenseBoolArrayAttr links) {
  printRelation(printer.getStream(), links.asArrayRef());
}

DenseBoolArrayAttr asRelation(Attribute literal) {
  if (auto table = dyn_cast<DenseI64ArrayAttr>(literal))
    if (table.empty())
      return DenseBoolArrayAttr::get(literal.getContext(), {});
  return dyn_cast<DenseBoolArrayAttr>(literal);
}

} // namespace falloff::mask
