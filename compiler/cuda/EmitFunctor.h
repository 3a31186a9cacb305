// SPDX-License-Identifier: Apache-2.0
//
// What one pattern adds to a CUDA kernel: which pairs of a tested tile it keeps, as text that people read.
//
//   struct FunctorQuery, FunctorKey   what sets ask of one end: its segment, coordinates, looked-up bounds
//   functorQuery, functorKey          read one end from PlanTable::queryCoordinates or keyCoordinates at its lane
//   contains                          whether the mask holds a pair
//   allowed                           whether the limit of a group of `about` sets that fills the tile holds it
//   functorTests                      false: no tile of any plan is tested, and none of these is called
//
// Both ends of a pair must be tokens: lanes without one have segment -1, and are the caller's to leave out. Meanings
// are those of compiler/cpu/EmitFunctor.h to the bit: f64 is never contracted, and tables are read only where both ends
// lie in the segment that they are about.
#ifndef FALLOFF_COMPILER_CUDA_EMITFUNCTOR_H
#define FALLOFF_COMPILER_CUDA_EMITFUNCTOR_H

#include "compiler/passes/SetProgram.h"
#include <string>

namespace falloff::cuda {

/// CUDA C++ that needs PlanTable (runtime/cuda/KernelArguments.h) before it and nothing else. The same for equal
/// programs whose axes have the same names, at every size.
std::string emitFunctor(const SetProgram &program);

} // namespace falloff::cuda

#endif
