// SPDX-License-Identifier: Apache-2.0
//
// The whole source of a kernel: what host and device share, the shape as constants, the pattern's functor, and the
// hand-written parts. It includes nothing, so that NVRTC needs no headers.
#ifndef FALLOFF_COMPILER_CUDA_EMITSOURCE_H
#define FALLOFF_COMPILER_CUDA_EMITSOURCE_H

#include "compiler/passes/SetProgram.h"
#include "runtime/cuda/KernelImage.h"
#include <string>

namespace falloff::cuda {

/// Macros that, where defined, leave kernels out of the source: `falloff_attention`, or all others.
constexpr const char *leavesOutAttention = "FALLOFF_WITHOUT_ATTENTION", *leavesOutOthers = "FALLOFF_ATTENTION_ALONE";

/// CUDA C++. `program` is null for plans whose tiles are all full, such as those of a block mask. Equal arguments give
/// the same text, which is all that a kernel depends on besides architecture and compiler.
std::string emitSource(const KernelShape &shape, const SetProgram *program);

} // namespace falloff::cuda

#endif
