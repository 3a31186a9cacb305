// SPDX-License-Identifier: Apache-2.0
//
// Which blocks, warps and stages a kernel has, by architecture, arithmetic, head dimensions and a plan's tiles; and
// which hand-written parts it is made of. A shape depends on its request alone.
#ifndef FALLOFF_COMPILER_CUDA_KERNELTABLE_H
#define FALLOFF_COMPILER_CUDA_KERNELTABLE_H

#include "runtime/cuda/KernelImage.h"
#include <string>
#include <vector>

namespace falloff::cuda {

struct KernelRequest {
  int32_t architecture = 0; ///< 80, 86, 89, 90, 100, 103, 120
  Element element = Element::BF16;
  Arithmetic arithmetic = Arithmetic::Plain;
  bool aligned = true;                        ///< rows of tensors begin on 16 bytes, elements are neighbours
  int64_t headDim = 0, valueDim = 0;          ///< 1 to 256
  int64_t queryCapacity = 0, keyCapacity = 0; ///< the most tokens that a tile of the plan holds
};

/// The shape of the kernel that serves a request. Throws std::invalid_argument where none does.
KernelShape kernelShape(const KernelRequest &request);

/// Architectures that kernels are compiled for, ascending.
const std::vector<int32_t> &architectures();
/// Bytes of shared memory that a CTA may take. Throws std::invalid_argument for an architecture that is not listed.
int32_t sharedBytesOf(int32_t architecture);

/// Names of the parts in compiler/cuda/kernel, without .cuh, in the order in which a source has them after its functor.
std::vector<std::string> kernelParts(Arithmetic arithmetic);

} // namespace falloff::cuda

#endif
