// SPDX-License-Identifier: Apache-2.0
//
// Pictures of masks.
#include "compiler/reference/Draw.h"
#include <gtest/gtest.h>

using namespace falloff;

TEST(DrawText, RowsAreQueries) {
  std::string text;
  llvm::raw_string_ostream os(text);
  drawText(3, [](int64_t query, int64_t key) { return key <= query; }, os);
  EXPECT_EQ(text, "#..\n##.\n###\n");
}
