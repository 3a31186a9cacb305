// SPDX-License-Identifier: Apache-2.0
//
// The tile search against all boxes of a capacity, each with what it costs in full.
#include "compiler/passes/TileSearch.h"
#include "compiler/passes/BuildProgram.h"
#include "compiler/passes/Pipelines.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Error.h"
#include "gtest/gtest.h"
#include <limits>

using namespace falloff;
using runtime::Segment;

namespace {

const Shape extents = {16, 32, 64}; // what a power of two cuts in equal boxes, so that all of them are of one size

/// The one mask of a pattern over frames, rows and columns of these extents.
std::vector<BoundMask> masksOf(mlir::MLIRContext &context, const std::string &body) {
  context.loadDialect<mask::MaskDialect>();
  std::string text = "mask.pattern @test over video(%frame: 16, %row: 32, %column: 64) {\n" + body + "\n}";
  auto module = loadPatternText(&context, text, "", "");
  mask::PatternOp pattern = patternIn(**module);
  auto bound = resolveBinding(pattern, llvm::cantFail(parseBinding(pattern, "", "", "")));
  return {*bindMask(*buildProgram(pattern), inputsOf(*bound, 0))};
}

Segment video() {
  Segment segment;
  segment.name = "video";
  segment.axes = {"frame", "row", "column"};
  segment.extents = extents;
  return segment;
}

PlannedMasks planned(const std::vector<BoundMask> &masks) {
  PlannedMasks planned{masks, {1}, Rounding(), {}};
  planned.signatures.emplace_back(masks.front());
  return planned;
}

/// What all kept tiles of a grid cost.
double costOf(const std::vector<BoundMask> &masks, const runtime::Grid &grid, const TileCost &cost) {
  constexpr int32_t all = std::numeric_limits<int32_t>::max();
  PlannedMasks asked = planned(masks);
  Estimate found = estimateTiles(asked.rounding, grid, asked.signatures.front(), {all, all});
  return found.kept * costOfTile(cost, double(grid.queryCapacity), double(grid.keyCapacity));
}

/// The least cost of boxes of powers of two, the same for queries and keys.
double leastCost(const std::vector<BoundMask> &masks, const TileCost &cost) {
  double least = std::numeric_limits<double>::infinity();
  for (int64_t frames = 1; frames <= extents[0]; frames *= 2)
    for (int64_t rows = 1; rows <= extents[1]; rows *= 2) {
      Shape shape = {frames, rows, cost.queryCapacity / frames / rows};
      if (volume(shape) != cost.queryCapacity || shape[2] > extents[2])
        continue;
      Segment segment = video();
      segment.queryTile = segment.keyTile = shape;
      least = std::min(least, costOf(masks, llvm::cantFail(boxGrid({segment})), cost));
    }
  return least;
}

TEST(TileSearchTest, takesTheCheapestBox) {
  const TileCost cost{128, 128, 1, 200, 128, 64};
  for (const char *window : {"5, 7, 7", "9, 15, 15", "3, 5, 41", "3, 21, 3", "13, 3, 3", "1, 31, 9", "15, 5, 21"}) {
    SCOPED_TRACE(window);
    mlir::MLIRContext context;
    std::vector<BoundMask> masks =
        masksOf(context, std::string("%near = window [") + window + "] over %frame, %row, %column\n  keep %near");
    PlannedMasks asked = planned(masks);
    runtime::Grid grid = llvm::cantFail(searchTiles(asked, {video()}, {cost}));
    EXPECT_LE(costOf(masks, grid, cost), 1.08 * leastCost(masks, cost)) // samples of tiles stand for all
        << grid.segments[0].queryTile[0] << " x " << grid.segments[0].queryTile[1] << " x "
        << grid.segments[0].queryTile[2];
  }
}

TEST(TileSearchTest, takesBoxesThatFillBlocks) {
  const TileCost cost{128, 128, 1, 200, 128, 64};
  for (const Shape &block : {Shape{2, 8, 8}, Shape{8, 4, 4}, Shape{4, 2, 16}, Shape{1, 4, 32}, Shape{8, 16, 1}}) {
    std::string body;
    for (size_t axis = 0; axis < 3; ++axis) {
      std::string name = video().axes[axis];
      body += "%" + name + "s, %" + name + "_ = split %" + name + " by " + std::to_string(block[axis]) + "\n";
    }
    mlir::MLIRContext context;
    std::vector<BoundMask> masks =
        masksOf(context, body + "%own = window [1, 1, 1] over %frames, %rows, %columns\n  keep %own");
    PlannedMasks asked = planned(masks);
    runtime::Grid grid = llvm::cantFail(searchTiles(asked, {video()}, {cost}));
    EXPECT_EQ(grid.segments[0].queryTile, block);
    EXPECT_EQ(grid.segments[0].keyTile, block);
  }
}

} // namespace
