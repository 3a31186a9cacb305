// SPDX-License-Identifier: Apache-2.0
//
// Lanes against what the manual's formulas give by hand, and against plain definitions over random values.
#include "tests/ptxsim/Lanes.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <random>
#include <vector>

using namespace ptxsim;

namespace {

constexpr uint32_t everyone = 0xffffffff;

struct Shuffled {
  uint32_t d[laneCount];
  ShuffleResult result;
};

/// Lane l holds 100 + l; d is 7 before.
Shuffled shuffleAll(Shuffle mode, uint32_t b, uint32_t c, uint32_t members = everyone) {
  Shuffled out;
  uint32_t a[laneCount], bs[laneCount], cs[laneCount];
  for (int lane = 0; lane < laneCount; ++lane)
    a[lane] = 100 + lane, bs[lane] = b, cs[lane] = c, out.d[lane] = 7;
  out.result = shuffle(mode, out.d, a, bs, cs, members);
  return out;
}

TEST(Lanes, ShuffleDownAndUp) {
  Shuffled down = shuffleAll(Shuffle::down, 3, 0x1f);
  Shuffled up = shuffleAll(Shuffle::up, 3, 0);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(down.d[lane], lane < 29 ? 103 + lane : 100 + lane);
    EXPECT_EQ(up.d[lane], lane < 3 ? 100 + lane : 97 + lane);
  }
  EXPECT_EQ(down.result.inRange, 0x1fffffffu);
  EXPECT_EQ(up.result.inRange, 0xfffffff8u);
  EXPECT_EQ(down.result.foreign, 0u);
}

TEST(Lanes, ShuffleWithinSegments) {
  // Segments of 8 lanes: the mask 0x18 keeps the upper two bits of the lane, the clamp is the segment's last lane.
  Shuffled butterfly = shuffleAll(Shuffle::bfly, 4, 0x181f);
  Shuffled down = shuffleAll(Shuffle::down, 2, 0x181f);
  Shuffled up = shuffleAll(Shuffle::up, 2, 0x1800);
  Shuffled index = shuffleAll(Shuffle::idx, 5, 0x181f);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(butterfly.d[lane], 100 + (lane ^ 4));
    EXPECT_EQ(down.d[lane], 100 + (lane % 8 < 6 ? lane + 2 : lane));
    EXPECT_EQ(up.d[lane], 100 + (lane % 8 < 2 ? lane : lane - 2));
    EXPECT_EQ(index.d[lane], 100 + lane / 8 * 8 + 5);
  }
  EXPECT_EQ(down.result.inRange, 0x3f3f3f3fu);
  EXPECT_EQ(up.result.inRange, 0xfcfcfcfcu);
  EXPECT_EQ(index.result.inRange, everyone);
}

TEST(Lanes, ShuffleClamps) {
  // Lanes up to 11 may be read: lane ^ 16 of a lane below 16 lies beyond, that of 16 to 27 is 0 to 11.
  Shuffled butterfly = shuffleAll(Shuffle::bfly, 16, 11);
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(butterfly.d[lane], 100 + (lane >= 16 && lane < 28 ? lane - 16 : lane)) << lane;
  EXPECT_EQ(butterfly.result.inRange, 0x0fff0000u);
  // Only the lower five bits of the lane count.
  EXPECT_EQ(shuffleAll(Shuffle::idx, 33, 0x1f).d[9], 101u);
}

TEST(Lanes, ShuffleFromAbsentLanes) {
  Shuffled down = shuffleAll(Shuffle::down, 1, 0x1f, 0x0000000f);
  EXPECT_EQ(down.d[0], 101u);
  EXPECT_EQ(down.d[2], 103u);
  EXPECT_EQ(down.d[3], 7u);
  EXPECT_EQ(down.d[4], 7u);
  EXPECT_EQ(down.result.foreign, 0x8u);
}

TEST(Lanes, ShuffleInPlace) {
  uint32_t a[laneCount], b[laneCount], c[laneCount];
  for (uint32_t lane = 0; lane < 32; ++lane)
    a[lane] = lane * lane, b[lane] = 31 - lane, c[lane] = 0x1f;
  shuffle(Shuffle::idx, a, a, b, c, everyone);
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(a[lane], (31 - lane) * (31 - lane));
}

TEST(Lanes, Votes) {
  EXPECT_TRUE(vote(Vote::all, 0xff, 0x0f));
  EXPECT_FALSE(vote(Vote::all, 0x0e, 0x0f));
  EXPECT_TRUE(vote(Vote::any, 0x08, 0x0f));
  EXPECT_FALSE(vote(Vote::any, 0xf0, 0x0f));
  EXPECT_TRUE(vote(Vote::uni, 0xf0, 0x0f));
  EXPECT_TRUE(vote(Vote::uni, 0x0f, 0x0f));
  EXPECT_FALSE(vote(Vote::uni, 0x01, 0x0f));
}

TEST(Lanes, Matches) {
  uint32_t low[laneCount], high[laneCount], d[laneCount];
  for (uint32_t lane = 0; lane < 32; ++lane)
    low[lane] = lane % 3, high[lane] = lane / 16, d[lane] = 7;
  matchAny(d, low, nullptr, everyone);
  EXPECT_EQ(d[1], 0x92492492u);
  matchAny(d, low, high, 0x00ffffff);
  EXPECT_EQ(d[1], 0x2492u);
  EXPECT_EQ(d[16], 0x00490000u);
  EXPECT_EQ(d[31], 1u << 31 | 0x12492492u) << "as the first call left it";
  EXPECT_EQ(matchAll(low, nullptr, everyone), 0u);
  EXPECT_EQ(matchAll(low, nullptr, 0x00001249), 0x1249u);
  EXPECT_EQ(matchAll(low, high, 0x00041249), 0u);
}

TEST(Lanes, Reductions) {
  uint32_t a[laneCount];
  std::mt19937 random(2);
  for (uint32_t &value : a)
    value = random();
  for (uint32_t members : {everyone, 0x80000001u, 0x00f0f000u, 0x10u}) {
    std::vector<uint32_t> present;
    for (int lane = 0; lane < laneCount; ++lane)
      if (members & 1u << lane)
        present.push_back(a[lane]);
    std::vector<int32_t> integers(present.begin(), present.end());
    uint64_t sum = 0;
    uint32_t ones = everyone, any = 0, odd = 0;
    for (uint32_t value : present)
      sum += value, ones &= value, any |= value, odd ^= value;
    EXPECT_EQ(reduce(Reduction::add, a, members), uint32_t(sum));
    EXPECT_EQ(reduce(Reduction::minUnsigned, a, members), *std::min_element(present.begin(), present.end()));
    EXPECT_EQ(reduce(Reduction::maxUnsigned, a, members), *std::max_element(present.begin(), present.end()));
    EXPECT_EQ(int32_t(reduce(Reduction::minSigned, a, members)), *std::min_element(integers.begin(), integers.end()));
    EXPECT_EQ(int32_t(reduce(Reduction::maxSigned, a, members)), *std::max_element(integers.begin(), integers.end()));
    EXPECT_EQ(reduce(Reduction::bitAnd, a, members), ones);
    EXPECT_EQ(reduce(Reduction::bitOr, a, members), any);
    EXPECT_EQ(reduce(Reduction::bitXor, a, members), odd);
  }
}

} // namespace
