// SPDX-License-Identifier: Apache-2.0
//
// Slices of a plan: which tiles stay, and what they count.
#include "compiler/passes/CutRows.h"
#include "compiler/passes/KeepQueries.h"
#include <algorithm>

using namespace falloff;
using runtime::Run;
using runtime::Side;

namespace {

class RowCutter {
public:
  RowCutter(const BoundMask &mask, const runtime::Grid &grid, const runtime::RowTable &table)
      : mask(mask), ask(mask), grid(grid), table(table), ranges{boxesOf(Side::Query), boxesOf(Side::Key)} {}

  runtime::RowTable cut();

private:
  std::vector<Box> boxesOf(Side side) const { return mask.boxes(grid.range(side)); }
  Region clip(Side side, int64_t tile) const;
  void cutRow(const Region &query, int64_t row);
  void addTile(const Region &query, uint32_t tile, uint32_t test);

  const BoundMask &mask;
  RegionQuestions ask;
  const runtime::Grid &grid;
  const runtime::RowTable &table;
  std::vector<Box> ranges[2];
  std::vector<Region> keys; ///< by key tile
  runtime::RowTable result;
  int64_t keptMask = 0;
};

} // namespace

/// The tokens of a tile that lie in the slice.
Region RowCutter::clip(Side side, int64_t tile) const {
  Region whole = regionOf(mask, grid, side, tile), clipped;
  for (const Box &box : whole.boxes)
    for (Box part : ranges[side == Side::Key]) {
      if (part.segment != box.segment)
        continue;
      int64_t tokens = 1;
      for (size_t axis = 0; axis < grid.segments[box.segment].extents.size(); ++axis) {
        part.lo[axis] = std::max(part.lo[axis], box.lo[axis]);
        part.hi[axis] = std::min(part.hi[axis], box.hi[axis]);
        tokens *= std::max(part.hi[axis] - part.lo[axis], 0);
      }
      if (tokens == 0)
        continue;
      clipped.boxes.push_back(part);
      clipped.tokens += tokens;
    }
  return clipped;
}

void RowCutter::addTile(const Region &query, uint32_t tile, uint32_t test) {
  const Region &key = keys[tile];
  if (key.tokens == 0)
    return;
  const SetProgram &program = mask.program();
  int64_t kept = ask.count(program.contains, query, key);
  keptMask += kept;
  result.pairsIssued += grid.queryCapacity * grid.keyCapacity;
  result.pairsComputed += test == Run::full      ? query.tokens * key.tokens
                          : test == Run::partial ? kept
                                                 : ask.count(program.filled[test - Run::partial - 1], query, key);
  if (result.runs.size() > result.rowStart.back() && result.runs.back().last() == tile &&
      result.runs.back().test() == test)
    result.runs.back() = Run(result.runs.back().first(), tile + 1, test);
  else
    result.runs.emplace_back(tile, tile + 1, test);
}

void RowCutter::cutRow(const Region &query, int64_t row) {
  if (query.tokens > 0)
    for (uint32_t at = table.rowStart[row]; at < table.rowStart[row + 1]; ++at)
      for (uint32_t tile = table.runs[at].first(); tile < table.runs[at].last(); ++tile)
        addTile(query, tile, table.runs[at].test());
  result.rowStart.push_back(uint32_t(result.runs.size()));
}

runtime::RowTable RowCutter::cut() {
  for (int64_t tile = 0; tile < grid.keyTiles; ++tile)
    keys.push_back(clip(Side::Key, tile));
  result.rowStart.push_back(0);
  for (int64_t row = 0; row < table.rows(); ++row)
    cutRow(clip(Side::Query, row), row);
  result.pairsInMask = mask.pairs(mask.program().contains, grid.queries, grid.keys);
  result.pairsLost = result.pairsInMask - keptMask;
  return std::move(result);
}

void falloff::cutRows(const BoundMask &mask, const runtime::Grid &grid, runtime::RowTable &table) {
  table = RowCutter(mask, grid, table).cut();
}
