// SPDX-License-Identifier: Apache-2.0
//
// Grids of tiles: from sizes and the text of a tile ("1x128", "video=2x8x8,text=128", "128") to numbered tiles. Tiles
// are numbered over segments in bound order, row-major within one.
#ifndef FALLOFF_COMPILER_PASSES_GRID_H
#define FALLOFF_COMPILER_PASSES_GRID_H

#include "runtime/Plan.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace falloff {

/// Tokens along each axis of a box.
using Shape = std::vector<int64_t>;

/// Tokens of a box; at most maxTileTokens for boxes of this file.
int64_t volume(const Shape &shape);
inline constexpr int64_t maxTileTokens = 1 << 16;

/// The text of a tile, read: shapes with the segment they are for, or with no name.
struct TileSpec {
  std::vector<std::pair<std::string, Shape>> parts;
  std::string text; ///< as it was written, for messages
};

/// Reads "1x128", "video=2x8x8,text=128" or "128".
llvm::Expected<TileSpec> parseTile(llvm::StringRef text);

/// Shapes by segment, in bound order, of a grid `box`; an empty shape is still to be chosen. A part without a name goes
/// to every segment with as many axes. Shapes are cut to the extents. Fails if a part fits no segment, or without a
/// name none that has tokens.
llvm::Expected<std::vector<Shape>> tilesOf(const TileSpec &spec, const std::vector<runtime::Segment> &segments);

inline constexpr size_t maxFamilies = 5; ///< shapes in a menu of a segment of several axes

/// Shapes of at most `capacity` tokens worth trying on a segment of these extents, the plainest first: the strip of
/// tokens of highest rank, then strips of equal parts (1560 = 13 x 120), then compact boxes. Capacities of one segment
/// give menus of one length, with shapes of the same families in the same places. Equal parts of a whole strip are
/// multiples of `multiple` where they can be: what a kernel would pad anyway.
std::vector<Shape> shapeMenu(const std::vector<int64_t> &extents, int64_t capacity, int64_t multiple = 1);

/// Halves a shape along one axis and doubles it along another; false where the first is odd or the second too short.
bool trade(Shape &shape, const std::vector<int64_t> &extents, size_t halved, size_t doubled);

/// Fills in tile numbers and capacities of a grid `box` whose segments have names, axes, extents and shapes. Fails if a
/// side has more than Run::maxTiles tiles.
llvm::Expected<runtime::Grid> boxGrid(std::vector<runtime::Segment> segments);

/// A grid `flat` of tiles of so many tokens.
llvm::Expected<runtime::Grid> flatGrid(std::vector<runtime::Segment> segments, int64_t queryTile, int64_t keyTile);

} // namespace falloff

#endif
