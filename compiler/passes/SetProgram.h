// SPDX-License-Identifier: Apache-2.0
//
// A linked pattern as a small tree of sets. Its structure is the same at every
// size, so that kernel functors are emitted from it; what varies with sizes and
// parameters stands in tables of integers, made by `bind`. Planner and functors
// read the same tables, so they cannot disagree.
//
// A leaf asks for one of few things of a query q and a key k, in whole numbers:
//   Interval   lo[q.x] <= k.y < hi[q.x]      `first`, `same`, `causal`,
//   `window`, `within` of a width known when bound;
//                                            x is the base axis, and so is y
//                                            unless it is an offset of a split;
//                                            where `equal` is given, also
//                                            q.equal == k.equal (the residue of
//                                            a dilated window)
//   Width      |q.y - k.y| <= width[d...]    `within` of a width that depends
//   on distances d along other coordinates;
//                                            -1 is the empty set
//   Beat       bits[d...] != 0               `where` over distances alone
//   Where      an expression in f64          `where` with query(a) or key(a)
//   Linked     relation[q index][k index]    indices row-major over coordinates
//   Keys, Queries, Either                    an end lies in a segment
#ifndef FALLOFF_COMPILER_PASSES_SETPROGRAM_H
#define FALLOFF_COMPILER_PASSES_SETPROGRAM_H

#include "runtime/Plan.h"
#include <cstdint>
#include <string>
#include <vector>

namespace falloff {

enum class SetKind : uint8_t {
  Everything, ///< of the domain of all segments
  AnyOf,      ///< with no operand: the empty set
  AllOf,      ///< with no operand: every pair
  NoneOf,
  Keys,
  Queries,
  Either,
  Interval,
  Width,
  Beat,
  Where,
  Linked,
  When ///< operands[0] if tables[table][0] != 0, else the empty set
};

/// A step of a `where` condition in postfix order over f64 values; comparisons
/// give 1 or 0.
struct WhereStep {
  enum Kind : uint8_t {
    Number,   ///< MaskData::numbers[slot]
    Query,    ///< q's coordinate `slot`
    Key,      ///< k's coordinate `slot`
    Distance, ///< |k - q| along coordinate `slot`
    Add,
    Subtract,
    Multiply,
    Divide,
    Mod,
    Min,
    Max,
    Floor,
    Ceil,
    Abs,
    Sqrt,
    BitFloor,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual
  } kind;
  int32_t slot = -1;
};

/// One set. Children come before parents; indices are into SetProgram::nodes.
struct SetNode {
  SetKind kind = SetKind::Everything;
  std::vector<int32_t> operands;
  int32_t segment = -1;             ///< segment of a leaf (pattern order); both ends must
                                    ///< lie in it. -1: none asked
  int32_t coordinate = -1;          ///< y of Interval and Width
  int32_t query = -1;               ///< x of Interval: the coordinate that indexes lo and hi
  int32_t equal = -1;               ///< coordinate that must agree, of Interval; or -1
  std::vector<int32_t> coordinates; ///< distances of Width and Beat, row-major; indices of
                                    ///< Linked. The extent of coordinate c is
                                    ///< tables[SetProgram::extentTable][c]
  int32_t table = -1;               ///< lo of Interval; width, bits, relation, flag
  int32_t high = -1;                ///< hi of Interval
  std::vector<WhereStep> where;
  std::vector<int32_t> querySegments,
      keySegments; ///< Where: segments that named ends must lie in
};

/// A group of `about` sets with one limit: fills around `set` cover `limit`
/// (already met with `only`).
struct AboutGroup {
  int32_t set = -1, limit = -1;
  int32_t kept = -1; ///< contains ∩ limit
};

struct SetProgram {
  struct SegmentInfo {
    std::string name;
    std::vector<std::string> axes;
  };
  std::string name;
  std::vector<SegmentInfo> segments; ///< in the pattern's order
  std::vector<runtime::Coordinate> coordinates;
  std::vector<SetNode> nodes;
  int32_t contains = -1;          ///< root: (A ∪ B) ∩ C
  int32_t exact = -1;             ///< root: A ∩ C
  int32_t limit = -1;             ///< root: C, what nothing crosses
  std::vector<AboutGroup> abouts; ///< B_j ∩ C and its limit L_j ∩ C
  std::vector<int32_t> filled;    ///< filled[f - 1]: contains ∪ the limits of the groups j with bit j of f
  int32_t tables = 0;             ///< how many tables `bind` makes
  int32_t numbers = 0;
  int32_t extentTable = -1; ///< table that holds the extents of `coordinates`,
                            ///< by coordinate; always there

  /// Text that determines the functor's code, and so is part of a kernel's key.
  std::string key() const;
};

} // namespace falloff

#endif
