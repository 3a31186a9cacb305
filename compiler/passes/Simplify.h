// SPDX-License-Identifier: Apache-2.0
//
// The rewrites of `simplify-sets`. The empty set is `any_of nothing`, every
// pair is `all_of nothing`.
#ifndef FALLOFF_COMPILER_PASSES_SIMPLIFY_H
#define FALLOFF_COMPILER_PASSES_SIMPLIFY_H

#include "compiler/dialect/mask/Mask.h"
#include "mlir/IR/PatternMatch.h"

namespace falloff {

bool isEmptySet(mlir::Value set);
bool isEverything(mlir::Value set);

/// Numbers that do not depend on a distance, and the ops that use them.
void addNumberRewrites(mlir::RewritePatternSet &patterns);

/// Leaves that hold no pair, or every pair.
void addLeafRewrites(mlir::RewritePatternSet &patterns);

/// `any_of`, `all_of`, `none_of`, `bounded` and `keep`.
void addAlgebraRewrites(mlir::RewritePatternSet &patterns);

} // namespace falloff

#endif
