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

ParamAttr PatternOp::getParam(unsigned index) { return cast<ParamAttr>(getParams()[index]); }

SegmentAttr PatternOp::getSegment(unsigned index) { return cast<SegmentAttr>(getDomain()[index]); }

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
  if (!argument || argument.getOwner() != &getBody().front() || argument.getArgNumber() >= getParams().size())
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

KeepOp PatternOp::getKeep() { return cast<KeepOp>(getBody().front().getTerminator()); }

void PatternOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  auto argument = region.args_begin(), end = region.args_end();
  for (auto param : getParams().getAsRange<ParamAttr>())
    if (argument != end)
      setName(*argument++, param.getName().getValue());
  for (auto segment : getDomain().getAsRange<SegmentAttr>())
    for (unsigned i = 0; i < segment.getNumAxes() && argument != end; ++i)
      setName(*argument++, segment.getAxisName(i));
}

/// Names are the handles of binding, so none may stand for two things.
static LogicalResult verifyNames(PatternOp pattern) {
  llvm::StringSet<> names, labels;
  auto add = [&](StringRef name) -> LogicalResult {
    if (names.insert(name).second)
      return success();
    return pattern.emitOpError("expects different names of parameters and axes, but got '") << name << "' twice";
  };
  for (auto param : pattern.getParams().getAsRange<ParamAttr>())
    if (failed(add(param.getName().getValue())))
      return failure();
  for (auto segment : pattern.getDomain().getAsRange<SegmentAttr>()) {
    if (!labels.insert(segment.getLabel()).second)
      return pattern.emitOpError("expects different names of segments, but got '") << segment.getLabel() << "' twice";
    for (unsigned i = 0; i < segment.getNumAxes(); ++i)
      if (failed(add(segment.getAxisName(i))))
        return failure();
  }
  return success();
}

/// The block has an argument of the right type for each parameter and each axis, in order.
static LogicalResult verifyArguments(PatternOp pattern) {
  SmallVector<Type> types;
  for (auto param : pattern.getParams().getAsRange<ParamAttr>())
    types.push_back(param.getArgumentType());
  for (auto segment : pattern.getDomain().getAsRange<SegmentAttr>())
    types.append(segment.getNumAxes(), AxisType::get(pattern.getContext()));
  if (pattern.getBody().getArgumentTypes() == TypeRange(types))
    return success();
  return pattern.emitOpError("expects ") << types.size() << " block arguments, parameters and then axes, but got "
                                         << pattern.getBody().getArgumentTypes();
}

static LogicalResult verifyHeads(PatternOp pattern) {
  std::optional<ArrayRef<int64_t>> heads = pattern.getHeads();
  if (!heads)
    return success();
  if (heads->empty())
    return pattern.emitOpError("expects at least one head, but got none");
  for (auto [index, head] : llvm::enumerate(*heads))
    if (head < 0 || (index > 0 && head <= (*heads)[index - 1]))
      return pattern.emitOpError("expects heads of at least 0 in ascending order, but got ")
             << head << " as number " << index + 1;
  return success();
}

/// Readers of a body know where each axis, number and set comes from, so nothing foreign may give one.
static LogicalResult verifyBody(PatternOp pattern) {
  Block &body = pattern.getBody().front();
  for (Operation &op : body)
    if (!isa_and_nonnull<MaskDialect>(op.getDialect()) || isa<PatternOp>(op))
      return pattern.emitOpError("expects sets and numbers of the mask dialect in its body, but got '")
             << op.getName().getStringRef() << "'";
  if (!isa<KeepOp>(body.back()))
    return pattern.emitOpError("expects 'keep' at the end of the pattern, but got '")
           << body.back().getName().stripDialect() << "'"
           << (isa_and_nonnull<KeepOp>(body.back().getPrevNode()) ? "; keep takes %names: name the set first" : "");
  return success();
}

LogicalResult PatternOp::verify() {
  if (getDomain().empty())
    return emitOpError("expects at least one segment, but got none");
  return success(succeeded(verifyNames(*this)) && succeeded(verifyArguments(*this)) && succeeded(verifyHeads(*this)) &&
                 succeeded(verifyBody(*this)));
}

} // namespace falloff::mask
