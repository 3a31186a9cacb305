// SPDX-License-Identifier: Apache-2.0
//
// Where values come from: axes through splits, numbers through lets.
#include "compiler/dialect/mask/Assembly.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace falloff::mask {

BlockArgument baseAxis(Value axis) {
  while (auto split = axis.getDefiningOp<SplitOp>())
    axis = split.getAxis();
  return cast<BlockArgument>(axis);
}

PatternOp patternOf(Value value) { return cast<PatternOp>(value.getParentRegion()->getParentOp()); }

unsigned segmentOf(Value axis) {
  BlockArgument base = baseAxis(axis);
  return patternOf(base).getPlaceOf(base).first;
}

StringRef nameOf(Value value) {
  if (auto result = dyn_cast<OpResult>(value)) {
    StringRef name = authorsName(result.getOwner(), result.getResultNumber());
    return name.empty() ? result.getOwner()->getName().stripDialect() : name;
  }
  auto argument = cast<BlockArgument>(value);
  PatternOp pattern = patternOf(argument);
  if (ParamAttr param = pattern.getParamOf(argument))
    return param.getName().getValue();
  auto [segment, axis] = pattern.getPlaceOf(argument);
  return pattern.getSegment(segment).getAxisName(axis);
}

SmallVector<Value> distancesOf(Value number) {
  llvm::SetVector<Value> axes;
  llvm::SetVector<Value> numbers;
  numbers.insert(number);
  for (size_t next = 0; next < numbers.size(); ++next) {
    auto let = numbers[next].getDefiningOp<LetOp>();
    if (!let)
      continue;
    let.getExpr().walk([&](ExprAttr node) {
      if (node.isNumber() || !node.getChildren().empty() || node.getIndex() >= let.getArgs().size())
        return;
      Value arg = let.getArgs()[node.getIndex()];
      if (node.getKind() == ExprKind::Operand)
        numbers.insert(arg);
      else if (node.getKind() == ExprKind::Distance)
        axes.insert(arg);
    });
  }
  return axes.takeVector();
}

} // namespace falloff::mask
