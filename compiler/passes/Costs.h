// SPDX-License-Identifier: Apache-2.0
//
// What a pair costs in tiles of a given capacity: a table, checked in, so that a plan is the same wherever it is made.
#ifndef FALLOFF_COMPILER_PASSES_COSTS_H
#define FALLOFF_COMPILER_PASSES_COSTS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <vector>

namespace falloff {

/// Tiles of a capacity that a target has kernels for.
struct TileCost {
  int64_t queryCapacity = 0, keyCapacity = 0;
  double pair = 1;                            ///< time of an issued pair, relative to the cheapest
  double tile = 0;                            ///< time of a kept tile besides, in the same unit
  int64_t queryMultiple = 1, keyMultiple = 1; ///< kernels pad the tokens of a tile to these
};

/// What a kept tile costs on average, its tokens padded.
double costOfTile(const TileCost &cost, double paddedQueries, double paddedKeys);

/// The menu of a target, for a dtype ("bf16", "fp32") and a head dimension from 1 to 256. Fails if there is none.
llvm::Expected<std::vector<TileCost>> tileCosts(llvm::StringRef target, llvm::StringRef dtype, int64_t headDim);

} // namespace falloff

#endif
