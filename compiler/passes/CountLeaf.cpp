// SPDX-License-Identifier: Apache-2.0
//
// Closed forms of one leaf over one axis.
#include "compiler/passes/CountImpl.h"
#include <cstdlib>

using namespace falloff;
using Impl = BoundMask::Impl;

/// Sum over u < t of clamp(u, 0, limit).
static int64_t sumOfClamps(int64_t t, int64_t limit) {
  if (t <= 0)
    return 0;
  if (t <= limit + 1)
    return t * (t - 1) / 2;
  return limit * (limit + 1) / 2 + (t - 1 - limit) * limit;
}

int64_t falloff::countBand(const AxisRanges &r, int64_t width) {
  if (width < 0)
    return 0;
  // Pairs with y - x <= m: each x has clamp(x + m + 1 - keyLo, 0, keys) of them.
  auto upTo = [&](int64_t m) {
    int64_t shift = m + 1 - r.keyLo;
    return sumOfClamps(r.queryHi + shift, r.keys()) - sumOfClamps(r.queryLo + shift, r.keys());
  };
  return upTo(width) - upTo(-width - 1);
}

/// Keys of the range by coordinate: entry v is how many have a coordinate below v.
static std::vector<int32_t> countBelow(const BoundCoordinate &coordinate, const AxisRanges &r) {
  std::vector<int32_t> below(coordinate.extent + 1);
  for (int32_t y = r.keyLo; y < r.keyHi; ++y)
    ++below[coordinate.at(y) + 1];
  for (size_t v = 1; v < below.size(); ++v)
    below[v] += below[v - 1];
  return below;
}

/// Intervals of coordinates, one a query. `rangeOf(x)` gives lo and hi; both may lie outside of the coordinates.
template <typename RangeOf>
static std::optional<int64_t> countIntervals(const BoundCoordinate &y, const AxisRanges &r, RangeOf rangeOf) {
  int64_t total = 0;
  if (!y.values) {
    for (int32_t x = r.queryLo; x < r.queryHi; ++x) {
      auto [lo, hi] = rangeOf(x);
      total += std::max(0, std::min(hi, r.keyHi) - std::max(lo, r.keyLo));
    }
    return total;
  }
  if (y.monotone) {
    for (int32_t x = r.queryLo; x < r.queryHi; ++x) {
      auto [lo, hi] = rangeOf(x);
      int32_t first = y.starts[std::clamp(lo, 0, y.extent)], last = y.starts[std::clamp(hi, 0, y.extent)];
      total += std::max(0, std::min(last, r.keyHi) - std::max(first, r.keyLo));
    }
    return total;
  }
  std::vector<int32_t> below = countBelow(y, r);
  for (int32_t x = r.queryLo; x < r.queryHi; ++x) {
    auto [lo, hi] = rangeOf(x);
    total += std::max(0, below[std::clamp(hi, 0, y.extent)] - below[std::clamp(lo, 0, y.extent)]);
  }
  return total;
}

/// Numbers y of [lo, hi) with y mod modulus = residue.
static int64_t countResidue(int64_t lo, int64_t hi, int64_t modulus, int64_t residue) {
  auto upTo = [&](int64_t end) { return (end - residue + modulus - 1) / modulus; }; // y < end; residue < modulus
  return lo < hi ? upTo(std::max(hi, residue)) - upTo(std::max(lo, residue)) : 0;
}

static std::optional<int64_t> countInterval(const Impl &mask, const BoundLeaf &leaf, const AxisRanges &r) {
  const BoundCoordinate &y = mask.coordinates[leaf.coordinate];
  if (leaf.modulus == 1)
    return countIntervals(y, r, [&](int32_t x) { return std::pair<int32_t, int32_t>(leaf.lo[x], leaf.hi[x]); });
  const BoundCoordinate &residue = mask.coordinates[leaf.equal];
  if (y.values || !leaf.plainResidue)
    return std::nullopt;
  int64_t total = 0;
  for (int32_t x = r.queryLo; x < r.queryHi; ++x)
    total += countResidue(std::max(leaf.lo[x], r.keyLo), std::min(leaf.hi[x], r.keyHi), leaf.modulus, residue.at(x));
  return total;
}

/// A table read along one coordinate that is the axis itself: pairs by their distance.
static int64_t countByDistance(const BoundLeaf &leaf, int64_t offset, int64_t stride, int32_t least,
                               const AxisRanges &r) {
  int64_t total = 0;
  for (int64_t shift = r.keyLo - (r.queryHi - 1); shift < int64_t(r.keyHi) - r.queryLo; ++shift) {
    if (leaf.table[offset + stride * std::abs(shift)] < least)
      continue;
    total += std::min<int64_t>(r.queryHi, r.keyHi - shift) - std::max<int64_t>(r.queryLo, r.keyLo - shift);
  }
  return total;
}

static std::optional<int64_t> countTable(const Impl &mask, const BoundLeaf &leaf, int32_t axis, const Box &query,
                                         const Box &key) {
  AxisRanges r(query, key, axis);
  const BoundCoordinate *read = nullptr; // the coordinate along the axis whose distance is read
  int64_t stride = 0;
  for (size_t i = 0; i < leaf.coordinates.size(); ++i) {
    const BoundCoordinate &coordinate = mask.coordinates[leaf.coordinates[i]];
    if (coordinate.axis != axis)
      continue;
    if (read)
      return std::nullopt;
    read = &coordinate;
    stride = leaf.strides[i];
  }
  int32_t least = 1;
  if (leaf.kind == SetKind::Width) {
    const BoundCoordinate &y = mask.coordinates[leaf.coordinate];
    if (y.axis == axis) {
      if (read)
        return std::nullopt;
      int32_t width = leaf.table[distanceIndex(mask, leaf, query.lo, key.lo)];
      if (!y.values)
        return countBand(r, width);
      if (width < 0)
        return 0;
      return countIntervals(
          y, r, [&](int32_t x) { return std::pair<int32_t, int32_t>(y.at(x) - width, y.at(x) + width + 1); });
    }
    least = std::abs(y.at(query.lo[y.axis]) - y.at(key.lo[y.axis]));
  }
  if (!read || read->values)
    return std::nullopt;
  int64_t here = std::abs(query.lo[axis] - key.lo[axis]);
  int64_t offset = distanceIndex(mask, leaf, query.lo, key.lo) - stride * here;
  return countByDistance(leaf, offset, stride, least, r);
}

std::optional<int64_t> falloff::countAlongAxis(const Impl &mask, const BoundLeaf &leaf, int32_t axis, const Box &query,
                                               const Box &key) {
  if (leaf.kind == SetKind::Interval)
    return countInterval(mask, leaf, AxisRanges(query, key, axis));
  if (leaf.kind == SetKind::Width || leaf.kind == SetKind::Beat)
    return countTable(mask, leaf, axis, query, key);
  return std::nullopt;
}

//===--- relations ----------------------------------------------------------------------------------------------===//

/// How many positions of a box take each index of a relation; indices that are taken.
static std::vector<std::pair<int32_t, int64_t>> indicesOf(const Impl &mask, const BoundLeaf &leaf, const Box &box) {
  int32_t axes = mask.axesOf(box.segment);
  std::vector<int64_t> counts(leaf.size);
  int32_t position[Box::maxAxes];
  std::copy(box.lo, box.lo + Box::maxAxes, position);
  // Axes that the relation does not read only multiply.
  int64_t factor = 1;
  Box read = box;
  for (int32_t i = 0; i < axes; ++i)
    if (!(leaf.axes & queryAxis(i))) {
      factor *= box.hi[i] - box.lo[i];
      read.hi[i] = read.lo[i] + 1;
    }
  for (bool more = true; more;) {
    counts[coordinateIndex(mask, leaf, position)] += factor;
    more = false;
    for (int32_t i = axes; i-- > 0 && !more;) {
      more = ++position[i] < read.hi[i];
      if (!more)
        position[i] = read.lo[i];
    }
  }
  std::vector<std::pair<int32_t, int64_t>> taken;
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts[i])
      taken.push_back({int32_t(i), counts[i]});
  return taken;
}

int64_t falloff::countLinked(const Impl &mask, const BoundLeaf &leaf, const Box &query, const Box &key) {
  std::vector<std::pair<int32_t, int64_t>> keys = indicesOf(mask, leaf, key);
  int64_t total = 0;
  for (auto [i, queries] : indicesOf(mask, leaf, query)) {
    int64_t linked = 0;
    for (auto [j, count] : keys)
      linked += leaf.table[i * leaf.size + j] ? count : 0;
    total += queries * linked;
  }
  return total;
}
