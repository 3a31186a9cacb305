// SPDX-License-Identifier: Apache-2.0
//
// One mask on one grid: blocks for each pair of segments, one for each kind of pair of slabs, and the rows put together
// from them.
#ifndef FALLOFF_COMPILER_PASSES_SOLVEDGRID_H
#define FALLOFF_COMPILER_PASSES_SOLVEDGRID_H

#include "compiler/passes/Block.h"
#include "compiler/passes/Grid.h"
#include "compiler/passes/Rounding.h"
#include "compiler/passes/SlabPairs.h"
#include <vector>

namespace falloff {

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
  const SolvedPair &pair(int32_t query, int32_t key) const { return pairs[query * grid.segments.size() + key]; }
  std::vector<Piece> piecesOf(int32_t querySegment, int32_t slab, int32_t slabs) const;
  int64_t runsAtMost() const;

  const BoundMask &mask;
  Rounding rounding;
  const runtime::Grid &grid;
  std::vector<SolvedPair> pairs; ///< by pair of segments, row-major; one on a grid `flat`
  TileTotals sum;
};

/// How much of a grid an estimate looks at.
struct Sample {
  int32_t slabs = 0; ///< of each segment's query tiles
  int32_t rows = 0;  ///< of each of these slabs
};

/// About what SolvedGrid would find.
struct Estimate {
  double kept = 0; ///< tiles
  double mask = 0; ///< pairs of the mask
  double lost = 0; ///< those of them in no kept tile
};

/// From the rows of a sample; the same wherever it is computed.
Estimate estimateTiles(const Rounding &rounding, const runtime::Grid &grid, PairSignatures &signatures, Sample sample);

} // namespace falloff

#endif
