// SPDX-License-Identifier: Apache-2.0
//
// What only a bound pattern can be checked for: its numbers.
#ifndef FALLOFF_COMPILER_PASSES_VERIFYBOUND_H
#define FALLOFF_COMPILER_PASSES_VERIFYBOUND_H

#include "compiler/dialect/mask/Mask.h"

namespace falloff {

/// Checks the numbers of a pattern with static extents and no parameters: no
/// division by zero, `mod` by zero or root of a negative number at any distance
/// or place, sizes of splits and windows whole and at least 1, relations as
/// large as the axes they link. Emits one error at the op concerned.
mlir::LogicalResult verifyBound(mask::PatternOp pattern);

} // namespace falloff

#endif
