// SPDX-License-Identifier: Apache-2.0
//
// The passes from a pattern file to a schedule; options are in Passes.td.
#ifndef FALLOFF_COMPILER_PASSES_PASSES_H
#define FALLOFF_COMPILER_PASSES_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <memory>

namespace falloff {

#define GEN_PASS_DECL
#include "compiler/passes/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/passes/Passes.h.inc"

/// Registers every pass, and the pipelines of Pipelines.h by name.
void registerFalloffPasses();

} // namespace falloff

#endif
