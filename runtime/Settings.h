// SPDX-License-Identifier: Apache-2.0
//
// What the environment says about caches. Read where it is needed, never kept: a program may change its environment
// before the next plan.
//
//   FALLOFF_CACHE_DIR      folder of the cache on disk; else $XDG_CACHE_HOME/falloff, else ~/.cache/falloff
//   FALLOFF_DISABLE_CACHE  1: plans are made each time anew, and nothing is read from disk or written there; kernels
//                          are still compiled once a process
//   FALLOFF_DUMP_DIR       folder that every kernel's MLIR, LLVM IR, assembly and object file, or of a device CUDA C++,
//                          PTX and cubin, are written to; kernels are then compiled even where the disk has them
//   FALLOFF_CUDA_IMAGE     ptx: kernels of NVIDIA devices go to the driver as PTX, which it compiles; else cubin
#ifndef FALLOFF_RUNTIME_SETTINGS_H
#define FALLOFF_RUNTIME_SETTINGS_H

#include <string>

namespace falloff::runtime {

bool isCacheDisabled();

/// An absolute path; empty where the environment names none (no HOME).
std::string cacheFolder();

/// Empty where nothing is to be dumped.
std::string dumpFolder();

/// What kernels of devices are compiled to.
enum class CudaImage { Cubin, Ptx };
/// Throws std::runtime_error where the variable is neither.
CudaImage cudaImage();

} // namespace falloff::runtime

#endif
