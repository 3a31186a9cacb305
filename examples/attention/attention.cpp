// SPDX-License-Identifier: Apache-2.0
//
// The C++ door from end to end: compiles a pattern file, runs it on tensors, and checks one query against the formula.
//
//   attention radial 8 100

#include "compiler/Compiler.h"
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

using namespace falloff;

constexpr int64_t heads = 2, headDim = 64;

/// A dense float32 tensor of (1, tokens, heads, headDim).
static runtime::Tensor view(std::vector<float> &data, int64_t tokens) {
  runtime::Tensor tensor;
  tensor.data = data.data();
  tensor.dtype = runtime::DType::F32;
  tensor.sizes = {1, tokens, heads, headDim};
  tensor.strides = {tokens * heads * headDim, heads * headDim, headDim, 1};
  return tensor;
}

static std::vector<float> randomValues(int64_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(engine);
  return values;
}

/// softmax(q k^T / sqrt(headDim)) v of one query of head 0 in float64, over the pairs of the mask.
static std::vector<double> expected(const Mask &mask, int64_t query, const std::vector<float> &q,
                                    const std::vector<float> &k, const std::vector<float> &v) {
  std::vector<double> sum(headDim);
  double total = 0;
  for (int64_t key = 0; key < mask.tokens(); ++key) {
    if (!mask.contains(query, key))
      continue;
    double score = 0;
    for (int64_t d = 0; d < headDim; ++d)
      score += double(q[query * heads * headDim + d]) * k[key * heads * headDim + d];
    double weight = std::exp(score / std::sqrt(double(headDim)));
    total += weight;
    for (int64_t d = 0; d < headDim; ++d)
      sum[d] += weight * v[key * heads * headDim + d];
  }
  for (double &value : sum)
    value /= total;
  return sum;
}

/// Whether the whole of `text` is an integer, which `value` becomes.
static bool parse(const char *text, int64_t &value) {
  char *end = nullptr;
  errno = 0;
  value = std::strtoll(text, &end, 10);
  return end != text && *end == '\0' && errno == 0;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s PATTERN FRAMES TOKENS_PER_FRAME\n", argv[0]);
    return 2;
  }
  int64_t extents[2];
  for (int i : {0, 1})
    if (!parse(argv[2 + i], extents[i])) {
      const char *name = i == 0 ? "FRAMES" : "TOKENS_PER_FRAME";
      std::fprintf(stderr, "%s: expects %s to be an integer, but got '%s'\n", argv[0], name, argv[2 + i]);
      return 2;
    }
  try {
    Pattern pattern = Pattern::load(argv[1], {}, FALLOFF_PATTERNS);
    Mask mask = pattern.bind({{{"frames", extents[0]}, {"tokens_per_frame", extents[1]}}, {}, {}});
    PlanOptions options;
    options.rounding = "exact";
    options.dtype = "fp32";
    options.headDim = headDim;
    Plan plan = mask.plan(options);

    int64_t tokens = mask.tokens(), size = tokens * heads * headDim;
    std::vector<float> q = randomValues(size, 1), k = randomValues(size, 2), v = randomValues(size, 3);
    std::vector<float> out(size), lse(heads * tokens);
    runtime::Tensor lseView;
    lseView.data = lse.data();
    lseView.sizes = {1, heads, tokens, 1};
    lseView.strides = {heads * tokens, tokens, 1, 1};
    attention(plan, view(q, tokens), view(k, tokens), view(v, tokens), view(out, tokens), lseView, {});

    int64_t query = tokens / 2;
    double worst = 0;
    std::vector<double> right = expected(mask, query, q, k, v);
    for (int64_t d = 0; d < headDim; ++d)
      worst = std::max(worst, std::abs(out[query * heads * headDim + d] - right[d]));
    std::printf("%s: %lld tokens, density %.3f, log-sum-exp of query %lld %.4f, largest error %.1e\n",
                pattern.name().c_str(), (long long)tokens, mask.density(), (long long)query, lse[query], worst);
    return worst < 1e-4 ? 0 : 1;
  } catch (const Error &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
