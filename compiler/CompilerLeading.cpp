// SPDX-License-Identifier: Apache-2.0
//
// Pairs by leading indices: how many a mask has, and a plan computes, between each frame of the queries and each frame
// of the keys. Pairs of frames that look the same are counted once, and so are pairs of tiles in such frames.

#include "compiler/CompilerImpl.h"
#include "llvm/ADT/DenseMap.h"

using namespace falloff;
using runtime::GridKind;
using runtime::Run;
using runtime::Side;

/// Two segments whose leading indices are few enough to be numbered.
static LeadingPairs emptyPairs(const BoundMask &mask, int64_t querySegment, int64_t keySegment) {
  constexpr int64_t most = int64_t(1) << 24;
  const std::vector<BoundMask::Segment> &segments = mask.segments();
  for (int64_t segment : {querySegment, keySegment}) {
    if (segment < 0 || segment >= int64_t(segments.size()))
      throw Error("expects a segment from 0 to " + std::to_string(segments.size() - 1) + ", but got " +
                  std::to_string(segment));
    if (segments[segment].extents.size() < 2)
      throw Error("expects segments of several axes to count by the first of them, but got one of one axis");
  }
  LeadingPairs result;
  result.queries = segments[querySegment].extents[0];
  result.keys = segments[keySegment].extents[0];
  if (result.keys > 0 && result.queries > most / result.keys)
    throw Error("expects at most 2^24 pairs of leading indices, but got " + std::to_string(result.queries) + " x " +
                std::to_string(result.keys));
  result.pairs.resize(result.queries * result.keys);
  return result;
}

static Box withLeading(Box box, int32_t index) {
  box.lo[0] = index;
  box.hi[0] = index + 1;
  return box;
}

LeadingPairs Mask::leadingPairs(int64_t querySegment, int64_t keySegment, int64_t head) const {
  const BoundMask &mask = impl->bound->classes[impl->bound->classOfHead(head)];
  if (impl->queries.size() < tokens() || impl->keys.size() < tokens())
    throw Error("expects a whole mask to count by leading indices, but got a slice");
  LeadingPairs result = emptyPairs(mask, querySegment, keySegment);
  int32_t node = mask.program().contains;
  LeadingSignatures signatures(mask, int32_t(querySegment), int32_t(keySegment), {node});
  Box query = mask.whole(int32_t(querySegment)), key = mask.whole(int32_t(keySegment));
  std::vector<int32_t> ids(result.keys);
  std::vector<int64_t> pairsOf; // by signature; numbers are given in order of first sight
  for (int64_t f = 0; f < result.queries; ++f) {
    signatures.row(int32_t(f), ids.data());
    for (int64_t g = 0; g < result.keys; ++g) {
      if (ids[g] == int32_t(pairsOf.size()))
        pairsOf.push_back(mask.count(node, withLeading(query, int32_t(f)), withLeading(key, int32_t(g))));
      result.pairs[f * result.keys + g] = pairsOf[ids[g]];
    }
  }
  return result;
}

namespace {

/// Adds up what the tiles of a plan compute.
class TileCounter {
public:
  TileCounter(const BoundMask &mask, const runtime::Grid &grid, int32_t querySegment, int32_t keySegment,
              LeadingPairs &result);
  void add(int64_t queryTile, int64_t keyTile, uint32_t test);

private:
  /// A box of a tile that lies in the segment asked about. Boxes with one `shape` differ along the leading axis alone.
  struct Part {
    Box box;
    int64_t shape = -1; ///< -1: unlike any other
  };
  std::vector<std::vector<Part>> partsOf(Side side, int32_t segment) const;
  void add(const Part &query, const Part &key, uint32_t test);
  int64_t count(const Part &query, const Part &key, int32_t f, int32_t g, uint32_t test);
  int64_t tokens(const Box &box) const;

  const BoundMask &mask;
  const runtime::Grid &grid;
  LeadingPairs &result;
  std::vector<int32_t> ids; ///< signature of each pair of leading indices, row-major
  std::vector<std::vector<Part>> queryParts, keyParts;
  llvm::DenseMap<std::pair<uint64_t, uint64_t>, int64_t> known; ///< by signature and test, and by both shapes
};

} // namespace

TileCounter::TileCounter(const BoundMask &mask, const runtime::Grid &grid, int32_t querySegment, int32_t keySegment,
                         LeadingPairs &result)
    : mask(mask), grid(grid), result(result), queryParts(partsOf(Side::Query, querySegment)),
      keyParts(partsOf(Side::Key, keySegment)) {
  std::vector<int32_t> nodes = mask.program().filled;
  nodes.push_back(mask.program().contains);
  LeadingSignatures signatures(mask, querySegment, keySegment, nodes);
  ids.resize(result.pairs.size());
  for (int64_t f = 0; f < result.queries; ++f)
    signatures.row(int32_t(f), &ids[f * result.keys]);
}

std::vector<std::vector<TileCounter::Part>> TileCounter::partsOf(Side side, int32_t segment) const {
  std::vector<std::vector<Part>> parts(grid.tiles(side));
  for (int64_t tile = 0; tile < grid.tiles(side); ++tile) {
    if (grid.kind == GridKind::Flat) {
      for (const Box &box : mask.boxes(grid.tileRange(side, tile)))
        if (box.segment == segment)
          parts[tile].push_back({box, -1});
      continue;
    }
    const runtime::Segment &owner = grid.segments[segment];
    int64_t local = tile - owner.firstTile(side);
    if (local < 0 || local >= owner.tiles(side))
      continue;
    int64_t lo[Box::maxAxes], hi[Box::maxAxes];
    grid.tileBox(side, tile, lo, hi);
    Part part{mask.whole(segment), local % (owner.tiles(side) / owner.tilesAlong(side, 0))};
    for (size_t axis = 0; axis < owner.extents.size(); ++axis) {
      part.box.lo[axis] = int32_t(lo[axis]);
      part.box.hi[axis] = int32_t(hi[axis]);
    }
    parts[tile].push_back(part);
  }
  return parts;
}

int64_t TileCounter::tokens(const Box &box) const {
  int64_t product = 1;
  for (size_t axis = 0; axis < grid.segments[box.segment].extents.size(); ++axis)
    product *= box.hi[axis] - box.lo[axis];
  return product;
}

int64_t TileCounter::count(const Part &query, const Part &key, int32_t f, int32_t g, uint32_t test) {
  Box q = withLeading(query.box, f), k = withLeading(key.box, g);
  if (test == Run::full)
    return tokens(q) * tokens(k);
  const SetProgram &program = mask.program();
  int32_t node = test == Run::partial ? program.contains : program.filled[test - Run::partial - 1];
  if (query.shape < 0 || key.shape < 0)
    return mask.count(node, q, k);
  uint64_t question = uint64_t(ids[f * result.keys + g]) << 8 | test;
  auto [found, isNew] = known.try_emplace({question, uint64_t(query.shape) << 32 | uint64_t(key.shape)}, 0);
  if (isNew)
    found->second = mask.count(node, q, k);
  return found->second;
}

void TileCounter::add(const Part &query, const Part &key, uint32_t test) {
  for (int32_t f = query.box.lo[0]; f < query.box.hi[0]; ++f)
    for (int32_t g = key.box.lo[0]; g < key.box.hi[0]; ++g)
      result.pairs[f * result.keys + g] += count(query, key, f, g, test);
}

void TileCounter::add(int64_t queryTile, int64_t keyTile, uint32_t test) {
  for (const Part &query : queryParts[queryTile])
    for (const Part &key : keyParts[keyTile])
      add(query, key, test);
}

LeadingPairs Plan::leadingPairs(int64_t querySegment, int64_t keySegment, int64_t head) const {
  const runtime::Plan &plan = data();
  if (impl->classes.empty())
    throw Error("expects the plan of a mask to count by leading indices, but got one of blocks");
  if (plan.grid.isSliced())
    throw Error("expects the plan of a whole mask to count by leading indices, but got one of a slice");
  if (head < 0 || (plan.heads() > 1 && head >= plan.heads()))
    throw Error("expects a head from 0 to " + std::to_string(plan.heads() - 1) + ", but got " + std::to_string(head));
  uint32_t number = plan.tableFor(0, head);
  const runtime::RowTable &table = plan.tables[number];
  const BoundMask &mask = impl->classes[number];
  LeadingPairs result = emptyPairs(mask, querySegment, keySegment);
  TileCounter counter(mask, plan.grid, int32_t(querySegment), int32_t(keySegment), result);
  for (int64_t row = 0; row < table.rows(); ++row)
    for (uint32_t at = table.rowStart[row]; at < table.rowStart[row + 1]; ++at)
      for (uint32_t tile = table.runs[at].first(); tile < table.runs[at].last(); ++tile)
        plan.major == runtime::Major::Query ? counter.add(row, tile, table.runs[at].test())
                                            : counter.add(tile, row, table.runs[at].test());
  return result;
}
