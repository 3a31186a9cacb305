// SPDX-License-Identifier: Apache-2.0
//
// Smallest and largest entry of any range of a table, in O(1): at the ends where the table never falls (or never
// rises), else from blocks of 32 entries and a table of powers of two over the blocks.
#ifndef FALLOFF_COMPILER_PASSES_RANGEEXTREMES_H
#define FALLOFF_COMPILER_PASSES_RANGEEXTREMES_H

#include <algorithm>
#include <cstdint>
#include <vector>

namespace falloff {

/// Both ends included.
struct Extremes {
  int32_t lo = INT32_MAX, hi = INT32_MIN;
  void meet(Extremes other) {
    lo = std::min(lo, other.lo);
    hi = std::max(hi, other.hi);
  }
};

class RangeExtremes {
public:
  RangeExtremes() = default;
  /// Reads `values` as long as it is asked; the table must outlive this.
  RangeExtremes(const int32_t *values, int64_t size);
  /// Extremes of entries [first, last); the range is not empty.
  Extremes of(int64_t first, int64_t last) const {
    if (order > 0)
      return {values[first], values[last - 1]};
    if (order < 0)
      return {values[last - 1], values[first]};
    return ofBlocks(first, last);
  }
  bool neverFalls() const { return order > 0; }

private:
  static constexpr int64_t block = 32;
  Extremes scan(int64_t first, int64_t last) const;
  Extremes ofBlocks(int64_t first, int64_t last) const;

  const int32_t *values = nullptr;
  int order = 1;                             ///< 1 never falls, -1 never rises, 0 neither
  std::vector<std::vector<Extremes>> levels; ///< levels[i][b]: of blocks [b, b + 2^i)
};

} // namespace falloff

#endif
