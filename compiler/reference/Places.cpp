// SPDX-License-Identifier: Apache-2.0
//
// Coordinates: where each token lies on each axis of a bound pattern.
#include "compiler/reference/Places.h"
#include "compiler/reference/Evaluate.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace falloff;
using mask::ExprAttr;
using mask::ExprKind;
using mask::LetOp;
using mask::PatternOp;
using mask::SegmentAttr;
using mask::SplitOp;
using mask::TableOp;
using mask::WhereOp;

Parts falloff::splitBy(int64_t extent, int64_t size) {
  assert(size >= 1 && "a part has at least one place");
  Parts parts;
  for (int64_t x = 0; x < extent; ++x) {
    parts.part.push_back(int32_t(x / size));
    parts.offset.push_back(int32_t(x % size));
  }
  return parts;
}

Parts falloff::splitAt(int64_t extent, llvm::ArrayRef<int64_t> cuts) {
  Parts parts;
  size_t part = 0;
  int64_t start = 0;
  for (int64_t x = 0; x < extent; ++x) {
    while (part < cuts.size() && cuts[part] <= x)
      start = cuts[part++];
    parts.part.push_back(int32_t(part));
    parts.offset.push_back(int32_t(x - start));
  }
  return parts;
}

std::optional<double> falloff::constantOf(Value number) {
  auto let = number.getDefiningOp<LetOp>();
  if (!let)
    return std::nullopt;
  bool known = true;
  const char *error = nullptr;
  double value = evaluate(
      let.getExpr(),
      [&](ExprAttr leaf) {
        Value operand = let.getArgs()[leaf.getIndex()];
        std::optional<double> part;
        if (leaf.getKind() == ExprKind::Operand)
          part = constantOf(operand);
        else if (leaf.getKind() == ExprKind::Extent)
          part = extentOf(operand);
        known &= part.has_value();
        return part.value_or(0);
      },
      error);
  return known && !error && !std::isnan(value) ? std::optional<double>(value) : std::nullopt;
}

std::optional<int64_t> falloff::wholeOf(Value number) {
  std::optional<double> value = constantOf(number);
  if (!value || *value != std::floor(*value) || std::abs(*value) > 9007199254740992.0)
    return std::nullopt;
  return int64_t(*value);
}

namespace {
/// How a split cuts: in parts of a size, or at cuts where there is no size.
struct Cut {
  std::optional<int64_t> size;
  llvm::ArrayRef<int64_t> cuts;
};
} // namespace

/// Null where the size or the table is no constant, or the size is below 1.
static std::optional<Cut> cutOf(SplitOp split) {
  if (split.getCuts())
    return Cut{std::nullopt, *split.getCuts()};
  if (Value table = split.getTable()) {
    auto constant = table.getDefiningOp<TableOp>();
    return constant ? std::optional<Cut>(Cut{std::nullopt, constant.getValues()}) : std::nullopt;
  }
  std::optional<int64_t> size = split.getStaticSize();
  if (!size)
    size = wholeOf(split.getSize());
  return size && *size >= 1 ? std::optional<Cut>(Cut{size, {}}) : std::nullopt;
}

std::optional<Parts> falloff::partsOf(SplitOp split, int64_t extent) {
  std::optional<Cut> cut = cutOf(split);
  if (!cut)
    return std::nullopt;
  return cut->size ? splitBy(extent, *cut->size) : splitAt(extent, cut->cuts);
}

/// Places of the longest part that `cuts` make of an axis.
static int64_t longestPart(int64_t extent, llvm::ArrayRef<int64_t> cuts) {
  int64_t longest = 0, start = 0;
  for (int64_t cut : cuts) {
    longest = std::max(longest, std::min(cut, extent) - start);
    start = std::min(cut, extent);
  }
  return std::max(longest, extent - start);
}

std::optional<int64_t> falloff::extentOf(Value axis) {
  if (auto argument = dyn_cast<BlockArgument>(axis)) {
    auto pattern = cast<PatternOp>(argument.getOwner()->getParentOp());
    auto [segment, position] = pattern.getPlaceOf(argument);
    int64_t extent = pattern.getSegment(segment).getExtents()[position];
    return ShapedType::isDynamic(extent) ? std::nullopt : std::optional<int64_t>(extent);
  }
  auto split = axis.getDefiningOp<SplitOp>();
  std::optional<int64_t> whole = extentOf(split.getAxis());
  std::optional<Cut> cut = cutOf(split);
  if (!whole || !cut)
    return std::nullopt;
  if (axis == split.getPart())
    return cut->size ? (*whole + *cut->size - 1) / *cut->size : int64_t(cut->cuts.size()) + 1;
  return cut->size ? std::min(*whole, *cut->size) : longestPart(*whole, cut->cuts);
}

static void addNamedEnds(ExprAttr expr, OperandRange args, NamedEnds &ends) {
  expr.walk([&](ExprAttr node) {
    ExprKind kind = node.getKind();
    bool isDistance = kind == ExprKind::Distance;
    if (kind == ExprKind::Query || isDistance)
      ends.queries.push_back(args[node.getIndex()]);
    if (kind == ExprKind::Key || isDistance)
      ends.keys.push_back(args[node.getIndex()]);
    if (kind == ExprKind::Operand)
      if (auto let = args[node.getIndex()].getDefiningOp<LetOp>())
        addNamedEnds(let.getExpr(), let.getArgs(), ends);
  });
}

NamedEnds falloff::namedEnds(WhereOp where) {
  NamedEnds ends;
  addNamedEnds(where.getLeft(), where.getArgs(), ends);
  addNamedEnds(where.getRight(), where.getArgs(), ends);
  return ends;
}

int64_t falloff::tokensOf(PatternOp pattern) {
  int64_t tokens = 0;
  for (SegmentAttr segment : pattern.getDomain().getAsRange<SegmentAttr>()) {
    int64_t product = 1;
    for (int64_t extent : segment.getExtents().asArrayRef())
      product *= extent;
    tokens += product;
  }
  return tokens;
}

Axes::Axes(PatternOp pattern) : numTokens(tokensOf(pattern)) {
  auto argument = pattern.getAxisArguments().begin();
  int64_t first = 0;
  for (unsigned segment = 0; segment < pattern.getNumSegments(); ++segment) {
    llvm::ArrayRef<int64_t> extents = pattern.getSegment(segment).getExtents();
    int64_t tokens = 1, stride = 1;
    for (int64_t extent : extents)
      tokens *= extent;
    stride = tokens;
    for (int64_t extent : extents) {
      auto axis = std::make_unique<Axis>();
      axis->segment = segment;
      axis->extent = extent;
      axis->places.assign(numTokens, -1);
      stride = extent ? stride / extent : 0;
      for (int64_t token = 0; token < tokens; ++token)
        axis->places[first + token] = int32_t(token / stride % extent);
      axes[*argument++] = std::move(axis);
    }
    first += tokens;
  }
  for (Operation &op : pattern.getBody().front())
    if (auto split = dyn_cast<SplitOp>(op))
      addSplit(split);
}

void Axes::addSplit(SplitOp split) {
  const Axis &whole = at(split.getAxis());
  std::optional<Parts> parts = partsOf(split, whole.extent);
  assert(parts && "a bound pattern splits by constants");
  auto add = [&](Value result, llvm::ArrayRef<int32_t> places) {
    auto axis = std::make_unique<Axis>();
    axis->segment = whole.segment;
    axis->extent = *extentOf(result);
    for (int32_t place : whole.places)
      axis->places.push_back(place < 0 ? -1 : places[place]);
    axes[result] = std::move(axis);
  };
  add(split.getPart(), parts->part);
  add(split.getOffset(), parts->offset);
}
