// SPDX-License-Identifier: Apache-2.0
//
// Pictures: text, and grey cells whose shade is the share of pairs that are kept.
#include "compiler/reference/Draw.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace falloff;

static bool isPast(int64_t query, int64_t key) { return key <= query; }

TEST(DrawText, RowsAreQueries) {
  std::string text;
  llvm::raw_string_ostream os(text);
  drawText(3, isPast, os);
  EXPECT_EQ(text, "#..\n##.\n###\n");
}

TEST(DrawGrey, OneCellAPairWhereThereIsRoom) {
  GreyImage image = drawGrey(2, isPast);
  EXPECT_EQ(image.width, 2);
  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.pixels, (std::vector<uint8_t>{0, 255, 0, 0}));
}

TEST(DrawGrey, CellsShowTheShareThatIsKept) {
  GreyImage image = drawGrey(4, isPast, /*side=*/2);
  // Of the 2 x 2 pairs of a cell on the diagonal, 3 are kept.
  EXPECT_EQ(image.pixels, (std::vector<uint8_t>{64, 255, 0, 64}));
}

TEST(DrawGrey, SamplesOfBigCellsComeNearTheShare) {
  auto isEven = [](int64_t query, int64_t key) { return (query + key) % 4 != 0; };
  GreyImage image = drawGrey(100000, isEven, /*side=*/8, /*budget=*/64 * 1024);
  for (uint8_t pixel : image.pixels)
    EXPECT_NEAR(pixel, 64, 16);
  EXPECT_EQ(drawGrey(100000, isEven, 8, 64 * 1024).pixels, image.pixels);
}

TEST(DrawGrey, NoTokensIsNoPicture) { EXPECT_TRUE(drawGrey(0, isPast).pixels.empty()); }
