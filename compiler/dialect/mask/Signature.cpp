// SPDX-License-Identifier: Apache-2.0
//
// The head of a pattern: `(%decay: real = 1.0) over video(%frame: ?, %patch: ?)
// heads [0] { … }`.
#include "compiler/dialect/mask/Assembly.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace falloff::mask {

namespace {
/// Reads parameters and segments; each adds block arguments of the pattern.
class SignatureParser {
public:
  explicit SignatureParser(OpAsmParser &parser) : parser(parser), builder(parser.getBuilder()) {}

  ParseResult parseParam();
  ParseResult parseSegment();

  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<Attribute> params, segments;

private:
  ParseResult parseKind(ParamKind &kind, SmallVectorImpl<Attribute> &words);
  ParseResult parseDefault(ParamKind kind, Attribute &value);
  ParseResult parseAxis(SmallVectorImpl<Attribute> &names, SmallVectorImpl<int64_t> &extents);
  /// Declares `%name:` and returns the name.
  ParseResult parseName(StringAttr &name, Type type = {});

  OpAsmParser &parser;
  Builder &builder;
};
} // namespace

ParseResult SignatureParser::parseName(StringAttr &name, Type type) {
  OpAsmParser::Argument &argument = arguments.emplace_back();
  argument.type = type;
  if (parser.parseArgument(argument) || parser.parseColon())
    return failure();
  name = builder.getStringAttr(argument.ssaName.name.drop_front());
  return success();
}

ParseResult SignatureParser::parseKind(ParamKind &kind, SmallVectorImpl<Attribute> &words) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef word;
  do {
    if (parser.parseKeyword(&word))
      return failure();
    words.push_back(builder.getStringAttr(word));
  } while (succeeded(parser.parseOptionalVerticalBar()));
  if (words.size() > 1) {
    kind = ParamKind::Choice;
    return success();
  }
  std::optional<ParamKind> known = symbolizeParamKind(word);
  if (!known || *known == ParamKind::Choice)
    return parser.emitError(loc, "expects real, count, table, relation or words x | y, but got '") << word << "'";
  kind = *known;
  words.clear();
  return success();
}

ParseResult SignatureParser::parseDefault(ParamKind kind, Attribute &value) {
  if (parseLiteral(parser, value))
    return failure();
  // The one conversion: a real may be written without a point, and `[]` may be
  // a relation.
  if (auto whole = dyn_cast<IntegerAttr>(value); whole && kind == ParamKind::Real)
    value = builder.getF64FloatAttr(static_cast<double>(whole.getInt()));
  if (kind == ParamKind::Relation)
    if (auto relation = asRelation(value))
      value = relation;
  return success();
}

ParseResult SignatureParser::parseParam() {
  SMLoc loc = parser.getCurrentLocation();
  StringAttr name;
  ParamKind kind;
  SmallVector<Attribute> words;
  if (parseName(name) || parseKind(kind, words))
    return failure();
  bool perHead = succeeded(parser.parseOptionalKeyword("per"));
  Attribute value;
  if (perHead && parser.parseKeyword("head"))
    return failure();
  if (succeeded(parser.parseOptionalEqual()) && parseDefault(kind, value))
    return failure();
  auto param = ParamAttr::getChecked([&] { return parser.emitError(loc); }, builder.getContext(), name, kind,
                                     words.empty() ? ArrayAttr() : builder.getArrayAttr(words), perHead, value);
  if (!param)
    return failure();
  arguments.back().type = param.getArgumentType();
  params.push_back(param);
  return success();
}

ParseResult SignatureParser::parseAxis(SmallVectorImpl<Attribute> &names, SmallVectorImpl<int64_t> &extents) {
  StringAttr name;
  if (parseName(name, AxisType::get(builder.getContext())))
    return failure();
  names.push_back(name);
  int64_t &extent = extents.emplace_back(ShapedType::kDynamic);
  return succeeded(parser.parseOptionalQuestion()) ? success() : parser.parseInteger(extent);
}

ParseResult SignatureParser::parseSegment() {
  SMLoc loc = parser.getCurrentLocation();
  StringRef name;
  (void)parser.parseOptionalKeyword(&name);
  SmallVector<Attribute> names;
  SmallVector<int64_t> extents;
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&] { return parseAxis(names, extents); }))
    return failure();
  auto segment =
      SegmentAttr::getChecked([&] { return parser.emitError(loc); }, builder.getContext(), builder.getStringAttr(name),
                              builder.getArrayAttr(names), builder.getDenseI64ArrayAttr(extents));
  if (!segment)
    return failure();
  segments.push_back(segment);
  return success();
}

ParseResult parseSignature(OpAsmParser &parser, ArrayAttr &params, ArrayAttr &domain, DenseI64ArrayAttr &heads,
                           Region &body) {
  Builder &builder = parser.getBuilder();
  SignatureParser signature(parser);
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::OptionalParen, [&] { return signature.parseParam(); }) ||
      parser.parseKeyword("over") || parser.parseCommaSeparatedList([&] { return signature.parseSegment(); }))
    return failure();
  params = builder.getArrayAttr(signature.params);
  domain = builder.getArrayAttr(signature.segments);
  if (succeeded(parser.parseOptionalKeyword("heads"))) {
    SmallVector<int64_t> indices;
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                       [&] { return parser.parseInteger(indices.emplace_back()); }))
      return failure();
    heads = builder.getDenseI64ArrayAttr(indices);
  }
  if (parser.parseRegion(body, signature.arguments))
    return failure();
  keepNames(body);
  return success();
}

static void printParam(OpAsmPrinter &printer, ParamAttr param, BlockArgument argument) {
  printer << argument << ": ";
  if (param.getKind() == ParamKind::Choice)
    llvm::interleave(
        param.getWords().getAsValueRange<StringAttr>(), printer, [&](StringRef word) { printer << word; }, " | ");
  else
    printer << stringifyParamKind(param.getKind());
  if (param.getPerHead())
    printer << " per head";
  if (param.getValue()) {
    printer << " = ";
    printLiteral(printer.getStream(), param.getValue());
  }
}

void printSignature(OpAsmPrinter &printer, Operation *, ArrayAttr params, ArrayAttr domain, DenseI64ArrayAttr heads,
                    Region &body) {
  auto argument = body.args_begin();
  if (!params.empty()) {
    printer << '(';
    llvm::interleaveComma(params.getAsRange<ParamAttr>(), printer,
                          [&](ParamAttr param) { printParam(printer, param, *argument++); });
    printer << ')';
  }
  printer << " over ";
  llvm::interleaveComma(domain.getAsRange<SegmentAttr>(), printer, [&](SegmentAttr segment) {
    printer << segment.getName().getValue() << '(';
    llvm::interleaveComma(segment.getExtents().asArrayRef(), printer, [&](int64_t extent) {
      printer << *argument++ << ": ";
      ShapedType::isDynamic(extent) ? void(printer << '?') : void(printer << extent);
    });
    printer << ')';
  });
  if (heads) {
    printer << " heads [";
    llvm::interleaveComma(heads.asArrayRef(), printer);
    printer << ']';
  }
  printer << ' ';
  printer.printRegion(body, /*printEntryBlockArgs=*/false);
}

} // namespace falloff::mask
