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

int64_t Grid::tileTokens(Side side, int64_t tile, int32_t *out) const {
  TokenRange keep = side == Side::Query ? queries : keys;
  if (kind == GridKind::Flat) {
    int64_t size = side == Side::Query ? flatQueryTile : flatKeyTile;
    int64_t first = std::max(tile * size, keep.first), last = std::min({(tile + 1) * size, tokens, keep.last});
    for (int64_t token = first; token < last; ++token)
      *out++ = int32_t(token);
    return std::max<int64_t>(last - first, 0);
  }
  // The last segment that begins at or before the tile; segments without tokens have no tiles.
  const Segment *owner = nullptr;
  for (const Segment &segment : segments)
    if (segment.tokens() > 0 && (side == Side::Query ? segment.firstQueryTile : segment.firstKeyTile) <= tile)
      owner = &segment;
  if (!owner)
    return 0;
  const std::vector<int64_t> &box = side == Side::Query ? owner->queryTile : owner->keyTile;
  int64_t rest = tile - (side == Side::Query ? owner->firstQueryTile : owner->firstKeyTile);
  int64_t lo[maxAxes], hi[maxAxes];
  for (int axis = int(box.size()) - 1; axis >= 0; --axis) {
    int64_t tiles = (owner->extents[axis] + box[axis] - 1) / box[axis];
    int64_t index = axis == 0 ? rest : rest % tiles;
    rest /= tiles;
    lo[axis] = index * box[axis];
    hi[axis] = std::min(lo[axis] + box[axis], owner->extents[axis]);
    if (lo[axis] >= hi[axis])
      return 0;
  }
  return boxTokens(*owner, lo, hi, keep, out);
}

} // namespace falloff::runtime
