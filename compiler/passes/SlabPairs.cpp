// SPDX-License-Identifier: Apache-2.0
//
// Kinds of pairs of slabs: one signature, or the tuple of those that a pair of thicker slabs holds.
#include "compiler/passes/SlabPairs.h"
#include <algorithm>

using namespace falloff;
using runtime::Side;

static int64_t leadingIndices(const BoundMask::Segment &segment) {
  return segment.extents.size() > 1 ? segment.extents[0] : 1;
}

const PairSignatures::Ids *PairSignatures::ids(int32_t querySegment, int32_t keySegment) {
  auto [found, isNew] = known.try_emplace({querySegment, keySegment});
  Ids &result = found->second;
  const std::vector<BoundMask::Segment> &segments = mask.segments();
  if (isNew && leadingIndices(segments[querySegment]) * leadingIndices(segments[keySegment]) <= maxPairs) {
    const SetProgram &program = mask.program();
    std::vector<int32_t> nodes = {program.contains, program.exact};
    for (const AboutGroup &about : program.abouts) {
      nodes.push_back(about.set);
      nodes.push_back(about.limit);
    }
    LeadingSignatures signatures(mask, querySegment, keySegment, nodes);
    result.queryIndices = signatures.queryIndices();
    result.keyIndices = signatures.keyIndices();
    result.ids.resize(int64_t(result.queryIndices) * result.keyIndices);
    for (int32_t index = 0; index < result.queryIndices; ++index)
      signatures.row(index, &result.ids[int64_t(index) * result.keyIndices]);
  }
  return result.ids.empty() ? nullptr : &result;
}

SlabPairs::SlabPairs(PairSignatures &signatures, const runtime::Grid &grid, int32_t querySegment, int32_t keySegment)
    : mask(signatures.mask), grid(grid), querySegment(querySegment), keySegment(keySegment),
      ids(signatures.ids(querySegment, keySegment)) {
  if (hasSlabs(Side::Query))
    querySlabs = int32_t(segment(Side::Query).tilesAlong(Side::Query, 0));
  if (hasSlabs(Side::Key))
    keySlabs = int32_t(segment(Side::Key).tilesAlong(Side::Key, 0));
}

std::pair<int32_t, int32_t> SlabPairs::leadingOf(Side side, int32_t slab) const {
  if (!hasSlabs(side))
    return {0, 1};
  int64_t height = segment(side).tile(side)[0], first = slab * height;
  return {int32_t(first), int32_t(std::min(first + height, segment(side).extents[0]))};
}

int32_t SlabPairs::kindOf(int32_t querySlab, int32_t keySlab) {
  if (!ids)
    return 0;
  auto [q, qEnd] = leadingOf(Side::Query, querySlab);
  auto [k, kEnd] = leadingOf(Side::Key, keySlab);
  if (qEnd - q == 1 && kEnd - k == 1) {
    size_t id = ids->ids[int64_t(q) * ids->keyIndices + k];
    if (id >= kindOfId.size())
      kindOfId.resize(id + 1, -1);
    if (kindOfId[id] < 0)
      kindOfId[id] = kinds++;
    return kindOfId[id];
  }
  tuple.assign(1, qEnd - q); // the last slab may be lower
  for (; q < qEnd; ++q) {
    const int32_t *row = &ids->ids[int64_t(q) * ids->keyIndices];
    tuple.insert(tuple.end(), row + k, row + kEnd);
  }
  auto [found, isNew] = kindOfTuple.try_emplace(tuple, kinds);
  kinds += isNew;
  return found->second;
}

BoxTiles SlabPairs::tiles(Side side, int32_t slab) const {
  int32_t number = side == Side::Query ? querySegment : keySegment;
  const runtime::Segment &owner = segment(side);
  return hasSlabs(side) ? BoxTiles(number, owner.extents, owner.tile(side), slab)
                        : BoxTiles(number, owner.extents, owner.tile(side));
}

RegionQuestions SlabPairs::questions(int32_t querySlab, int32_t keySlab) const {
  RegionQuestions questions(mask);
  if (!ids)
    return questions;
  auto [q, qEnd] = leadingOf(Side::Query, querySlab);
  auto [k, kEnd] = leadingOf(Side::Key, keySlab);
  std::map<int32_t, std::pair<std::pair<int32_t, int32_t>, int64_t>> found; // by signature: where first, how often
  for (int32_t f = q; f < qEnd; ++f)
    for (int32_t g = k; g < kEnd; ++g)
      ++found.try_emplace(ids->ids[int64_t(f) * ids->keyIndices + g], std::make_pair(f, g), 0).first->second.second;
  for (auto &[id, seen] : found)
    questions.addLeading(hasSlabs(Side::Query) ? seen.first.first : -1, hasSlabs(Side::Key) ? seen.first.second : -1,
                         seen.second);
  return questions;
}
