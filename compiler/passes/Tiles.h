// SPDX-License-Identifier: Apache-2.0
//
// Tiles as a tree descent sees them: numbered from 0, and in ranges that split in two until a single tile is left. A
// range is a box of tokens on the grid `box`, a few boxes on `flat`. Splits keep the order of tile numbers, so whoever
// always takes the first half first meets tiles in grid order.
#ifndef FALLOFF_COMPILER_PASSES_TILES_H
#define FALLOFF_COMPILER_PASSES_TILES_H

#include "compiler/passes/BoundMask.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <utility>
#include <vector>

namespace falloff {

/// Disjoint boxes of tokens.
struct Region {
  llvm::SmallVector<Box, 1> boxes;
  int64_t tokens = 0;
};

/// Tiles [first, last) that differ along `axis` and those after it.
struct TileRange {
  int32_t first = 0, last = 0, axis = 0;
  int32_t tiles() const { return last - first; }
};

class TileSpace {
public:
  virtual ~TileSpace() = default;
  int32_t tiles() const { return whole().tiles(); }
  virtual TileRange whole() const = 0;
  /// The two halves of a range of more than one tile.
  virtual std::pair<TileRange, TileRange> split(TileRange range) const = 0;
  virtual void region(TileRange range, Region &region) const = 0;
  /// Which slice of its segment a tile lies in; ascending with tiles.
  virtual int32_t sliceOf(int32_t tile) const = 0;

  /// One tile, as a range.
  TileRange single(int32_t tile) const;
  /// The region of any tiles [first, last), a range of splits or not.
  void regionOf(int32_t first, int32_t last, Region &result) const;
};

/// Tiles of one segment of a grid `box`: all of them, or those with one index along the leading axis (a slab).
class BoxTiles : public TileSpace {
public:
  BoxTiles(int32_t segment, std::vector<int64_t> extents, std::vector<int64_t> shape);
  /// The slab of tiles that have index `slab` along the leading axis.
  BoxTiles(int32_t segment, std::vector<int64_t> extents, std::vector<int64_t> shape, int32_t slab);

  TileRange whole() const override { return {0, inner[lead] * count[lead], lead}; }
  std::pair<TileRange, TileRange> split(TileRange range) const override;
  void region(TileRange range, Region &region) const override;
  int32_t sliceOf(int32_t tile) const override { return isSliced ? tile / inner[0] : 0; }

private:
  int32_t segment, axes, lead = 0;
  int32_t fixedLo = 0, fixedHi = 0; ///< tokens of the slab along axis 0
  bool isSliced = false;
  int32_t extent[Box::maxAxes], shape[Box::maxAxes];
  int32_t count[Box::maxAxes + 1]; ///< tiles along an axis
  int32_t inner[Box::maxAxes + 1]; ///< tiles of one index along an axis
};

/// Tiles of a grid `flat`.
class FlatTiles : public TileSpace {
public:
  FlatTiles(const BoundMask &mask, int64_t size);

  TileRange whole() const override { return {0, int32_t(slices.size()), 0}; }
  std::pair<TileRange, TileRange> split(TileRange range) const override;
  void region(TileRange range, Region &region) const override;
  int32_t sliceOf(int32_t tile) const override { return slices[tile]; }

private:
  const BoundMask &mask;
  int64_t size;
  std::vector<int32_t> slices; ///< by tile: slice of its first token
};

} // namespace falloff

#endif
