// SPDX-License-Identifier: Apache-2.0
//
// Values of parameters: which kind a value has, and whether it is one that the
// kind allows.
#ifndef FALLOFF_COMPILER_PASSES_BINDPARAMETERS_H
#define FALLOFF_COMPILER_PASSES_BINDPARAMETERS_H

#include "compiler/passes/Binding.h"

namespace falloff {

/// Fills in `parameters` and `isPerHead` of `bound` from the values given and
/// the pattern's defaults; emits one error and fails on an unknown name, a
/// value of the wrong kind, or a parameter without any.
mlir::LogicalResult resolveParameters(mask::PatternOp pattern,
                                      llvm::ArrayRef<std::pair<std::string, ParameterValue>> given,
                                      BoundPattern &bound);

/// "a sorted table of whole numbers": what a parameter expects.
std::string describe(mask::ParamAttr param);

} // namespace falloff

#endif
