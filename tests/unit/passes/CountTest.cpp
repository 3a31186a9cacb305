// SPDX-License-Identifier: Apache-2.0
//
// The closed forms that counts are made of, each against a loop.
#include "compiler/passes/CountImpl.h"
#include "compiler/passes/RangeExtremes.h"
#include "gtest/gtest.h"
#include <random>

using namespace falloff;

namespace {

TEST(CountTest, pairsOfABand) {
  std::mt19937 random(1);
  auto pick = [&](int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(random); };
  for (int i = 0; i < 2000; ++i) {
    Box query, key;
    query.lo[0] = pick(0, 30);
    query.hi[0] = query.lo[0] + pick(1, 20);
    key.lo[0] = pick(0, 30);
    key.hi[0] = key.lo[0] + pick(1, 20);
    int width = pick(-1, 40);
    int64_t expected = 0;
    for (int32_t x = query.lo[0]; x < query.hi[0]; ++x)
      for (int32_t y = key.lo[0]; y < key.hi[0]; ++y)
        expected += std::abs(x - y) <= width;
    ASSERT_EQ(countBand(AxisRanges(query, key, 0), width), expected);
  }
}

TEST(CountTest, extremesOfRanges) {
  std::mt19937 random(2);
  for (int kind = 0; kind < 3; ++kind) { // any order, never falling, never rising
    std::vector<int32_t> values(777);
    for (int32_t &value : values)
      value = int32_t(random() % 1000) - 500;
    if (kind > 0)
      std::sort(values.begin(), values.end());
    if (kind > 1)
      std::reverse(values.begin(), values.end());
    RangeExtremes extremes(values.data(), int64_t(values.size()));
    for (size_t first = 0; first < values.size(); first += 5)
      for (size_t last = first + 1; last <= values.size(); last += 7) {
        auto [lo, hi] = std::minmax_element(values.begin() + first, values.begin() + last);
        Extremes found = extremes.of(int64_t(first), int64_t(last));
        ASSERT_EQ(found.lo, *lo);
        ASSERT_EQ(found.hi, *hi);
      }
  }
}

} // namespace
