// SPDX-License-Identifier: Apache-2.0
//
// Plans are read as they were written; whatever else is read is refused, or at least safe to walk.
#include "runtime/PlanFile.h"
#include "gtest/gtest.h"
#include <cstring>
#include <random>

using namespace falloff::runtime;

namespace {

using TileRun = Run; // `Run` is a member of every test

/// video 3 x 5 in tiles of 2 x 2 (queries) and 1 x 5 (keys), text 4 in tiles of 3; two tables for three heads.
Plan smallPlan() {
  Segment video{"video", {"frame", "patch"}, {3, 5}, {2, 2}, {1, 5}, 0, 0, 0};
  Segment text{"text", {"token"}, {4}, {3}, {3}, 15, 6, 3};
  Plan plan;
  plan.pattern = "radial";
  plan.parameters = "decay=0.2";
  plan.rounding = "nearest:0.5";
  plan.grid.segments = {video, text};
  plan.grid.tokens = 19;
  plan.grid.queryTiles = 8;
  plan.grid.keyTiles = 5;
  plan.grid.queryCapacity = 4;
  plan.grid.keyCapacity = 5;
  plan.grid.queries = {0, 19};
  plan.grid.keys = {3, 19};
  RowTable table;
  table.rowStart = {0, 2, 2, 3, 4, 5, 6, 7, 8};
  table.runs = {{0, 1, 0}, {2, 4, 1}, {0, 5, 0}, {0, 5, 3}, {1, 2, 0}, {1, 2, 1}, {4, 5, 0}, {0, 5, 0}};
  table.rowOrder = {2, 3, 7, 0, 4, 5, 6, 1};
  table.splits = {{2, {1, 3}}, {3, {2}}};
  table.pairsInMask = 100;
  table.pairsComputed = 110;
  table.pairsIssued = 200;
  table.pairsLost = 3;
  plan.tables = {table, table};
  plan.tables[1].runs[0] = {1, 2, 0};
  plan.tableOf = {0, 1, 0};
  plan.coordinates = {{1, 0, -1}, {1, 1, 2}, {0, 0, -1}};
  plan.segmentIds = {1, 0};
  plan.masks = {{{{7}, {}, {0, 0, 1, 1, 2}}, {0.5, -1}}, {{{8}, {}, {4, 3, 2, 1, 0, 9}}, {}}};
  plan.density = 0.25;
  return plan;
}

/// The same but for a change.
template <typename Change>
Plan changed(Change change) {
  Plan plan = smallPlan();
  change(plan);
  return plan;
}

/// Everything that is read of a plan without its mask.
int64_t walk(const Plan &plan) {
  int64_t seen = 0;
  for (Side side : {Side::Query, Side::Key}) {
    std::vector<int32_t> tokens(std::min<int64_t>(plan.grid.capacity(side), 1 << 20));
    for (int64_t tile = 0; tile < std::min<int64_t>(plan.grid.tiles(side), 1000); ++tile)
      if (plan.grid.capacity(side) <= 1 << 20)
        seen += plan.grid.tileTokens(side, tile, tokens.data()) + plan.grid.tileSize(side, tile);
  }
  for (const RowTable &table : plan.tables) {
    for (int64_t row = 0; row < table.rows(); ++row)
      seen += table.keptTiles(row);
    int64_t columns = plan.major == Major::Query ? plan.grid.keyTiles : plan.grid.queryTiles;
    RowTable turned;
    if (columns < 1 << 20)
      transposeRows(table, columns, turned);
    seen += int64_t(turned.runs.size());
  }
  for (int64_t head = 0; head < plan.heads(); ++head)
    seen += plan.tables[plan.tableFor(plan.batches - 1, head)].pairsInMask > 0;
  return seen;
}

TEST(PlanFile, RoundTrip) {
  Plan plan = smallPlan();
  EXPECT_EQ(findFault(plan), "");
  std::string bytes = writePlan(plan);
  EXPECT_EQ(bytes.size() % 8, 0u);
  std::optional<Plan> read = readPlan(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(writePlan(*read), bytes);
  EXPECT_EQ(read->parameters, "decay=0.2");
  EXPECT_EQ(read->grid.segments[0].axes, plan.grid.segments[0].axes);
  EXPECT_EQ(read->grid.keys.first, 3);
  EXPECT_EQ(read->tables[1].runs, plan.tables[1].runs);
  EXPECT_EQ(read->tables[0].splits[0].firstTiles, (std::vector<uint32_t>{1, 3}));
  EXPECT_EQ(read->masks[0].numbers, (std::vector<double>{0.5, -1}));
  EXPECT_EQ(read->coordinates[1].table, 2);
  EXPECT_EQ(read->density, 0.25);
}

TEST(PlanFile, FlatKeyMajorAndEmptyPlans) {
  Plan flat;
  flat.grid.kind = GridKind::Flat;
  flat.grid.segments = {{"tokens", {"token"}, {100}, {}, {}, 0, 0, 0}};
  flat.grid.tokens = 100;
  flat.grid.flatQueryTile = flat.grid.queryCapacity = 64;
  flat.grid.flatKeyTile = flat.grid.keyCapacity = 32;
  flat.grid.queryTiles = 2;
  flat.grid.keyTiles = 4;
  flat.grid.queries = flat.grid.keys = {0, 100};
  flat.major = Major::Key;
  RowTable table;
  table.rowStart = {0, 1, 1, 1, 2};
  table.runs = {{0, 2, 0}, {1, 2, 0}};
  flat.tables = {table};
  flat.tableOf = {0};
  flat.segmentIds = {0};
  EXPECT_EQ(findFault(flat), "");
  EXPECT_TRUE(readPlan(writePlan(flat)));
  Plan empty = flat;
  empty.grid.segments[0].extents = {0};
  empty.grid.tokens = empty.grid.queryTiles = empty.grid.keyTiles = 0;
  empty.grid.queries = empty.grid.keys = {0, 0};
  empty.tables[0] = RowTable();
  empty.tables[0].rowStart = {0};
  EXPECT_EQ(findFault(empty), "");
  EXPECT_TRUE(readPlan(writePlan(empty)));
}

TEST(PlanFile, FaultsAreFound) {
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.grid.segments[0].axes.pop_back(); })), "number of axes");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.grid.segments[0].extents[0] = -1; })), "extent of an axis");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.grid.segments[0].extents = {1 << 30, 1 << 30}; })),
            "number of tokens");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.grid.segments[0].queryTile[0] = 0; })), "size of a tile");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.grid.segments[1].firstToken = 14; })), "first token of a segment");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.grid.segments[1].firstKeyTile = 4; })), "first tile of a segment");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.grid.tokens = 20; })), "number of tokens");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.grid.keyTiles = 6; })), "number of tiles");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.grid.queryCapacity = 3; })), "capacity of tiles");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.grid.queries.last = 20; })), "range of a slice");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.grid.segments.clear(); })), "number of segments");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.tables[1].rowStart.pop_back(); })), "start of rows");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.tables[1].rowStart[1] = 9; })), "start of rows");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.tables[0].runs[0] = TileRun(0, 6, 0); })), "run of tiles");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.tables[0].runs[1] = TileRun(0, 4, 0); })), "run of tiles");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.tables[0].rowOrder[0] = 8; })), "order of rows");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.tables[0].rowOrder[0] = 1; })), "order of rows");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.tables[0].splits[0].firstTiles[1] = 5; })), "split of a row");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.tables[0].splits[1].row = 2; })), "split of a row");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.tables[1].pairsLost = -1; })), "number of pairs");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.tables.clear(); })), "number of tables");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.batches = 2; })), "number of tables");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.tableOf[2] = 2; })), "table of a head");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.segmentIds = {1, 1}; })), "segment ids");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.segmentIds = {1}; })), "number of segment ids");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.masks.clear(); })), "tested tiles without a mask");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.masks.pop_back(); })), "number of masks");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.coordinates[0].segment = 2; })), "axis of a coordinate");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.coordinates[2].axis = 1; })), "axis of a coordinate");
  EXPECT_EQ(findFault(changed([](Plan &plan) { plan.masks[0].tables[2].pop_back(); })), "table of a coordinate");
}

TEST(PlanFile, EveryCutIsRefused) {
  std::string bytes = writePlan(smallPlan());
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(readPlan(bytes.substr(0, size))) << size;
  EXPECT_FALSE(readPlan(bytes + std::string(8, '\0')));
  bytes[8] = char(planFileVersion + 1);
  EXPECT_FALSE(readPlan(bytes));
}

TEST(PlanFile, ChangedBytesAreRefusedOrSafe) {
  // No checksum here: that is the entry's. What is accepted must be safe to walk.
  std::string bytes = writePlan(smallPlan());
  int accepted = 0;
  auto tryBytes = [&](const std::string &text) {
    if (std::optional<Plan> plan = readPlan(text)) {
      ++accepted;
      walk(*plan);
    }
  };
  for (size_t at = 0; at < bytes.size(); ++at)
    for (int value : {0, 1, 7, 0x7f, 0x80, 0xff}) {
      std::string text = bytes;
      text[at] = char(value);
      tryBytes(text);
    }
  std::mt19937_64 random(3);
  const uint64_t words[] = {0, 1, 2, 3, 5, 255, uint64_t(1) << 28, uint64_t(1) << 31, ~uint64_t(0), uint64_t(1) << 63};
  for (int round = 0; round < 100000; ++round) {
    std::string text = bytes;
    for (int changes = 1 + int(random() % 3); changes > 0; --changes)
      std::memcpy(text.data() + random() % (text.size() / 8) * 8, &words[random() % std::size(words)], 8);
    tryBytes(text);
  }
  EXPECT_GT(accepted, 0); // such as another name
}

} // namespace
