// SPDX-License-Identifier: Apache-2.0
//
// The formulas of Recipe.h, in loops that compilers turn into vectors. Each rounding is one that IEEE 754 defines, so
// whole numbers are the same on every machine; multiply-adds are not fused for the same reason (CMakeLists.txt).
#include "runtime/Recipe.h"
#include <algorithm>
#include <cstring>

namespace falloff::runtime {

const Recipe *findRecipe(const std::string &name, BackEnd backEnd) {
  // Of a GPU: a block of keys is what a step of the kernel takes, and its groups are the columns that one thread holds.
  static const RowGroups row, columns = {0, 8, 2};
  static const Recipe cpu[] = {{"int8", row, row, false}};
  static const Recipe cuda[] = {{"int8", row, columns, false}, {"int8-fp8", row, columns, true}};
  auto find = [&](const auto &recipes) -> const Recipe * {
    for (const Recipe &recipe : recipes)
      if (recipe.name == name)
        return &recipe;
    return nullptr;
  };
  return backEnd == BackEnd::Cpu ? find(cpu) : find(cuda);
}

std::string recipeFault(const std::string &name, BackEnd backEnd) {
  if (findRecipe(name, backEnd))
    return "";
  if (backEnd == BackEnd::Cuda)
    return "expects recipe int8, int8-fp8 or none, but got '" + name + "'";
  if (findRecipe(name, BackEnd::Cuda))
    return "expects recipe int8 or none on a processor, but got '" + name + "', which takes a CUDA device";
  return "expects recipe int8 or none, but got '" + name + "'";
}

static unsigned largestMagnitude(const float *values, int64_t count) {
  int32_t largest = 0; // signed: maxima of these are vectors everywhere
  for (int64_t i = 0; i < count; ++i)
    largest = std::max(largest, int32_t(recipe::magnitudeBits(values[i])));
  return unsigned(largest);
}

float quantiseGroup(const float *group, int64_t count, int8_t *out) {
  unsigned largest = largestMagnitude(group, count);
  float scale = recipe::scaleOf(largest, recipe::int8Largest);
  if (!recipe::isUsable(largest)) {
    std::memset(out, 0, size_t(count));
    return scale;
  }
  float inverse = recipe::inverseScaleOf(largest, recipe::int8Largest);
  for (int64_t i = 0; i < count; ++i)
    out[i] = int8_t(uint8_t(recipe::wholeInByte(group[i], inverse)));
  return scale;
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
  for (size_t d = 0; d < sums.size(); ++d)
    mean[d] = recipe::meanOf(sums[d], double(rows));
}

void smoothKey(float *row, const float *mean, int64_t dim) {
  for (int64_t d = 0; d < dim; ++d)
    row[d] = recipe::smoothed(row[d], mean[d]);
}

double smoothedLogSum(const float *query, const float *mean, int64_t dim, double scale) {
  double product = 0;
  for (int64_t d = 0; d < dim; ++d)
    product += double(query[d]) * double(mean[d]);
  return scale * product;
}

} // namespace falloff::runtime
