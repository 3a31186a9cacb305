// SPDX-License-Identifier: Apache-2.0
//
// Writes the functor of a pattern: the test of the pairs of one tile. Its code follows the structure of the pattern
// alone; sizes, parameters and tables are data that it reads.
#ifndef FALLOFF_COMPILER_CPU_EMITFUNCTOR_H
#define FALLOFF_COMPILER_CPU_EMITFUNCTOR_H

#include "compiler/cpu/Emitter.h"
#include "compiler/passes/SetProgram.h"

namespace falloff::cpu {

/// Queries and keys of a tile, and where their bits go. Coordinates are laid out [coordinate][token], segments are the
/// program's numbers (-1: no token). Keys come in whole vectors of `functorLanes`.
struct FunctorArguments {
  const int32_t *queries = nullptr, *keys = nullptr; ///< coordinates
  const int32_t *querySegments = nullptr, *keySegments = nullptr;
  int64_t queryStride = 0, keyStride = 0; ///< int32 from one coordinate to the next
  const int32_t *const *tables = nullptr; ///< none is null; an empty one has an entry
  const double *numbers = nullptr;
  uint8_t *bits = nullptr; ///< [query][key], one bit each
  int64_t bitsStride = 0;  ///< bytes from query to query
  int64_t queryCount = 0, keyCount = 0;
  int64_t fills = 0; ///< bit j: the limit of group j fills the tile
};

using Functor = void (*)(const FunctorArguments *);

constexpr int64_t functorLanes = 16;

/// A module with the exported function `pairs` (of type `Functor`): sets the bit of each pair that the mask contains
/// or that the limit of a group in `fills` does.
mlir::OwningOpRef<mlir::ModuleOp> emitFunctor(mlir::MLIRContext &context, const SetProgram &program);

} // namespace falloff::cpu

#endif
