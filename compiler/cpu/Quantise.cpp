// SPDX-License-Identifier: Apache-2.0
//
// Rows become float32, groups of them whole numbers, and those the words of panels.
#include "compiler/cpu/Quantise.h"
#include "runtime/ThreadPool.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace falloff::cpu {

using runtime::DType;
using runtime::Recipe;
using runtime::ThreadPool;
using runtime::TokenRange;

static constexpr int64_t largestGroup = 16;

std::string validate(const Recipe &recipe) {
  for (const runtime::RowGroups &groups : {recipe.queries, recipe.keys}) {
    int64_t rows = groups.rows;
    if (rows < 1 || rows > largestGroup || (rows & (rows - 1)))
      return "expects groups of 1, 2, 4, 8 or 16 rows for recipe " + recipe.name + ", but got " + std::to_string(rows);
    if (groups.perBlock() != 1)
      return "expects groups of neighbouring rows for recipe " + recipe.name + ", but got " +
             std::to_string(groups.perBlock()) + " groups to a block of rows";
  }
  return recipe.roundsValues ? "expects values that are not rounded, but recipe " + recipe.name + " rounds them" : "";
}

void readRow(const Rows &rows, int64_t token, float *out) {
  const char *row = rows.row(token);
  int64_t step = rows.elementStride;
  if (rows.dtype == DType::F32 && step == 1) {
    std::memcpy(out, row, size_t(rows.dim) * 4);
    return;
  }
  if (rows.dtype == DType::F32) {
    for (int64_t d = 0; d < rows.dim; ++d)
      std::memcpy(out + d, row + d * step * 4, 4);
    return;
  }
  auto widen = [&](int64_t stride) {
    for (int64_t d = 0; d < rows.dim; ++d) {
      uint16_t bits;
      std::memcpy(&bits, row + d * stride * 2, 2);
      out[d] = fromBf16(bits);
    }
  };
  step == 1 ? widen(1) : widen(step);
}

std::vector<float> keyMeans(const runtime::Tensor &k, TokenRange keys, const std::vector<TokenRange> &missing,
                            int threads) {
  constexpr int64_t tokensAtOnce = 1024;
  int64_t heads = k.sizes[2], pairs = k.sizes[0] * heads, dim = k.sizes[3];
  int64_t parts = std::max<int64_t>((keys.last - keys.first + tokensAtOnce - 1) / tokensAtOnce, 1);
  std::vector<runtime::KeySums> sums(pairs * parts, runtime::KeySums(dim));
  ThreadPool::shared().run(threads, pairs * parts, [&](int64_t index, int) {
    int64_t batch = index / parts / heads, first = keys.first + index % parts * tokensAtOnce;
    Rows rows(k, batch, index / parts % heads, keys.first);
    float row[runtime::maxHeadDimension];
    for (int64_t token = first; token < std::min(first + tokensAtOnce, keys.last); ++token) {
      if (holds(missing[missing.size() > 1 ? batch : 0], token))
        continue;
      readRow(rows, token, row);
      sums[index].add(row);
    }
  });
  std::vector<float> means(pairs * dim);
  for (int64_t pair = 0; pair < pairs; ++pair) {
    for (int64_t part = 1; part < parts; ++part)
      sums[pair * parts].add(sums[pair * parts + part]);
    sums[pair * parts].writeMean(means.data() + pair * dim);
  }
  return means;
}

namespace {

/// Consecutive rows that share a scale.
struct Group {
  float rows[largestGroup * runtime::maxHeadDimension];
  int8_t numbers[largestGroup * runtime::maxHeadDimension];
  float scale = 0;

  /// Rows of `tokens`, zeros where one is below 0, with `mean` (or null) taken off.
  void round(const Rows &from, const int32_t *tokens, int64_t count, const float *mean) {
    for (int64_t i = 0; i < count; ++i) {
      float *row = rows + i * from.dim;
      if (tokens[i] < 0) {
        std::fill_n(row, from.dim, 0.0f);
        continue;
      }
      readRow(from, tokens[i], row);
      if (mean)
        runtime::smoothKey(row, mean, from.dim);
    }
    scale = runtime::quantiseGroup(rows, count * from.dim, numbers);
  }
};

/// out[index * step] = a row's numbers, as many a word as a product takes, zeros after the last; bytes XOR `flip`.
void scatter(Product product, const int8_t *numbers, int64_t dim, int64_t depth, int64_t step, uint32_t flip,
             uint32_t *out) {
  int64_t index = 0;
  if (product == Product::Bytes) {
    for (; index < dim / 4; ++index) {
      uint32_t word;
      std::memcpy(&word, numbers + index * 4, 4);
      out[index * step] = word ^ flip;
    }
    if (dim % 4) {
      uint32_t word = 0;
      std::memcpy(&word, numbers + index * 4, size_t(dim % 4));
      out[index++ * step] = word ^ flip;
    }
  } else {
    for (; index < dim; ++index) {
      float number = numbers[index];
      std::memcpy(out + index * step, &number, 4);
    }
  }
  for (; index < depth; ++index)
    out[index * step] = 0;
}

} // namespace

void packInt8Keys(const KernelSpec &spec, const Recipe &recipe, const Rows &rows, const float *mean,
                  const int32_t *tokens, int64_t depth, void *out, float *scales) {
  Group group;
  constexpr uint32_t unsignedBytes = 0x80808080u; // + 128
  for (int64_t first = 0; first < spec.panel(); first += recipe.keys.rows) {
    group.round(rows, tokens + first, recipe.keys.rows, mean);
    for (int64_t i = 0; i < recipe.keys.rows; ++i) {
      scales[first + i] = tokens[first + i] < 0 ? 0 : group.scale;
      scatter(spec.scoreProduct(), group.numbers + i * rows.dim, rows.dim, depth, spec.panel(), unsignedBytes,
              static_cast<uint32_t *>(out) + first + i);
    }
  }
}

void packInt8Queries(const KernelSpec &spec, const Recipe &recipe, const Rows &from, const int32_t *tokens,
                     int64_t count, int64_t rows, int64_t depth, bool negate, float scale, void *out,
                     const QueryRounding &rounding) {
  Group group;
  uint32_t *words = static_cast<uint32_t *>(out);
  int64_t dim = from.dim, first = 0, size = 0; // of the kernel's group of queries
  for (int64_t row = 0; row < rows; ++row) {
    if (row == first + size) {
      words += size * depth;
      first = row;
      size = std::min(spec.group(), rows - first);
    }
    int64_t place = row % recipe.queries.rows;
    if (place == 0)
      group.round(from, tokens + row, std::clamp<int64_t>(count - row, 0, recipe.queries.rows), nullptr);
    int8_t *numbers = group.numbers + place * dim;
    if (row >= count)
      std::memset(numbers, 0, size_t(dim));
    int32_t sum = 0;
    for (int64_t d = 0; d < dim; ++d) {
      numbers[d] = negate ? int8_t(-numbers[d]) : numbers[d];
      sum += numbers[d];
    }
    float together = scale * group.scale;
    rounding.poisoned[row] = row < count && std::isnan(group.scale);
    rounding.scales[row] = together > std::numeric_limits<float>::min() ? together : std::numeric_limits<float>::min();
    rounding.corrections[row] = -128 * sum;
    scatter(spec.scoreProduct(), numbers, dim, depth, size, 0, words + row - first);
  }
}

} // namespace falloff::cpu
