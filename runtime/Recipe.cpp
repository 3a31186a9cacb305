// SPDX-License-Identifier: Apache-2.0
//
// The formulas of Recipe.h, in loops that compilers turn into vectors. Each rounding is one that IEEE 754 defines, so
// whole numbers are the same on every machine; multiply-adds are not fused for the same reason.
#include "runtime/Recipe.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#pragma STDC FP_CONTRACT OFF

namespace falloff::runtime {

const Recipe *findRecipe(const std::string &name) {
  static const Recipe int8;
  return name == int8.name ? &int8 : nullptr;
}

/// Bits of the largest magnitude: as integers, magnitudes are in the order of their values, and NaN above infinity.
static uint32_t largestMagnitude(const float *values, int64_t count) {
  int32_t largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    int32_t bits;
    std::memcpy(&bits, values + i, 4);
    largest = std::max(largest, bits & 0x7fffffff);
  }
  return uint32_t(largest);
}

float quantiseGroup(const float *group, int64_t count, int8_t *out) {
  constexpr uint32_t infinity = 0x7f800000, least = uint32_t(127 - 100) << 23; // 2^-100
  uint32_t bits = largestMagnitude(group, count);
  if (bits < least || bits >= infinity) {
    std::memset(out, 0, size_t(count));
    return bits < least ? 0 : std::numeric_limits<float>::quiet_NaN();
  }
  float largest;
  std::memcpy(&largest, &bits, 4);
  float inverse = float(int8Largest) / largest;
  for (int64_t i = 0; i < count; ++i) {
    float scaled = group[i] * inverse;
    float shifted = scaled + 12582912.0f; // 1.5 * 2^23: rounds to a whole number, which stands in the low bits
    uint32_t word;
    std::memcpy(&word, &shifted, 4);
    out[i] = int8_t(uint8_t(word));
  }
  return largest / float(int8Largest);
}

void KeySums::add(const float *row) {
  for (size_t d = 0; d < sums.size(); ++d)
    sums[d] += double(row[d]);
  ++rows;
}

void KeySums::add(const KeySums &other) {
  for (size_t d = 0; d < sums.size(); ++d)
    sums[d] += other.sums[d];
  rows += other.rows;
}

void KeySums::writeMean(float *mean) const {
  for (size_t d = 0; d < sums.size(); ++d) {
    mean[d] = rows ? float(sums[d] / double(rows)) : 0;
    if (!std::isfinite(mean[d]))
      mean[d] = 0;
  }
}

void smoothKey(float *row, const float *mean, int64_t dim) {
  for (int64_t d = 0; d < dim; ++d)
    row[d] -= mean[d];
}

double smoothedLogSum(const float *query, const float *mean, int64_t dim, double scale) {
  double product = 0;
  for (int64_t d = 0; d < dim; ++d)
    product += double(query[d]) * double(mean[d]);
  return scale * product;
}

} // namespace falloff::runtime
