// SPDX-License-Identifier: Apache-2.0
//
// For each capacity, segment after segment takes the shape of its menu that makes the whole plan cheapest, and boxes
// then trade tokens between axes for as long as that pays; the cheapest capacity wins, the first of equals.
#include "compiler/passes/TileSearch.h"
#include <algorithm>
#include <optional>

using namespace falloff;
using runtime::Segment;
using runtime::Side;

/// Whether rounding is decided by slices of one index of the leading axis.
static bool isRoundedBySlices(const PlannedMasks &masks) {
  return masks.rounding.kind == Rounding::Nearest &&
         std::any_of(masks.masks.begin(), masks.masks.end(),
                     [](const BoundMask &mask) { return !mask.program().abouts.empty(); });
}

namespace {

class TileSearcher {
public:
  TileSearcher(PlannedMasks &masks, std::vector<Segment> segments)
      : masks(masks), segments(std::move(segments)), isSliced(isRoundedBySlices(masks)) {}

  /// Tries the shapes of a capacity's menus.
  llvm::Error tryMenus(const TileCost &cost);
  /// Goes on, from the best of the menus, to boxes that they lack.
  llvm::Error tryTrades();
  bool isGiven(Side side) const;
  int64_t givenCapacity(Side side) const;
  std::optional<runtime::Grid> best;
  double bestCost = 0, bestExcess = 0;

private:
  struct Figures {
    double cost = 0;
    double excess = 1; ///< issued pairs over pairs of the mask
    double kept = 1;   ///< pairs of the mask in kept tiles over all of them
  };
  struct Tried {
    TileCost cost;
    std::vector<Segment> shaped;
    Figures glance = {}, look = {}; ///< the same for what a glance shows to be far off
  };
  /// Shapes of queries and keys of a segment.
  using ShapePairs = std::vector<std::pair<Shape, Shape>>;
  /// Whether shapes are not among those seen; they are then.
  static bool isNew(const Segment &segment, ShapePairs &seen);
  llvm::Expected<runtime::Grid> gridOf(const Tried &tried) const;
  Figures estimate(const runtime::Grid &grid, const TileCost &cost, Sample sample) const;
  void keepIfBest(runtime::Grid grid, const Figures &figures);
  llvm::Error tryShapes(Tried &tried);
  llvm::Error tryMenu(size_t segment, Tried &least);
  llvm::Error tryTrades(Tried &least, size_t segment);
  llvm::Error tradeFrom(Tried &least, size_t segment, ShapePairs &seen);
  llvm::Error glanceAtTrades(size_t segment, const Tried &from, ShapePairs &seen,
                             std::optional<Tried> &promising) const;
  bool isBetter(const Figures &one, const Figures &other) const;
  bool hasAxes(size_t segment, size_t atLeast) const;
  std::vector<Segment> plainest(const TileCost &cost) const;
  /// Query and key boxes of a segment are of one family, an index in shapeMenu, unless they are given.
  void takeFamily(std::vector<Segment> &shaped, size_t segment, size_t family, const TileCost &cost) const;
  static void fitSingleAxes(std::vector<Segment> &segments, const std::vector<Segment> &given);

  PlannedMasks &masks;
  std::vector<Segment> segments; ///< as asked for
  bool isSliced;                 ///< rounding looks at slices, and what it drops is no gain
  std::vector<Tried> ofMenus;    ///< the best of each capacity, the cheapest first
};

} // namespace

// A glance is enough for what is far off; the rest gets a look.
static constexpr Sample aGlance{4, 6}, aLook{16, 32};
static constexpr double farOff = 1.25;
// Once hardly more pairs are issued than the mask has, no shape can do much better.
static constexpr double tightEnough = 1.1;

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

TileSearcher::Figures TileSearcher::estimate(const runtime::Grid &grid, const TileCost &cost, Sample sample) const {
  Figures figures;
  double mask = 0, lost = 0, kept = 0, pairs = double(grid.queryCapacity) * double(grid.keyCapacity);
  for (size_t i = 0; i < masks.masks.size(); ++i) {
    Estimate found = estimateTiles(masks.rounding, grid, masks.signatures[i], sample);
    kept += masks.heads[i] * found.kept;
    mask += masks.heads[i] * found.mask;
    lost += masks.heads[i] * found.lost;
  }
  figures.cost = kept * costOfTile(cost, meanPadded(grid, Side::Query, cost.queryMultiple),
                                   meanPadded(grid, Side::Key, cost.keyMultiple));
  // Tiles that straddle thin sets are cheap because rounding drops what they held: what drops much is charged for it.
  constexpr double tolerable = 0.25;
  if (mask > 0) {
    figures.kept = std::max(1 - lost / mask, 1e-3);
    figures.excess = kept * pairs / mask;
  }
  if (figures.kept < 1 - tolerable)
    figures.cost /= figures.kept;
  return figures;
}

llvm::Expected<runtime::Grid> TileSearcher::gridOf(const Tried &tried) const {
  std::vector<Segment> shaped = tried.shaped;
  fitSingleAxes(shaped, segments);
  return boxGrid(std::move(shaped));
}

/// Whether one is cheaper, by more than a look errs and not just because rounding drops more of the mask.
bool TileSearcher::isBetter(const Figures &one, const Figures &other) const {
  double clearly = isSliced ? 0.95 : 0.98;
  return one.cost < clearly * other.cost * std::min(1.0, one.kept / other.kept);
}

void TileSearcher::keepIfBest(runtime::Grid grid, const Figures &figures) {
  // Padding may make two shapes cost the same: the one that issues less then says more of the mask.
  bool isBest = !best || figures.cost < bestCost || (figures.cost <= 1.002 * bestCost && figures.excess < bestExcess);
  if (!isBest)
    return;
  best = std::move(grid);
  bestCost = figures.cost;
  bestExcess = figures.excess;
}

llvm::Error TileSearcher::tryShapes(Tried &tried) {
  llvm::Expected<runtime::Grid> grid = gridOf(tried);
  if (!grid)
    return grid.takeError();
  tried.glance = tried.look = estimate(*grid, tried.cost, aGlance);
  if (best && tried.glance.cost > farOff * bestCost)
    return llvm::Error::success();
  tried.look = estimate(*grid, tried.cost, aLook);
  keepIfBest(std::move(*grid), tried.look);
  return llvm::Error::success();
}

void TileSearcher::takeFamily(std::vector<Segment> &shaped, size_t segment, size_t family, const TileCost &cost) const {
  for (Side side : {Side::Query, Side::Key})
    if (segments[segment].tile(side).empty())
      shapeOf(shaped[segment], side) = menuOf(segments[segment], cost, side)[family];
}

bool TileSearcher::isNew(const Segment &segment, ShapePairs &seen) {
  std::pair<Shape, Shape> shapes{segment.queryTile, segment.keyTile};
  if (std::find(seen.begin(), seen.end(), shapes) != seen.end())
    return false;
  seen.push_back(std::move(shapes));
  return true;
}

llvm::Error TileSearcher::tryMenu(size_t segment, Tried &least) {
  ShapePairs seen;
  isNew(least.shaped[segment], seen);
  for (size_t family = 1; family < maxFamilies && least.look.excess > tightEnough; ++family) {
    Tried next = least;
    takeFamily(next.shaped, segment, family, next.cost);
    if (!isNew(next.shaped[segment], seen))
      continue;
    if (llvm::Error error = tryShapes(next))
      return error;
    if (next.look.cost < least.look.cost)
      least = std::move(next);
  }
  return llvm::Error::success();
}

bool TileSearcher::hasAxes(size_t segment, size_t atLeast) const {
  return segments[segment].axes.size() >= atLeast && segments[segment].tokens() > 0;
}

llvm::Error TileSearcher::tryMenus(const TileCost &cost) {
  Tried least{cost, plainest(cost)};
  if (llvm::Error error = tryShapes(least))
    return error;
  for (size_t i = 0; i < segments.size(); ++i)
    if (hasAxes(i, 2))
      if (llvm::Error error = tryMenu(i, least))
        return error;
  auto isCheaper = [](const Tried &one, const Tried &other) { return one.look.cost < other.look.cost; };
  ofMenus.insert(std::upper_bound(ofMenus.begin(), ofMenus.end(), least, isCheaper), std::move(least));
  return llvm::Error::success();
}

/// Of the shapes that trade a factor of two between two axes of a segment, on both sides, the one that a glance finds
/// best, if it is better.
llvm::Error TileSearcher::glanceAtTrades(size_t segment, const Tried &from, ShapePairs &seen,
                                         std::optional<Tried> &promising) const {
  const std::vector<int64_t> &extents = segments[segment].extents;
  size_t lead = isSliced ? 1 : 0; // boxes of several slices hardly ever pay
  for (size_t halved = lead; halved < extents.size(); ++halved)
    for (size_t doubled = lead; doubled < extents.size(); ++doubled) {
      Tried next = from;
      bool fits = halved != doubled;
      for (Side side : {Side::Query, Side::Key})
        if (segments[segment].tile(side).empty())
          fits = fits && trade(shapeOf(next.shaped[segment], side), extents, halved, doubled);
      if (!fits || !isNew(next.shaped[segment], seen))
        continue;
      llvm::Expected<runtime::Grid> grid = gridOf(next);
      if (!grid)
        return grid.takeError();
      next.glance = estimate(*grid, next.cost, aGlance);
      if (isBetter(next.glance, promising ? promising->glance : from.glance))
        promising = std::move(next);
    }
  return llvm::Error::success();
}

llvm::Error TileSearcher::tradeFrom(Tried &least, size_t segment, ShapePairs &seen) {
  while (least.look.excess > tightEnough) {
    std::optional<Tried> next;
    if (llvm::Error error = glanceAtTrades(segment, least, seen, next))
      return error;
    if (!next)
      break;
    llvm::Expected<runtime::Grid> grid = gridOf(*next);
    if (!grid)
      return grid.takeError();
    next->look = estimate(*grid, next->cost, aLook);
    if (!isBetter(next->look, least.look))
      break;
    keepIfBest(std::move(*grid), next->look);
    least = std::move(*next);
  }
  return llvm::Error::success();
}

/// From the best of a capacity's menus and, as that may be a strip, from the most compact box.
llvm::Error TileSearcher::tryTrades(Tried &least, size_t segment) {
  ShapePairs seen;
  isNew(least.shaped[segment], seen);
  Tried box = least;
  if (llvm::Error error = tradeFrom(least, segment, seen))
    return error;
  takeFamily(box.shaped, segment, maxFamilies - 1, box.cost);
  if (least.look.excess <= tightEnough || isSliced || !isNew(box.shaped[segment], seen))
    return llvm::Error::success();
  if (llvm::Error error = tryShapes(box))
    return error;
  if (box.look.cost <= farOff * bestCost)
    if (llvm::Error error = tradeFrom(box, segment, seen))
      return error;
  if (box.look.cost < least.look.cost)
    least = std::move(box);
  return llvm::Error::success();
}

llvm::Error TileSearcher::tryTrades() {
  constexpr double close = 1.15; // a capacity that is further from the best does not catch up
  for (Tried &least : ofMenus)
    for (size_t i = 0; i < segments.size(); ++i)
      // Of two axes, the menu has what is worth it: boxes of several indices of the leading one mostly drop more.
      if (hasAxes(i, 3) && least.look.cost <= close * bestCost)
        if (llvm::Error error = tryTrades(least, i))
          return error;
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
    if (llvm::Error error = searcher.tryMenus(cost))
      return std::move(error);
  }
  if (llvm::Error error = searcher.tryTrades())
    return std::move(error);
  return std::move(*searcher.best);
}
