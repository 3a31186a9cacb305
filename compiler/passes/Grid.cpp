// SPDX-License-Identifier: Apache-2.0
//
// Reading tiles, and numbering them.
#include "compiler/passes/Grid.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>

using namespace falloff;
using llvm::Twine;

int64_t falloff::volume(const Shape &shape) {
  int64_t tokens = 1;
  for (int64_t size : shape)
    tokens *= size;
  return tokens;
}

static llvm::Error fail(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

//===-- Reading tiles ---------------------------------------------------------------------------------------------===//

static llvm::Expected<Shape> parseShape(llvm::StringRef text, llvm::StringRef whole) {
  Shape shape;
  llvm::SmallVector<llvm::StringRef> sizes;
  text.split(sizes, 'x');
  int64_t tokens = 1;
  for (llvm::StringRef size : sizes) {
    int64_t value = 0;
    if (size.trim().getAsInteger(10, value) || value < 1)
      return fail("expects a tile of whole numbers from 1 up, such as 1x128, video=2x8x8,text=128 or 128, but got '" +
                  whole + "'");
    tokens = value > maxTileTokens ? maxTileTokens + 1 : tokens * value;
    if (tokens > maxTileTokens)
      return fail("expects a tile of at most " + Twine(maxTileTokens) + " tokens, but got '" + whole + "'");
    shape.push_back(value);
  }
  return shape;
}

llvm::Expected<TileSpec> falloff::parseTile(llvm::StringRef text) {
  TileSpec spec;
  spec.text = text.str();
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, ',');
  for (llvm::StringRef part : parts) {
    size_t equals = part.find('=');
    bool named = equals != llvm::StringRef::npos;
    llvm::Expected<Shape> shape = parseShape(named ? part.substr(equals + 1) : part, text);
    if (!shape)
      return shape.takeError();
    std::string name = named ? part.take_front(equals).trim().str() : "";
    if (named && llvm::is_contained(llvm::make_first_range(spec.parts), name))
      return fail("expects one tile of segment '" + name + "', but got two in '" + text + "'");
    spec.parts.emplace_back(std::move(name), std::move(*shape));
  }
  return spec;
}

/// "video(frame, patch), text(token)"
static std::string describe(const std::vector<runtime::Segment> &segments) {
  std::vector<std::string> words;
  for (const runtime::Segment &segment : segments)
    words.push_back(segment.name + "(" + llvm::join(segment.axes, ", ") + ")");
  return llvm::join(words, ", ");
}

static std::string describe(const Shape &shape) {
  return llvm::join(llvm::map_range(shape, [](int64_t size) { return std::to_string(size); }), "x");
}

/// "expects a tile with 2 numbers for video(frame, patch) or 1 for text(token), but got 7; such as 1x128", of the
/// segments that a tile can be for.
static llvm::Error failToFit(const Shape &shape, const std::vector<runtime::Segment> &segments) {
  std::vector<std::string> words;
  for (const runtime::Segment &segment : segments) {
    std::string numbers = std::to_string(segment.axes.size());
    if (words.empty())
      numbers += segment.axes.size() == 1 ? " number" : " numbers";
    words.push_back(numbers + " for " + describe({segment}));
  }
  Shape example(segments.front().axes.size(), 1);
  example.back() = 128;
  return fail("expects a tile with " + llvm::join(words, " or ") + ", but got " + describe(shape) + "; such as " +
              describe(example));
}

/// Segments with tokens, or with a name; all, if none has tokens.
static std::vector<runtime::Segment> segmentsToTile(const std::vector<runtime::Segment> &segments,
                                                    const std::string &name) {
  std::vector<runtime::Segment> chosen;
  for (const runtime::Segment &segment : segments)
    if (name.empty() ? segment.tokens() > 0 : segment.name == name)
      chosen.push_back(segment);
  return chosen.empty() ? segments : chosen;
}

/// No tile is longer than its axis: nothing is there, and kernels would compute it.
static Shape clampTo(Shape shape, const std::vector<int64_t> &extents) {
  for (size_t axis = 0; axis < shape.size(); ++axis)
    shape[axis] = std::min(shape[axis], std::max<int64_t>(extents[axis], 1));
  return shape;
}

llvm::Expected<std::vector<Shape>> falloff::tilesOf(const TileSpec &spec,
                                                    const std::vector<runtime::Segment> &segments) {
  std::vector<Shape> shapes(segments.size());
  bool isEmpty = std::all_of(segments.begin(), segments.end(), [](const auto &each) { return each.tokens() == 0; });
  for (bool named : {false, true}) // names come last, so that they win
    for (const auto &[name, shape] : spec.parts) {
      if (named == name.empty())
        continue;
      bool known = false, fits = false;
      for (size_t i = 0; i < segments.size(); ++i) {
        bool meant = !named || segments[i].name == name;
        known |= meant;
        if (meant && segments[i].axes.size() == shape.size()) {
          shapes[i] = clampTo(shape, segments[i].extents);
          fits |= named || isEmpty || segments[i].tokens() > 0;
        }
      }
      if (!known)
        return fail("expects tiles of the segments " + describe(segments) + ", but got one of '" + name + "'");
      if (!fits)
        return failToFit(shape, segmentsToTile(segments, name));
    }
  return shapes;
}

//===-- Shapes worth trying ---------------------------------------------------------------------------------------===//

/// A size of at most `limit` that cuts `extent` in as few parts as `limit` does, as equal as can be, and a multiple of
/// `multiple` if that is within the limit.
static int64_t equalPart(int64_t extent, int64_t limit, int64_t multiple) {
  limit = std::max<int64_t>(1, std::min(limit, extent));
  int64_t parts = (extent + limit - 1) / limit;
  int64_t size = extent == 0 ? 1 : (extent + parts - 1) / parts, rounded = (size + multiple - 1) / multiple * multiple;
  return rounded <= limit ? rounded : size;
}

/// Whole inner axes as far as they go, then a part of the next.
static Shape strip(const std::vector<int64_t> &extents, int64_t capacity, bool equal, int64_t multiple) {
  Shape shape(extents.size(), 1);
  for (size_t axis = extents.size(); axis-- > 0 && capacity > 1;) {
    int64_t extent = std::max<int64_t>(extents[axis], 1);
    shape[axis] = equal ? equalPart(extent, capacity, multiple) : std::min(extent, capacity);
    multiple = 1; // of whole strips only
    capacity /= shape[axis];
    if (shape[axis] < extent)
      break;
  }
  return shape;
}

/// A box of one index along `lead` leading axes and sides as equal as powers of two can be along the others.
static Shape compact(const std::vector<int64_t> &extents, size_t lead, int64_t capacity) {
  Shape shape(extents.size(), 1);
  for (int64_t size = 1; size * 2 <= capacity; size *= 2) {
    size_t shortest = extents.size();
    for (size_t axis = extents.size(); axis-- > lead;)
      if (shape[axis] * 2 <= extents[axis] && (shortest == extents.size() || shape[axis] < shape[shortest]))
        shortest = axis;
    if (shortest == extents.size())
      break;
    shape[shortest] *= 2;
  }
  return shape;
}

std::vector<Shape> falloff::shapeMenu(const std::vector<int64_t> &extents, int64_t capacity, int64_t multiple) {
  if (extents.size() == 1)
    return {{capacity}};
  // One index of the leading axis first: rounding is decided by such slices.
  std::vector<int64_t> inner = extents;
  inner[0] = 1;
  return {strip(inner, capacity, false, 1), strip(inner, capacity, true, multiple), compact(inner, 1, capacity),
          strip(extents, capacity, false, 1), compact(extents, 0, capacity)};
}

bool falloff::trade(Shape &shape, const std::vector<int64_t> &extents, size_t halved, size_t doubled) {
  if (shape[halved] % 2 != 0 || shape[doubled] * 2 > extents[doubled])
    return false;
  shape[halved] /= 2;
  shape[doubled] *= 2;
  return true;
}

//===-- Numbering -------------------------------------------------------------------------------------------------===//

static llvm::Error checkTiles(const runtime::Grid &grid) {
  for (runtime::Side side : {runtime::Side::Query, runtime::Side::Key})
    if (grid.tiles(side) >= runtime::Run::maxTiles)
      return fail("expects fewer than " + Twine(runtime::Run::maxTiles) + " tiles, but got " + Twine(grid.tiles(side)) +
                  "; larger tiles are fewer");
  return llvm::Error::success();
}

/// Numbers tokens; fails where they do not fit int32.
static llvm::Expected<runtime::Grid> numberTokens(std::vector<runtime::Segment> segments) {
  runtime::Grid grid;
  for (runtime::Segment &segment : segments) {
    segment.firstToken = grid.tokens;
    grid.tokens += segment.tokens();
    if (grid.tokens > INT32_MAX)
      return fail("expects at most " + Twine(INT32_MAX) + " tokens, but got " + Twine(grid.tokens));
  }
  grid.segments = std::move(segments);
  grid.queries = grid.keys = {0, grid.tokens};
  return grid;
}

llvm::Expected<runtime::Grid> falloff::boxGrid(std::vector<runtime::Segment> segments) {
  llvm::Expected<runtime::Grid> grid = numberTokens(std::move(segments));
  if (!grid)
    return grid.takeError();
  for (runtime::Segment &segment : grid->segments) {
    segment.firstQueryTile = grid->queryTiles;
    segment.firstKeyTile = grid->keyTiles;
    grid->queryTiles += segment.tiles(runtime::Side::Query);
    grid->keyTiles += segment.tiles(runtime::Side::Key);
    grid->queryCapacity = std::max(grid->queryCapacity, volume(segment.queryTile));
    grid->keyCapacity = std::max(grid->keyCapacity, volume(segment.keyTile));
  }
  if (llvm::Error error = checkTiles(*grid))
    return std::move(error);
  return grid;
}

llvm::Expected<runtime::Grid> falloff::flatGrid(std::vector<runtime::Segment> segments, int64_t queryTile,
                                                int64_t keyTile) {
  llvm::Expected<runtime::Grid> grid = numberTokens(std::move(segments));
  if (!grid)
    return grid.takeError();
  grid->kind = runtime::GridKind::Flat;
  grid->flatQueryTile = grid->queryCapacity = queryTile;
  grid->flatKeyTile = grid->keyCapacity = keyTile;
  grid->queryTiles = (grid->tokens + queryTile - 1) / queryTile;
  grid->keyTiles = (grid->tokens + keyTile - 1) / keyTile;
  for (runtime::Segment &segment : grid->segments) {
    segment.firstQueryTile = segment.firstToken / queryTile;
    segment.firstKeyTile = segment.firstToken / keyTile;
  }
  if (llvm::Error error = checkTiles(*grid))
    return std::move(error);
  return grid;
}
