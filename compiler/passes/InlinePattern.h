// SPDX-License-Identifier: Apache-2.0
//
// One include, inlined: the callee's ops over the caller's axes and values, and
// what the callee keeps, keeps around and is limited to.
#ifndef FALLOFF_COMPILER_PASSES_INLINEPATTERN_H
#define FALLOFF_COMPILER_PASSES_INLINEPATTERN_H

#include "compiler/dialect/mask/Mask.h"

namespace falloff {

/// Replaces an include by the body of `callee`, which has no include itself.
/// Where it stands directly in `keep` or `about`, the callee's parts are kept
/// apart (the normal form of the language); elsewhere it becomes a plain set.
/// Emits an error if axes or actuals do not fit the callee.
mlir::LogicalResult inlinePattern(mask::IncludeOp include, mask::PatternOp callee);

} // namespace falloff

#endif
