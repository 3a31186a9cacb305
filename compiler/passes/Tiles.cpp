// SPDX-License-Identifier: Apache-2.0
//
// Ranges of tiles and the boxes of tokens that they cover.
#include "compiler/passes/Tiles.h"
#include <algorithm>
#include <cassert>

using namespace falloff;

TileRange TileSpace::single(int32_t tile) const {
  TileRange range = whole();
  while (range.tiles() > 1) {
    auto [low, high] = split(range);
    range = tile < low.last ? low : high;
  }
  return range;
}

void TileSpace::regionOf(int32_t first, int32_t last, Region &result) const {
  result.boxes.clear();
  result.tokens = 0;
  llvm::SmallVector<TileRange, 32> stack{whole()};
  Region part;
  while (!stack.empty()) {
    TileRange range = stack.pop_back_val();
    if (range.last <= first || last <= range.first)
      continue;
    if (range.first < first || last < range.last) {
      auto [low, high] = split(range);
      stack.push_back(high);
      stack.push_back(low);
      continue;
    }
    region(range, part);
    result.boxes.append(part.boxes.begin(), part.boxes.end());
    result.tokens += part.tokens;
  }
}

//===-- Boxes -----------------------------------------------------------------------------------------------------===//

BoxTiles::BoxTiles(int32_t segment, std::vector<int64_t> extents, std::vector<int64_t> shapes)
    : segment(segment), axes(int32_t(extents.size())) {
  for (int32_t axis = 0; axis < axes; ++axis) {
    extent[axis] = int32_t(extents[axis]);
    shape[axis] = int32_t(shapes[axis]);
    count[axis] = int32_t((extents[axis] + shapes[axis] - 1) / shapes[axis]);
  }
  count[axes] = inner[axes] = 1;
  for (int32_t axis = axes; axis-- > 0;)
    inner[axis] = axis == axes - 1 ? 1 : inner[axis + 1] * count[axis + 1];
  isSliced = axes > 1;
}

BoxTiles::BoxTiles(int32_t segment, std::vector<int64_t> extents, std::vector<int64_t> shapes, int32_t slab)
    : BoxTiles(segment, std::move(extents), std::move(shapes)) {
  assert(axes > 1 && "a segment of one axis has no slabs");
  fixedLo = slab * shape[0];
  fixedHi = std::min(fixedLo + shape[0], extent[0]);
  lead = 1;
  isSliced = false;
}

std::pair<TileRange, TileRange> BoxTiles::split(TileRange range) const {
  assert(range.tiles() > 1 && "expects tiles to split");
  while (range.tiles() <= inner[range.axis])
    ++range.axis;
  int32_t indices = range.tiles() / inner[range.axis];
  int32_t middle = range.first + indices / 2 * inner[range.axis];
  return {{range.first, middle, range.axis}, {middle, range.last, range.axis}};
}

void BoxTiles::region(TileRange range, Region &region) const {
  region.boxes.resize(1);
  Box &box = region.boxes.front();
  box.segment = segment;
  int64_t tokens = 1;
  for (int32_t axis = 0; axis < axes; ++axis) {
    if (axis < lead) {
      box.lo[axis] = fixedLo;
      box.hi[axis] = fixedHi;
    } else if (axis > range.axis) {
      box.lo[axis] = 0;
      box.hi[axis] = extent[axis];
    } else {
      int32_t index = range.first / inner[axis] % count[axis];
      int32_t indices = axis == range.axis ? range.tiles() / inner[axis] : 1;
      box.lo[axis] = index * shape[axis];
      box.hi[axis] = int32_t(std::min<int64_t>(int64_t(index + indices) * shape[axis], extent[axis]));
    }
    tokens *= box.hi[axis] - box.lo[axis];
  }
  region.tokens = tokens;
}

//===-- Ranges of tokens ------------------------------------------------------------------------------------------===//

FlatTiles::FlatTiles(const BoundMask &mask, int64_t size) : mask(mask), size(size) {
  int32_t segmentSlices = 0; // of the segments before
  size_t current = 0;
  const std::vector<BoundMask::Segment> &segments = mask.segments();
  auto slicesOf = [](const BoundMask::Segment &segment) {
    return segment.extents.size() > 1 ? int32_t(segment.extents[0]) : 1;
  };
  for (int64_t token = 0; token < mask.tokens(); token += size) {
    while (token >= segments[current].firstToken + segments[current].tokens)
      segmentSlices += slicesOf(segments[current++]);
    const BoundMask::Segment &segment = segments[current];
    int64_t slice = (token - segment.firstToken) / (segment.tokens / slicesOf(segment));
    slices.push_back(segmentSlices + int32_t(slice));
  }
}

std::pair<TileRange, TileRange> FlatTiles::split(TileRange range) const {
  int32_t middle = range.first + range.tiles() / 2;
  return {{range.first, middle, 0}, {middle, range.last, 0}};
}

void FlatTiles::region(TileRange range, Region &region) const {
  runtime::TokenRange tokens{range.first * size, std::min(range.last * size, mask.tokens())};
  std::vector<Box> boxes = mask.boxes(tokens);
  region.boxes.assign(boxes.begin(), boxes.end());
  region.tokens = tokens.size();
}
