// SPDX-License-Identifier: Apache-2.0
//
// Attention over a plan on a CUDA device: which kernel serves a call, from the cache or the compiler, and its launch.
#ifndef FALLOFF_COMPILER_CUDA_ATTENTION_H
#define FALLOFF_COMPILER_CUDA_ATTENTION_H

#include "compiler/passes/SetProgram.h"
#include "runtime/cuda/Launch.h"
#include <memory>
#include <string>

namespace falloff::cuda {

struct Options {
  LaunchOptions launch;
  std::string recipe;      ///< empty: in the tensors' type; else a name of runtime/Recipe.h
  Stream stream = nullptr; ///< of the tensors' device
  void *workspace = nullptr;
  int64_t workspaceBytes = 0;
};

/// A plan, and the set program that it was made from, which may be null where every tile is full.
struct Schedule {
  std::shared_ptr<const runtime::Plan> plan;
  const SetProgram *program = nullptr;
};

/// Brings what `attention` over such tensors needs to their device: the kernel, compiled if no cache has it, and the
/// plan's tables. An `out` without data stands for one whose rows lie one behind the other. Returns the bytes of
/// workspace that `attention` takes. Where all is there it looks it up, and allocates and waits for nothing.
///
/// Throws std::invalid_argument where tensors or options do not fit; DriverError (which OutOfMemory is) and NvrtcError,
/// also where something is missing on the device while the stream is captured.
int64_t prepare(const Schedule &schedule, const AttentionTensors &tensors, const Options &options);

/// Queues the call on the stream (runtime/cuda/Launch.h). Prepares it if nobody did. Throws as `prepare`, and
/// std::invalid_argument where the workspace is too small.
void attention(const Schedule &schedule, const AttentionTensors &tensors, const Options &options);

/// What a plan's search for tiles calls a device: "sm_90".
std::string targetOf(int ordinal);

} // namespace falloff::cuda

#endif
