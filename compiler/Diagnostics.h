// SPDX-License-Identifier: Apache-2.0
//
// From MLIR's diagnostics to one exception: the first error, where it stands, and its notes as remedies.
#ifndef FALLOFF_COMPILER_DIAGNOSTICS_H
#define FALLOFF_COMPILER_DIAGNOSTICS_H

#include "compiler/Compiler.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Error.h"

namespace falloff {

/// Collects what is reported while it lives; nothing is printed.
class DiagnosticCapture {
public:
  explicit DiagnosticCapture(mlir::MLIRContext *context);

  /// Throws the first error that was reported, or one that says `otherwise` if none was.
  [[noreturn]] void raise(const std::string &otherwise) const;

private:
  std::optional<Error> first;
  mlir::ScopedDiagnosticHandler handler;
};

/// Throws `error` as an Error, if it is one.
void raiseIf(llvm::Error error);

/// The value, or its error thrown.
template <typename T>
T valueOrRaise(llvm::Expected<T> expected) {
  raiseIf(expected.takeError());
  return std::move(*expected);
}

} // namespace falloff

#endif
