// SPDX-License-Identifier: Apache-2.0
//
// Checks that several verifiers share.
#include "compiler/dialect/mask/Verify.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace falloff::mask {

std::optional<unsigned> trySegmentOf(Value axis) {
  llvm::SmallPtrSet<Operation *, 8> seen;
  while (auto split = axis.getDefiningOp<SplitOp>()) {
    if (!seen.insert(split).second)
      return std::nullopt;
    axis = split.getAxis();
  }
  return segmentOf(axis);
}

LogicalResult verifyFixed(Operation *op, Value number, StringRef what) {
  SmallVector<Value> axes = distancesOf(number);
  if (axes.empty())
    return success();
  return op->emitOpError("expects ") << what
                                     << " that is the same for every pair, but got one that depends on distance(%"
                                     << nameOf(axes.front()) << ")";
}

LogicalResult verifyAxes(Operation *op, ValueRange axes) {
  if (axes.empty())
    return op->emitOpError("expects at least one axis, but got none");
  std::optional<unsigned> first = trySegmentOf(axes.front());
  for (auto [index, axis] : llvm::enumerate(axes)) {
    if (llvm::is_contained(axes.take_front(index), axis))
      return op->emitOpError("expects different axes, but got axis ") << index + 1 << " again";
    std::optional<unsigned> segment = trySegmentOf(axis);
    if (!first || !segment || *segment == *first)
      continue;
    PatternOp pattern = patternOf(axis);
    return op->emitOpError("expects axes of one segment, but got axes of '")
           << pattern.getSegment(*first).getLabel() << "' and '" << pattern.getSegment(*segment).getLabel() << "'";
  }
  return success();
}

LogicalResult verifyExpr(Operation *op, ExprAttr expr, ValueRange args) {
  LogicalResult result = success();
  expr.walk([&](ExprAttr node) {
    if (failed(result) || !node.getChildren().empty() || node.isNumber())
      return;
    unsigned index = node.getIndex();
    if (index >= args.size())
      result = op->emitOpError("expects operand ")
               << index << " for '" << stringifyExprKind(node.getKind()) << "', but got " << args.size() << " operands";
    else if (isa<AxisType>(args[index].getType()) != node.isOfAxis())
      result = op->emitOpError("expects ")
               << (node.isOfAxis() ? "an axis" : "a number") << " as operand " << index << " for '"
               << stringifyExprKind(node.getKind()) << "', but got " << args[index].getType();
  });
  return result;
}

LogicalResult verifyName(function_ref<InFlightDiagnostic()> emitError, Attribute name, StringRef what) {
  auto text = dyn_cast<StringAttr>(name);
  if (!text)
    return emitError() << "expects a name for " << what << ", but got " << name;
  StringRef word = text.getValue();
  auto inWord = [](char c) { return llvm::isAlnum(c) || c == '_' || c == '$' || c == '.'; };
  bool startsWell = !word.empty() && (llvm::isAlpha(word.front()) || word.front() == '_');
  if (!startsWell || !llvm::all_of(word, inWord))
    return emitError() << "expects a name of letters, digits and underscores for " << what << ", but got '" << word
                       << "'";
  return success();
}

LogicalResult verifyTable(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> values, const Twine &what) {
  for (auto [index, value] : llvm::enumerate(values)) {
    if (value < 0)
      return emitError() << "expects whole numbers of at least 0 in " << what << ", but got " << value;
    if (index > 0 && value < values[index - 1])
      return emitError() << "expects sorted numbers in " << what << ", but got " << value << " after "
                         << values[index - 1];
  }
  return success();
}

} // namespace falloff::mask
