// SPDX-License-Identifier: Apache-2.0
//
// What the caches cost, one JSON object on stdout:
//
//   falloff-bench-cache look-ups LIBRARY            nanoseconds of a processor for a look-up of what is there, alone
//                                                   and among threads
//   falloff-bench-cache load LIBRARY PATTERN DTYPE  milliseconds from asking for each kernel to calling it, in this
//                                                   new process: from disk if it is there, else compiled
//   falloff-bench-cache plan LIBRARY FRAMES PATCHES TILE ROUNDING
//                                                   milliseconds to plan, to write and to read the plan; its bytes
#include "compiler/Compiler.h"
#include "compiler/CompilerImpl.h"
#include "compiler/cpu/EmitFunctor.h"
#include "compiler/cpu/EmitKernel.h"
#include "compiler/cpu/KernelCache.h"
#include "compiler/cpu/Target.h"
#include "runtime/CacheEntry.h"
#include "runtime/MemoryCache.h"
#include "runtime/PlanFile.h"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>

using namespace falloff;

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double processorTime() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

/// Seconds of a processor that a call of `body` takes, which `threads` do at once `count` times each: the mean over all
/// calls. By the wall, more threads than processors would only show that they take turns.
template <typename Body>
double secondsACall(int threads, int count, Body body) {
  std::atomic<int> ready{0};
  std::vector<double> seconds(threads);
  std::vector<std::thread> workers;
  for (int number = 0; number < threads; ++number)
    workers.emplace_back([&, number] {
      for (++ready; ready < threads;)
        std::this_thread::yield();
      double start = processorTime();
      for (int i = 0; i < count; ++i)
        body();
      seconds[number] = (processorTime() - start) / count;
    });
  double sum = 0;
  for (int number = 0; number < threads; ++number) {
    workers[number].join();
    sum += seconds[number];
  }
  return sum / threads;
}

/// The best of several rounds, each long enough for threads to meet: what the processor can do, whatever else it does.
template <typename Body>
double best(int threads, Body body) {
  constexpr double round = 0.02;
  int count = std::max(100, int(round / secondsACall(1, 1000, body)));
  double least = 1e9;
  for (int i = 0; i < 5; ++i)
    least = std::min(least, secondsACall(threads, count, body));
  return least;
}

void lookUps(const std::string &library) {
  Mask mask = Pattern::load("radial", {}, library).bind({{{"frames", 21}, {"tokens_per_frame", 1560}}, {}, {}});
  PlanOptions options;
  mask.plan(options);
  auto plan = [&] { mask.plan(options); };

  runtime::MemoryCache<int> cache(1 << 20);
  runtime::Hash128 key = runtime::hash128("key");
  for (int i = 0; i < 1000; ++i)
    cache.getOrMake(runtime::KeyBytes().add(i).hash(), [] { return runtime::MemoryCache<int>::Made{nullptr, 1}; });
  cache.getOrMake(key, [] { return runtime::MemoryCache<int>::Made{std::make_shared<int>(1), 1}; });
  auto value = [&] { cache.find(key); };

  cpu::KernelSpec spec = cpu::specFor(cpu::hostLevel(), runtime::DType::F32);
  auto kernel = [&] {
    cpu::compileOnce("step of the benchmark", spec.level,
                     [&](mlir::MLIRContext &context) { return cpu::emitKernel(context, spec); });
  };
  kernel();
  // As attention asks for it: the key is put together each time.
  const SetProgram &program = mask.impl->bound->classes.front().program();
  auto functor = [&] {
    cpu::compileOnce("functor " + program.key(), spec.level,
                     [&](mlir::MLIRContext &context) { return cpu::emitFunctor(context, program); });
  };
  functor();
  std::printf("{");
  const char *separator = "";
  for (int threads : {1, 2, 16}) {
    std::printf("%s\"value_%d\": %.1f, \"plan_%d\": %.1f, \"kernel_%d\": %.1f, \"functor_%d\": %.1f", separator,
                threads, best(threads, value) * 1e9, threads, best(threads, plan) * 1e9, threads,
                best(threads, kernel) * 1e9, threads, best(threads, functor) * 1e9);
    separator = ", ";
  }
  std::printf("}\n");
}

void load(const std::string &library, const std::string &name, const std::string &dtype) {
  Mask mask = Pattern::load(name, {}, library).bind({{{"frames", 4}, {"tokens_per_frame", 256}}, {}, {}});
  const SetProgram &program = mask.impl->bound->classes.front().program();
  cpu::KernelSpec spec = cpu::specFor(cpu::hostLevel(), dtype == "bf16" ? runtime::DType::BF16 : runtime::DType::F32);
  double start = now();
  cpu::compileOnce(spec.pairs ? "step of bf16 pairs" : "step of float32", spec.level, [&](mlir::MLIRContext &context) {
    return cpu::emitKernel(context, spec);
  })->find("step");
  double middle = now();
  cpu::compileOnce("functor " + program.key(), spec.level, [&](mlir::MLIRContext &context) {
    return cpu::emitFunctor(context, program);
  })->find("pairs");
  std::printf("{\"step\": %.3f, \"functor\": %.3f}\n", (middle - start) * 1e3, (now() - middle) * 1e3);
}

void plan(char **arguments) {
  Mask mask = Pattern::load("radial", {}, arguments[0])
                  .bind({{{"frames", atoll(arguments[1])}, {"tokens_per_frame", atoll(arguments[2])}}, {}, {}});
  PlanOptions options;
  options.tileQuery = options.tileKey = arguments[3];
  options.rounding = arguments[4];
  setenv("FALLOFF_DISABLE_CACHE", "1", 1);
  double planning = 1e9, writing = 1e9, reading = 1e9;
  size_t bytes = 0;
  for (int round = 0; round < 5; ++round) {
    double start = now();
    Plan made = mask.plan(options);
    planning = std::min(planning, now() - start);
    start = now();
    std::string file = runtime::writeEntry("key", runtime::writePlan(made.data()));
    writing = std::min(writing, now() - start);
    bytes = file.size();
    start = now();
    if (!runtime::readPlan(*runtime::readEntry(file, "key")))
      throw std::runtime_error("a plan does not read again");
    reading = std::min(reading, now() - start);
  }
  std::printf("{\"plan\": %.3f, \"write\": %.3f, \"read\": %.3f, \"bytes\": %zu}\n", planning * 1e3, writing * 1e3,
              reading * 1e3, bytes);
}

} // namespace

int main(int count, char **arguments) {
  std::string mode = count > 1 ? arguments[1] : "";
  try {
    if (mode == "look-ups" && count == 3)
      lookUps(arguments[2]);
    else if (mode == "load" && count == 5)
      load(arguments[2], arguments[3], arguments[4]);
    else if (mode == "plan" && count == 7)
      plan(arguments + 2);
    else
      return std::fprintf(stderr, "usage: falloff-bench-cache look-ups|load|plan ... (see its source)\n"), 2;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "falloff-bench-cache: %s\n", error.what());
    return 1;
  }
  return 0;
}
