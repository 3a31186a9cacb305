// SPDX-License-Identifier: Apache-2.0
//
// Compiles MLIR modules of kernels to object code, and loads that into this process.
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
  double compileSeconds = 0; ///< that it took to compile, or to load from disk

protected:
  std::string bytes;
};

using ModuleMaker = std::function<mlir::OwningOpRef<mlir::ModuleOp>(mlir::MLIRContext &)>;

/// Object code of a module for a processor, and what loads it again. `source`, unless null, receives the module's text.
std::string compileObject(Level level, const ModuleMaker &make, std::string *source = nullptr);
std::shared_ptr<Code> loadObject(std::string object);

enum class Listing { Mlir, Llvm, Assembly };
std::string print(Level level, const ModuleMaker &make, Listing listing);

} // namespace falloff::cpu

#endif
