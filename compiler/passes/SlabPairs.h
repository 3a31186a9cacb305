// SPDX-License-Identifier: Apache-2.0
//
// A segment of several axes is cut in slabs, the tiles of one index along its leading axis. Whether two pairs of slabs
// look the same to a mask is known from their leading indices alone (LeadingSignatures), so that each kind of pair is
// solved once: at 256 frames, radial has 65,536 pairs of slabs and some twenty kinds.
#ifndef FALLOFF_COMPILER_PASSES_SLABPAIRS_H
#define FALLOFF_COMPILER_PASSES_SLABPAIRS_H

#include "compiler/passes/Block.h"
#include "compiler/passes/Tiles.h"
#include "runtime/Plan.h"
#include <map>
#include <utility>
#include <vector>

namespace falloff {

/// Signatures of all pairs of leading indices, for each pair of segments; asked once however many grids are tried.
class PairSignatures {
public:
  /// Pairs of segments with more than `maxPairs` pairs of leading indices are not numbered.
  explicit PairSignatures(const BoundMask &mask, int64_t maxPairs = int64_t(1) << 22)
      : mask(mask), maxPairs(maxPairs) {}
  struct Ids {
    int32_t queryIndices = 0, keyIndices = 0;
    std::vector<int32_t> ids; ///< row-major
  };
  /// Null where there are too many pairs to number.
  const Ids *ids(int32_t querySegment, int32_t keySegment);
  const BoundMask &mask;

private:
  int64_t maxPairs;
  std::map<std::pair<int32_t, int32_t>, Ids> known;
};

/// The pairs of slabs of two segments on a grid `box`. A segment of one axis is one slab, and so is any segment where
/// signatures are too many.
class SlabPairs {
public:
  SlabPairs(PairSignatures &signatures, const runtime::Grid &grid, int32_t querySegment, int32_t keySegment);

  int32_t querySlabs = 1, keySlabs = 1;
  /// Numbers kinds of pairs from 0, in order of first sight.
  int32_t kindOf(int32_t querySlab, int32_t keySlab);
  BoxTiles queryTiles(int32_t slab) const { return tiles(runtime::Side::Query, slab); }
  BoxTiles keyTiles(int32_t slab) const { return tiles(runtime::Side::Key, slab); }
  /// Questions about the tiles of a pair of slabs, one for each signature that they hold.
  RegionQuestions questions(int32_t querySlab, int32_t keySlab) const;

private:
  /// Leading indices [first, last) of a slab; one index stands for a segment that has no slabs.
  std::pair<int32_t, int32_t> leadingOf(runtime::Side side, int32_t slab) const;
  BoxTiles tiles(runtime::Side side, int32_t slab) const;
  bool hasSlabs(runtime::Side side) const { return ids && segment(side).axes.size() > 1; }
  const runtime::Segment &segment(runtime::Side side) const {
    return grid.segments[side == runtime::Side::Query ? querySegment : keySegment];
  }

  const BoundMask &mask;
  const runtime::Grid &grid;
  int32_t querySegment, keySegment;
  const PairSignatures::Ids *ids;
  std::vector<int32_t> kindOfId; ///< where a slab is one leading index
  std::vector<int32_t> tuple;
  std::map<std::vector<int32_t>, int32_t> kindOfTuple;
  int32_t kinds = 0;
};

} // namespace falloff

#endif
