// SPDX-License-Identifier: Apache-2.0
//
// Tiles as text, and what comes of them.
#include "compiler/passes/Grid.h"
#include "llvm/Support/Error.h"
#include "gtest/gtest.h"

using namespace falloff;
using runtime::Segment;

namespace {

std::vector<Segment> videoAndText() {
  Segment video, text;
  video.name = "video";
  video.axes = {"frame", "row", "column"};
  video.extents = {3, 10, 20};
  text.name = "text";
  text.axes = {"token"};
  text.extents = {30};
  return {video, text};
}

TEST(GridTest, readsTiles) {
  TileSpec spec = llvm::cantFail(parseTile("video=2x8x8,text=128"));
  ASSERT_EQ(spec.parts.size(), 2u);
  EXPECT_EQ(spec.parts[0].first, "video");
  EXPECT_EQ(spec.parts[0].second, (Shape{2, 8, 8}));
  EXPECT_EQ(spec.parts[1].second, (Shape{128}));
  EXPECT_EQ(llvm::cantFail(parseTile("128")).parts[0].second, (Shape{128}));
}

TEST(GridTest, refusesWhatIsNoTile) {
  for (const char *text : {"", "x", "1x", "0", "2x0", "-1", "1.5", "a=", "video=2x8,", "99999999999999999999"}) {
    llvm::Expected<TileSpec> spec = parseTile(text);
    EXPECT_FALSE(bool(spec)) << text;
    llvm::consumeError(spec.takeError());
  }
  EXPECT_EQ(llvm::toString(parseTile("1x65537").takeError()),
            "expects a tile of at most 65536 tokens, but got '1x65537'");
}

TEST(GridTest, givesShapesToSegments) {
  std::vector<Segment> segments = videoAndText();
  auto shapes = [&](const char *text) { return tilesOf(llvm::cantFail(parseTile(text)), segments); };
  // Without a name, to every segment with as many axes; a name wins whichever comes first.
  EXPECT_EQ(llvm::cantFail(shapes("1x8x8")), (std::vector<Shape>{{1, 8, 8}, {}}));
  EXPECT_EQ(llvm::cantFail(shapes("text=16,24")), (std::vector<Shape>{{}, {16}}));
  EXPECT_EQ(llvm::toString(shapes("1x8").takeError()),
            "expects a tile with 3 numbers for video(frame, row, column) or 1 for text(token), but got 1x8; such as "
            "1x1x128");
  EXPECT_EQ(llvm::toString(shapes("vidoe=1x8x8").takeError()),
            "expects tiles of the segments video(frame, row, column), text(token), but got one of 'vidoe'");
  EXPECT_EQ(llvm::toString(shapes("text=1x8").takeError()),
            "expects a tile with 1 number for text(token), but got 1x8; such as 128");
  // No longer than the axes; for an empty segment only by its name.
  EXPECT_EQ(llvm::cantFail(shapes("9x9x99,text=99")), (std::vector<Shape>{{3, 9, 20}, {30}}));
  segments[1].extents = {0};
  EXPECT_EQ(llvm::toString(shapes("7").takeError()),
            "expects a tile with 3 numbers for video(frame, row, column), but got 7; such as 1x1x128");
  EXPECT_EQ(llvm::cantFail(shapes("text=7")), (std::vector<Shape>{{}, {1}}));
}

TEST(GridTest, numbersTilesOverSegments) {
  std::vector<Segment> segments = videoAndText();
  segments[0].queryTile = {2, 4, 8};
  segments[0].keyTile = {1, 10, 20};
  segments[1].queryTile = {16};
  segments[1].keyTile = {64};
  runtime::Grid grid = llvm::cantFail(boxGrid(segments));
  EXPECT_EQ(grid.tokens, 630);
  EXPECT_EQ(grid.segments[1].firstToken, 600);
  EXPECT_EQ(grid.segments[1].firstQueryTile, 2 * 3 * 3);
  EXPECT_EQ(grid.queryTiles, 18 + 2);
  EXPECT_EQ(grid.keyTiles, 3 + 1);
  EXPECT_EQ(grid.queryCapacity, 64);
  EXPECT_EQ(grid.keyCapacity, 200);
}

TEST(GridTest, menusFitRemainders) {
  // 1560 = 12 x 128 + 24 = 13 x 120
  std::vector<Shape> menu = shapeMenu({21, 1560}, 128);
  ASSERT_EQ(menu.size(), maxFamilies);
  EXPECT_EQ(menu[0], (Shape{1, 128}));
  EXPECT_EQ(menu[1], (Shape{1, 120}));
  EXPECT_EQ(menu[4], (Shape{8, 16}));
  menu = shapeMenu({21, 30, 52}, 128);
  EXPECT_EQ(menu[0], (Shape{1, 2, 52}));
  EXPECT_EQ(menu[2], (Shape{1, 8, 16}));
  for (const Shape &shape : menu)
    EXPECT_LE(volume(shape), 128);
  EXPECT_EQ(shapeMenu({5}, 64), (std::vector<Shape>{{64}}));
}

TEST(GridTest, boxesTradeFactorsOfTwo) {
  Shape shape = {4, 4, 8};
  EXPECT_TRUE(trade(shape, {30, 48, 80}, 0, 1));
  EXPECT_EQ(shape, (Shape{2, 8, 8}));
  EXPECT_FALSE(trade(shape, {2, 48, 80}, 2, 0)) << "4 frames of 2";
  shape = {1, 120};
  EXPECT_FALSE(trade(shape, {21, 1560}, 0, 1)) << "half a frame";
  EXPECT_TRUE(trade(shape, {21, 1560}, 1, 0));
  EXPECT_EQ(shape, (Shape{2, 60}));
}

} // namespace
