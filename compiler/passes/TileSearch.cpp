// SPDX-License-Identifier: Apache-2.0
//
// For each capacity, segment after segment takes the shape that makes the whole plan cheapest; the cheapest capacity
// wins, the first of equals.
#include "compiler/passes/TileSearch.h"
#include <algorithm>
#include <optional>

using namespace falloff;
using runtime::Segment;
using runtime::Side;

namespace {

class TileSearcher {
public:
  TileSearcher(PlannedMasks &masks, std::vector<Segment> segments) : masks(masks), segments(std::move(segments)) {}

  /// Tries all shapes of a capacity.
  llvm::Error tryCapacity(const TileCost &cost);
  bool isGiven(Side side) const;
  int64_t givenCapacity(Side side) const;
  std::optional<runtime::Grid> best;
  double bestCost = 0, bestExcess = 0;

private:
  struct Tried {
    double cost = 0;
    double excess = 0; ///< issued pairs over pairs of the mask
  };
  llvm::Error tryShapes(const std::vector<Segment> &shaped, const TileCost &cost, Tried &found);
  Tried estimate(const runtime::Grid &grid, const TileCost &cost, Sample sample) const;
  std::vector<Segment> plainest(const TileCost &cost) const;
  /// Query and key boxes of a segment are of one family, an index in shapeMenu, unless they are given.
  void takeFamily(std::vector<Segment> &shaped, size_t segment, size_t family, const TileCost &cost) const;
  static void fitSingleAxes(std::vector<Segment> &segments, const std::vector<Segment> &given);

  PlannedMasks &masks;
  std::vector<Segment> segments; ///< as asked for
};

} // namespace

static Shape &shapeOf(Segment &segment, Side side) { return side == Side::Query ? segment.queryTile : segment.keyTile; }

static std::vector<Shape> menuOf(const Segment &segment, const TileCost &cost, Side side) {
  return side == Side::Query ? shapeMenu(segment.extents, cost.queryCapacity, cost.queryMultiple)
                             : shapeMenu(segment.extents, cost.keyCapacity, cost.keyMultiple);
}

/// Whether nothing is left to choose: every segment that has tokens was given its tile.
bool TileSearcher::isGiven(Side side) const {
  auto isChosen = [&](const Segment &segment) { return segment.tokens() == 0 || !segment.tile(side).empty(); };
  return givenCapacity(side) > 0 && std::all_of(segments.begin(), segments.end(), isChosen);
}

int64_t TileSearcher::givenCapacity(Side side) const {
  int64_t capacity = 0;
  for (const Segment &segment : segments)
    if (segment.tokens() > 0 && !segment.tile(side).empty())
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
        shapeOf(segment, side) = menuOf(segment, cost, side).front();
  return shaped;
}

/// Tokens of a tile, padded to a multiple, as the mean over all tiles of a side: at the end of an axis tiles are
/// smaller.
static double meanPadded(const runtime::Grid &grid, Side side, int64_t multiple) {
  double padded = 0, tiles = 0;
  for (const Segment &segment : grid.segments) {
    // Which axes end, as bits: boxes of one choice have one size.
    size_t axes = segment.extents.size();
    for (size_t ends = 0; ends < size_t(1) << axes; ++ends) {
      int64_t count = segment.tokens() > 0, tokens = 1;
      for (size_t axis = 0; axis < axes; ++axis) {
        int64_t size = segment.tile(side)[axis], whole = segment.extents[axis] / size;
        bool end = ends >> axis & 1;
        tokens *= end ? segment.extents[axis] % size : size;
        count *= end ? segment.extents[axis] % size != 0 : whole;
      }
      tiles += double(count);
      padded += double(count * ((tokens + multiple - 1) / multiple * multiple));
    }
  }
  return tiles > 0 ? padded / tiles : 1;
}

TileSearcher::Tried TileSearcher::estimate(const runtime::Grid &grid, const TileCost &cost, Sample sample) const {
  Tried tried;
  double mask = 0, lost = 0, issued = 0, pairs = double(grid.queryCapacity) * double(grid.keyCapacity);
  double ofTile = costOfTile(cost, meanPadded(grid, Side::Query, cost.queryMultiple),
                             meanPadded(grid, Side::Key, cost.keyMultiple));
  for (size_t i = 0; i < masks.masks.size(); ++i) {
    Estimate found = estimateTiles(masks.rounding, grid, masks.signatures[i], sample);
    tried.cost += masks.heads[i] * found.kept * ofTile;
    issued += masks.heads[i] * found.kept * pairs;
    mask += masks.heads[i] * found.mask;
    lost += masks.heads[i] * found.lost;
  }
  // Tiles that straddle thin sets are cheap because rounding drops what they held: what drops much is charged for it.
  constexpr double tolerable = 0.25;
  if (lost > tolerable * mask)
    tried.cost *= mask / std::max(mask - lost, 1e-3 * mask);
  tried.excess = mask > 0 ? issued / mask : 1;
  return tried;
}

llvm::Error TileSearcher::tryShapes(const std::vector<Segment> &shaped, const TileCost &cost, Tried &found) {
  std::vector<Segment> fitted = shaped;
  fitSingleAxes(fitted, segments);
  llvm::Expected<runtime::Grid> grid = boxGrid(std::move(fitted));
  if (!grid)
    return grid.takeError();
  // A glance is enough for what is far off; the rest gets a look.
  constexpr Sample glance{4, 6}, look{16, 32};
  found = estimate(*grid, cost, glance);
  if (best && found.cost > 1.25 * bestCost)
    return llvm::Error::success();
  found = estimate(*grid, cost, look);
  // Padding may make two shapes cost the same: the one that issues less then says more of the mask.
  if (!best || found.cost < bestCost || (found.cost <= 1.002 * bestCost && found.excess < bestExcess)) {
    best = std::move(*grid);
    bestCost = found.cost;
    bestExcess = found.excess;
  }
  return llvm::Error::success();
}

void TileSearcher::takeFamily(std::vector<Segment> &shaped, size_t segment, size_t family, const TileCost &cost) const {
  for (Side side : {Side::Query, Side::Key})
    if (segments[segment].tile(side).empty())
      shapeOf(shaped[segment], side) = menuOf(segments[segment], cost, side)[family];
}

llvm::Error TileSearcher::tryCapacity(const TileCost &cost) {
  std::vector<Segment> shaped = plainest(cost);
  Tried least, found;
  if (llvm::Error error = tryShapes(shaped, cost, least))
    return error;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].axes.size() == 1 || segments[i].tokens() == 0)
      continue;
    std::vector<std::pair<Shape, Shape>> tried = {{shaped[i].queryTile, shaped[i].keyTile}};
    // Once hardly more pairs are issued than the mask has, no shape can do much better.
    for (size_t family = 1; family < maxFamilies && least.excess > 1.1; ++family) {
      std::vector<Segment> changed = shaped;
      takeFamily(changed, i, family, cost);
      std::pair<Shape, Shape> shapes{changed[i].queryTile, changed[i].keyTile};
      if (std::find(tried.begin(), tried.end(), shapes) != tried.end())
        continue;
      tried.push_back(std::move(shapes));
      if (llvm::Error error = tryShapes(changed, cost, found))
        return error;
      if (found.cost < least.cost) {
        least = found;
        shaped = std::move(changed);
      }
    }
  }
  return llvm::Error::success();
}

llvm::Expected<runtime::Grid> falloff::searchTiles(PlannedMasks &masks, std::vector<Segment> segments,
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
  return std::move(*searcher.best);
}
