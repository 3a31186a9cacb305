// SPDX-License-Identifier: Apache-2.0
//
// The inside of `count`. A count over a pair of boxes goes down until something has a closed form:
//
//   1. what the boxes decide vanishes;
//   2. sets over different axes are counted apart and multiplied;
//   3. one leaf over one axis has a closed form (CountLeaf);
//   4. several leaves over one axis go query by query (CountRows);
//   5. else one axis is taken away: pairs of indices along it that leave equal sets are counted once (Project).
#ifndef FALLOFF_COMPILER_PASSES_COUNTIMPL_H
#define FALLOFF_COMPILER_PASSES_COUNTIMPL_H

#include "compiler/passes/BoundMaskImpl.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace falloff {

/// Half-open ranges of an axis of both boxes.
struct AxisRanges {
  int32_t queryLo, queryHi, keyLo, keyHi;
  AxisRanges(const Box &query, const Box &key, int32_t axis)
      : queryLo(query.lo[axis]), queryHi(query.hi[axis]), keyLo(key.lo[axis]), keyHi(key.hi[axis]) {}
  int64_t queries() const { return queryHi - queryLo; }
  int64_t keys() const { return keyHi - keyLo; }
  int64_t pairs() const { return queries() * keys(); }
};

/// Counts for one pair of segments.
class Counter {
public:
  Counter(const BoundMask::Impl &mask, const PairTree &tree, int32_t querySegment, int32_t keySegment)
      : mask(mask), tree(tree), queryAxes(mask.axesOf(querySegment)), keyAxes(mask.axesOf(keySegment)),
        paired(querySegment == keySegment) {}

  int64_t count(int32_t node, const Box &query, const Box &key) const;

private:
  /// A union or an intersection of nodes of the tree.
  struct Term {
    PairTree::Op op;
    llvm::SmallVector<int32_t, 8> sets;
  };
  int64_t countTerm(const Term &term, const Box &query, const Box &key) const;
  int32_t reduce(int32_t set, const Box &query, const Box &key) const;
  int64_t countCoupled(const Term &term, const Box &query, const Box &key) const;
  int64_t countLeaf(const BoundLeaf &leaf, const Box &query, const Box &key) const;
  int64_t countPointwise(const Term &term, const Box &query, const Box &key) const;
  int64_t countHalves(const Term &term, const Box &query, const Box &key, AxisMask axes) const;
  int64_t countWithout(int32_t axis, const Term &term, const Box &query, const Box &key) const;
  bool contains(const Term &term, const int32_t *query, const int32_t *key) const;
  AxisMask liveAxes(const Box &query, const Box &key) const;
  AxisMask axesOf(const Term &term) const;
  void collectLeaves(int32_t node, llvm::SmallVectorImpl<int32_t> &leaves) const;
  int64_t pairs(const Box &query, const Box &key) const { return volume(query, queryAxes) * volume(key, keyAxes); }

  const BoundMask::Impl &mask;
  const PairTree &tree;
  int32_t queryAxes, keyAxes;
  bool paired; ///< both ends lie in one segment
};

// CountLeaf.cpp: one leaf, read along one axis (all other axes it reads have one index at each end). Without a value
// where there is no form that is cheaper than going pair by pair.
std::optional<int64_t> countAlongAxis(const BoundMask::Impl &mask, const BoundLeaf &leaf, int32_t axis,
                                      const Box &query, const Box &key);
/// Pairs (x, y) of the ranges with |x - y| <= width.
int64_t countBand(const AxisRanges &ranges, int64_t width);
/// Pairs of a relation over boxes of any shape, by how often each index is taken.
int64_t countLinked(const BoundMask::Impl &mask, const BoundLeaf &leaf, const Box &query, const Box &key);

// CountRows.cpp: sets over one axis, query by query. Without a value where the ranges are too long for the leaves.
std::optional<int64_t> countRows(const BoundMask::Impl &mask, const PairTree &tree, PairTree::Op op,
                                 llvm::ArrayRef<int32_t> sets, int32_t axis, const Box &query, const Box &key);

} // namespace falloff

#endif
