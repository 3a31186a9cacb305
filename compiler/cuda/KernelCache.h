// SPDX-License-Identifier: Apache-2.0
//
// Kernels by what they are: from memory, else from disk, else from NVRTC.
#ifndef FALLOFF_COMPILER_CUDA_KERNELCACHE_H
#define FALLOFF_COMPILER_CUDA_KERNELCACHE_H

#include "compiler/passes/SetProgram.h"
#include "runtime/cuda/KernelImage.h"
#include <memory>
#include <string>

namespace falloff::cuda {

/// What a kernel is made of. `program` is null for plans whose tiles are all full, and is read during calls alone.
struct KernelSpec {
  const SetProgram *program = nullptr;
  KernelShape shape;
  int32_t architecture = 0; ///< 80, 86, 89, 90, 100, 103, 120
  bool needsPtx = false;    ///< for a device that is newer than all of those: its driver compiles PTX
};

/// A kernel compiled just now.
struct BuiltKernel {
  KernelImage image;
  std::string source, log;
  double seconds = 0; ///< in NVRTC
};

/// Compiles to a cubin or to PTX, past every cache. Throws NvrtcError, with NVRTC's log where it refuses the source.
BuiltKernel buildKernel(const KernelSpec &spec, bool toPtx);

/// A kernel in the form that FALLOFF_CUDA_IMAGE names, or PTX where the device needs that. The first thread that asks
/// loads or compiles it while others wait, and of all processes one compiles it. Where there is no NVRTC it is what any
/// other left on disk. Throws as `buildKernel` does.
std::shared_ptr<const KernelImage> kernelOnce(const KernelSpec &spec);

/// For an image that came from disk and that the driver does not take: compiles it, and replaces it in both caches.
/// Throws as `buildKernel` does.
std::shared_ptr<const KernelImage> kernelAnew(const KernelSpec &spec);

/// The key on disk: what the kernel is, and who compiled it for what. With the source's hash instead of the source.
std::string kernelKey(const KernelSpec &spec, const std::string &source, bool toPtx, const std::string &nvrtcVersion);

} // namespace falloff::cuda

#endif
