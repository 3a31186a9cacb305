// SPDX-License-Identifier: Apache-2.0
//
// How large a pattern may be. Parsers and passes follow the nesting of a text and of its sets by recursion, and write
// out what several sets share; both have to end for any file.
#ifndef FALLOFF_COMPILER_PASSES_LIMITS_H
#define FALLOFF_COMPILER_PASSES_LIMITS_H

#include "compiler/dialect/mask/Mask.h"

namespace falloff {

/// Levels of brackets in a text: an expression of the most levels there may be, and what stands around it.
inline constexpr int64_t maxNesting = mask::ExprAttr::maxDepth + 64;

/// Includes within includes.
inline constexpr size_t maxIncludeDepth = 64;

/// Sets and numbers of a pattern, each with those it is made of, however often they are named.
inline constexpr int64_t maxWrittenOut = 65536;

/// Emits an error at the place in `file` where the text nests too deeply for MLIR's parser, or where it holds an
/// affine map, which has no place in a pattern and nests without brackets.
mlir::LogicalResult verifyText(mlir::MLIRContext *context, llvm::StringRef text, llvm::StringRef file);

/// Emits an error at the op that brings a pattern over `maxWrittenOut`.
mlir::LogicalResult verifyWrittenOut(mask::PatternOp pattern);

} // namespace falloff

#endif
