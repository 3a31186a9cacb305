// SPDX-License-Identifier: Apache-2.0
//
// From a pattern file to a bound pattern, step by step, for callers who know no
// passes; and the same as named pipelines of falloff-opt:
//
//   falloff-mask       link-includes, specialise, simplify-sets
//   falloff-schedule   falloff-mask, lower-to-schedule
//
// Each step leaves what it was given alone and returns a module of its own.
// Errors are emitted as diagnostics at the op concerned.
#ifndef FALLOFF_COMPILER_PASSES_PIPELINES_H
#define FALLOFF_COMPILER_PASSES_PIPELINES_H

#include "compiler/passes/Binding.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace falloff {

/// A module with one linked pattern, from `name` (a pattern of the library),
/// `path.mlir`, or `path.mlir:@name`. Without a name, a file's pattern is its
/// only one, or the one that is named like the file.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> loadPattern(mlir::MLIRContext *context, llvm::StringRef nameOrPath,
                                                               llvm::StringRef library);

/// The same from text in memory, which was read from `file` or from nowhere;
/// `symbol` may be empty.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> loadPatternText(mlir::MLIRContext *context, llvm::StringRef text,
                                                                   llvm::StringRef symbol, llvm::StringRef library);

/// The only pattern of a module that loadPattern gave.
mask::PatternOp patternIn(mlir::ModuleOp module);

/// Bound patterns: one, or one for each class of heads that differ.
struct SpecialisedPattern {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<mask::PatternOp> patterns; ///< of `module`, in order of heads
  std::vector<unsigned> patternOfHead;   ///< empty where all heads share one
  BoundPattern bound;
};

/// Binds a linked pattern; emits one error and fails where the binding does not
/// fit it.
mlir::FailureOr<SpecialisedPattern> specialisePattern(mask::PatternOp linked, const Binding &binding);

/// Simplifies every pattern of a module in place.
void simplifyPatterns(mlir::ModuleOp module);

/// Registers the named pipelines.
void registerMaskPipelines();

} // namespace falloff

#endif
