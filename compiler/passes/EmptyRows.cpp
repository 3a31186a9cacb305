// SPDX-License-Identifier: Apache-2.0
//
// Queries without a key. Boxes of queries are split until some box of keys is kept whole for all of them, or none is
// kept at all; most patterns are decided by a first frame or by the query itself.
#include "compiler/passes/BoundMaskImpl.h"

using namespace falloff;
using Impl = BoundMask::Impl;

namespace {

class EmptyRowCounter {
public:
  EmptyRowCounter(const Impl &mask, int32_t node, std::vector<Box> keys)
      : mask(mask), node(node), keys(std::move(keys)) {}
  void add(const Box &query);
  BoundMask::EmptyRows rows;

private:
  Class classify(const Box &query, const Box &key) const;
  bool seesAll(const Box &query, const Box &key) const;
  bool hasKey(const Box &query) const;
  int64_t tokenOf(const Box &box) const;

  const Impl &mask;
  int32_t node;
  std::vector<Box> keys;
};

} // namespace

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
    // Itself is the most likely one.
    bool within = key.segment == query.segment;
    for (int32_t i = 0; within && i < mask.axesOf(key.segment); ++i)
      within = key.lo[i] <= query.lo[i] && query.lo[i] < key.hi[i];
    const PairTree &tree = mask.tree(query.segment, key.segment);
    if (within && mask.contains(tree, tree.roots[node], query.lo, query.lo))
      return true;
  }
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
