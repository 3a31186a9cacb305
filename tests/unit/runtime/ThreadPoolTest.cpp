// SPDX-License-Identifier: Apache-2.0
//
// Each index once, however many threads and callers; exceptions arrive.
#include "runtime/ThreadPool.h"
#include "gtest/gtest.h"
#include <atomic>
#include <stdexcept>

using falloff::runtime::ThreadPool;

namespace {

TEST(ThreadPool, EachIndexOnce) {
  for (int threads : {1, 2, 7}) {
    std::vector<std::atomic<int>> seen(1000);
    std::atomic<bool> inRange{true};
    ThreadPool::shared().run(threads, 1000, [&](int64_t index, int worker) {
      ++seen[index];
      if (worker < 0 || worker >= threads)
        inRange = false;
    });
    EXPECT_TRUE(inRange);
    for (const std::atomic<int> &count : seen)
      EXPECT_EQ(count, 1);
  }
}

TEST(ThreadPool, WorkersOfAJobDiffer) {
  std::vector<std::atomic<int>> busy(4);
  std::atomic<bool> shared{false};
  ThreadPool::shared().run(4, 500, [&](int64_t, int worker) {
    if (busy[worker].fetch_add(1) != 0)
      shared = true;
    std::this_thread::yield();
    --busy[worker];
  });
  EXPECT_FALSE(shared);
}

TEST(ThreadPool, ManyCallersAtOnce) {
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 6; ++i)
    callers.emplace_back([&] {
      for (int round = 0; round < 20; ++round)
        ThreadPool::shared().run(3, 50, [&](int64_t index, int) { sum += index; });
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(sum, 6 * 20 * 49 * 50 / 2);
}

TEST(ThreadPool, ExceptionsArrive) {
  auto run = [](int threads) {
    ThreadPool::shared().run(threads, 100, [](int64_t index, int) {
      if (index == 40)
        throw std::runtime_error("forty");
    });
  };
  EXPECT_THROW(run(1), std::runtime_error);
  EXPECT_THROW(run(3), std::runtime_error);
  EXPECT_THROW(run(0), std::runtime_error); // one thread at least
}

TEST(ThreadPool, NothingToDo) {
  ThreadPool::shared().run(2, 0, [](int64_t, int) { FAIL(); });
}

} // namespace
