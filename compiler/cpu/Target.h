// SPDX-License-Identifier: Apache-2.0
//
// Which vector instructions this processor has, and which of them kernels are
// to use.
#ifndef FALLOFF_COMPILER_CPU_TARGET_H
#define FALLOFF_COMPILER_CPU_TARGET_H

#include "compiler/cpu/KernelSpec.h"
#include "runtime/Tensor.h"
#include <string>
#include <vector>

namespace falloff::cpu {

/// The most that this processor can run.
Level hostLevel();

/// LLVM's name of this processor, and of those of its instructions that levels are chosen by, or that work on vectors;
/// sorted.
std::string hostName();
std::vector<std::string> hostVectorFeatures();

/// "native" or "" (the most there is), "avx512bf16", "avx512vnni", "avx512",
/// "avx2" or "generic". Throws std::invalid_argument for another word, and for
/// instructions that this processor lacks.
Level parseLevel(const std::string &features);

const char *nameOf(Level level);

/// The kernel that serves tensors of `dtype`; with `quantised`, of the recipe
/// int8.
KernelSpec specFor(Level level, runtime::DType dtype, bool quantised = false);

/// Compiler's names of the processor to compile for and to tune for, and of its
/// features.
struct TargetNames {
  std::string cpu, features;
};
TargetNames targetNames(Level level);

/// "znver4, kernels for avx512bf16", for people.
std::string describeTarget(const std::string &features);

} // namespace falloff::cpu

#endif
