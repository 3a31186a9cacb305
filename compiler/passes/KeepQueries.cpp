// SPDX-License-Identifier: Apache-2.0
//
// Looks for queries without a key, from cheap to dear: a full tile serves all queries, then a key seen by all of them,
// then each query by itself.
#include "compiler/passes/KeepQueries.h"
#include <algorithm>

using namespace falloff;
using runtime::Run;
using runtime::Side;

Region falloff::regionOf(const BoundMask &mask, const runtime::Grid &grid, Side side, int64_t tile) {
  Region region;
  if (grid.kind == runtime::GridKind::Flat) {
    runtime::TokenRange range = grid.tileRange(side, tile);
    std::vector<Box> boxes = mask.boxes(range);
    region.boxes.assign(boxes.begin(), boxes.end());
    region.tokens = range.size();
    return region;
  }
  const runtime::Segment &segment = grid.segmentOf(side, tile);
  int64_t lo[Box::maxAxes], hi[Box::maxAxes];
  grid.tileBox(side, tile, lo, hi);
  Box &box = region.boxes.emplace_back();
  box.segment = int32_t(&segment - grid.segments.data());
  region.tokens = 1;
  for (size_t axis = 0; axis < segment.extents.size(); ++axis) {
    box.lo[axis] = int32_t(lo[axis]);
    box.hi[axis] = int32_t(hi[axis]);
    region.tokens *= hi[axis] - lo[axis];
  }
  return region;
}

void KeepQueries::skip(const Block &block, int64_t row, uint32_t firstKey) {
  for (uint32_t at = block.skippedStart[row]; at < block.skippedStart[row + 1]; ++at)
    skipped.push_back(firstKey + block.skipped[at]);
}

int32_t KeepQueries::testedNode(uint32_t test) const {
  const SetProgram &program = mask.program();
  return test == Run::partial ? program.contains : program.filled[test - Run::partial - 1];
}

Region KeepQueries::keyRegion(uint32_t tile) const { return regionOf(mask, grid, Side::Key, tile); }

/// A region of one token: the first or the last of a box.
static Region corner(Box box, bool isLast, int32_t axes) {
  for (int32_t axis = 0; axis < axes; ++axis)
    (isLast ? box.lo[axis] : box.hi[axis]) = isLast ? box.hi[axis] - 1 : box.lo[axis] + 1;
  Region region;
  region.boxes.push_back(box);
  region.tokens = 1;
  return region;
}

bool KeepQueries::someKeyForAll(const Region &queries) const {
  for (const Run &run : runs)
    for (uint32_t tile = run.first(); tile < run.last(); ++tile) {
      Region keys = keyRegion(tile);
      for (bool isLast : {false, true}) {
        const Box &box = isLast ? keys.boxes.back() : keys.boxes.front();
        Region key = corner(box, isLast, int32_t(grid.segments[box.segment].extents.size()));
        if (ask.classify(testedNode(run.test()), queries, key) == Class::All)
          return true;
      }
    }
  return false;
}

bool KeepQueries::keepsKey(const Region &query) const {
  for (const Run &run : runs)
    for (uint32_t tile = run.first(); tile < run.last(); ++tile)
      if (ask.count(testedNode(run.test()), query, keyRegion(tile)) > 0)
        return true;
  return false;
}

/// Calls visit(region) for each token of a region.
template <typename Visit>
static void forEachToken(const Region &region, const runtime::Grid &grid, Visit visit) {
  for (const Box &box : region.boxes) {
    int32_t axes = int32_t(grid.segments[box.segment].extents.size());
    Box at = corner(box, false, axes).boxes.front();
    for (int32_t axis = axes; axis >= 0;) {
      Region token;
      token.boxes.push_back(at);
      token.tokens = 1;
      visit(token);
      for (axis = axes - 1; axis >= 0; --axis) {
        ++at.lo[axis];
        if (++at.hi[axis] <= box.hi[axis])
          break;
        at.lo[axis] = box.lo[axis];
        at.hi[axis] = box.lo[axis] + 1;
      }
    }
  }
}

std::vector<uint32_t> KeepQueries::tilesToKeep(const Region &queries) const {
  std::vector<uint32_t> tiles;
  forEachToken(queries, grid, [&](const Region &query) {
    auto lowest = std::find_if(skipped.begin(), skipped.end(), [&](uint32_t tile) {
      return ask.count(mask.program().contains, query, keyRegion(tile)) > 0;
    });
    if (lowest != skipped.end() && !keepsKey(query))
      tiles.push_back(*lowest);
  });
  std::sort(tiles.begin(), tiles.end());
  tiles.erase(std::unique(tiles.begin(), tiles.end()), tiles.end());
  return tiles;
}

/// Adds partial tiles, ascending and not kept yet, to runs, and joins what meets.
static std::vector<Run> mergePartial(const std::vector<Run> &runs, const std::vector<uint32_t> &tiles) {
  std::vector<Run> all = runs, merged;
  for (uint32_t tile : tiles)
    all.emplace_back(tile, tile + 1, Run::partial);
  std::sort(all.begin(), all.end(), [](const Run &a, const Run &b) { return a.first() < b.first(); });
  for (const Run &run : all)
    if (!merged.empty() && merged.back().last() == run.first() && merged.back().test() == run.test())
      merged.back() = Run(merged.back().first(), run.last(), run.test());
    else
      merged.push_back(run);
  return merged;
}

void KeepQueries::finishRow(runtime::RowTable &table, TileTotals &totals) {
  if (skipped.empty())
    return;
  int64_t row = table.rows() - 1;
  runs.assign(table.runs.begin() + table.rowStart[row], table.runs.end());
  bool hasFull = std::any_of(runs.begin(), runs.end(), [](const Run &run) { return run.isFull(); });
  std::vector<uint32_t> tiles;
  if (!hasFull) {
    Region queries = regionOf(mask, grid, Side::Query, row);
    if (!someKeyForAll(queries))
      tiles = tilesToKeep(queries);
    for (uint32_t tile : tiles) {
      int64_t pairs = ask.count(mask.program().contains, queries, keyRegion(tile));
      totals.kept += 1;
      totals.keptMask += pairs;
      totals.computed += pairs;
    }
  }
  if (!tiles.empty()) {
    std::vector<Run> merged = mergePartial(runs, tiles);
    table.runs.resize(table.rowStart[row]);
    table.runs.insert(table.runs.end(), merged.begin(), merged.end());
    table.rowStart[row + 1] = uint32_t(table.runs.size());
  }
  skipped.clear();
}
