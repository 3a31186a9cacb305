// SPDX-License-Identifier: Apache-2.0
//
// A set program meets its sizes and parameters: fills the tables of integers that planner and functors read.
#ifndef FALLOFF_COMPILER_PASSES_BINDPROGRAM_H
#define FALLOFF_COMPILER_PASSES_BINDPROGRAM_H

#include "compiler/passes/BoundMask.h"
#include "compiler/passes/Recipe.h"

namespace falloff {

/// Largest table of distances, in entries.
inline constexpr int64_t maxTableEntries = int64_t(1) << 26;

/// Tables of one class of heads, by the program's numbers of them. Throws BindError where a size, a relation or a
/// number does not fit.
runtime::MaskData bindTables(const ProgramRecipe &recipe, const ProgramInputs &inputs);

/// The mask of one class of heads. Throws BindError.
BoundMask bindProgram(const ProgramRecipe &recipe, const ProgramInputs &inputs);

} // namespace falloff

#endif
