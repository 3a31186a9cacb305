// SPDX-License-Identifier: Apache-2.0
//
// Queries without a key. Boxes of queries are split until all of them surely have one (a box of keys that is kept
// whole, or each query its own) or none has. Most patterns are decided at once, by a first frame or by the queries
// themselves.
#include "compiler/passes/BoundMaskImpl.h"

using namespace falloff;
using Impl = BoundMask::Impl;

namespace {

class EmptyRowCounter {
public:
  EmptyRowCounter(const Impl &mask, int32_t node, std::vector<Box> keys)
      : mask(mask), node(node), keys(std::move(keys)) {
    makeDiagonals();
  }
  void add(const Box &query);
  BoundMask::EmptyRows rows;

private:
  void makeDiagonals();
  Class classify(const Box &query, const Box &key) const;
  Class classifyOwn(const PairTree &tree, int32_t number, const Box &query) const;
  bool seeThemselves(const Box &query) const;
  bool seesAll(const Box &query, const Box &key) const;
  bool hasKey(const Box &query) const;
  int64_t tokenOf(const Box &box) const;

  const Impl &mask;
  int32_t node;
  std::vector<Box> keys;
  /// A leaf of one axis: for each position, whether it holds where both ends are there.
  struct Diagonal {
    std::vector<int32_t> holds;
    RangeExtremes extremes;
  };
  std::vector<Diagonal> diagonals; ///< by leaf; empty for leaves of several axes
};

} // namespace

void EmptyRowCounter::makeDiagonals() {
  diagonals.resize(mask.leaves.size());
  for (size_t i = 0; i < mask.leaves.size(); ++i) {
    const BoundLeaf &leaf = mask.leaves[i];
    if (leaf.axis < 0)
      continue;
    std::vector<int32_t> &holds = diagonals[i].holds;
    holds.resize(mask.segments[leaf.segment].extents[leaf.axis]);
    int32_t position[Box::maxAxes] = {};
    for (size_t x = 0; x < holds.size(); ++x) {
      position[leaf.axis] = int32_t(x);
      holds[x] = mask.contains(leaf, position, position);
    }
    diagonals[i].extremes = RangeExtremes(holds.data(), int64_t(holds.size()));
  }
}

/// Whether all pairs (q, q) of a box are in a set.
Class EmptyRowCounter::classifyOwn(const PairTree &tree, int32_t number, const Box &query) const {
  if (number < 0)
    return number == PairTree::all ? Class::All : Class::None;
  const PairTree::Node &node = tree.nodes[number];
  if (node.op == PairTree::Leaf) {
    const BoundLeaf &leaf = mask.leaves[node.leaf];
    auto decided = [](bool holds) { return holds ? Class::All : Class::None; };
    if (leaf.kind == SetKind::Width || leaf.kind == SetKind::Beat) // all distances are 0
      return decided(mask.contains(leaf, query.lo, query.lo));
    if (leaf.axis < 0)
      return Class::Some;
    Extremes holds = diagonals[node.leaf].extremes.of(query.lo[leaf.axis], query.hi[leaf.axis]);
    return holds.lo == holds.hi ? decided(holds.lo) : Class::Some;
  }
  Class decides = node.op == PairTree::And ? Class::None : Class::All;
  bool open = false;
  for (int32_t i = node.first; i < node.last; ++i) {
    Class operand = classifyOwn(tree, tree.operands[i], query);
    if (node.op == PairTree::Not)
      return operand == Class::Some ? operand : operand == Class::All ? Class::None : Class::All;
    if (operand == decides)
      return decides;
    open = open || operand == Class::Some;
  }
  return open ? Class::Some : decides == Class::All ? Class::None : Class::All;
}

/// Whether each query of a box has itself for a key.
bool EmptyRowCounter::seeThemselves(const Box &query) const {
  for (const Box &key : keys) {
    bool within = key.segment == query.segment;
    for (int32_t i = 0; within && i < mask.axesOf(key.segment); ++i)
      within = key.lo[i] <= query.lo[i] && query.hi[i] <= key.hi[i];
    const PairTree &tree = mask.tree(query.segment, query.segment);
    if (within && classifyOwn(tree, tree.roots[node], query) == Class::All)
      return true;
  }
  return false;
}

Class EmptyRowCounter::classify(const Box &query, const Box &key) const {
  const PairTree &tree = mask.tree(query.segment, key.segment);
  return mask.classify(tree, tree.roots[node], query, key);
}

/// Whether all queries of a box see all of the keys, or all keys with the first index of the first axis.
bool EmptyRowCounter::seesAll(const Box &query, const Box &key) const {
  Box front = key;
  front.hi[0] = front.lo[0] + 1;
  return classify(query, front) == Class::All;
}

/// Whether one query has a key.
bool EmptyRowCounter::hasKey(const Box &query) const {
  for (const Box &key : keys) {
    const PairTree &tree = mask.tree(query.segment, key.segment);
    if (mask.count(tree, tree.roots[node], query, key) > 0)
      return true;
  }
  return false;
}

int64_t EmptyRowCounter::tokenOf(const Box &box) const {
  const BoundMask::Segment &segment = mask.segments[box.segment];
  int64_t token = 0;
  for (size_t i = 0; i < segment.extents.size(); ++i)
    token = token * segment.extents[i] + box.lo[i];
  return segment.firstToken + token;
}

/// Queries of a box, in the order of their tokens.
void EmptyRowCounter::add(const Box &query) {
  bool none = true;
  if (seeThemselves(query))
    return;
  for (const Box &key : keys) {
    if (seesAll(query, key))
      return;
    none = none && classify(query, key) == Class::None;
  }
  int32_t axis = 0, axes = mask.axesOf(query.segment);
  while (axis < axes && query.hi[axis] - query.lo[axis] == 1)
    ++axis;
  if (!none && axis < axes) {
    Box low = query, high = query;
    low.hi[axis] = high.lo[axis] = (query.lo[axis] + query.hi[axis]) / 2;
    add(low);
    add(high);
    return;
  }
  if (!none && hasKey(query))
    return;
  if (rows.first < 0)
    rows.first = tokenOf(query);
  rows.count += volume(query, axes);
}

BoundMask::EmptyRows BoundMask::emptyRows(int32_t node) const {
  return emptyRows(node, {0, impl->tokens}, {0, impl->tokens});
}

BoundMask::EmptyRows BoundMask::emptyRows(int32_t node, runtime::TokenRange queries, runtime::TokenRange keys) const {
  EmptyRowCounter counter(*impl, node, boxes(keys));
  for (const Box &query : boxes(queries))
    counter.add(query);
  return counter.rows;
}
