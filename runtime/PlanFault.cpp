// SPDX-License-Identifier: Apache-2.0
//
// What a plan must fulfil for kernels to read nothing past the end of anything. Each check is of one part and names it.
#include "runtime/PlanFile.h"
#include <algorithm>

namespace falloff::runtime {
namespace {

constexpr int64_t maxTokens = int64_t(1) << 31; // token numbers are int32
constexpr size_t maxAxes = 8;

/// a * b for sizes below 2^31, or more than any of them.
int64_t product(int64_t a, int64_t b) { return a != 0 && b > maxTokens / a ? maxTokens + 1 : a * b; }

int64_t ceilDivide(int64_t a, int64_t b) { return a / b + (a % b != 0); }

struct Totals {
  int64_t tokens = 0, queryTiles = 0, keyTiles = 0;
  int64_t queryCapacity = 0, keyCapacity = 0; ///< of the largest tile
};

std::string findFault(const Segment &segment, Side side, int64_t &tiles, int64_t &capacity) {
  const std::vector<int64_t> &tile = segment.tile(side);
  if (tile.size() != segment.extents.size())
    return "tile of another number of axes";
  int64_t count = 1, size = 1;
  for (size_t axis = 0; axis < tile.size(); ++axis) {
    if (tile[axis] < 1 || tile[axis] > maxTokens)
      return "size of a tile";
    count = product(count, ceilDivide(segment.extents[axis], tile[axis]));
    size = product(size, std::min(segment.extents[axis], tile[axis]));
  }
  if (segment.firstTile(side) != tiles)
    return "first tile of a segment";
  tiles += count;
  capacity = std::max(capacity, size);
  return "";
}

std::string findFault(const Segment &segment, GridKind kind, Totals &totals) {
  if (segment.extents.empty() || segment.extents.size() > maxAxes || segment.axes.size() != segment.extents.size())
    return "number of axes";
  int64_t tokens = 1;
  for (int64_t extent : segment.extents) {
    if (extent < 0 || extent >= maxTokens)
      return "extent of an axis";
    tokens = product(tokens, extent);
  }
  if (segment.firstToken != totals.tokens)
    return "first token of a segment";
  totals.tokens += tokens;
  if (totals.tokens >= maxTokens)
    return "number of tokens";
  if (kind == GridKind::Flat)
    return "";
  std::string fault = findFault(segment, Side::Query, totals.queryTiles, totals.queryCapacity);
  return fault.empty() ? findFault(segment, Side::Key, totals.keyTiles, totals.keyCapacity) : fault;
}

bool isWithin(TokenRange range, int64_t tokens) {
  return range.first >= 0 && range.first <= range.last && range.last <= tokens;
}

std::string findFault(const Grid &grid) {
  Totals totals;
  if (grid.segments.empty())
    return "number of segments";
  for (const Segment &segment : grid.segments)
    if (std::string fault = findFault(segment, grid.kind, totals); !fault.empty())
      return fault;
  if (grid.kind == GridKind::Flat) {
    for (int64_t tile : {grid.flatQueryTile, grid.flatKeyTile})
      if (tile < 1 || tile >= maxTokens)
        return "size of a tile";
    // A grid may end before the last token; such a plan prints but does not run.
    totals.queryTiles = std::min(ceilDivide(totals.tokens, grid.flatQueryTile), std::max<int64_t>(grid.queryTiles, 0));
    totals.keyTiles = std::min(ceilDivide(totals.tokens, grid.flatKeyTile), std::max<int64_t>(grid.keyTiles, 0));
    totals.queryCapacity = std::min(totals.tokens, grid.flatQueryTile);
    totals.keyCapacity = std::min(totals.tokens, grid.flatKeyTile);
  }
  if (grid.tokens != totals.tokens)
    return "number of tokens";
  if (grid.queryTiles != totals.queryTiles || grid.keyTiles != totals.keyTiles ||
      std::max(grid.queryTiles, grid.keyTiles) >= Run::maxTiles)
    return "number of tiles";
  for (Side side : {Side::Query, Side::Key})
    if (grid.capacity(side) < (side == Side::Query ? totals.queryCapacity : totals.keyCapacity) ||
        grid.capacity(side) >= maxTokens)
      return "capacity of tiles";
  if (!isWithin(grid.queries, grid.tokens) || !isWithin(grid.keys, grid.tokens))
    return "range of a slice";
  return "";
}

std::string findRowFault(const RowTable &table, int64_t rows, int64_t columns) {
  if (table.rowStart.size() != size_t(rows) + 1 || table.rowStart.front() != 0 ||
      table.rowStart.back() != table.runs.size())
    return "start of rows";
  for (int64_t row = 0; row < rows; ++row) {
    if (table.rowStart[row] > table.rowStart[row + 1] || table.rowStart[row + 1] > table.runs.size())
      return "start of rows";
    uint32_t from = 0;
    for (uint32_t at = table.rowStart[row]; at < table.rowStart[row + 1]; ++at) {
      Run run = table.runs[at];
      if (run.first() < from || run.first() >= run.last() || run.last() > columns || run.test() > 128)
        return "run of tiles";
      from = run.last();
    }
  }
  return "";
}

std::string findOrderFault(const RowTable &table, int64_t rows, int64_t columns) {
  std::vector<bool> seen(rows);
  for (uint32_t row : table.rowOrder) {
    if (row >= rows || seen[row])
      return "order of rows";
    seen[row] = true;
  }
  int64_t before = -1;
  for (const Split &split : table.splits) {
    if (split.row >= rows || split.row <= before || split.firstTiles.empty())
      return "split of a row";
    before = split.row;
    uint32_t from = 0;
    for (uint32_t tile : split.firstTiles) {
      if (tile <= from || tile >= columns)
        return "split of a row";
      from = tile;
    }
  }
  return "";
}

bool isTested(const RowTable &table) {
  return std::any_of(table.runs.begin(), table.runs.end(), [](Run run) { return !run.isFull(); });
}

/// Extents of the segment that functors know by a number; null if there is none.
const std::vector<int64_t> *extentsOf(const Plan &plan, int32_t id) {
  auto found = std::find(plan.segmentIds.begin(), plan.segmentIds.end(), id);
  return found == plan.segmentIds.end() ? nullptr : &plan.grid.segments[found - plan.segmentIds.begin()].extents;
}

std::string findMaskFault(const Plan &plan) {
  if (plan.segmentIds.size() != plan.grid.segments.size())
    return "number of segment ids";
  std::vector<int32_t> ids = plan.segmentIds;
  std::sort(ids.begin(), ids.end());
  if (ids.front() < 0 || std::adjacent_find(ids.begin(), ids.end()) != ids.end())
    return "segment ids";
  if (plan.masks.empty())
    return std::any_of(plan.tables.begin(), plan.tables.end(), isTested) ? "tested tiles without a mask" : "";
  if (plan.masks.size() != plan.tables.size())
    return "number of masks";
  for (const Coordinate &coordinate : plan.coordinates) {
    const std::vector<int64_t> *extents = extentsOf(plan, coordinate.segment);
    if (!extents || coordinate.axis < 0 || size_t(coordinate.axis) >= extents->size())
      return "axis of a coordinate";
    for (size_t number = 0; number < plan.masks.size() && coordinate.table >= 0; ++number) {
      const std::vector<std::vector<int32_t>> &tables = plan.masks[number].tables;
      if (isTested(plan.tables[number]) && (size_t(coordinate.table) >= tables.size() ||
                                            int64_t(tables[coordinate.table].size()) < (*extents)[coordinate.axis]))
        return "table of a coordinate";
    }
  }
  return "";
}

} // namespace

std::string findFault(const Plan &plan) {
  if (std::string fault = findFault(plan.grid); !fault.empty())
    return fault;
  bool isQueryMajor = plan.major == Major::Query;
  int64_t rows = plan.grid.tiles(isQueryMajor ? Side::Query : Side::Key);
  int64_t columns = plan.grid.tiles(isQueryMajor ? Side::Key : Side::Query);
  for (const RowTable &table : plan.tables) {
    if (std::string fault = findRowFault(table, rows, columns); !fault.empty())
      return fault;
    if (std::string fault = findOrderFault(table, rows, columns); !fault.empty())
      return fault;
    if (std::min({table.pairsInMask, table.pairsComputed, table.pairsIssued, table.pairsLost}) < 0)
      return "number of pairs";
  }
  if (plan.tables.empty() || plan.tableOf.empty() || plan.batches < 1 || uint64_t(plan.batches) > plan.tableOf.size() ||
      plan.tableOf.size() % plan.batches != 0)
    return "number of tables";
  for (uint32_t table : plan.tableOf)
    if (table >= plan.tables.size())
      return "table of a head";
  return findMaskFault(plan);
}

} // namespace falloff::runtime
