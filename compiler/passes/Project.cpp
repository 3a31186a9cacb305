// SPDX-License-Identifier: Apache-2.0
//
// What a leaf still knows of one axis once both ends have a fixed index along it.
#include "compiler/passes/Project.h"
#include <cstdlib>
#include <map>

using namespace falloff;

/// Numbers the slices of a table along coordinate `digit`, equal ones alike.
static std::vector<int32_t> numberSlices(const BoundLeaf &leaf, size_t digit, int32_t extent) {
  constexpr int64_t largest = 1 << 20;
  std::vector<int32_t> numbers(extent);
  int64_t stride = leaf.strides[digit], outer = stride * extent, size = leaf.size;
  std::map<std::vector<int32_t>, int32_t> known;
  for (int32_t d = 0; d < extent; ++d) {
    if (size > largest) {
      numbers[d] = d;
      continue;
    }
    std::vector<int32_t> slice;
    for (int64_t block = 0; block < size; block += outer)
      slice.insert(slice.end(), leaf.table + block + d * stride, leaf.table + block + (d + 1) * stride);
    numbers[d] = known.try_emplace(std::move(slice), int32_t(known.size())).first->second;
  }
  return numbers;
}

Projection::Projection(const BoundMask::Impl &mask, const BoundLeaf &leaf, int32_t axis)
    : mask(mask), leaf(leaf), axis(axis) {
  if (leaf.axis == axis) {
    kind = Bit;
    count = 2;
    return;
  }
  auto along = [&](int32_t coordinate) { return mask.coordinates[coordinate].axis == axis; };
  auto addOnce = [](std::vector<int32_t> &list, int32_t coordinate) {
    if (std::find(list.begin(), list.end(), coordinate) == list.end())
      list.push_back(coordinate);
  };
  if (leaf.kind == SetKind::Where) {
    for (const WhereStep &step : *leaf.where) {
      bool reads = step.kind == WhereStep::Query || step.kind == WhereStep::Key || step.kind == WhereStep::Distance;
      if (reads && along(step.slot))
        addOnce(step.kind == WhereStep::Distance ? distances : ends, step.slot);
    }
  } else {
    for (int32_t coordinate : leaf.coordinates)
      if (along(coordinate))
        addOnce(leaf.kind == SetKind::Linked ? ends : distances, coordinate);
    if (leaf.kind == SetKind::Width && along(leaf.coordinate))
      addOnce(distances, leaf.coordinate);
  }
  bool sliced = leaf.kind == SetKind::Beat || (leaf.kind == SetKind::Width && !along(leaf.coordinate));
  if (distances.size() == 1 && ends.empty() && sliced) {
    size_t digit = std::find(leaf.coordinates.begin(), leaf.coordinates.end(), distances[0]) - leaf.coordinates.begin();
    slices = numberSlices(leaf, digit, mask.coordinates[distances[0]].extent);
    count = slices.empty() ? 1 : *std::max_element(slices.begin(), slices.end()) + 1;
    if (!mask.coordinates[distances[0]].values)
      kind = Distance;
    return;
  }
  countValues();
}

/// Mixed numbers of what is read; of the indices themselves where those are fewer.
void Projection::countValues() {
  int64_t indices = 1;
  double values = 1;
  for (int32_t coordinate : distances) {
    const BoundCoordinate &c = mask.coordinates[coordinate];
    values *= c.extent;
    indices = std::max(indices, mask.segments[c.segment].extents[c.axis]);
  }
  for (int32_t coordinate : ends) {
    const BoundCoordinate &c = mask.coordinates[coordinate];
    values *= double(c.extent) * c.extent;
    indices = std::max(indices, mask.segments[c.segment].extents[c.axis]);
  }
  if (values > double(indices) * double(indices)) {
    kind = Indices;
    extent = indices;
    count = indices * indices;
    return;
  }
  count = std::max<int64_t>(1, int64_t(values));
}

int64_t Projection::valuesOf(int32_t f, int32_t g) const {
  int64_t number = 0;
  for (int32_t coordinate : distances) {
    const BoundCoordinate &c = mask.coordinates[coordinate];
    int32_t distance = std::abs(c.at(f) - c.at(g));
    number = number * c.extent + distance;
  }
  if (!slices.empty())
    return slices[number];
  for (int32_t coordinate : ends) {
    const BoundCoordinate &c = mask.coordinates[coordinate];
    number = (number * c.extent + c.at(f)) * c.extent + c.at(g);
  }
  return number;
}

int64_t Projection::of(int32_t f, int32_t g) const {
  if (kind == Values)
    return valuesOf(f, g);
  if (kind == Distance)
    return slices[std::abs(f - g)];
  if (kind == Indices)
    return f * extent + g;
  int32_t query[Box::maxAxes] = {}, key[Box::maxAxes] = {};
  query[axis] = f;
  key[axis] = g;
  return mask.contains(leaf, query, key);
}

void Projection::addRow(int32_t f, int32_t extent, int64_t factor, int64_t *ids) const {
  bool interval =
      kind == Bit && leaf.kind == SetKind::Interval && leaf.modulus == 1 && !mask.coordinates[leaf.coordinate].values;
  if (interval) {
    for (int32_t g = leaf.lo[f]; g < leaf.hi[f]; ++g)
      ids[g] += factor;
    return;
  }
  if (kind == Distance) {
    for (int32_t g = 0; g < f; ++g)
      ids[g] += factor * slices[f - g];
    for (int32_t g = f; g < extent; ++g)
      ids[g] += factor * slices[g - f];
    return;
  }
  for (int32_t g = 0; g < extent; ++g)
    ids[g] += factor * of(f, g);
}
