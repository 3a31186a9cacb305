// SPDX-License-Identifier: Apache-2.0
//
// Smallest and largest entry of any range of a table.
#include "compiler/passes/RangeExtremes.h"

using namespace falloff;

RangeExtremes::RangeExtremes(const int32_t *values, int64_t size) : values(values) {
  if (std::is_sorted(values, values + size))
    return;
  order = std::is_sorted(values, values + size, std::greater<int32_t>()) ? -1 : 0;
  if (order != 0)
    return;
  std::vector<Extremes> &blocks = levels.emplace_back((size + block - 1) / block);
  for (size_t b = 0; b < blocks.size(); ++b)
    blocks[b] = scan(int64_t(b) * block, std::min(size, int64_t(b + 1) * block));
  size_t count = levels.front().size();
  for (size_t width = 1; 2 * width <= count; width *= 2) {
    const std::vector<Extremes> below = levels.back();
    std::vector<Extremes> level(count - 2 * width + 1);
    for (size_t b = 0; b < level.size(); ++b) {
      level[b] = below[b];
      level[b].meet(below[b + width]);
    }
    levels.push_back(std::move(level));
  }
}

Extremes RangeExtremes::scan(int64_t first, int64_t last) const {
  Extremes extremes;
  for (int64_t i = first; i < last; ++i)
    extremes.meet({values[i], values[i]});
  return extremes;
}

Extremes RangeExtremes::ofBlocks(int64_t first, int64_t last) const {
  int64_t firstBlock = (first + block - 1) / block, lastBlock = last / block;
  if (firstBlock >= lastBlock)
    return scan(first, last);
  Extremes extremes = scan(first, firstBlock * block);
  extremes.meet(scan(lastBlock * block, last));
  int level = 63 - __builtin_clzll(uint64_t(lastBlock - firstBlock));
  extremes.meet(levels[level][firstBlock]);
  extremes.meet(levels[level][lastBlock - (int64_t(1) << level)]);
  return extremes;
}
