// SPDX-License-Identifier: Apache-2.0
//
// Expressions of `let` and `where`: from text to #mask.expr and back, with as
// few parentheses as can be.
//
//   sum     := product (('+' | '-') product)*
//   product := primary (('*' | '/' | 'mod') primary)*
//   primary := number | %name | '(' sum ')' | word '(' … ')'
#include "compiler/dialect/mask/Assembly.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace falloff::mask {

namespace {
/// An expression and its levels of nesting.
struct Nested {
  ExprAttr expr;
  unsigned depth = 1;
};

/// A recursive-descent parser. It adds operands in order of their appearance,
/// each name once.
class ExprParser {
public:
  ExprParser(OpAsmParser &parser, SmallVectorImpl<Unresolved> &args, SmallVectorImpl<Type> &types)
      : parser(parser), args(args), types(types), context(parser.getContext()) {}

  ParseResult parse(ExprAttr &expr) {
    FailureOr<Nested> nested = parseSum();
    if (failed(nested))
      return failure();
    expr = nested->expr;
    return success();
  }

private:
  FailureOr<Nested> parseSum();
  FailureOr<Nested> parseProduct();
  FailureOr<Nested> parsePrimary();
  FailureOr<Nested> parseCall(SMLoc loc, StringRef word);
  FailureOr<Nested> parseAxis(ExprKind kind);
  FailureOr<Nested> parseNumberLeaf();
  FailureOr<Nested> join(ExprKind kind, ArrayRef<Nested> children);
  unsigned addOperand(const Unresolved &value, Type type);

  OpAsmParser &parser;
  SmallVectorImpl<Unresolved> &args;
  SmallVectorImpl<Type> &types;
  MLIRContext *context;
  unsigned level = 0; ///< of parentheses and calls that are open
};
} // namespace

/// The same name given twice is one operand, so that equal expressions are
/// equal ops.
unsigned ExprParser::addOperand(const Unresolved &value, Type type) {
  for (unsigned i = 0; i < args.size(); ++i)
    if (args[i].name == value.name && args[i].number == value.number && types[i] == type)
      return i;
  args.push_back(value);
  types.push_back(type);
  return args.size() - 1;
}

FailureOr<Nested> ExprParser::join(ExprKind kind, ArrayRef<Nested> children) {
  Nested joined;
  SmallVector<ExprAttr, 2> exprs;
  for (const Nested &child : children) {
    exprs.push_back(child.expr);
    joined.depth = std::max(joined.depth, child.depth + 1);
  }
  if (joined.depth > ExprAttr::maxDepth)
    return parser.emitError(parser.getCurrentLocation(), "expects an expression of at most ")
           << ExprAttr::maxDepth << " levels, but got more; name a part of it with 'let'";
  joined.expr = ExprAttr::get(context, kind, exprs);
  return joined;
}

FailureOr<Nested> ExprParser::parseSum() {
  if (++level > ExprAttr::maxDepth)
    return parser.emitError(parser.getCurrentLocation(), "expects an expression of at most ")
           << ExprAttr::maxDepth << " levels, but got more; name a part of it with 'let'";
  FailureOr<Nested> left = parseProduct();
  while (succeeded(left)) {
    ExprKind kind;
    if (succeeded(parser.parseOptionalPlus()))
      kind = ExprKind::Add;
    else if (succeeded(parser.parseOptionalMinus()))
      kind = ExprKind::Subtract;
    else
      break;
    FailureOr<Nested> right = parseProduct();
    if (failed(right))
      return failure();
    left = join(kind, {*left, *right});
  }
  --level;
  return left;
}

FailureOr<Nested> ExprParser::parseProduct() {
  FailureOr<Nested> left = parsePrimary();
  while (succeeded(left)) {
    ExprKind kind;
    if (succeeded(parser.parseOptionalStar()))
      kind = ExprKind::Multiply;
    else if (succeeded(parser.parseOptionalSlash()))
      kind = ExprKind::Divide;
    else if (succeeded(parser.parseOptionalKeyword("mod")))
      kind = ExprKind::Mod;
    else
      break;
    FailureOr<Nested> right = parsePrimary();
    if (failed(right))
      return failure();
    left = join(kind, {*left, *right});
  }
  return left;
}

FailureOr<Nested> ExprParser::parsePrimary() {
  Unresolved value;
  OptionalParseResult operand = parser.parseOptionalOperand(value);
  if (operand.has_value()) {
    if (failed(*operand))
      return failure();
    return Nested{ExprAttr::get(context, ExprKind::Operand, addOperand(value, NumberType::get(context)))};
  }
  if (succeeded(parser.parseOptionalLParen())) {
    FailureOr<Nested> inner = parseSum();
    if (failed(inner) || parser.parseRParen())
      return failure();
    return inner;
  }
  SMLoc loc = parser.getCurrentLocation();
  StringRef word;
  if (succeeded(parser.parseOptionalKeyword(&word)))
    return parseCall(loc, word);
  return parseNumberLeaf();
}

FailureOr<Nested> ExprParser::parseNumberLeaf() {
  TypedAttr number;
  if (parseNumber(parser, number))
    return failure();
  return Nested{ExprAttr::get(context, valueOf(number))};
}

FailureOr<Nested> ExprParser::parseAxis(ExprKind kind) {
  Unresolved axis;
  if (parser.parseLParen() || parser.parseOperand(axis) || parser.parseRParen())
    return failure();
  return Nested{ExprAttr::get(context, kind, addOperand(axis, AxisType::get(context)))};
}

FailureOr<Nested> ExprParser::parseCall(SMLoc loc, StringRef word) {
  auto kind = llvm::StringSwitch<std::optional<ExprKind>>(word)
                  .Case("distance", ExprKind::Distance)
                  .Case("extent", ExprKind::Extent)
                  .Case("query", ExprKind::Query)
                  .Case("key", ExprKind::Key)
                  .Case("min", ExprKind::Min)
                  .Case("max", ExprKind::Max)
                  .Case("floor", ExprKind::Floor)
                  .Case("ceil", ExprKind::Ceil)
                  .Case("abs", ExprKind::Abs)
                  .Case("sqrt", ExprKind::Sqrt)
                  .Case("bit_floor", ExprKind::BitFloor)
                  .Default(std::nullopt);
  if (!kind)
    return parser.emitError(loc, "expects one of distance, extent, query, key, "
                                 "min, max, floor, ceil, abs, sqrt, "
                                 "bit_floor, but got '")
           << word << "'";
  if (arityOf(*kind) == 0)
    return parseAxis(*kind);
  if (parser.parseLParen())
    return failure();
  SmallVector<Nested, 2> children;
  auto child = [&]() -> ParseResult {
    FailureOr<Nested> nested = parseSum();
    if (failed(nested))
      return failure();
    children.push_back(*nested);
    return success();
  };
  if (parser.parseCommaSeparatedList(child))
    return failure();
  if (children.size() != arityOf(*kind))
    return parser.emitError(loc, "expects ") << arityOf(*kind) << " argument" << (arityOf(*kind) == 1 ? "" : "s")
                                             << " of '" << word << "', but got " << children.size();
  if (parser.parseRParen())
    return failure();
  return join(*kind, children);
}

ParseResult parseExpr(OpAsmParser &parser, ExprAttr &expr, SmallVectorImpl<Unresolved> &args,
                      SmallVectorImpl<Type> &types) {
  return ExprParser(parser, args, types).parse(expr);
}

static FailureOr<Comparison> parseComparison(OpAsmParser &parser) {
  if (succeeded(parser.parseOptionalLess()))
    return succeeded(parser.parseOptionalEqual()) ? Comparison::LessEqual : Comparison::Less;
  if (succeeded(parser.parseOptionalGreater()))
    return succeeded(parser.parseOptionalEqual()) ? Comparison::GreaterEqual : Comparison::Greater;
  if (succeeded(parser.parseOptionalEqual()) && succeeded(parser.parseOptionalEqual()))
    return Comparison::Equal;
  // What stands here may be the next line's, so the op is shown.
  return parser.emitError(parser.getNameLoc(), "expects a comparison, one of < <= > >= ==");
}

ParseResult parseCondition(OpAsmParser &parser, ComparisonAttr &comparison, ExprAttr &left, ExprAttr &right,
                           SmallVectorImpl<Unresolved> &args, SmallVectorImpl<Type> &types) {
  ExprParser exprs(parser, args, types);
  if (exprs.parse(left))
    return failure();
  FailureOr<Comparison> kind = parseComparison(parser);
  if (failed(kind))
    return failure();
  comparison = ComparisonAttr::get(parser.getContext(), *kind);
  return exprs.parse(right);
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

/// Binding strength: primaries 3, products 2, sums 1.
static unsigned strengthOf(ExprKind kind) {
  switch (kind) {
  case ExprKind::Add:
  case ExprKind::Subtract:
    return 1;
  case ExprKind::Multiply:
  case ExprKind::Divide:
  case ExprKind::Mod:
    return 2;
  default:
    return 3;
  }
}

static StringRef operatorOf(ExprKind kind) {
  switch (kind) {
  case ExprKind::Add:
    return " + ";
  case ExprKind::Subtract:
    return " - ";
  case ExprKind::Multiply:
    return " * ";
  case ExprKind::Divide:
    return " / ";
  default:
    return " mod ";
  }
}

static void printNested(llvm::raw_ostream &os, ExprAttr expr, ArrayRef<std::string> names, unsigned least) {
  ExprKind kind = expr.getKind();
  ArrayRef<ExprAttr> children = expr.getChildren();
  if (kind == ExprKind::Number) {
    printNumber(os, expr.getValue());
  } else if (kind == ExprKind::Operand) {
    os << names[expr.getIndex()];
  } else if (expr.isOfAxis()) {
    os << stringifyExprKind(kind) << '(' << names[expr.getIndex()] << ')';
  } else if (strengthOf(kind) == 3) {
    os << stringifyExprKind(kind) << '(';
    llvm::interleaveComma(children, os, [&](ExprAttr child) { printNested(os, child, names, 0); });
    os << ')';
  } else {
    // Operators of one strength group to the left, so only the right side needs
    // parentheses around its equal.
    unsigned strength = strengthOf(kind);
    os << (strength < least ? "(" : "");
    printNested(os, children[0], names, strength);
    os << operatorOf(kind);
    printNested(os, children[1], names, strength + 1);
    os << (strength < least ? ")" : "");
  }
}

void printExpr(llvm::raw_ostream &os, ExprAttr expr, ArrayRef<std::string> names) { printNested(os, expr, names, 0); }

static SmallVector<std::string> namesOf(OpAsmPrinter &printer, OperandRange args) {
  SmallVector<std::string> names;
  for (Value value : args) {
    llvm::raw_string_ostream os(names.emplace_back());
    printer.printOperand(value, os);
  }
  return names;
}

void printExpr(OpAsmPrinter &printer, Operation *, ExprAttr expr, OperandRange args, TypeRange) {
  printExpr(printer.getStream(), expr, namesOf(printer, args));
}

void printCondition(OpAsmPrinter &printer, Operation *, ComparisonAttr comparison, ExprAttr left, ExprAttr right,
                    OperandRange args, TypeRange) {
  SmallVector<std::string> names = namesOf(printer, args);
  printExpr(printer.getStream(), left, names);
  printer << ' ' << stringifyComparison(comparison.getValue()) << ' ';
  printExpr(printer.getStream(), right, names);
}

} // namespace falloff::mask
