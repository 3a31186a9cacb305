// SPDX-License-Identifier: Apache-2.0
//
// From the mask dialect to a set program. The pattern has no includes; it may have parameters and `?` extents (then
// one program serves every size), or be specialised (then its constants stand in the recipes).
#ifndef FALLOFF_COMPILER_PASSES_BUILDPROGRAM_H
#define FALLOFF_COMPILER_PASSES_BUILDPROGRAM_H

#include "compiler/dialect/mask/Mask.h"
#include "compiler/passes/Binding.h"
#include "compiler/passes/BoundMask.h"
#include "compiler/passes/Recipe.h"

namespace falloff {

/// A pattern's program, and where its recipes stand in the file.
struct LinkedProgram {
  ProgramRecipe recipe;
  std::vector<mlir::Location> sources;
  mlir::Location pattern;
};

/// Emits an error and fails where the pattern has includes, too many axes in a segment, or fills around more than 7
/// different limits.
mlir::FailureOr<LinkedProgram> buildProgram(mask::PatternOp pattern);

/// What one head sees of a binding.
ProgramInputs inputsOf(const BoundPattern &bound, int64_t head);
/// The inputs of a specialised pattern: its own extents, in its own order.
ProgramInputs inputsOf(mask::PatternOp pattern);

/// Binds; emits an error where it stands in the pattern and fails if a size or a number does not fit. Needs no IR but
/// for the places of errors.
mlir::FailureOr<BoundMask> bindMask(const LinkedProgram &program, const ProgramInputs &inputs);

} // namespace falloff

#endif
