// SPDX-License-Identifier: Apache-2.0
//
// One mask on one grid: blocks for each pair of segments, and the rows put together from them.
//
// A segment of several axes is cut in slabs, the tiles of one index along its leading axis. Whether two slabs look the
// same to the mask is known from their leading indices alone (LeadingSignatures), so that each kind of pair of slabs is
// solved once: at 256 frames, radial has 65,536 pairs of slabs and some twenty blocks.
#ifndef FALLOFF_COMPILER_PASSES_SOLVEDGRID_H
#define FALLOFF_COMPILER_PASSES_SOLVEDGRID_H

#include "compiler/passes/Block.h"
#include "compiler/passes/Grid.h"
#include "compiler/passes/Rounding.h"
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace falloff {

/// Signatures of all pairs of leading indices, for each pair of segments; asked once however many grids are tried.
class PairSignatures {
public:
  explicit PairSignatures(const BoundMask &mask);
  struct Ids {
    int32_t queryIndices = 0, keyIndices = 0;
    std::vector<int32_t> ids; ///< row-major
  };
  /// Null where there are too many pairs to number.
  const Ids *ids(int32_t querySegment, int32_t keySegment);

private:
  static constexpr int64_t maxPairs = int64_t(1) << 22;
  const BoundMask &mask;
  std::map<std::pair<int32_t, int32_t>, Ids> known;
};

/// Blocks of one pair of segments.
struct SolvedPair {
  int32_t querySlabs = 1, keySlabs = 1; ///< 1 where a segment is taken whole
  std::vector<int32_t> blockOf;         ///< by pair of slabs, row-major
  std::vector<Block> blocks;
  std::vector<int64_t> times; ///< how often a block occurs
};

class SolvedGrid {
public:
  SolvedGrid(const BoundMask &mask, const Rounding &rounding, const runtime::Grid &grid, PairSignatures &signatures);

  /// Totals of all rows, without what assembleRows adds for queries that would keep no key.
  const TileTotals &totals() const { return sum; }
  /// Rows in order of query tiles, with counts; rowOrder and splits are left empty.
  runtime::RowTable assembleRows() const;

private:
  struct Piece;
  void solveBoxes(PairSignatures &signatures);
  void solveFlat();
  SolvedPair solvePair(int32_t querySegment, int32_t keySegment, const PairSignatures::Ids *ids);
  const SolvedPair &pair(int32_t query, int32_t key) const { return pairs[query * grid.segments.size() + key]; }
  std::vector<Piece> piecesOf(int32_t querySegment, int32_t slab, int32_t slabs) const;
  int64_t runsAtMost() const;

  const BoundMask &mask;
  Rounding rounding;
  const runtime::Grid &grid;
  std::vector<SolvedPair> pairs; ///< by pair of segments, row-major; one on a grid `flat`
  TileTotals sum;
};

} // namespace falloff

#endif
