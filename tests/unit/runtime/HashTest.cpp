// SPDX-License-Identifier: Apache-2.0
//
// Hashes are those of XXH3-128, and keys tell their parts apart.
#include "runtime/Hash.h"
#include "gtest/gtest.h"

using namespace falloff::runtime;

namespace {

TEST(Hash, IsXxh3) {
  // As `xxhsum -H2` prints them.
  EXPECT_EQ(hash128("").hex(), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(hash128("abc").hex(), "06b05ab6733a618578af5f94892f3950");
}

TEST(Hash, PartsOfAKeyDoNotRun) {
  EXPECT_NE(KeyBytes().add("ab").add("c").hash(), KeyBytes().add("a").add("bc").hash());
  EXPECT_NE(KeyBytes().add(std::vector<int32_t>{1, 2}).add(std::vector<int32_t>()).hash(),
            KeyBytes().add(std::vector<int32_t>{1}).add(std::vector<int32_t>{2}).hash());
  EXPECT_NE(KeyBytes().add(30).add(52).hash(), KeyBytes().add(52).add(30).hash());
  EXPECT_EQ(KeyBytes().add(7).add("x").hash(), KeyBytes().add(int64_t(7)).add(std::string("x")).hash());
}

} // namespace
