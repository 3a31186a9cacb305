// SPDX-License-Identifier: Apache-2.0
//
// From tile numbers to tokens.
#include "runtime/Plan.h"
#include <algorithm>

namespace falloff::runtime {

int64_t Segment::tokens() const {
  int64_t tokens = 1;
  for (int64_t extent : extents)
    tokens *= extent;
  return tokens;
}

int64_t Segment::tilesAlong(Side side, size_t axis) const {
  return (extents[axis] + tile(side)[axis] - 1) / tile(side)[axis];
}

int64_t Segment::tiles(Side side) const {
  int64_t tiles = 1;
  for (size_t axis = 0; axis < extents.size(); ++axis)
    tiles *= tilesAlong(side, axis);
  return tiles;
}

namespace {

constexpr int maxAxes = 8;

/// Writes the tokens of a box of a segment that lie in `keep`, row by row along its last axis.
int64_t boxTokens(const Segment &segment, const int64_t *lo, const int64_t *hi, TokenRange keep, int32_t *out) {
  int axes = int(segment.extents.size());
  int64_t at[maxAxes], count = 0;
  std::copy_n(lo, axes, at);
  for (;;) {
    int64_t first = 0;
    for (int axis = 0; axis < axes; ++axis)
      first = first * segment.extents[axis] + at[axis];
    first += segment.firstToken;
    int64_t last = first + hi[axes - 1] - lo[axes - 1];
    for (int64_t token = std::max(first, keep.first), end = std::min(last, keep.last); token < end; ++token)
      out[count++] = int32_t(token);
    int axis = axes - 2;
    for (; axis >= 0; --axis) {
      if (++at[axis] < hi[axis])
        break;
      at[axis] = lo[axis];
    }
    if (axis < 0)
      return count;
  }
}

} // namespace

const Segment &Grid::segmentOf(Side side, int64_t tile) const {
  // The last segment that begins at or before the tile; segments without tokens have no tiles.
  const Segment *owner = &segments.front();
  for (const Segment &segment : segments)
    if (segment.tokens() > 0 && segment.firstTile(side) <= tile)
      owner = &segment;
  return *owner;
}

void Grid::tileBox(Side side, int64_t tile, int64_t *lo, int64_t *hi) const {
  const Segment &segment = segmentOf(side, tile);
  int64_t rest = tile - segment.firstTile(side);
  for (size_t axis = segment.extents.size(); axis-- > 0;) {
    int64_t tiles = segment.tilesAlong(side, axis), size = segment.tile(side)[axis];
    int64_t index = axis == 0 ? rest : rest % tiles;
    rest /= tiles;
    lo[axis] = std::min(index * size, segment.extents[axis]);
    hi[axis] = std::min(lo[axis] + size, segment.extents[axis]);
  }
}

TokenRange Grid::tileRange(Side side, int64_t tile) const {
  int64_t size = side == Side::Query ? flatQueryTile : flatKeyTile;
  int64_t first = std::min(tile * size, tokens);
  return {first, std::min(first + size, tokens)};
}

int64_t Grid::tileTokens(Side side, int64_t tile, int32_t *out) const {
  if (tile < 0 || tile >= tiles(side))
    return 0;
  TokenRange keep = range(side);
  if (kind == GridKind::Flat) {
    TokenRange all = tileRange(side, tile);
    int64_t first = std::max(all.first, keep.first), last = std::min(all.last, keep.last);
    for (int64_t token = first; token < last; ++token)
      *out++ = int32_t(token);
    return std::max<int64_t>(last - first, 0);
  }
  int64_t lo[maxAxes], hi[maxAxes];
  tileBox(side, tile, lo, hi);
  return boxTokens(segmentOf(side, tile), lo, hi, keep, out);
}

int64_t Grid::tileSize(Side side, int64_t tile) const {
  if (tile < 0 || tile >= tiles(side))
    return 0;
  if (isSliced()) {
    std::vector<int32_t> tokens(capacity(side));
    return tileTokens(side, tile, tokens.data());
  }
  if (kind == GridKind::Flat)
    return tileRange(side, tile).size();
  int64_t lo[maxAxes], hi[maxAxes], size = 1;
  tileBox(side, tile, lo, hi);
  for (size_t axis = 0; axis < segmentOf(side, tile).extents.size(); ++axis)
    size *= hi[axis] - lo[axis];
  return size;
}

int64_t bytesOf(const Plan &plan) {
  constexpr size_t fixed = 512; // of the plan itself, or of a table
  size_t bytes = fixed + plan.tableOf.size() * sizeof(uint32_t);
  for (const RowTable &table : plan.tables) {
    bytes +=
        fixed + (table.rowStart.size() + table.rowOrder.size()) * sizeof(uint32_t) + table.runs.size() * sizeof(Run);
    for (const Split &split : table.splits)
      bytes += sizeof(Split) + split.firstTiles.size() * sizeof(uint32_t);
  }
  for (const MaskData &mask : plan.masks) {
    for (const std::vector<int32_t> &table : mask.tables)
      bytes += sizeof table + table.size() * sizeof(int32_t);
    bytes += mask.numbers.size() * sizeof(double);
  }
  return int64_t(bytes);
}

} // namespace falloff::runtime
