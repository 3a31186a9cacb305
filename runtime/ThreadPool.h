// SPDX-License-Identifier: Apache-2.0
//
// Threads that wait for work and take it item by item. Several callers may use one pool at once; each caller works on
// its own job, so a job ends even where no other thread is left (after a fork).
#ifndef FALLOFF_RUNTIME_THREADPOOL_H
#define FALLOFF_RUNTIME_THREADPOOL_H

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace falloff::runtime {

class ThreadPool {
public:
  static ThreadPool &shared();
  /// Processors that this process may use.
  static int processors();

  ~ThreadPool();

  /// Calls body(index, worker) once for each index in [0, count), in ascending order of starting, on at most `threads`
  /// threads, the caller among them. `worker` is below `threads` and differs between calls that run at once. Throws
  /// the first exception that `body` throws, once all threads have left the job.
  void run(int threads, int64_t count, const std::function<void(int64_t index, int worker)> &body);

private:
  struct Job;
  void work();
  void startThreads(int wanted); ///< the caller holds the mutex

  std::mutex mutex;
  std::condition_variable wake, left;
  std::deque<std::shared_ptr<Job>> jobs;
  std::vector<std::thread> threads;
  bool closing = false, warned = false;
};

} // namespace falloff::runtime

#endif
