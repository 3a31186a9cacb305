// SPDX-License-Identifier: Apache-2.0
//
// How names become extents, values and an order of segments.
#include "compiler/passes/Binding.h"
#include "compiler/passes/BindExtents.h"
#include "compiler/passes/BindParameters.h"
#include "compiler/passes/Names.h"
#include "llvm/ADT/STLExtras.h"
#include <set>

using namespace mlir;
using namespace falloff;
using mask::ParamAttr;
using mask::PatternOp;
using mask::SegmentAttr;

static std::vector<NamedSegment> segmentsOf(PatternOp pattern) {
  std::vector<NamedSegment> segments;
  for (SegmentAttr segment : pattern.getDomain().getAsRange<SegmentAttr>()) {
    NamedSegment &out = segments.emplace_back();
    out.name = segment.getLabel().str();
    for (unsigned axis = 0; axis < segment.getNumAxes(); ++axis)
      out.axes.push_back(segment.getAxisName(axis).str());
    for (int64_t extent : segment.getExtents().asArrayRef())
      out.extents.push_back(ShapedType::isDynamic(extent) ? -1 : extent);
  }
  return segments;
}

static FailureOr<std::vector<unsigned>> resolveOrder(PatternOp pattern, llvm::ArrayRef<NamedSegment> segments,
                                                     llvm::ArrayRef<std::string> names) {
  std::vector<std::string> known;
  std::vector<unsigned> order;
  for (const NamedSegment &segment : segments) {
    known.push_back(segment.name);
    order.push_back(order.size());
  }
  if (names.empty())
    return order;
  order.clear();
  for (const std::string &name : names) {
    auto it = llvm::find(known, name);
    if (it == known.end())
      return emitError(pattern.getLoc()) << "pattern '" << pattern.getSymName() << "' has no segment '" << name << "'"
                                         << suggest(name, known);
    unsigned index = it - known.begin();
    if (llvm::is_contained(order, index))
      return emitError(pattern.getLoc()) << "expects each segment once in the order, but got '" << name << "' twice";
    order.push_back(index);
  }
  for (unsigned index = 0; index < known.size(); ++index)
    if (!llvm::is_contained(order, index))
      return emitError(pattern.getLoc()) << "expects all segments in the order, but got none of '" << known[index]
                                         << "'";
  return order;
}

/// All per-head lists have one value a head, so they agree in length.
static LogicalResult resolveHeads(PatternOp pattern, BoundPattern &bound) {
  llvm::StringRef first;
  for (auto [param, value, perHead] :
       llvm::zip(pattern.getParams().getAsRange<ParamAttr>(), bound.parameters, bound.isPerHead)) {
    if (!perHead)
      continue;
    int64_t length = std::visit(
        [](const auto &v) -> int64_t {
          if constexpr (std::is_same_v<std::decay_t<decltype(v)>, double>)
            return 1;
          else
            return v.size();
        },
        value);
    if (length == 0)
      return emitError(pattern.getLoc()) << "expects one value a head of '" << param.getName().getValue()
                                         << "', but got an empty list";
    if (first.empty()) {
      first = param.getName().getValue();
      bound.heads = length;
    } else if (length != bound.heads) {
      return emitError(pattern.getLoc()) << "expects lists of one value a head to agree in length, but got "
                                         << bound.heads << " values of '" << first << "' and " << length << " of '"
                                         << param.getName().getValue() << "'";
    }
  }
  return success();
}

FailureOr<BoundPattern> falloff::resolveBinding(PatternOp pattern, const Binding &binding) {
  BoundPattern bound;
  std::vector<NamedSegment> segments = segmentsOf(pattern);
  FailureOr<std::vector<unsigned>> order = resolveOrder(pattern, segments, binding.order);
  FailureOr<BoundExtents> extents =
      failed(order) ? FailureOr<BoundExtents>(failure())
                    : resolveExtents(pattern.getLoc(), pattern.getSymName(), segments, binding.extents);
  if (failed(extents) || failed(resolveParameters(pattern, binding.parameters, bound)) ||
      failed(resolveHeads(pattern, bound)))
    return failure();
  bound.order = std::move(*order);
  bound.extents = std::move(extents->extents);
  bound.tokens = extents->tokens;
  return bound;
}

ParameterValue BoundPattern::valueOf(unsigned index, int64_t head) const {
  const ParameterValue &value = parameters[index];
  if (!isPerHead[index])
    return value;
  if (const auto *numbers = std::get_if<std::vector<double>>(&value))
    return (*numbers)[head];
  return std::get<std::vector<std::string>>(value)[head];
}
