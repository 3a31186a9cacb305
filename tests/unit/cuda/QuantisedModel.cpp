// SPDX-License-Identifier: Apache-2.0
//
// The order of columns and keys in what the kernels write is worked out here from its description, not by their code.
#include "tests/unit/cuda/QuantisedModel.h"
#include "runtime/Recipe.h"
#include "runtime/cuda/QuantiseGrid.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace falloff::cuda {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// To nearest, ties to even: 3 bits after the leading one, and no exponent below -6.
double roundToE4m3(double x) {
  if (x == 0)
    return 0;
  const int exponent = std::max(std::ilogb(x), -6);
  return std::ldexp(std::nearbyint(std::ldexp(x, 3 - exponent)), exponent - 3);
}

double fromE4m3(uint8_t bits) {
  const int exponent = bits >> 3 & 15, mantissa = bits & 7;
  const double magnitude = exponent ? std::ldexp(8 + mantissa, exponent - 10) : std::ldexp(mantissa, -9);
  return exponent == 15 && mantissa == 7 ? nan : bits & 0x80 ? -magnitude : magnitude;
}

/// Where column d of a row of K lies: the 32 columns of a product are split between four lanes, eight neighbours each,
/// of which the first four are in the first 16 bytes.
int byteOfColumn(int d) {
  const int lane = d % 32 / 8, part = d % 8 / 4;
  return d / 32 * 32 + part * 16 + lane * 4 + d % 4;
}

/// Where column d of query i of 16 lies: of each 32 columns, a thread of four has eight neighbours of query i, and
/// behind them those of query i + 8.
int byteOfQuery(int i, int d) {
  const int thread = i % 8 * 4 + d % 32 / 8, half = i / 8;
  return d / 32 * 512 + thread * 16 + half * 8 + d % 8;
}

/// Where key i of a block lies in a column of V: 16 keys are split between four lanes, keys 2 t, 2 t + 1, 2 t + 8 and
/// 2 t + 9 to lane t.
int byteOfKey(int i) {
  const int lane = i % 8 / 2, part = i % 16 / 8;
  return i / 16 * 16 + lane * 4 + part * 2 + i % 2;
}

template <typename T>
std::vector<T> read(const ptxsim::Device &device, const T *from, size_t count) {
  std::vector<T> data(count);
  device.read(reinterpret_cast<uint64_t>(from), data.data(), count * sizeof(T));
  return data;
}

bool areSame(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

} // namespace

void QuantisedModel::averageKeys() {
  means.assign(size_t(batches) * k.heads * k.dim, 0);
  std::vector<float> row(k.dim);
  for (int batch = 0; batch < batches; ++batch)
    for (int head = 0; head < k.heads; ++head) {
      runtime::KeySums sums(k.dim);
      for (int32_t token : keyTokens) {
        if (!isValid(batch, token))
          continue;
        for (int d = 0; d < k.dim; ++d)
          row[d] = k.at(batch, token - firstKey, head, d);
        sums.add(row.data());
      }
      sums.writeMean(&means[(size_t(batch) * k.heads + head) * k.dim]);
    }
}

void QuantisedModel::roundGroup(int batch, int head, const std::vector<int> &lanes) {
  const float *mean = &means[(size_t(batch) * k.heads + head) * k.dim];
  std::vector<float> group;
  for (int lane : lanes)
    for (int d = 0; d < k.dim; ++d)
      group.push_back(k.at(batch, keyTokens[lane] - firstKey, head, d) - mean[d]);
  std::vector<int8_t> numbers(group.size());
  const float scale = group.empty() ? 0 : runtime::quantiseGroup(group.data(), int64_t(group.size()), numbers.data());
  keyScales.push_back(scale);
  for (size_t i = 0; i < group.size(); ++i) {
    const int lane = lanes[i / k.dim], d = int(i % k.dim);
    keyNumbers[((size_t(batch) * k.heads + head) * keyTokens.size() + lane) * k.dim + d] = numbers[i];
    keys[place(k, batch, keyTokens[lane] - firstKey, head, d)] = double(numbers[i]) * scale;
  }
}

void QuantisedModel::roundKeys(const KernelShape &shape) {
  const runtime::RowGroups groups = runtime::findRecipe("int8", runtime::BackEnd::Cuda)->keys;
  keyScales.clear();
  keyNumbers.assign(size_t(batches) * k.heads * keyTokens.size() * k.dim, 0);
  keys.assign(size_t(batches) * k.tokens * k.heads * k.dim, 0);
  for (int batch = 0; batch < batches; ++batch)
    for (int head = 0; head < k.heads; ++head)
      for (size_t first = 0; first < keyTokens.size(); first += shape.keyBlock)
        for (int group = 0; group < groups.perBlock(); ++group) {
          std::vector<int> lanes;
          for (int i = 0; i < shape.keyBlock; ++i)
            if (groups.groupOf(i) == group && isValid(batch, keyTokens[first + i]))
              lanes.push_back(int(first) + i);
          roundGroup(batch, head, lanes);
        }
}

void QuantisedModel::roundValues() {
  valueScales.clear();
  for (int batch = 0; batch < batches; ++batch)
    for (int head = 0; head < v.heads; ++head)
      for (int d = 0; d < v.dim; ++d) {
        float largest = 0;
        for (int32_t token : keyTokens) {
          const float x = isValid(batch, token) ? std::abs(v.at(batch, token - firstKey, head, d)) : 0;
          largest = std::isfinite(x) ? std::max(largest, x) : nan;
          if (std::isnan(largest))
            break;
        }
        const float scale = largest < std::ldexp(1.0f, -100) ? 0 : largest / 448;
        valueScales.push_back(scale);
        for (int token = 0; token < v.tokens; ++token)
          values[place(v, batch, token, head, d)] =
              scale > 0 ? roundToE4m3(v.at(batch, token, head, d) * (1 / scale)) * scale : scale;
      }
}

void QuantisedModel::round(const KernelShape &shape) {
  averageKeys();
  roundKeys(shape);
  values.resize(size_t(batches) * v.tokens * v.heads * v.dim);
  for (int batch = 0; batch < batches; ++batch)
    for (int token = 0; token < v.tokens; ++token)
      for (int head = 0; head < v.heads; ++head)
        for (int d = 0; d < v.dim; ++d)
          values[place(v, batch, token, head, d)] = v.at(batch, token, head, d);
  if (shape.arithmetic == Arithmetic::Int8Fp8)
    roundValues();
}

float QuantisedModel::roundQuery(int batch, int token, int head, std::vector<int8_t> &numbers) const {
  std::vector<float> row(q.dim);
  for (int d = 0; d < q.dim; ++d)
    row[d] = q.at(batch, token, head, d);
  numbers.resize(q.dim);
  return runtime::quantiseGroup(row.data(), q.dim, numbers.data());
}

double QuantisedModel::query(int batch, int token, int head, int d) const {
  std::vector<int8_t> numbers;
  const float scale = roundQuery(batch, token, head, numbers);
  return double(numbers[d]) * scale;
}

double QuantisedModel::restored(int batch, int token, int head) const {
  std::vector<float> row(q.dim);
  for (int d = 0; d < q.dim; ++d)
    row[d] = q.at(batch, token, head, d);
  const size_t keyHead = size_t(batch) * k.heads + head / (q.heads / k.heads);
  return runtime::smoothedLogSum(row.data(), &means[keyHead * k.dim], q.dim, 1);
}

std::string QuantisedModel::compareQueries(const KernelShape &shape, const ptxsim::Device &device,
                                           const AttentionArguments &arguments) const {
  const size_t pairs = size_t(batches) * q.heads, lanes = queryTokens.size();
  const std::vector<float> scales = read(device, arguments.queryScales, pairs * lanes);
  const std::vector<signed char> bytes = read(device, arguments.queryNumbers, pairs * lanes * shape.headDim);
  for (size_t row = 0; row < pairs * lanes; ++row) {
    const int batch = int(row / lanes / q.heads), head = int(row / lanes % q.heads), lane = int(row % lanes);
    std::vector<int8_t> numbers(q.dim, 0);
    float scale = 0;
    if (isValid(batch, queryTokens[lane]))
      scale = arguments.scale * roundQuery(batch, queryTokens[lane] - firstQuery, head, numbers);
    if (!areSame(scales[row], scale))
      return "scale " + std::to_string(scales[row]) + " for " + std::to_string(scale) + " of query lane " +
             std::to_string(lane);
    const signed char *tile = &bytes[(row - lane % 16) * shape.headDim];
    for (int d = 0; d < shape.headDim && !std::isnan(scale); ++d) {
      const int number = d < q.dim ? numbers[d] : 0;
      if (tile[byteOfQuery(lane % 16, d)] != (arguments.negate ? -number : number))
        return "number of query lane " + std::to_string(lane) + ", column " + std::to_string(d);
    }
  }
  return "";
}

std::string QuantisedModel::compare(const KernelShape &shape, const ptxsim::Device &device,
                                    const AttentionArguments &arguments) {
  const size_t pairs = size_t(batches) * k.heads, lanes = keyTokens.size();
  const std::vector<float> gotMeans = read(device, arguments.keyMeans, pairs * shape.headDim);
  for (size_t i = 0; i < means.size(); ++i) {
    float &mean = means[i];
    const float got = gotMeans[i / k.dim * shape.headDim + i % k.dim];
    if (std::abs(got - mean) > std::ldexp(std::abs(mean), -23))
      return "mean " + std::to_string(got) + " for " + std::to_string(mean);
    mean = got;
  }
  roundKeys(shape); // once more, with these
  const size_t blocks = pairs * lanes / shape.keyBlock;
  const std::vector<float> ofBlocks = read(device, arguments.keyScales, blocks * keyBlockNumbers);
  for (size_t block = 0; block < blocks; ++block) {
    const float *got = &ofBlocks[block * keyBlockNumbers], *scales = &keyScales[block * keyGroups];
    for (int group = 0; group < keyGroups; ++group)
      if (!areSame(got[group], scales[group]))
        return "key scale " + std::to_string(got[group]) + " for " + std::to_string(scales[group]);
    const int batch = int(block * shape.keyBlock / lanes / k.heads);
    const int32_t *tokens = &keyTokens[block * shape.keyBlock % lanes];
    const bool haveGaps =
        !std::all_of(tokens, tokens + shape.keyBlock, [&](int32_t token) { return isValid(batch, token); });
    if (got[keyGroups] != float(haveGaps))
      return "gaps " + std::to_string(got[keyGroups]) + " of key block " + std::to_string(block);
  }
  const std::vector<signed char> numbers = read(device, arguments.keyNumbers, pairs * lanes * shape.headDim);
  for (size_t row = 0; row < pairs * lanes; ++row)
    for (int d = 0; d < shape.headDim; ++d)
      if (numbers[row * shape.headDim + byteOfColumn(d)] != (d < k.dim ? keyNumbers[row * k.dim + d] : 0))
        return "number of key lane " + std::to_string(row % lanes) + ", column " + std::to_string(d);
  if (std::string wrong = compareQueries(shape, device, arguments); !wrong.empty())
    return wrong;
  if (shape.arithmetic != Arithmetic::Int8Fp8)
    return "";
  const std::vector<float> columnScales = read(device, arguments.valueScales, pairs * shape.valueDim);
  const std::vector<unsigned char> bytes = read(device, arguments.valueNumbers, pairs * lanes * shape.valueDim);
  for (size_t pair = 0; pair < pairs; ++pair)
    for (int d = 0; d < shape.valueDim; ++d) {
      const float scale = d < v.dim ? valueScales[pair * v.dim + d] : 0;
      if (!areSame(columnScales[pair * shape.valueDim + d], scale))
        return "value scale of column " + std::to_string(d);
      for (size_t lane = 0; lane < lanes; ++lane) {
        const size_t block = lane / shape.keyBlock * shape.keyBlock;
        const uint8_t byte =
            bytes[(pair * lanes + block) * shape.valueDim + d * shape.keyBlock + byteOfKey(int(lane - block))];
        const int batch = int(pair) / k.heads, head = int(pair) % k.heads;
        const bool isNumber = scale > 0 && isValid(batch, keyTokens[lane]);
        const double expected = isNumber ? value(batch, keyTokens[lane] - firstKey, head, d) : 0;
        if (fromE4m3(byte) * (isNumber ? double(scale) : 1) != expected)
          return "value of key lane " + std::to_string(lane) + ", column " + std::to_string(d);
      }
    }
  return "";
}

} // namespace falloff::cuda
