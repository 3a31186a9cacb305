// SPDX-License-Identifier: Apache-2.0
//
// Kernels by what they are: from memory, else from disk, else from the compiler.
#ifndef FALLOFF_COMPILER_CPU_KERNELCACHE_H
#define FALLOFF_COMPILER_CPU_KERNELCACHE_H

#include "compiler/cpu/JitEngine.h"

namespace falloff::cpu {

/// Code of a kernel. `what` names everything but the level that `make` depends on; people read its first words. The
/// first thread that asks loads or compiles it while others wait, and of all processes one compiles it. Throws
/// std::runtime_error with the compiler's words if it refuses the module.
std::shared_ptr<const Code> compileOnce(const std::string &what, Level level, const ModuleMaker &make);

/// The key on disk: `what`, and which compiler made it for which processor.
std::string kernelKey(const std::string &what, Level level);

} // namespace falloff::cpu

#endif
