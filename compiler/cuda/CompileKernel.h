// SPDX-License-Identifier: Apache-2.0
//
// The source of a kernel through NVRTC.
#ifndef FALLOFF_COMPILER_CUDA_COMPILEKERNEL_H
#define FALLOFF_COMPILER_CUDA_COMPILEKERNEL_H

#include "runtime/cuda/Nvrtc.h"
#include <cstdint>
#include <string>

namespace falloff::cuda {

/// Compiles what `emitSource` gives to a cubin, or with `toPtx` to PTX. Throws NvrtcError, with NVRTC's log where it
/// refuses the source.
Compiled compileKernel(const std::string &source, int32_t architecture, bool toPtx);

/// Two modules of PTX, by one compiler for one target, as one. Lines before the kernels that both have are in it once.
/// Of two modules one of which has no kernel it is the other.
std::string joinPtx(const std::string &first, const std::string &second);

} // namespace falloff::cuda

#endif
