// SPDX-License-Identifier: Apache-2.0
//
// Runs, tiles and rows: the plain data of a plan.
#include "runtime/Plan.h"
#include "gtest/gtest.h"

using namespace falloff::runtime;

namespace {

using TileRun = Run; // `Run` is a member of every test

/// video 3 x 5 in tiles of 2 x 2 (queries) and 1 x 5 (keys), text 4 in tiles of 3.
Grid smallGrid() {
  Grid grid;
  Segment video, text;
  video.name = "video";
  video.axes = {"frame", "patch"};
  video.extents = {3, 5};
  video.queryTile = {2, 2};
  video.keyTile = {1, 5};
  text.name = "text";
  text.axes = {"token"};
  text.extents = {4};
  text.queryTile = text.keyTile = {3};
  text.firstToken = 15;
  text.firstQueryTile = 6;
  text.firstKeyTile = 3;
  grid.segments = {video, text};
  grid.tokens = 19;
  grid.queryTiles = 8;
  grid.keyTiles = 5;
  grid.queryCapacity = 4;
  grid.keyCapacity = 5;
  grid.queries = grid.keys = {0, 19};
  return grid;
}

std::vector<int32_t> tokens(const Grid &grid, Side side, int64_t tile) {
  std::vector<int32_t> tokens(grid.capacity(side));
  tokens.resize(grid.tileTokens(side, tile, tokens.data()));
  EXPECT_EQ(int64_t(tokens.size()), grid.tileSize(side, tile));
  return tokens;
}

RowTable table(std::vector<std::vector<Run>> rows) {
  RowTable table;
  table.rowStart = {0};
  for (const std::vector<Run> &row : rows) {
    table.runs.insert(table.runs.end(), row.begin(), row.end());
    table.rowStart.push_back(uint32_t(table.runs.size()));
  }
  return table;
}

using Tokens = std::vector<int32_t>;

TEST(PlanTest, runsHoldTheirTest) {
  TileRun run(5, TileRun::maxTiles - 1, 1 + 127);
  EXPECT_EQ(run.first(), 5u);
  EXPECT_EQ(run.last(), uint32_t(TileRun::maxTiles - 1));
  EXPECT_EQ(run.test(), 128u);
  EXPECT_TRUE(run.isLimited());
  EXPECT_TRUE(TileRun(0, 1, TileRun::full).isFull());
  EXPECT_TRUE(TileRun(0, 1, TileRun::partial).isPartial());
}

TEST(PlanTest, boxesAreClippedAtBorders) {
  Grid grid = smallGrid();
  EXPECT_EQ(tokens(grid, Side::Query, 0), (Tokens{0, 1, 5, 6}));
  EXPECT_EQ(tokens(grid, Side::Query, 2), (Tokens{4, 9}));
  EXPECT_EQ(tokens(grid, Side::Query, 5), (Tokens{14}));
  EXPECT_EQ(tokens(grid, Side::Query, 7), (Tokens{18}));
  EXPECT_EQ(tokens(grid, Side::Key, 1), (Tokens{5, 6, 7, 8, 9}));
  EXPECT_EQ(tokens(grid, Side::Query, 8), Tokens());
}

TEST(PlanTest, slicesClipTiles) {
  Grid grid = smallGrid();
  grid.queries = {1, 6};
  EXPECT_EQ(tokens(grid, Side::Query, 0), (Tokens{1, 5}));
  EXPECT_EQ(tokens(grid, Side::Query, 7), Tokens());
}

TEST(PlanTest, flatTilesAreRanges) {
  Grid grid = smallGrid();
  grid.kind = GridKind::Flat;
  grid.flatQueryTile = grid.queryCapacity = 8;
  grid.queryTiles = 3;
  EXPECT_EQ(tokens(grid, Side::Query, 2), (Tokens{16, 17, 18}));
  EXPECT_EQ(tokens(grid, Side::Query, 3), Tokens());
}

TEST(PlanTest, rowsAreOrderedLongestFirst) {
  Grid grid = smallGrid();
  RowTable rows = table({{{0, 1, 0}}, {{0, 2, 0}, {3, 4, 1}}, {}, {{1, 4, 1}}});
  orderRows(grid, Major::Query, rows);
  EXPECT_EQ(rows.rowOrder, (std::vector<uint32_t>{1, 3, 0, 2}));
  EXPECT_TRUE(rows.splits.empty());
}

TEST(PlanTest, longRowsAreSplit) {
  // 10 rows, 219 tiles kept: the limit is 4 x 21.9 = 87.
  std::vector<std::vector<TileRun>> runs(10);
  runs[4] = {{0, 100, 0}, {200, 300, 1}, {400, 410, 0}};
  runs[5] = {{0, 9, 0}};
  RowTable rows = table(runs);
  orderRows(smallGrid(), Major::Query, rows);
  ASSERT_EQ(rows.splits.size(), 1u);
  EXPECT_EQ(rows.splits[0].row, 4u);
  // Pieces of 70 tiles: 0-70, 70-100 and 200-240, 240-300 and 400-410.
  EXPECT_EQ(rows.splits[0].firstTiles, (std::vector<uint32_t>{70, 240}));
}

TEST(PlanTest, transposeTwiceIsTheSame) {
  RowTable rows = table({{{0, 2, 0}, {3, 5, 1}}, {{0, 5, 0}}, {}, {{1, 2, 3}, {2, 3, 0}}});
  RowTable turned, back;
  transposeRows(rows, 6, turned);
  ASSERT_EQ(turned.rows(), 6);
  EXPECT_EQ(turned.rowStart, (std::vector<uint32_t>{0, 1, 3, 5, 7, 9, 9}));
  EXPECT_EQ(turned.runs[0], TileRun(0, 2, 0));
  EXPECT_EQ(turned.runs[2], TileRun(3, 4, 3));
  transposeRows(turned, 4, back);
  EXPECT_EQ(back.rowStart, rows.rowStart);
  EXPECT_EQ(back.runs, rows.runs);
}

} // namespace
