// SPDX-License-Identifier: Apache-2.0
//
// A queue of jobs; a thread joins the first one that still wants threads.
#include "runtime/ThreadPool.h"
#include "runtime/Log.h"
#include <algorithm>
#include <atomic>
#include <exception>
#include <pthread.h>
#include <system_error>
#ifdef __linux__
#include <sched.h>
#endif

namespace falloff::runtime {

struct ThreadPool::Job {
  const std::function<void(int64_t, int)> *body;
  int64_t count;
  int limit; ///< threads at most
  std::atomic<int64_t> next{0};
  int joined = 0, working = 0; ///< under the pool's mutex
  std::exception_ptr error;    ///< under the pool's mutex

  void drain(int worker, std::mutex &mutex) {
    try {
      for (int64_t index; (index = next.fetch_add(1, std::memory_order_relaxed)) < count;)
        (*body)(index, worker);
    } catch (...) {
      next.store(count, std::memory_order_relaxed);
      std::lock_guard<std::mutex> lock(mutex);
      if (!error)
        error = std::current_exception();
    }
  }
};

ThreadPool &ThreadPool::shared() {
  // Never destroyed: threads of a process that ends must not wait for each other.
  static std::atomic<ThreadPool *> pool{new ThreadPool};
  // A forked child has none of the threads, and perhaps a mutex that one of them held.
  static const int registered = pthread_atfork(nullptr, nullptr, [] { pool = new ThreadPool; });
  (void)registered;
  return *pool;
}

/// Threads up to `wanted`, or as many as the system gives: those that run do the work of the others.
void ThreadPool::startThreads(int wanted) {
  try {
    while (int(threads.size()) < wanted)
      threads.emplace_back([this] { work(); });
  } catch (const std::system_error &error) {
    if (!warned)
      log(LogLevel::Warning, "cannot start thread " + std::to_string(threads.size() + 1) + " of " +
                                 std::to_string(wanted) + ": " + error.code().message() + "; going on with fewer");
    warned = true;
  }
}

int ThreadPool::processors() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    closing = true;
  }
  wake.notify_all();
  for (std::thread &thread : threads)
    thread.join();
}

void ThreadPool::work() {
  std::unique_lock<std::mutex> lock(mutex);
  for (;;) {
    wake.wait(lock, [&] { return closing || !jobs.empty(); });
    if (closing)
      return;
    std::shared_ptr<Job> job = jobs.front();
    int worker = job->joined++;
    ++job->working;
    if (job->joined == job->limit)
      jobs.pop_front();
    lock.unlock();
    job->drain(worker, mutex);
    lock.lock();
    if (--job->working == 0)
      left.notify_all();
  }
}

void ThreadPool::run(int limit, int64_t count, const std::function<void(int64_t, int)> &body) {
  limit = int(std::min<int64_t>(std::max(limit, 1), count));
  if (count <= 0)
    return;
  auto job = std::make_shared<Job>();
  job->body = &body;
  job->count = count;
  job->limit = limit;
  job->joined = 1;
  if (limit > 1) {
    std::lock_guard<std::mutex> lock(mutex);
    startThreads(limit - 1);
    jobs.push_back(job);
    wake.notify_all();
  }
  job->drain(0, mutex);
  std::unique_lock<std::mutex> lock(mutex);
  jobs.erase(std::remove(jobs.begin(), jobs.end(), job), jobs.end());
  left.wait(lock, [&] { return job->working == 0; });
  if (job->error)
    std::rethrow_exception(job->error);
}

} // namespace falloff::runtime
