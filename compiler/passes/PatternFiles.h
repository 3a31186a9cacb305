// SPDX-License-Identifier: Apache-2.0
//
// Where patterns are found: in a module, beside a file, in the library. Files
// are read once and live as long as their PatternFiles.
#ifndef FALLOFF_COMPILER_PASSES_PATTERNFILES_H
#define FALLOFF_COMPILER_PASSES_PATTERNFILES_H

#include "compiler/dialect/mask/Mask.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <map>
#include <string>
#include <vector>

namespace falloff {

class PatternFiles {
public:
  /// `library` is a directory, or empty.
  PatternFiles(mlir::MLIRContext *context, llvm::StringRef library) : context(context), library(library) {}

  /// Makes a module stand for the files that its patterns were read from, so
  /// that they are not read again.
  void adopt(mlir::ModuleOp module);

  /// The module that a file holds; emits errors of reading and parsing.
  mlir::FailureOr<mlir::ModuleOp> read(llvm::StringRef path, mlir::Location loc);

  /// The pattern that `from`, somewhere in a pattern of `module`, calls
  /// `symbol`: that of the module, else of `<symbol>.mlir` beside the file that
  /// `from` was read from, else of the library's. Emits an error if there is
  /// none.
  mlir::FailureOr<mask::PatternOp> find(llvm::StringRef symbol, mlir::ModuleOp module, mlir::Location from);

  /// Stems of the .mlir files in a directory, sorted.
  static std::vector<std::string> patternsIn(llvm::StringRef directory);

private:
  mlir::MLIRContext *context;
  std::string library;
  std::map<std::string, mlir::ModuleOp> modules; ///< by real path
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> owned;
};

/// The file that a location names, or empty.
std::string fileOf(mlir::Location loc);

} // namespace falloff

#endif
