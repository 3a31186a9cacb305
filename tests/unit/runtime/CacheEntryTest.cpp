// SPDX-License-Identifier: Apache-2.0
//
// An entry is read as it was written, and nothing else is read at all.
#include "runtime/CacheEntry.h"
#include "runtime/Bytes.h"
#include "gtest/gtest.h"
#include <random>

using namespace falloff::runtime;

namespace {

const std::string key = "what it is for", value("bytes\0of it", 11);

TEST(CacheEntry, RoundTrip) {
  EXPECT_EQ(readEntry(writeEntry(key, value), key), value);
  EXPECT_EQ(readEntry(writeEntry("", ""), ""), "");
  std::string file = writeEntry(key, value);
  EXPECT_EQ(readEntryKey(file, file.size()), key);
}

TEST(CacheEntry, AnotherKeyIsAMiss) { EXPECT_FALSE(readEntry(writeEntry(key, value), "what it was for")); }

TEST(CacheEntry, EveryCutIsAMiss) {
  std::string file = writeEntry(key, value);
  for (size_t size = 0; size < file.size(); ++size)
    EXPECT_FALSE(readEntry(file.substr(0, size), key)) << size;
  EXPECT_FALSE(readEntry(file + '\0', key));
  EXPECT_FALSE(readEntry(file + file, key));
}

TEST(CacheEntry, EveryChangedBitIsAMiss) {
  std::string file = writeEntry(key, value);
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string changed = file;
    changed[bit / 8] = char(changed[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(readEntry(changed, key)) << bit;
  }
}

TEST(CacheEntry, LengthsThatOverflowAreAMiss) {
  // Lengths whose sum wraps round to the right size.
  std::string file = writeEntry(key, value);
  for (uint64_t length : {~uint64_t(0), ~uint64_t(0) - 31, uint64_t(1) << 63, uint64_t(file.size())}) {
    std::string changed = file;
    uint64_t other = file.size() - 48 - length;
    std::memcpy(changed.data() + 16, &length, 8);
    std::memcpy(changed.data() + 24, &other, 8);
    EXPECT_FALSE(readEntry(changed, key)) << length;
  }
}

TEST(CacheEntry, NoiseIsAMiss) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string noise(random() % 128, '\0');
    for (char &byte : noise)
      byte = char(random());
    if (round % 2 && noise.size() >= 16)
      noise.replace(0, 16, writeEntry(key, value), 0, 16);
    EXPECT_FALSE(readEntry(noise, key));
    readEntryKey(noise, random() % 256);
  }
}

} // namespace
