// SPDX-License-Identifier: Apache-2.0
//
// `pattern`: look-ups in its signature, and its verifier.
#include "compiler/dialect/mask/Mask.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace falloff::mask {

MutableArrayRef<BlockArgument> PatternOp::getParamArguments() {
  return getBody().getArguments().take_front(getParams().size());
}

MutableArrayRef<BlockArgument> PatternOp::getAxisArguments() {
  return getBody().getArguments().drop_front(getParams().size());
}

ParamAttr PatternOp::getParam(unsigned index) {
  return cast<ParamAttr>(getParams()[index]);
}

SegmentAttr PatternOp::getSegment(unsigned index) {
  return cast<SegmentAttr>(getDomain()[index]);
}

std::optional<unsigned> PatternOp::lookupParam(StringRef name) {
  for (unsigned i = 0; i < getParams().size(); ++i)
    if (getParam(i).getName().getValue() == name)
      return i;
  return std::nullopt;
}

Value PatternOp::lookupAxis(StringRef name) {
  unsigned position = 0;
  for (auto segment : getDomain().getAsRange<SegmentAttr>())
    for (unsigned i = 0; i < segment.getNumAxes(); ++i, ++position)
      if (segment.getAxisName(i) == name)
        return getAxisArguments()[position];
  return {};
}

ParamAttr PatternOp::getParamOf(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != &getBody().front() ||
      argument.getArgNumber() >= getParams().size())
    return {};
  return getParam(argument.getArgNumber());
}

std::pair<unsigned, unsigned> PatternOp::getPlaceOf(BlockArgument axis) {
  unsigned position = axis.getArgNumber() - getParams().size();
  for (unsigned segment = 0;; ++segment) {
    unsigned axes = getSegment(segment).getNumAxes();
    if (position < axes)
      return {segment, position};
    position -= axes;
  }
}

KeepOp PatternOp::getKeep() {
  return cast<KeepOp>(getBody().front().getTerminator());
}

void PatternOp::getAsmBlockArgumentNames(Region &region,
                                         OpAsmSetValueNameFn setName) {
  auto argument = region.args_begin(), end = region.args_end();
  for (auto param : getParams().getAsRange<ParamAttr>())
    if (argument != end)
      setName(*argument++, param.getName().getValue());
  for (auto segment : getDomain().getAsRange<SegmentAttr>())
    for (unsigned i = 0; i < segment.getNumAxes() && argument != end; ++i)
      setName(*argument++, segment.getAxisName(i));
}

LogicalResult PatternOp::verify() { return success(); }

} // namespace falloff::mask
