// SPDX-License-Identifier: Apache-2.0
//
// Chooses tiles: of the capacities that a target has kernels for, and the shapes of each that suit the extents, those
// that cost least over all heads. What a candidate costs is read off its blocks; no row is put together for it.
#ifndef FALLOFF_COMPILER_PASSES_TILESEARCH_H
#define FALLOFF_COMPILER_PASSES_TILESEARCH_H

#include "compiler/passes/Costs.h"
#include "compiler/passes/SolvedGrid.h"

namespace falloff {

/// The masks of a plan, how many heads each has, and what may be asked of them once.
struct PlannedMasks {
  const std::vector<BoundMask> &masks;
  std::vector<double> heads;
  Rounding rounding;
  std::vector<PairSignatures> signatures; ///< by mask, each kept from one grid to the next
};

/// Searches the shapes that are empty in `segments` on the side or sides where all are; of a side where some are given,
/// the others take the plainest shape of that capacity.
llvm::Expected<runtime::Grid> searchTiles(PlannedMasks &masks, std::vector<runtime::Segment> segments,
                                          const std::vector<TileCost> &costs);

} // namespace falloff

#endif
