// SPDX-License-Identifier: Apache-2.0
//
// Solving each kind of pair of slabs once, and putting rows together from blocks.
#include "compiler/passes/SolvedGrid.h"
#include "compiler/passes/KeepQueries.h"
#include <algorithm>

using namespace falloff;
using runtime::Run;
using runtime::Side;

//===-- Signatures ------------------------------------------------------------------------------------------------===//

PairSignatures::PairSignatures(const BoundMask &mask) : mask(mask) {}

static int64_t leadingIndices(const BoundMask::Segment &segment) {
  return segment.extents.size() > 1 ? segment.extents[0] : 1;
}

const PairSignatures::Ids *PairSignatures::ids(int32_t querySegment, int32_t keySegment) {
  auto [found, isNew] = known.try_emplace({querySegment, keySegment});
  Ids &result = found->second;
  if (isNew &&
      leadingIndices(mask.segments()[querySegment]) * leadingIndices(mask.segments()[keySegment]) <= maxPairs) {
    const SetProgram &program = mask.program();
    std::vector<int32_t> nodes = {program.contains, program.exact};
    for (const AboutGroup &about : program.abouts) {
      nodes.push_back(about.set);
      nodes.push_back(about.limit);
    }
    LeadingSignatures signatures(mask, querySegment, keySegment, nodes);
    result.queryIndices = signatures.queryIndices();
    result.keyIndices = signatures.keyIndices();
    result.ids.resize(int64_t(result.queryIndices) * result.keyIndices);
    for (int32_t index = 0; index < result.queryIndices; ++index)
      signatures.row(index, &result.ids[int64_t(index) * result.keyIndices]);
  }
  return result.ids.empty() ? nullptr : &result;
}

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
  pair.blocks.push_back(
      solveBlock(mask, rounding, FlatTiles(mask, grid.flatQueryTile), FlatTiles(mask, grid.flatKeyTile)));
  pairs.push_back(std::move(pair));
}

void SolvedGrid::solveBoxes(PairSignatures &signatures) {
  int32_t segments = int32_t(grid.segments.size());
  for (int32_t query = 0; query < segments; ++query)
    for (int32_t key = 0; key < segments; ++key) {
      bool isEmpty = grid.segments[query].tokens() == 0 || grid.segments[key].tokens() == 0;
      pairs.push_back(isEmpty ? SolvedPair() : solvePair(query, key, signatures.ids(query, key)));
    }
}

/// Numbers tuples of signatures, for slabs of several leading indices.
namespace {
class SlabKinds {
public:
  SlabKinds(const PairSignatures::Ids &ids, int32_t queryHeight, int32_t keyHeight)
      : ids(ids), queryHeight(queryHeight), keyHeight(keyHeight) {}

  /// The number of a pair of slabs; its height comes first in the tuple, since the last slab may be lower.
  int32_t number(int32_t querySlab, int32_t keySlab) {
    int32_t q = querySlab * queryHeight, qEnd = std::min(q + queryHeight, ids.queryIndices);
    int32_t k = keySlab * keyHeight, kEnd = std::min(k + keyHeight, ids.keyIndices);
    tuple.assign(1, qEnd - q);
    for (; q < qEnd; ++q) {
      const int32_t *row = &ids.ids[int64_t(q) * ids.keyIndices];
      tuple.insert(tuple.end(), row + k, row + kEnd);
    }
    return numbers.try_emplace(tuple, int32_t(numbers.size())).first->second;
  }

private:
  const PairSignatures::Ids &ids;
  int32_t queryHeight, keyHeight;
  std::vector<int32_t> tuple;
  std::map<std::vector<int32_t>, int32_t> numbers;
};
} // namespace

SolvedPair SolvedGrid::solvePair(int32_t querySegment, int32_t keySegment, const PairSignatures::Ids *ids) {
  const runtime::Segment &query = grid.segments[querySegment], &key = grid.segments[keySegment];
  auto tiles = [&](const runtime::Segment &segment, int32_t number, Side side, int32_t slab) {
    return ids && segment.axes.size() > 1 ? BoxTiles(number, segment.extents, segment.tile(side), slab)
                                          : BoxTiles(number, segment.extents, segment.tile(side));
  };
  SolvedPair result;
  if (ids && query.axes.size() > 1)
    result.querySlabs = int32_t(query.tilesAlong(Side::Query, 0));
  if (ids && key.axes.size() > 1)
    result.keySlabs = int32_t(key.tilesAlong(Side::Key, 0));
  result.blockOf.resize(int64_t(result.querySlabs) * result.keySlabs);
  auto height = [](const runtime::Segment &segment, Side side) {
    return segment.axes.size() > 1 ? int32_t(std::min(segment.tile(side)[0], segment.extents[0])) : 1;
  };
  int32_t queryHeight = height(query, Side::Query), keyHeight = height(key, Side::Key);
  SlabKinds kinds(ids ? *ids : PairSignatures::Ids(), queryHeight, keyHeight);
  bool isSingle = queryHeight == 1 && keyHeight == 1;
  for (int32_t q = 0, at = 0; q < result.querySlabs; ++q)
    for (int32_t k = 0; k < result.keySlabs; ++k, ++at) {
      int32_t number = !ids ? 0 : isSingle ? ids->ids[at] : kinds.number(q, k);
      if (number == int32_t(result.blocks.size())) { // numbers are given in order of first sight
        result.blocks.push_back(solveBlock(mask, rounding, tiles(query, querySegment, Side::Query, q),
                                           tiles(key, keySegment, Side::Key, k)));
        result.times.push_back(0);
      }
      result.blockOf[at] = number;
      ++result.times[number];
    }
  return result;
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
