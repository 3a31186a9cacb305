// SPDX-License-Identifier: Apache-2.0
//
// Compiles MLIR modules of kernels to machine code in this process, once for
// each key.
#ifndef FALLOFF_COMPILER_CPU_JITENGINE_H
#define FALLOFF_COMPILER_CPU_JITENGINE_H

#include "compiler/cpu/KernelSpec.h"
#include <functional>
#include <memory>
#include <string>

namespace mlir {
class MLIRContext;
class ModuleOp;
template <typename OpTy>
class OwningOpRef;
} // namespace mlir

namespace falloff::cpu {

/// Machine code in this process. It stays as long as someone holds it.
class Code {
public:
  virtual ~Code();
  /// Address of an exported function. Throws std::runtime_error if there is
  /// none of this name.
  virtual void *find(const std::string &name) const = 0;
  /// The object file it was loaded from.
  const std::string &object() const { return bytes; }
  double compileSeconds = 0; ///< from emission to callable

protected:
  std::string bytes;
};

using ModuleMaker = std::function<mlir::OwningOpRef<mlir::ModuleOp>(mlir::MLIRContext &)>;

/// Code of a key, compiled by the first thread that asks while others wait for
/// it. At most 256 are kept, the oldest dropped first. Throws
/// std::runtime_error with the compiler's words if it refuses the module.
std::shared_ptr<const Code> compileOnce(const std::string &key, Level level, const ModuleMaker &make);

/// Object code of a module for a processor, and what loads it again.
std::string compileObject(Level level, const ModuleMaker &make);
std::shared_ptr<const Code> loadObject(std::string object);

enum class Listing { Mlir, Llvm, Assembly };
std::string print(Level level, const ModuleMaker &make, Listing listing);

} // namespace falloff::cpu

#endif
