// SPDX-License-Identifier: Apache-2.0
//
// The inside of a BoundMask, shared by the files that answer its questions (Classify, Count, Signature, EmptyRows).
//
// For each pair of segments the program is folded to a tree: leaves of other segments, ends (`keys`, `queries`,
// `either`), flags, and whatever the whole segments decide vanish. In such a tree a leaf reads some axes of the query's
// segment and some of the key's; a set of axes is a bit mask, bit i for the query's axis i, bit 8 + i for the key's.
#ifndef FALLOFF_COMPILER_PASSES_BOUNDMASKIMPL_H
#define FALLOFF_COMPILER_PASSES_BOUNDMASKIMPL_H

#include "compiler/passes/BoundMask.h"
#include "compiler/passes/RangeExtremes.h"
#include <deque>

namespace falloff {

using AxisMask = uint32_t;
inline AxisMask queryAxis(int axis) { return AxisMask(1) << axis; }
inline AxisMask keyAxis(int axis) { return AxisMask(1) << (axis + Box::maxAxes); }
inline AxisMask bothEnds(int axis) { return queryAxis(axis) | keyAxis(axis); }

/// A coordinate of the program, with its values.
struct BoundCoordinate {
  int32_t segment = 0, axis = 0;   ///< segment in bound order
  const int32_t *values = nullptr; ///< by position along the base axis; null: the position
  int32_t extent = 0;
  RangeExtremes extremes; ///< of `values`
  bool monotone = true;
  std::vector<int32_t> starts; ///< where monotone and tabled: first position with a value of at least i, 0 .. extent

  int32_t at(int32_t position) const { return values ? values[position] : position; }
  Extremes of(int32_t lo, int32_t hi) const {
    if (!values)
      return {lo, hi - 1};
    return extremes.of(lo, hi);
  }
};

/// A leaf of the program, or an interval made by folding.
struct BoundLeaf {
  SetKind kind = SetKind::Everything;
  int32_t node = -1;    ///< of the program; -1 for a folded interval
  int32_t segment = -1; ///< in bound order; of all but Where
  AxisMask axes = 0;    ///< what it reads
  int32_t axis = -1;    ///< the only axis it reads, of one segment; -1: several
  // Interval and Width
  int32_t coordinate = -1, equal = -1;
  int32_t modulus = 1;       ///< of Interval: number of residues, 1 where none is asked
  bool plainResidue = false; ///< residues are those of positions along the base axis
  const int32_t *lo = nullptr, *hi = nullptr;
  RangeExtremes lows, highs;
  // Width, Beat, Linked
  std::vector<int32_t> coordinates;
  std::vector<int64_t> strides;
  const int32_t *table = nullptr;
  int64_t size = 0;            ///< of Linked: rows of the relation
  RangeExtremes entries;       ///< of `table`, of Width and Beat
  std::vector<int32_t> prefix; ///< of Linked: pairs linked in [0, i) x [0, j), (size + 1)^2; empty if too large
  // Where
  const std::vector<WhereStep> *where = nullptr;
};

/// A folded tree for one pair of segments; children come before parents.
struct PairTree {
  enum Op : uint8_t { Leaf, And, Or, Not };
  struct Node {
    Op op = Leaf;
    int32_t leaf = -1;
    int32_t first = 0, last = 0; ///< operands
    AxisMask axes = 0;
  };
  static constexpr int32_t none = -1, all = -2;
  std::vector<Node> nodes;
  std::vector<int32_t> operands;
  std::vector<int32_t> roots; ///< by node of the program: a node here, or none, or all
};

class Projection;

struct BoundMask::Impl {
  SetProgram program;
  runtime::MaskData data;
  std::vector<Segment> segments;
  std::vector<int32_t> boundOf; ///< by the program's segment: which one it is in bound order
  std::vector<BoundCoordinate> coordinates;
  std::vector<BoundLeaf> leaves;                              ///< grows while folding only
  std::vector<int32_t> leafOf;                                ///< by node; -1: not a leaf
  std::deque<std::vector<int32_t>> folded;                    ///< tables of folded intervals
  std::vector<PairTree> trees;                                ///< by pair of segments, row-major
  std::vector<std::shared_ptr<const Projection>> projections; ///< by leaf and axis; null where it does not read it
  int64_t tokens = 0;

  const PairTree &tree(int32_t query, int32_t key) const { return trees[query * segments.size() + key]; }
  const Projection &projection(int32_t leaf, int32_t axis) const { return *projections[leaf * Box::maxAxes + axis]; }
  int32_t axesOf(int32_t segment) const { return int32_t(segments[segment].extents.size()); }
  Box box(int64_t token) const; ///< of one token

  // Classify.cpp
  Class classify(const BoundLeaf &leaf, const Box &query, const Box &key) const;
  Class classify(const PairTree &tree, int32_t node, const Box &query, const Box &key) const;
  bool contains(const BoundLeaf &leaf, const int32_t *query, const int32_t *key) const; ///< positions along base axes
  bool contains(const PairTree &tree, int32_t node, const int32_t *query, const int32_t *key) const;

  // Count.cpp
  int64_t count(const PairTree &tree, int32_t node, const Box &query, const Box &key) const;
};

/// Number of tokens in a box; 0 if it is empty along some axis.
int64_t volume(const Box &box, int32_t axes);

/// Index of a tuple of distances, or of coordinates, in a row-major table.
int64_t distanceIndex(const BoundMask::Impl &mask, const BoundLeaf &leaf, const int32_t *query, const int32_t *key);
int64_t coordinateIndex(const BoundMask::Impl &mask, const BoundLeaf &leaf, const int32_t *position);

} // namespace falloff

#endif
