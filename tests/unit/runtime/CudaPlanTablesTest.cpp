// SPDX-License-Identifier: Apache-2.0
//
// Plans as tables for kernels: each pair of tiles that a plan keeps is in the pieces once for each block of queries,
// with its test, and coordinates are those of the tokens at the lanes.
#include "runtime/Plan.h"
#include "runtime/cuda/PlanTables.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <map>
#include <random>
#include <set>

using namespace falloff;
using namespace falloff::runtime;
namespace cuda = falloff::cuda;
using TileRun = runtime::Run; // `Run` is a member of every test

namespace {

/// video 7 x 40 in tiles of 2 x 30 (queries) and 1 x 40 (keys), text 50 in tiles of 50 and 20.
Grid grid() {
  Grid grid;
  Segment video, text;
  video.name = "video";
  video.axes = {"frame", "patch"};
  video.extents = {7, 40};
  video.queryTile = {2, 30};
  video.keyTile = {1, 40};
  text.name = "text";
  text.axes = {"token"};
  text.extents = {50};
  text.queryTile = {50};
  text.keyTile = {20};
  text.firstToken = 280;
  text.firstQueryTile = 8;
  text.firstKeyTile = 7;
  grid.segments = {video, text};
  grid.tokens = 330;
  grid.queryTiles = 9;
  grid.keyTiles = 10;
  grid.queryCapacity = 60;
  grid.keyCapacity = 40;
  grid.queries = grid.keys = {0, 330};
  return grid;
}

/// A random table over rows x columns of tiles, of `density`.
RowTable randomTable(const Grid &grid, Major major, double density, std::mt19937 &random) {
  RowTable table;
  int64_t rows = major == Major::Query ? grid.queryTiles : grid.keyTiles;
  int64_t columns = major == Major::Query ? grid.keyTiles : grid.queryTiles;
  table.rowStart = {0};
  std::uniform_real_distribution<double> unit(0, 1);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column)
      if (unit(random) < density)
        table.runs.emplace_back(column, column + 1, random() % 4);
    table.rowStart.push_back(uint32_t(table.runs.size()));
  }
  orderRows(grid, major, table);
  return table;
}

Plan planOf(std::vector<RowTable> tables, Major major = Major::Query) {
  Plan plan;
  plan.grid = grid();
  plan.major = major;
  plan.tables = std::move(tables);
  for (size_t i = 0; i < plan.tables.size(); ++i)
    plan.tableOf.push_back(uint32_t(i));
  plan.segmentIds = {0, 1};
  plan.coordinates = {{0, 0, -1}, {0, 1, 0}, {1, 0, -1}};
  MaskData mask;
  mask.tables.emplace_back();
  for (int32_t patch = 0; patch < 40; ++patch)
    mask.tables[0].push_back(100 + patch / 8);
  plan.masks.assign(plan.tables.size(), mask);
  return plan;
}

/// Test of each kept pair of tiles.
using Kept = std::map<std::pair<int64_t, int64_t>, uint32_t>;

Kept keptOf(const Plan &plan, const RowTable &table) {
  Kept kept;
  for (int64_t row = 0; row < table.rows(); ++row)
    for (uint32_t run = table.rowStart[row]; run < table.rowStart[row + 1]; ++run)
      for (uint32_t column = table.runs[run].first(); column < table.runs[run].last(); ++column)
        kept[plan.major == Major::Query ? std::pair<int64_t, int64_t>(row, column)
                                        : std::pair<int64_t, int64_t>(column, row)] = table.runs[run].test();
  return kept;
}

/// Query tile of the block that begins at each lane.
std::map<int64_t, int64_t> tilesOfBlocks(const Grid &grid, int64_t block) {
  std::map<int64_t, int64_t> tiles;
  int64_t lane = 0;
  for (int64_t tile = 0; tile < grid.queryTiles; ++tile)
    for (int64_t first = 0; first < grid.tileSize(Side::Query, tile); first += block, lane += block)
      tiles[lane] = tile;
  return tiles;
}

std::pair<Kept, int64_t> visit(const cuda::HostTable &table, const cuda::RowPiece &piece, int64_t tile) {
  Kept kept;
  for (int run = piece.firstRun; run < piece.lastRun; ++run) {
    TileRun packed;
    packed.bits = table.runs[size_t(run)];
    for (int64_t key = std::max<int64_t>(packed.first(), piece.firstTile);
         key < std::min<int64_t>(packed.last(), piece.lastTile); ++key)
      EXPECT_TRUE(kept.emplace(std::pair<int64_t, int64_t>(tile, key), packed.test()).second);
  }
  return {kept, int64_t(kept.size())};
}

void expectSame(const Plan &plan, int32_t queryBlock, int32_t keyBlock) {
  cuda::PlanTables tables = cuda::layOut(plan, queryBlock, keyBlock);
  std::map<int64_t, int64_t> tiles = tilesOfBlocks(plan.grid, queryBlock);
  for (size_t i = 0; i < plan.tables.size(); ++i) {
    const cuda::HostTable &table = tables.tables[i];
    std::map<int64_t, Kept> found; // by block
    std::set<int32_t> slots;
    int64_t before = plan.grid.keyTiles;
    for (const cuda::RowPiece &piece : table.pieces) {
      ASSERT_EQ(tiles.count(piece.firstLane), 1u);
      auto [kept, count] = visit(table, piece, tiles[piece.firstLane]);
      EXPECT_LE(count, before) << "the first pieces keep the most tiles";
      before = count;
      for (auto &pair : kept)
        EXPECT_TRUE(found[piece.firstLane].insert(pair).second);
      found[piece.firstLane].size(); // an empty row has a piece, too
      if (piece.slot >= 0)
        EXPECT_TRUE(slots.insert(piece.slot).second);
    }
    EXPECT_EQ(found.size(), tiles.size()) << "each block of queries has its result";
    Kept expected = keptOf(plan, plan.tables[i]);
    for (auto &[lane, kept] : found)
      for (int64_t key = 0; key < plan.grid.keyTiles; ++key) {
        auto want = expected.find({tiles[lane], key}), got = kept.find({tiles[lane], key});
        ASSERT_EQ(want == expected.end(), got == kept.end());
        if (got != kept.end())
          EXPECT_EQ(want->second, got->second);
      }
    EXPECT_EQ(int32_t(slots.size()), table.slots);
  }
}

TEST(CudaPlanTables, KeepWhatThePlanKeeps) {
  std::mt19937 random(7);
  for (double density : {0.0, 0.3, 1.0})
    for (Major major : {Major::Query, Major::Key}) {
      Grid cut = grid();
      Plan plan = planOf({randomTable(cut, major, density, random), randomTable(cut, major, density, random)}, major);
      expectSame(plan, 64, 64);
      expectSame(plan, 32, 32);
    }
}

TEST(CudaPlanTables, SplitRowsMergeInKeyOrder) {
  std::mt19937 random(8);
  Plan plan = planOf({randomTable(grid(), Major::Query, 0.8, random)});
  plan.tables[0].splits = {{3, {2, 6}}, {8, {5}}};
  expectSame(plan, 32, 32);
  cuda::PlanTables tables = cuda::layOut(plan, 32, 32);
  const cuda::HostTable &table = tables.tables[0];
  // Tiles 3 (2 x 10 tokens, one block) and 8 (50 tokens, two blocks), in three pieces and in two.
  ASSERT_EQ(table.splits.size(), 3u);
  EXPECT_EQ(table.slots, 3 + 2 * 2);
  EXPECT_EQ(tables.slots(), table.slots);
  EXPECT_EQ(tables.largestSplits(), 3);
  for (const cuda::SplitBlock &split : table.splits) {
    int last = 0;
    for (int slot = split.firstSlot; slot < split.firstSlot + split.slots; ++slot) {
      auto piece = std::find_if(table.pieces.begin(), table.pieces.end(),
                                [&](const cuda::RowPiece &candidate) { return candidate.slot == slot; });
      ASSERT_NE(piece, table.pieces.end());
      EXPECT_EQ(piece->firstLane, split.firstLane);
      EXPECT_EQ(piece->firstTile, last);
      last = piece->lastTile;
    }
    EXPECT_EQ(last, plan.grid.keyTiles);
  }
}

TEST(CudaPlanTables, LanesHoldTokensOnce) {
  std::mt19937 random(9);
  Plan plan = planOf({randomTable(grid(), Major::Query, 0.5, random)});
  plan.grid.queries = {13, 300};
  cuda::PlanTables tables = cuda::layOut(plan, 64, 32);
  EXPECT_EQ(tables.keyStride, 64);
  EXPECT_EQ(tables.keyLanes(), 64 * 10);
  std::vector<int32_t> seen;
  for (int32_t token : tables.queryTokens)
    if (token >= 0)
      seen.push_back(token);
  std::sort(seen.begin(), seen.end());
  ASSERT_EQ(seen.size(), 287u);
  EXPECT_EQ(seen.front(), 13);
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
  for (int64_t tile = 0; tile < plan.grid.keyTiles; ++tile)
    EXPECT_EQ(std::count_if(tables.keyTokens.begin() + tile * 64, tables.keyTokens.begin() + (tile + 1) * 64,
                            [](int32_t token) { return token >= 0; }),
              plan.grid.tileSize(Side::Key, tile));
}

TEST(CudaPlanTables, CoordinatesAreThoseOfTheTokens) {
  std::mt19937 random(10);
  Grid cut = grid();
  Plan plan = planOf({randomTable(cut, Major::Query, 0.5, random), randomTable(cut, Major::Query, 0.5, random),
                      randomTable(cut, Major::Query, 0.5, random)});
  plan.masks[1].numbers = {1.5}; // no coordinate reads it
  plan.masks[2].tables[0][3] = 7;
  for (TileRun &run : plan.tables[1].runs)
    run = {run.first(), run.last(), 1};
  cuda::PlanTables tables = cuda::layOut(plan, 32, 32);
  EXPECT_EQ(tables.tables[0].keyCoordinates, tables.tables[1].keyCoordinates);
  EXPECT_NE(tables.tables[0].keyCoordinates, tables.tables[2].keyCoordinates);
  for (size_t i : {0, 2}) {
    const cuda::Coordinates &got = *tables.tables[i].queryCoordinates;
    size_t lanes = tables.queryTokens.size();
    ASSERT_EQ(got.size(), 4 * lanes);
    for (size_t lane = 0; lane < lanes; ++lane) {
      int32_t token = tables.queryTokens[lane];
      bool video = token >= 0 && token < 280, text = token >= 280;
      EXPECT_EQ(got[lane], video ? token / 40 : 0);
      EXPECT_EQ(got[lanes + lane], video ? plan.masks[i].tables[0][size_t(token % 40)] : 0);
      EXPECT_EQ(got[2 * lanes + lane], text ? token - 280 : 0);
      EXPECT_EQ(got[3 * lanes + lane], video ? 0 : text ? 1 : -1);
    }
  }
}

TEST(CudaPlanTables, FullPlansNeedNoCoordinates) {
  Plan plan = planOf({RowTable()});
  plan.tables[0].rowStart = {0};
  for (int64_t row = 0; row < plan.grid.queryTiles; ++row) {
    plan.tables[0].runs.emplace_back(0, plan.grid.keyTiles, TileRun::full);
    plan.tables[0].rowStart.push_back(uint32_t(row + 1));
  }
  orderRows(plan.grid, Major::Query, plan.tables[0]);
  cuda::PlanTables tables = cuda::layOut(plan, 64, 64);
  EXPECT_EQ(tables.tables[0].queryCoordinates, nullptr);
  EXPECT_EQ(tables.tables[0].keyCoordinates, nullptr);
  EXPECT_EQ(tables.largestGrid(), 9);
}

} // namespace
