// SPDX-License-Identifier: Apache-2.0
//
// From the dialects that kernels are written in to the LLVM dialect.
#ifndef FALLOFF_COMPILER_CPU_LOWERING_H
#define FALLOFF_COMPILER_CPU_LOWERING_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"

namespace falloff::cpu {

/// Lowers func, scf, arith, math and vector operations of a module in place.
mlir::LogicalResult lowerToLLVM(mlir::ModuleOp module);

} // namespace falloff::cpu

#endif
