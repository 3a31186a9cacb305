// SPDX-License-Identifier: Apache-2.0
//
// Writes the attention step as an MLIR module.
#ifndef FALLOFF_COMPILER_CPU_EMITKERNEL_H
#define FALLOFF_COMPILER_CPU_EMITKERNEL_H

#include "compiler/cpu/Emitter.h"
#include "compiler/cpu/KernelSpec.h"

namespace falloff::cpu {

/// A module with the exported function `step` (of type `Step`) for a processor
/// and arithmetic.
mlir::OwningOpRef<mlir::ModuleOp> emitKernel(mlir::MLIRContext &context, const KernelSpec &spec);

} // namespace falloff::cpu

#endif
