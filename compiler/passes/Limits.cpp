// SPDX-License-Identifier: Apache-2.0
//
// Limits, each counted in one pass without recursion.
#include "compiler/passes/Limits.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace falloff;
using namespace falloff::mask;

//===--- text ---------------------------------------------------------------------------------------------------===//

namespace {
/// Walks over a text, past its comments and strings.
class TextWalker {
public:
  explicit TextWalker(llvm::StringRef text) : text(text) {}

  /// What is wrong, or empty; `at` is then its place.
  std::string findFault();
  size_t place() const { return at; }

private:
  void skipString();
  llvm::StringRef word() const {
    return text.substr(at).take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
  }

  llvm::StringRef text;
  size_t at = 0;
};
} // namespace

/// To the closing quote, or to the end of the line.
void TextWalker::skipString() {
  for (++at; at < text.size() && text[at] != '"' && text[at] != '\n'; ++at)
    if (text[at] == '\\')
      ++at;
  ++at;
}

std::string TextWalker::findFault() {
  // An angle is a bracket of types and attributes, which name no values, or a comparison, which does.
  int64_t brackets = 0, angles = 0;
  while (at < text.size()) {
    char c = text[at];
    if (c == '"') {
      skipString();
      continue;
    }
    if (text.substr(at).starts_with("//")) {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    if (llvm::isAlpha(c) || c == '_') {
      llvm::StringRef name = word();
      if (name == "affine_map" || name == "affine_set")
        return "expects a pattern, which has no '" + name.str() + "'";
      at += name.size();
      continue;
    }
    if (c == '%' || c == '@') {
      angles = c == '%' ? 0 : angles;
      ++at;
      at += word().size();
      continue;
    }
    brackets += llvm::is_contained({'(', '[', '{'}, c) - llvm::is_contained({')', ']', '}'}, c);
    brackets = std::max<int64_t>(brackets, 0);
    angles = std::max<int64_t>(angles + (c == '<') - (c == '>'), 0);
    if (brackets + angles > maxNesting)
      return "expects at most " + std::to_string(maxNesting) + " levels of brackets, but got more";
    ++at;
  }
  return "";
}

LogicalResult falloff::verifyText(MLIRContext *context, llvm::StringRef text, llvm::StringRef file) {
  TextWalker walker(text);
  std::string fault = walker.findFault();
  if (fault.empty())
    return success();
  llvm::StringRef before = text.take_front(walker.place());
  unsigned line = unsigned(before.count('\n')) + 1, column = unsigned(before.size() - (before.rfind('\n') + 1)) + 1;
  return emitError(FileLineColLoc::get(context, file, line, column)) << fault;
}

//===--- patterns -----------------------------------------------------------------------------------------------===//

using Sizes = llvm::DenseMap<Value, int64_t>;

/// Nodes of an expression, a name counting as what it stands for wherever it stands.
static int64_t sizeOf(ExprAttr expr, OperandRange args, const Sizes &sizes) {
  if (expr.getKind() == ExprKind::Operand)
    return 1 + sizes.lookup(args[expr.getIndex()]);
  int64_t size = 1;
  for (ExprAttr child : expr.getChildren())
    size += sizeOf(child, args, sizes);
  return size;
}

static int64_t sizeOf(Operation &op, const Sizes &sizes) {
  if (auto let = dyn_cast<LetOp>(op))
    return 1 + sizeOf(let.getExpr(), let.getArgs(), sizes);
  if (auto where = dyn_cast<WhereOp>(op))
    return 1 + sizeOf(where.getLeft(), where.getArgs(), sizes) + sizeOf(where.getRight(), where.getArgs(), sizes);
  int64_t size = 1;
  for (Value operand : op.getOperands())
    size += sizes.lookup(operand);
  return size;
}

LogicalResult falloff::verifyWrittenOut(PatternOp pattern) {
  Sizes sizes;
  int64_t total = 0;
  for (Operation &op : pattern.getBody().front()) {
    int64_t size = sizeOf(op, sizes);
    for (Value result : op.getResults())
      sizes[result] = size;
    total += size;
    if (total > maxWrittenOut)
      return op.emitError() << "expects a pattern of at most " << maxWrittenOut
                            << " sets and numbers, each counted with those it is made of, but @" << pattern.getSymName()
                            << " has more; name fewer sets or join them fewer times";
  }
  return success();
}
