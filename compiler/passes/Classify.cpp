// SPDX-License-Identifier: Apache-2.0
//
// Which pairs of boxes hold no pair, every pair, or neither for sure. Each leaf compares the ranges that its
// coordinates take over the boxes with the smallest and largest entry of its tables over them; algebra follows. `None`
// and `All` are promises, `Some` is not: a union of undecided sets may be everything.
#include "compiler/passes/BoundMaskImpl.h"
#include "compiler/passes/Formula.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdlib>

using namespace falloff;
using Impl = BoundMask::Impl;

int64_t falloff::volume(const Box &box, int32_t axes) {
  int64_t result = 1;
  for (int32_t i = 0; i < axes; ++i)
    result *= std::max(0, box.hi[i] - box.lo[i]);
  return result;
}

/// Values that a coordinate takes over a box of its segment.
static Extremes rangeOf(const BoundCoordinate &coordinate, const Box &box) {
  return coordinate.of(box.lo[coordinate.axis], box.hi[coordinate.axis]);
}

/// Bounds of |k - q|; reached if the coordinates take every value between their extremes.
static Extremes distanceOf(const BoundCoordinate &coordinate, const Box &query, const Box &key) {
  Extremes q = rangeOf(coordinate, query), k = rangeOf(coordinate, key);
  return {std::max({0, k.lo - q.hi, q.lo - k.hi}), std::max(k.hi - q.lo, q.hi - k.lo)};
}

static Class classifyInterval(const Impl &mask, const BoundLeaf &leaf, const Box &query, const Box &key) {
  int32_t first = query.lo[leaf.axis], last = query.hi[leaf.axis];
  Extremes y = rangeOf(mask.coordinates[leaf.coordinate], key);
  Extremes lo = leaf.lows.of(first, last), hi = leaf.highs.of(first, last);
  if (hi.hi <= y.lo || lo.lo > y.hi)
    return Class::None;
  bool inside = lo.hi <= y.lo && y.hi < hi.lo;
  if (leaf.modulus == 1)
    return inside ? Class::All : Class::Some;
  // Residues: decided where both boxes are thin.
  Extremes q = rangeOf(mask.coordinates[leaf.equal], query), k = rangeOf(mask.coordinates[leaf.equal], key);
  if (q.hi < k.lo || k.hi < q.lo)
    return Class::None;
  bool agree = q.lo == q.hi && k.lo == k.hi && q.lo == k.lo;
  return inside && agree ? Class::All : Class::Some;
}

/// Extremes of a table of distances over the boxes: row by row along the last distance, if there are few rows.
static Extremes entriesOver(const Impl &mask, const BoundLeaf &leaf, const Box &query, const Box &key) {
  size_t rank = leaf.coordinates.size();
  llvm::SmallVector<Extremes, 4> ranges(rank);
  int64_t first = 0, last = 0, rows = 1;
  for (size_t i = 0; i < rank; ++i) {
    ranges[i] = distanceOf(mask.coordinates[leaf.coordinates[i]], query, key);
    first += leaf.strides[i] * ranges[i].lo;
    last += leaf.strides[i] * ranges[i].hi;
    if (i + 1 < rank)
      rows *= ranges[i].hi - ranges[i].lo + 1;
  }
  if (rows == 1 || rows > 64)
    return leaf.entries.of(first, last + 1); // of more than asked, where there are many rows
  Extremes result;
  int64_t length = ranges.back().hi - ranges.back().lo + 1;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t index = ranges.back().lo, rest = row;
    for (size_t i = rank - 1; i-- > 0;) {
      int64_t extent = ranges[i].hi - ranges[i].lo + 1;
      index += leaf.strides[i] * (ranges[i].lo + rest % extent);
      rest /= extent;
    }
    result.meet(leaf.entries.of(index, index + length));
  }
  return result;
}

/// |q.y - k.y| against the widths over the boxes; a beat is a width of 0 or more against a gap of 1.
static Class classifyWidth(const Impl &mask, const BoundLeaf &leaf, const Box &query, const Box &key) {
  Extremes gap{1, 1};
  if (leaf.kind == SetKind::Width)
    gap = distanceOf(mask.coordinates[leaf.coordinate], query, key);
  Extremes width = entriesOver(mask, leaf, query, key);
  if (gap.lo > width.hi)
    return Class::None;
  return gap.hi <= width.lo ? Class::All : Class::Some;
}

/// Indices of a relation that a box takes: ranges [first, last) of equal length, the last coordinate being contiguous.
static llvm::SmallVector<int32_t, 8> relationRows(const Impl &mask, const BoundLeaf &leaf, const Box &box,
                                                  int32_t &length) {
  llvm::SmallVector<int32_t, 8> rows{0};
  for (size_t i = 0; i < leaf.coordinates.size(); ++i) {
    Extremes range = rangeOf(mask.coordinates[leaf.coordinates[i]], box);
    bool last = i + 1 == leaf.coordinates.size();
    length = range.hi - range.lo + 1;
    llvm::SmallVector<int32_t, 8> next;
    for (int32_t row : rows)
      for (int32_t value = range.lo; value <= (last ? range.lo : range.hi); ++value)
        next.push_back(row + int32_t(leaf.strides[i]) * value);
    rows = std::move(next);
  }
  return rows;
}

static Class classifyLinked(const Impl &mask, const BoundLeaf &leaf, const Box &query, const Box &key) {
  if (leaf.prefix.empty())
    return Class::Some;
  int32_t queryLength = 0, keyLength = 0;
  llvm::SmallVector<int32_t, 8> queryRows = relationRows(mask, leaf, query, queryLength);
  llvm::SmallVector<int32_t, 8> keyRows = relationRows(mask, leaf, key, keyLength);
  if (queryRows.size() * keyRows.size() > 1024)
    return Class::Some;
  int64_t linked = 0, stride = leaf.size + 1;
  for (int64_t i : queryRows)
    for (int64_t j : keyRows) {
      const int32_t *above = &leaf.prefix[i * stride + j], *below = above + queryLength * stride;
      linked += below[keyLength] - below[0] - above[keyLength] + above[0];
    }
  if (linked == 0)
    return Class::None;
  int64_t pairs = int64_t(queryRows.size()) * int64_t(keyRows.size()) * queryLength * keyLength;
  return linked == pairs ? Class::All : Class::Some;
}

static Class classifyWhere(const Impl &mask, const BoundLeaf &leaf, const Box &query, const Box &key) {
  llvm::SmallVector<Bounds, 16> ends[3]; // query, key, distance
  for (auto &bounds : ends)
    bounds.resize(mask.coordinates.size());
  auto bounds = [](Extremes range) { return Bounds{double(range.lo), double(range.hi)}; };
  for (const WhereStep &step : *leaf.where) {
    if (step.kind == WhereStep::Query)
      ends[0][step.slot] = bounds(rangeOf(mask.coordinates[step.slot], query));
    else if (step.kind == WhereStep::Key)
      ends[1][step.slot] = bounds(rangeOf(mask.coordinates[step.slot], key));
    else if (step.kind == WhereStep::Distance)
      ends[2][step.slot] = bounds(distanceOf(mask.coordinates[step.slot], query, key));
  }
  Bounds result = evaluateBounds(*leaf.where, mask.data.numbers, ends[0].data(), ends[1].data(), ends[2].data());
  if (result.unknown || result.lo != result.hi)
    return Class::Some;
  return result.lo != 0 ? Class::All : Class::None;
}

Class Impl::classify(const BoundLeaf &leaf, const Box &query, const Box &key) const {
  switch (leaf.kind) {
  case SetKind::Interval:
    return classifyInterval(*this, leaf, query, key);
  case SetKind::Width:
  case SetKind::Beat:
    return classifyWidth(*this, leaf, query, key);
  case SetKind::Linked:
    return classifyLinked(*this, leaf, query, key);
  default:
    return classifyWhere(*this, leaf, query, key);
  }
}

Class Impl::classify(const PairTree &tree, int32_t number, const Box &query, const Box &key) const {
  if (number < 0)
    return number == PairTree::all ? Class::All : Class::None;
  const PairTree::Node &node = tree.nodes[number];
  switch (node.op) {
  case PairTree::Leaf:
    return classify(leaves[node.leaf], query, key);
  case PairTree::Not: {
    Class operand = classify(tree, tree.operands[node.first], query, key);
    return operand == Class::Some ? operand : operand == Class::All ? Class::None : Class::All;
  }
  case PairTree::And:
  case PairTree::Or:
    break;
  }
  Class decides = node.op == PairTree::And ? Class::None : Class::All;
  Class result = node.op == PairTree::And ? Class::All : Class::None;
  for (int32_t i = node.first; i < node.last; ++i) {
    Class operand = classify(tree, tree.operands[i], query, key);
    if (operand == decides)
      return decides;
    if (operand == Class::Some)
      result = Class::Some;
  }
  return result;
}

Class BoundMask::classify(int32_t node, const Box &query, const Box &key) const {
  const PairTree &tree = impl->tree(query.segment, key.segment);
  if (volume(query, impl->axesOf(query.segment)) == 0 || volume(key, impl->axesOf(key.segment)) == 0)
    return Class::None;
  return impl->classify(tree, tree.roots[node], query, key);
}

//===--- one pair -----------------------------------------------------------------------------------------------===//

int64_t falloff::distanceIndex(const Impl &mask, const BoundLeaf &leaf, const int32_t *query, const int32_t *key) {
  int64_t index = 0;
  for (size_t i = 0; i < leaf.coordinates.size(); ++i) {
    const BoundCoordinate &coordinate = mask.coordinates[leaf.coordinates[i]];
    index += leaf.strides[i] * std::abs(coordinate.at(query[coordinate.axis]) - coordinate.at(key[coordinate.axis]));
  }
  return index;
}

int64_t falloff::coordinateIndex(const Impl &mask, const BoundLeaf &leaf, const int32_t *position) {
  int64_t index = 0;
  for (size_t i = 0; i < leaf.coordinates.size(); ++i) {
    const BoundCoordinate &coordinate = mask.coordinates[leaf.coordinates[i]];
    index += leaf.strides[i] * coordinate.at(position[coordinate.axis]);
  }
  return index;
}

static bool whereContains(const Impl &mask, const BoundLeaf &leaf, const int32_t *query, const int32_t *key) {
  llvm::SmallVector<int32_t, 16> ends[2];
  for (auto &values : ends)
    values.resize(mask.coordinates.size());
  for (const WhereStep &step : *leaf.where) {
    if (step.slot < 0 || step.kind == WhereStep::Number)
      continue;
    const BoundCoordinate &coordinate = mask.coordinates[step.slot];
    if (step.kind != WhereStep::Key)
      ends[0][step.slot] = coordinate.at(query[coordinate.axis]);
    if (step.kind != WhereStep::Query)
      ends[1][step.slot] = coordinate.at(key[coordinate.axis]);
  }
  return evaluate(*leaf.where, mask.data.numbers, ends[0].data(), ends[1].data()) != 0;
}

bool Impl::contains(const BoundLeaf &leaf, const int32_t *query, const int32_t *key) const {
  switch (leaf.kind) {
  case SetKind::Interval: {
    int32_t x = query[leaf.axis], y = key[leaf.axis], value = coordinates[leaf.coordinate].at(y);
    return leaf.lo[x] <= value && value < leaf.hi[x] &&
           (leaf.modulus == 1 || coordinates[leaf.equal].at(x) == coordinates[leaf.equal].at(y));
  }
  case SetKind::Width: {
    const BoundCoordinate &y = coordinates[leaf.coordinate];
    return std::abs(y.at(query[y.axis]) - y.at(key[y.axis])) <= leaf.table[distanceIndex(*this, leaf, query, key)];
  }
  case SetKind::Beat:
    return leaf.table[distanceIndex(*this, leaf, query, key)] > 0;
  case SetKind::Linked:
    return leaf.table[coordinateIndex(*this, leaf, query) * leaf.size + coordinateIndex(*this, leaf, key)] != 0;
  default:
    return whereContains(*this, leaf, query, key);
  }
}

bool Impl::contains(const PairTree &tree, int32_t number, const int32_t *query, const int32_t *key) const {
  if (number < 0)
    return number == PairTree::all;
  const PairTree::Node &node = tree.nodes[number];
  if (node.op == PairTree::Leaf)
    return contains(leaves[node.leaf], query, key);
  if (node.op == PairTree::Not)
    return !contains(tree, tree.operands[node.first], query, key);
  bool decides = node.op == PairTree::Or;
  for (int32_t i = node.first; i < node.last; ++i)
    if (contains(tree, tree.operands[i], query, key) == decides)
      return decides;
  return !decides;
}
