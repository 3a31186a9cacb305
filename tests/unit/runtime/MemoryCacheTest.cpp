// SPDX-License-Identifier: Apache-2.0
//
// One make a key however many threads ask, exceptions for all who wait, and a bound.
#include "runtime/MemoryCache.h"
#include "tests/unit/runtime/Processes.h"
#include <stdexcept>
#include <thread>

using namespace falloff::runtime;
using namespace falloff::test;

namespace {

using Cache = MemoryCache<std::string>;

Hash128 keyOf(int number) { return KeyBytes().add(number).hash(); }

Cache::Made made(std::string text, int64_t bytes) { return {std::make_shared<std::string>(std::move(text)), bytes}; }

TEST(MemoryCache, MakesOnce) {
  Cache cache(1000);
  EXPECT_EQ(cache.find(keyOf(1)), nullptr);
  Cache::Pointer first = cache.getOrMake(keyOf(1), [] { return made("one", 10); });
  Cache::Pointer second = cache.getOrMake(keyOf(1), [] { return made("other", 10); });
  EXPECT_EQ(first, second);
  EXPECT_EQ(cache.find(keyOf(1)), first);
  EXPECT_EQ(*first, "one");
  EXPECT_EQ(cache.bytes(), 10);
  cache.clear();
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(cache.bytes(), 0);
  EXPECT_EQ(*first, "one"); // whoever holds it keeps it
}

TEST(MemoryCache, OneMakeForManyThreads) {
  Cache cache(1000);
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> makes{0}, right{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; ++i)
      threads.emplace_back([&] {
        Cache::Pointer value = cache.getOrMake(keyOf(round), [&] {
          ++makes;
          std::this_thread::sleep_for(std::chrono::milliseconds(2));
          return made(std::to_string(round), 1);
        });
        right += *value == std::to_string(round);
      });
    for (std::thread &thread : threads)
      thread.join();
    EXPECT_EQ(makes, 1);
    EXPECT_EQ(right, 16);
  }
}

TEST(MemoryCache, ExceptionsReachAllAndAreNotKept) {
  Cache cache(1000);
  std::atomic<int> makes{0}, caught{0}, waiting{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      ++waiting;
      try {
        cache.getOrMake(keyOf(1), [&]() -> Cache::Made {
          ++makes;
          while (waiting < 8)
            std::this_thread::yield();
          std::this_thread::sleep_for(std::chrono::milliseconds(50)); // for all to wait for this one
          throw std::runtime_error("cannot");
        });
      } catch (const std::runtime_error &) {
        ++caught;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(caught, 8);
  EXPECT_GE(makes, 1);
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(*cache.getOrMake(keyOf(1), [] { return made("now", 1); }), "now");
}

TEST(MemoryCache, TheOldestUsedGoesFirst) {
  Cache cache(100);
  for (int i = 0; i < 10; ++i)
    cache.getOrMake(keyOf(i), [&] { return made(std::to_string(i), 10); });
  EXPECT_EQ(cache.size(), 10u);
  EXPECT_TRUE(cache.find(keyOf(0))); // used
  cache.getOrMake(keyOf(10), [] { return made("ten", 15); });
  EXPECT_TRUE(cache.find(keyOf(0)));
  EXPECT_FALSE(cache.find(keyOf(1)));
  EXPECT_FALSE(cache.find(keyOf(2)));
  EXPECT_TRUE(cache.find(keyOf(3)));
  EXPECT_EQ(cache.bytes(), 95);
  // Larger than all of it: given, not kept, and nothing goes for it.
  EXPECT_EQ(*cache.getOrMake(keyOf(11), [] { return made("large", 101); }), "large");
  EXPECT_FALSE(cache.find(keyOf(11)));
  EXPECT_EQ(cache.bytes(), 95);
}

TEST(MemoryCache, BoundedAmongThreads) {
  Cache cache(50);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 2000; ++round) {
        int number = (round * 7 + i * 3) % 40;
        wrong +=
            *cache.getOrMake(keyOf(number), [&] { return made(std::to_string(number), 5); }) != std::to_string(number);
        wrong += cache.bytes() > 50;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(cache.size(), 10u);
}

TEST(MemoryCache, AForkedChildDoesNotWaitForItsParent) {
  Cache cache(100);
  std::atomic<bool> making{false}, finish{false};
  std::thread maker([&] {
    cache.getOrMake(keyOf(1), [&] {
      making = true;
      while (!finish)
        std::this_thread::yield();
      return made("parent's", 1);
    });
  });
  while (!making)
    std::this_thread::yield();
  pid_t child =
      start([&] { return *cache.getOrMake(keyOf(1), [] { return made("child's", 1); }) == "child's" ? 0 : 1; });
  EXPECT_EQ(falloff::test::finish(child), 0);
  finish = true;
  maker.join();
}

} // namespace
