// SPDX-License-Identifier: Apache-2.0
//
// Integer work in proportion to tokens and runs, once for each plan, device and size of blocks.
#include "runtime/cuda/PlanTables.h"
#include "runtime/PlanLayout.h"
#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace falloff::cuda {

using runtime::Grid;
using runtime::QueryRows;
using runtime::Run;
using runtime::Side;
using runtime::TokenRange;

namespace {

int64_t roundUp(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/// First lane of each query tile, and one past the last.
std::vector<int64_t> firstQueryLanes(const Grid &grid, int64_t block) {
  std::vector<int64_t> first{0};
  for (int64_t tile = 0; tile < grid.queryTiles; ++tile)
    first.push_back(first.back() + roundUp(grid.tileSize(Side::Query, tile), block));
  return first;
}

/// Tokens of tiles from the lanes on where they begin; -1 elsewhere.
template <typename FirstLane>
std::vector<int32_t> tokensByLane(const Grid &grid, Side side, int64_t lanes, const FirstLane &firstLane) {
  std::vector<int32_t> tokens(size_t(lanes), -1), tile(size_t(std::max<int64_t>(grid.capacity(side), 1)));
  for (int64_t number = 0; number < grid.tiles(side); ++number) {
    int64_t count = grid.tileTokens(side, number, tile.data());
    std::copy_n(tile.begin(), count, tokens.begin() + firstLane(number));
  }
  return tokens;
}

std::shared_ptr<const Coordinates> readCoordinates(const runtime::CoordinateReader &reader,
                                                   const std::vector<int32_t> &tokens) {
  auto lanes = int64_t(tokens.size()), count = reader.count();
  auto coordinates = std::make_shared<Coordinates>(size_t((count + 1) * lanes));
  reader.read(tokens.data(), lanes, {}, coordinates->data(), lanes, coordinates->data() + count * lanes);
  return coordinates;
}

/// Whether two tables' coordinates are the same: those that look one up look up the same.
bool readTheSame(const runtime::Plan &plan, const runtime::MaskData &a, const runtime::MaskData &b) {
  return std::all_of(plan.coordinates.begin(), plan.coordinates.end(), [&](const runtime::Coordinate &coordinate) {
    return coordinate.table < 0 || a.tables[coordinate.table] == b.tables[coordinate.table];
  });
}

class TableMaker {
public:
  TableMaker(const runtime::Plan &plan, const PlanTables &lanes, const std::vector<int64_t> &firstLanes)
      : plan(plan), lanes(lanes), firstLanes(firstLanes) {}

  HostTable make(const runtime::RowTable &from) {
    QueryRows rows(plan, from);
    HostTable table;
    table.runs.reserve(rows.table->runs.size());
    for (const Run &run : rows.table->runs)
      table.runs.push_back(run.bits);
    addPieces(rows, table);
    sortByTiles(rows, table);
    return table;
  }

private:
  /// Pieces of a row that is split come one after the other, as QueryRows lists them.
  void addPieces(const QueryRows &rows, HostTable &table) {
    for (size_t at = 0; at < rows.pieces.size();) {
      uint32_t row = rows.pieces[at].row;
      size_t last = at;
      while (last < rows.pieces.size() && rows.pieces[last].row == row)
        ++last;
      for (int64_t lane = firstLanes[row]; lane < firstLanes[row + 1]; lane += lanes.queryBlock) {
        bool split = rows.pieces[at].slot >= 0;
        if (split)
          table.splits.push_back({int32_t(lane), table.slots, int32_t(last - at)});
        for (size_t piece = at; piece < last; ++piece)
          table.pieces.push_back(pieceOf(rows, rows.pieces[piece], int32_t(lane), split ? table.slots++ : -1));
      }
      at = last;
    }
  }

  /// Runs that the piece meets.
  RowPiece pieceOf(const QueryRows &rows, const runtime::RowPiece &from, int32_t lane, int32_t slot) const {
    const std::vector<uint32_t> &start = rows.table->rowStart;
    uint32_t first = start[from.row], last = start[from.row + 1];
    while (first < last && rows.table->runs[first].last() <= from.firstTile)
      ++first;
    while (last > first && rows.table->runs[last - 1].first() >= from.lastTile)
      --last;
    return {lane, int32_t(first), int32_t(last), int32_t(from.firstTile), int32_t(from.lastTile), slot};
  }

  static int64_t keptTiles(const QueryRows &rows, const RowPiece &piece) {
    int64_t tiles = 0;
    for (int run = piece.firstRun; run < piece.lastRun; ++run)
      tiles += std::min<int64_t>(rows.table->runs[run].last(), piece.lastTile) -
               std::max<int64_t>(rows.table->runs[run].first(), piece.firstTile);
    return tiles;
  }

  static void sortByTiles(const QueryRows &rows, HostTable &table) {
    std::vector<std::pair<int64_t, size_t>> order; // most tiles first, ties as they were
    for (size_t i = 0; i < table.pieces.size(); ++i)
      order.emplace_back(-keptTiles(rows, table.pieces[i]), i);
    std::sort(order.begin(), order.end());
    std::vector<RowPiece> sorted;
    for (auto [tiles, index] : order)
      sorted.push_back(table.pieces[index]);
    table.pieces = std::move(sorted);
  }

  const runtime::Plan &plan;
  const PlanTables &lanes;
  const std::vector<int64_t> &firstLanes;
};

bool isTested(const runtime::RowTable &table) {
  return std::any_of(table.runs.begin(), table.runs.end(), [](const Run &run) { return !run.isFull(); });
}

void addCoordinates(const runtime::Plan &plan, PlanTables &tables) {
  std::vector<size_t> readers; // tables with coordinates of their own
  for (size_t i = 0; i < tables.tables.size(); ++i) {
    if (!isTested(plan.tables[i]))
      continue;
    auto same = std::find_if(readers.begin(), readers.end(),
                             [&](size_t other) { return readTheSame(plan, plan.masks[other], plan.masks[i]); });
    if (same != readers.end()) {
      tables.tables[i].queryCoordinates = tables.tables[*same].queryCoordinates;
      tables.tables[i].keyCoordinates = tables.tables[*same].keyCoordinates;
      continue;
    }
    runtime::CoordinateReader reader(plan, plan.masks[i]);
    tables.tables[i].queryCoordinates = readCoordinates(reader, tables.queryTokens);
    tables.tables[i].keyCoordinates = readCoordinates(reader, tables.keyTokens);
    readers.push_back(i);
  }
}

template <typename Count>
int32_t largest(const std::vector<HostTable> &tables, const Count &count) {
  int32_t most = 0;
  for (const HostTable &table : tables)
    most = std::max(most, int32_t(count(table)));
  return most;
}

} // namespace

int32_t PlanTables::slots() const {
  return largest(tables, [](const HostTable &table) { return table.slots; });
}
int32_t PlanTables::largestGrid() const {
  return largest(tables, [](const HostTable &table) { return table.pieces.size(); });
}
int32_t PlanTables::largestSplits() const {
  return largest(tables, [](const HostTable &table) { return table.splits.size(); });
}

PlanTables layOut(const runtime::Plan &plan, int32_t queryBlock, int32_t keyBlock) {
  const Grid &grid = plan.grid;
  PlanTables tables;
  tables.queryBlock = queryBlock;
  tables.keyBlock = keyBlock;
  std::vector<int64_t> firstLanes = firstQueryLanes(grid, queryBlock);
  int64_t keyStride = roundUp(grid.keyCapacity, keyBlock), rows = int64_t(plan.coordinates.size()) + 1;
  int64_t most = std::max(firstLanes.back(), keyStride * grid.keyTiles) * rows;
  if (most > std::numeric_limits<int32_t>::max())
    throw std::invalid_argument("expects a plan of fewer than 2^31 lanes x coordinates for a CUDA device, but got " +
                                std::to_string(most) + "; tiles that hold more tokens have fewer lanes without one");
  tables.keyStride = int32_t(keyStride);
  tables.queryTokens =
      tokensByLane(grid, Side::Query, firstLanes.back(), [&](int64_t tile) { return firstLanes[size_t(tile)]; });
  tables.keyTokens =
      tokensByLane(grid, Side::Key, keyStride * grid.keyTiles, [&](int64_t tile) { return tile * keyStride; });
  TableMaker maker(plan, tables, firstLanes);
  for (const runtime::RowTable &table : plan.tables)
    tables.tables.push_back(maker.make(table));
  addCoordinates(plan, tables);
  return tables;
}

} // namespace falloff::cuda
