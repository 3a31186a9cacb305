// SPDX-License-Identifier: Apache-2.0
//
// For each capacity, segment after segment takes the shape that makes the whole plan cheapest; the cheapest capacity
// wins, the first of equals.
#include "compiler/passes/TileSearch.h"
#include <algorithm>

using namespace falloff;
using runtime::Segment;
using runtime::Side;

Candidate falloff::solveGrid(PlannedMasks &masks, runtime::Grid grid) {
  Candidate candidate;
  candidate.grid = std::make_unique<runtime::Grid>(std::move(grid));
  for (size_t i = 0; i < masks.masks.size(); ++i)
    candidate.solved.emplace_back(masks.masks[i], masks.rounding, *candidate.grid, masks.signatures[i]);
  return candidate;
}

namespace {

class TileSearcher {
public:
  TileSearcher(PlannedMasks &masks, std::vector<Segment> segments) : masks(masks), segments(std::move(segments)) {}

  /// Tries all shapes of a capacity.
  llvm::Error tryCapacity(const TileCost &cost);
  bool isGiven(Side side) const;
  int64_t givenCapacity(Side side) const;
  Candidate best;

private:
  llvm::Error tryShapes(const std::vector<Segment> &shaped, const TileCost &cost, double &found);
  std::vector<Segment> plainest(const TileCost &cost) const;
  static void fitSingleAxes(std::vector<Segment> &segments, const std::vector<Segment> &given);

  PlannedMasks &masks;
  std::vector<Segment> segments; ///< as asked for
};

} // namespace

static Shape &shapeOf(Segment &segment, Side side) { return side == Side::Query ? segment.queryTile : segment.keyTile; }

static int64_t capacityOf(const TileCost &cost, Side side) {
  return side == Side::Query ? cost.queryCapacity : cost.keyCapacity;
}

bool TileSearcher::isGiven(Side side) const {
  return std::any_of(segments.begin(), segments.end(), [&](const Segment &s) { return !s.tile(side).empty(); });
}

int64_t TileSearcher::givenCapacity(Side side) const {
  int64_t capacity = 0;
  for (const Segment &segment : segments)
    if (!segment.tile(side).empty())
      capacity = std::max(capacity, volume(segment.tile(side)));
  return capacity;
}

/// Segments of one axis take as many tokens as the largest box of the others has, so that no tile is larger than need
/// be.
void TileSearcher::fitSingleAxes(std::vector<Segment> &shaped, const std::vector<Segment> &given) {
  for (Side side : {Side::Query, Side::Key}) {
    int64_t largest = 0;
    for (const Segment &segment : shaped)
      if (segment.axes.size() > 1 && segment.tokens() > 0)
        largest = std::max(largest, volume(segment.tile(side)));
    for (size_t i = 0; i < shaped.size() && largest > 0; ++i)
      if (shaped[i].axes.size() == 1 && given[i].tile(side).empty())
        shapeOf(shaped[i], side) = {largest};
  }
}

std::vector<Segment> TileSearcher::plainest(const TileCost &cost) const {
  std::vector<Segment> shaped = segments;
  for (Side side : {Side::Query, Side::Key})
    for (Segment &segment : shaped)
      if (segment.tile(side).empty())
        shapeOf(segment, side) = shapeMenu(segment.extents, capacityOf(cost, side)).front();
  return shaped;
}

llvm::Error TileSearcher::tryShapes(const std::vector<Segment> &shaped, const TileCost &cost, double &found) {
  std::vector<Segment> fitted = shaped;
  fitSingleAxes(fitted, segments);
  llvm::Expected<runtime::Grid> grid = boxGrid(std::move(fitted));
  if (!grid)
    return grid.takeError();
  Candidate candidate = solveGrid(masks, std::move(*grid));
  double pairs = double(candidate.grid->queryCapacity) * double(candidate.grid->keyCapacity);
  for (size_t i = 0; i < candidate.solved.size(); ++i)
    candidate.cost += masks.heads[i] * double(candidate.solved[i].totals().kept) * (pairs * cost.pair + cost.tile);
  found = candidate.cost;
  if (!best.grid || candidate.cost < best.cost)
    best = std::move(candidate);
  return llvm::Error::success();
}

llvm::Error TileSearcher::tryCapacity(const TileCost &cost) {
  std::vector<Segment> shaped = plainest(cost);
  double least = 0, found = 0;
  if (llvm::Error error = tryShapes(shaped, cost, least))
    return error;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].axes.size() == 1 || segments[i].tokens() == 0)
      continue;
    // Query and key boxes of a segment are of one family, unless one of them is given.
    std::vector<Shape> query = shapeMenu(segments[i].extents, cost.queryCapacity);
    std::vector<Shape> key = shapeMenu(segments[i].extents, cost.keyCapacity);
    for (size_t family = 1; family < std::max(query.size(), key.size()); ++family) {
      std::vector<Segment> changed = shaped;
      if (!isGiven(Side::Query))
        changed[i].queryTile = query[std::min(family, query.size() - 1)];
      if (!isGiven(Side::Key))
        changed[i].keyTile = key[std::min(family, key.size() - 1)];
      if (changed[i].queryTile == shaped[i].queryTile && changed[i].keyTile == shaped[i].keyTile)
        continue;
      if (llvm::Error error = tryShapes(changed, cost, found))
        return error;
      if (found < least) {
        least = found;
        shaped = std::move(changed);
      }
    }
  }
  return llvm::Error::success();
}

llvm::Expected<Candidate> falloff::searchTiles(PlannedMasks &masks, std::vector<Segment> segments,
                                               const std::vector<TileCost> &costs) {
  TileSearcher searcher(masks, std::move(segments));
  std::vector<std::pair<int64_t, int64_t>> tried;
  for (TileCost cost : costs) {
    if (searcher.isGiven(Side::Query))
      cost.queryCapacity = searcher.givenCapacity(Side::Query);
    if (searcher.isGiven(Side::Key))
      cost.keyCapacity = searcher.givenCapacity(Side::Key);
    std::pair<int64_t, int64_t> capacity{cost.queryCapacity, cost.keyCapacity};
    if (std::find(tried.begin(), tried.end(), capacity) != tried.end())
      continue;
    tried.push_back(capacity);
    if (llvm::Error error = searcher.tryCapacity(cost))
      return std::move(error);
  }
  return std::move(searcher.best);
}
