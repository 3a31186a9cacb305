// SPDX-License-Identifier: Apache-2.0
//
// Where an axis comes from: through splits to the pattern's signature.
#include "compiler/dialect/mask/Mask.h"

using namespace mlir;

namespace falloff::mask {

BlockArgument baseAxis(Value axis) {
  while (auto split = axis.getDefiningOp<SplitOp>())
    axis = split.getAxis();
  return cast<BlockArgument>(axis);
}

PatternOp patternOf(Value value) {
  return cast<PatternOp>(value.getParentRegion()->getParentOp());
}

unsigned segmentOf(Value axis) {
  BlockArgument base = baseAxis(axis);
  return patternOf(base).getPlaceOf(base).first;
}

StringRef nameOf(Value value) {
  while (auto split = value.getDefiningOp<SplitOp>())
    value = split.getAxis();
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument)
    return {};
  PatternOp pattern = patternOf(argument);
  if (ParamAttr param = pattern.getParamOf(argument))
    return param.getName().getValue();
  auto [segment, axis] = pattern.getPlaceOf(argument);
  return pattern.getSegment(segment).getAxisName(axis);
}

} // namespace falloff::mask
