// SPDX-License-Identifier: Apache-2.0
//
// The hand-written parts of kernels, which the library carries as text.
#ifndef FALLOFF_COMPILER_CUDA_KERNELPARTS_H
#define FALLOFF_COMPILER_CUDA_KERNELPARTS_H

#include <string>

namespace falloff::cuda {

/// The text of compiler/cuda/kernel/<name>.cuh, or of the headers that host and device share, `KernelArguments.h`,
/// `QuantiseGrid.h` and `RecipeFormulas.h`, without its licence line. `name` has its extension; throws std::logic_error
/// where there is none.
std::string partText(const std::string &name);

} // namespace falloff::cuda

#endif
