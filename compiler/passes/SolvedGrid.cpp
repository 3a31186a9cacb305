// SPDX-License-Identifier: Apache-2.0
//
// Solving each kind of pair of slabs once, and putting rows together from blocks.
#include "compiler/passes/SolvedGrid.h"
#include "compiler/passes/KeepQueries.h"
#include <algorithm>
#include <cmath>

using namespace falloff;
using runtime::Run;
using runtime::Side;

//===-- Solving ---------------------------------------------------------------------------------------------------===//

SolvedGrid::SolvedGrid(const BoundMask &mask, const Rounding &rounding, const runtime::Grid &grid,
                       PairSignatures &signatures)
    : mask(mask), rounding(rounding), grid(grid) {
  if (grid.kind == runtime::GridKind::Flat)
    solveFlat();
  else
    solveBoxes(signatures);
  for (const SolvedPair &pair : pairs)
    for (size_t block = 0; block < pair.blocks.size(); ++block)
      sum.add(pair.blocks[block].totals, pair.times[block]);
}

void SolvedGrid::solveFlat() {
  SolvedPair pair;
  pair.blockOf = {0};
  pair.times = {1};
  pair.blocks.push_back(solveBlock(RegionQuestions(mask), rounding, FlatTiles(mask, grid.flatQueryTile),
                                   FlatTiles(mask, grid.flatKeyTile)));
  pairs.push_back(std::move(pair));
}

static SolvedPair solvePair(const Rounding &rounding, SlabPairs slabs) {
  SolvedPair result;
  result.querySlabs = slabs.querySlabs;
  result.keySlabs = slabs.keySlabs;
  result.blockOf.reserve(int64_t(slabs.querySlabs) * slabs.keySlabs);
  for (int32_t q = 0; q < slabs.querySlabs; ++q)
    for (int32_t k = 0; k < slabs.keySlabs; ++k) {
      int32_t kind = slabs.kindOf(q, k);
      if (kind == int32_t(result.blocks.size())) {
        result.blocks.push_back(solveBlock(slabs.questions(q, k), rounding, slabs.queryTiles(q), slabs.keyTiles(k)));
        result.times.push_back(0);
      }
      result.blockOf.push_back(kind);
      ++result.times[kind];
    }
  return result;
}

void SolvedGrid::solveBoxes(PairSignatures &signatures) {
  int32_t segments = int32_t(grid.segments.size());
  for (int32_t query = 0; query < segments; ++query)
    for (int32_t key = 0; key < segments; ++key) {
      bool isEmpty = grid.segments[query].tokens() == 0 || grid.segments[key].tokens() == 0;
      pairs.push_back(isEmpty ? SolvedPair() : solvePair(rounding, SlabPairs(signatures, grid, query, key)));
    }
}

//===-- Estimates -------------------------------------------------------------------------------------------------===//

/// Up to `most` of the numbers from 0 to `count` - 1, spread without a period that a pattern could share.
static std::vector<int32_t> spread(int32_t count, int32_t most) {
  std::vector<int32_t> numbers;
  constexpr double golden = 0.6180339887498949;
  for (int32_t i = 0; i < std::min(count, most); ++i)
    numbers.push_back(count <= most ? i : int32_t((0.5 + golden * i - std::floor(0.5 + golden * i)) * count));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

static void addEstimate(const Rounding &rounding, SlabPairs slabs, Sample sample, Estimate &estimate) {
  int32_t rows = slabs.queryTiles(0).tiles();
  std::vector<int32_t> someSlabs = spread(slabs.querySlabs, sample.slabs), someRows = spread(rows, sample.rows);
  std::vector<TileTotals> ofKind;
  TileTotals sum;
  for (int32_t q : someSlabs)
    for (int32_t k = 0; k < slabs.keySlabs; ++k) {
      int32_t kind = slabs.kindOf(q, k);
      if (kind == int32_t(ofKind.size()))
        ofKind.push_back(solveRows(slabs.questions(q, k), rounding, slabs.queryTiles(q), slabs.keyTiles(k), someRows));
      sum.add(ofKind[kind]);
    }
  double times = double(slabs.querySlabs) / double(someSlabs.size()) * rows / double(someRows.size());
  estimate.kept += double(sum.kept) * times;
  estimate.mask += double(sum.mask) * times;
  estimate.lost += double(sum.mask - sum.keptMask) * times;
}

Estimate falloff::estimateTiles(const Rounding &rounding, const runtime::Grid &grid, PairSignatures &signatures,
                                Sample sample) {
  Estimate estimate;
  int32_t segments = int32_t(grid.segments.size());
  for (int32_t query = 0; query < segments; ++query)
    for (int32_t key = 0; key < segments; ++key)
      if (grid.segments[query].tokens() > 0 && grid.segments[key].tokens() > 0)
        addEstimate(rounding, SlabPairs(signatures, grid, query, key), sample, estimate);
  return estimate;
}

//===-- Rows ------------------------------------------------------------------------------------------------------===//

/// Rows [firstRow, ...) of a block, over the key tiles from firstKey on.
struct SolvedGrid::Piece {
  const Block *block;
  int64_t firstRow;
  uint32_t firstKey;
};

std::vector<SolvedGrid::Piece> SolvedGrid::piecesOf(int32_t querySegment, int32_t slab, int32_t slabs) const {
  if (grid.kind == runtime::GridKind::Flat)
    return {{&pairs.front().blocks.front(), 0, 0}};
  std::vector<Piece> pieces;
  int64_t rows = grid.segments[querySegment].tiles(Side::Query) / slabs;
  for (int32_t key = 0; key < int32_t(grid.segments.size()); ++key) {
    const SolvedPair &solved = pair(querySegment, key);
    if (solved.blocks.empty())
      continue;
    bool isWhole = solved.querySlabs != slabs; // this pair was too large to be cut in slabs
    int64_t row = isWhole ? 0 : slab;
    int64_t keys = grid.segments[key].tiles(Side::Key) / solved.keySlabs;
    for (int32_t k = 0; k < solved.keySlabs; ++k) {
      const Block &block = solved.blocks[solved.blockOf[row * solved.keySlabs + k]];
      if (!block.runs.empty() || !block.skipped.empty())
        pieces.push_back({&block, isWhole ? slab * rows : 0, uint32_t(grid.segments[key].firstKeyTile + k * keys)});
    }
  }
  return pieces;
}

int64_t SolvedGrid::runsAtMost() const {
  int64_t runs = 0;
  for (const SolvedPair &pair : pairs)
    for (size_t block = 0; block < pair.blocks.size(); ++block)
      runs += int64_t(pair.blocks[block].runs.size()) * pair.times[block];
  return runs;
}

namespace {
/// Writes runs, joining those that meet.
class RowWriter {
public:
  explicit RowWriter(runtime::RowTable &table) : table(table) {}

  void append(const Block &block, int64_t row, uint32_t firstKey) {
    const Run *run = block.runs.data() + block.rowStart[row], *end = block.runs.data() + block.rowStart[row + 1];
    uint64_t shift = uint64_t(firstKey) | uint64_t(firstKey) << 28; // of first and last at once
    for (; run != end; ++run) {
      Run moved;
      moved.bits = run->bits + shift;
      if (last.test() == moved.test() && last.last() == moved.first()) {
        last = Run(last.first(), moved.last(), last.test());
      } else {
        flush();
        last = moved;
      }
    }
  }
  void endRow() {
    flush();
    last = Run();
    table.rowStart.push_back(uint32_t(table.runs.size()));
  }

private:
  void flush() {
    if (last.last() > 0)
      table.runs.push_back(last);
  }
  runtime::RowTable &table;
  Run last; ///< not written yet; no tiles at the start of a row
};
} // namespace

runtime::RowTable SolvedGrid::assembleRows() const {
  runtime::RowTable table;
  TileTotals totals = sum;
  table.rowStart.reserve(grid.queryTiles + 1);
  table.rowStart.push_back(0);
  table.runs.reserve(runsAtMost()); // memory that is never written costs nothing
  RowWriter writer(table);
  KeepQueries rule(mask, grid);
  bool isFlat = grid.kind == runtime::GridKind::Flat;
  for (int32_t segment = 0; segment < (isFlat ? 1 : int32_t(grid.segments.size())); ++segment) {
    const runtime::Segment &query = grid.segments[segment];
    if (!isFlat && query.tokens() == 0)
      continue;
    int32_t slabs = isFlat || query.axes.size() == 1 ? 1 : int32_t(query.tilesAlong(Side::Query, 0));
    int64_t rows = (isFlat ? grid.queryTiles : query.tiles(Side::Query)) / slabs;
    for (int32_t slab = 0; slab < slabs; ++slab) {
      std::vector<Piece> pieces = piecesOf(segment, slab, slabs);
      for (int64_t row = 0; row < rows; ++row) {
        for (const Piece &piece : pieces)
          writer.append(*piece.block, piece.firstRow + row, piece.firstKey);
        writer.endRow();
        for (const Piece &piece : pieces)
          if (!piece.block->skipped.empty())
            rule.skip(*piece.block, piece.firstRow + row, piece.firstKey);
        rule.finishRow(table, totals);
      }
    }
  }
  if (table.runs.size() * 2 < table.runs.capacity())
    table.runs.shrink_to_fit();
  table.pairsInMask = totals.mask;
  table.pairsComputed = totals.computed;
  table.pairsIssued = totals.kept * grid.queryCapacity * grid.keyCapacity;
  table.pairsLost = totals.mask - totals.keptMask;
  return table;
}
