// SPDX-License-Identifier: Apache-2.0
//
// Links patterns: every include replaced by the pattern it names.
#ifndef FALLOFF_COMPILER_PASSES_LINKER_H
#define FALLOFF_COMPILER_PASSES_LINKER_H

#include "compiler/passes/PatternFiles.h"
#include "llvm/ADT/DenseSet.h"

namespace falloff {

class Linker {
public:
  Linker(mlir::MLIRContext *context, llvm::StringRef library) : files(context, library) {}

  /// Inlines every include of a pattern, and of those it includes, in place;
  /// emits an error and fails if one cannot be.
  mlir::LogicalResult link(mask::PatternOp pattern);

  PatternFiles files;

private:
  mlir::LogicalResult emitCycle(mask::IncludeOp include, mask::PatternOp callee);

  llvm::SmallVector<mask::PatternOp> linking; ///< from the first includer down
  llvm::DenseSet<mlir::Operation *> linked;
};

} // namespace falloff

#endif
