// SPDX-License-Identifier: Apache-2.0
//
// One figure, from C++: the share of the register-loop peak that attention reaches over a pattern, packing included,
// plan and kernels made before.
//
//   falloff-bench-kernel LIBRARY PATTERN DTYPE HEAD_DIM FRAMES PATCHES [THREADS [ROUNDING [TILE]]]
//
// Time is the best of several, of the wall and of the processors (which a busy machine disturbs less); the peak is
// measured between them, on the same number of threads.
#include "compiler/Compiler.h"
#include "runtime/ThreadPool.h"
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <random>

extern "C" double falloffPeak(int64_t n, int bf16);

using namespace falloff;

namespace {

struct Seconds {
  double wall, processor;
};

template <typename Body>
Seconds timed(Body body) {
  auto start = std::chrono::steady_clock::now();
  timespec before, after;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  body();
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return {wall, double(after.tv_sec - before.tv_sec) + 1e-9 * double(after.tv_nsec - before.tv_nsec)};
}

struct Case {
  std::string library, pattern, dtype;
  int64_t dim = 128, frames = 21, patches = 390;
  int threads = 1;
  PlanOptions options;
};

Case parse(int count, char **arguments) {
  Case c;
  c.library = arguments[1];
  c.pattern = arguments[2];
  c.dtype = arguments[3];
  c.dim = atoll(arguments[4]);
  c.frames = atoll(arguments[5]);
  c.patches = atoll(arguments[6]);
  c.options.dtype = c.dtype;
  c.options.headDim = c.dim;
  if (count > 7)
    c.threads = atoi(arguments[7]);
  if (count > 8)
    c.options.rounding = arguments[8];
  if (count > 9)
    c.options.tileQuery = c.options.tileKey = arguments[9];
  return c;
}

runtime::Tensor view(std::vector<char> &memory, const Case &c, int64_t tokens) {
  runtime::Tensor tensor;
  tensor.dtype = c.dtype == "bf16" ? runtime::DType::BF16 : runtime::DType::F32;
  memory.resize(tokens * c.dim * runtime::sizeOf(tensor.dtype));
  tensor.data = memory.data();
  tensor.sizes = {1, tokens, 1, c.dim};
  tensor.strides = {tokens * c.dim, c.dim, c.dim, 1};
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < tokens * c.dim; ++i) {
    float value = normal(random);
    if (tensor.dtype == runtime::DType::F32)
      std::memcpy(&memory[i * 4], &value, 4);
    else
      std::memcpy(&memory[i * 2], reinterpret_cast<char *>(&value) + 2, 2);
  }
  return tensor;
}

double peakOf(const Case &c, bool processor) {
  std::vector<double> operations(c.threads);
  Seconds seconds = timed([&] {
    runtime::ThreadPool::shared().run(
        c.threads, c.threads, [&](int64_t index, int) { operations[index] = falloffPeak(2000000, c.dtype == "bf16"); });
  });
  double total = 0;
  for (double part : operations)
    total += part;
  return total / (processor ? seconds.processor / c.threads : seconds.wall);
}

void measure(const Case &c) {
  Pattern pattern = Pattern::load(c.pattern, {}, c.library);
  Mask mask = pattern.bind({{{"frames", c.frames}, {"tokens_per_frame", c.patches}}, {}, {}});
  Plan plan = mask.plan(c.options);
  std::vector<char> memory[4];
  int64_t tokens = mask.tokens();
  runtime::Tensor q = view(memory[0], c, tokens), k = view(memory[1], c, tokens), v = view(memory[2], c, tokens);
  runtime::Tensor out = view(memory[3], c, tokens);
  AttentionOptions options;
  options.threads = c.threads;
  attention(plan, q, k, v, out, {}, options);

  const runtime::RowTable &table = plan.data().tables[0];
  double computed = 4.0 * double(table.pairsComputed) * double(c.dim);
  double issued = 4.0 * double(table.pairsIssued) * double(c.dim);
  Seconds best{1e30, 1e30};
  double wallPeak = 0, processorPeak = 0;
  for (int round = 0; round < 5; ++round) {
    Seconds now = timed([&] { attention(plan, q, k, v, out, {}, options); });
    best = {std::min(best.wall, now.wall), std::min(best.processor, now.processor)};
    wallPeak = std::max(wallPeak, peakOf(c, false));
    processorPeak = std::max(processorPeak, peakOf(c, true));
  }
  double busy = best.processor / c.threads;
  std::printf("%s %s D=%lld %lldx%lld, %d threads, %lld tokens, %s, tile %lldx%lld: %.1f ms\n", c.pattern.c_str(),
              c.dtype.c_str(), (long long)c.dim, (long long)c.frames, (long long)c.patches, c.threads,
              (long long)tokens, c.options.rounding.c_str(), (long long)plan.data().grid.queryCapacity,
              (long long)plan.data().grid.keyCapacity, best.wall * 1e3);
  std::printf("  by the wall:       %6.1f GFLOP/s computed, peak %6.1f, share %5.1f %%, issued %5.1f %%\n",
              computed / best.wall * 1e-9, wallPeak * 1e-9, 100 * computed / best.wall / wallPeak,
              100 * issued / best.wall / wallPeak);
  std::printf("  by the processors: %6.1f GFLOP/s computed, peak %6.1f, share %5.1f %%, issued %5.1f %%\n",
              computed / busy * 1e-9, processorPeak * 1e-9, 100 * computed / busy / processorPeak,
              100 * issued / busy / processorPeak);
}

} // namespace

int main(int count, char **arguments) {
  if (count < 7) {
    std::fprintf(stderr, "usage: falloff-bench-kernel LIBRARY PATTERN DTYPE HEAD_DIM FRAMES PATCHES [THREADS "
                         "[ROUNDING [TILE]]]\n");
    return 2;
  }
  try {
    measure(parse(count, arguments));
  } catch (const std::exception &error) {
    std::fprintf(stderr, "falloff-bench-kernel: %s\n", error.what());
    return 1;
  }
  return 0;
}
