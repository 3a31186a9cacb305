// SPDX-License-Identifier: Apache-2.0
//
// Roundings on rows made by hand: shares of a few tiles, and which of them are filled.
#include "compiler/passes/Rounding.h"
#include "llvm/Support/Error.h"
#include "gtest/gtest.h"

using namespace falloff;

namespace {

/// A row of tiles of 100 pairs, without limits, in which B holds all pairs of the mask.
struct Row {
  struct Tile {
    int64_t kept;
    int32_t slice;
  };
  explicit Row(std::vector<Tile> tiles) {
    for (const Tile &tile : tiles) {
      TileEntry entry;
      entry.first = int32_t(entries.size());
      entry.last = entry.first + 1;
      entry.slice = tile.slice;
      entry.pairs = 100;
      entry.mask = tile.kept;
      entry.touched = 1;
      entry.shares = int32_t(shares.size());
      shares.push_back({100, tile.kept});
      entries.push_back(entry);
    }
  }
  /// The tiles that are filled, and the questions asked about full ones.
  std::vector<int32_t> round(const char *rounding, bool isFullTouched = false) {
    roundRow(
        llvm::cantFail(parseRounding(rounding)), {entries, shares, 1},
        [&](int32_t, const TileEntry &, int32_t) {
          ++questions;
          return isFullTouched;
        },
        [](const TileEntry &entry) { return entry.slice; });
    std::vector<int32_t> filled;
    for (const TileEntry &entry : entries)
      if (entry.fills)
        filled.push_back(entry.first);
    return filled;
  }
  std::vector<TileEntry> entries;
  std::vector<TileShare> shares;
  int questions = 0;
};

using Filled = std::vector<int32_t>;

TEST(RoundingTest, readsAndWrites) {
  EXPECT_EQ(llvm::cantFail(parseRounding("nearest")).text(), "nearest:0.5");
  EXPECT_EQ(llvm::cantFail(parseRounding("nearest:0.25")).text(), "nearest:0.25");
  EXPECT_EQ(llvm::cantFail(parseRounding("exact")).text(), "exact");
  EXPECT_EQ(llvm::cantFail(parseRounding("radial-reference")).text(), "radial-reference");
  for (const char *text : {"", "near", "nearest:", "nearest:2", "nearest:-1", "nearest:nan", "radial"})
    EXPECT_EQ(llvm::toString(parseRounding(text).takeError())
                  .rfind("expects a rounding of exact, outward, nearest, nearest:S with a share S from 0 to 1, or "
                         "radial-reference, but got '",
                         0),
              0u)
        << text;
}

TEST(RoundingTest, exactFillsNothing) { EXPECT_EQ(Row({{99, 0}, {1, 0}}).round("exact"), Filled()); }

TEST(RoundingTest, outwardFillsWhatIsTouched) { EXPECT_EQ(Row({{99, 0}, {1, 0}}).round("outward"), (Filled{0, 1})); }

TEST(RoundingTest, nearestFillsFromHalf) {
  EXPECT_EQ(Row({{49, 0}, {50, 0}, {51, 0}}).round("nearest"), (Filled{1, 2}));
  EXPECT_EQ(Row({{49, 0}, {50, 0}, {51, 0}}).round("nearest:0.51"), Filled{2});
}

TEST(RoundingTest, nearestFillsTheLargestOfASliceWithoutOne) {
  EXPECT_EQ(Row({{10, 0}, {20, 0}, {20, 0}, {60, 1}, {5, 1}, {1, 2}}).round("nearest"), (Filled{1, 3, 5}));
}

TEST(RoundingTest, fullTilesThatAreTouchedCountAsFilled) {
  Row row({{10, 0}, {100, 0}});
  EXPECT_EQ(row.round("nearest", /*isFullTouched=*/true), Filled());
  EXPECT_EQ(row.questions, 1);
  Row untouched({{10, 0}, {100, 0}});
  EXPECT_EQ(untouched.round("nearest", /*isFullTouched=*/false), Filled{0});
  Row settled({{70, 0}, {100, 0}});
  EXPECT_EQ(settled.round("nearest"), Filled{0});
  EXPECT_EQ(settled.questions, 0);
}

} // namespace
