// SPDX-License-Identifier: Apache-2.0
//
// Attention on a device: puts the launches of one call on a stream. It allocates nothing and waits for nothing, so that
// a stream that is captured for a graph records it.
#ifndef FALLOFF_RUNTIME_CUDA_LAUNCH_H
#define FALLOFF_RUNTIME_CUDA_LAUNCH_H

#include "runtime/Plan.h"
#include "runtime/Tensor.h"
#include "runtime/cuda/Device.h"
#include "runtime/cuda/DevicePlan.h"
#include "runtime/cuda/KernelImage.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace falloff::cuda {

/// q is (batch, queries, heads, D), k (batch, keys, key heads, D), v (batch, keys, key heads, Dv), out (batch, queries,
/// heads, Dv), all bfloat16 or all float16; lse is float32 (batch, heads, queries, 1), or has no data. All lie on one
/// device.
struct AttentionTensors {
  runtime::Tensor q, k, v, out, lse;
};

struct LaunchOptions {
  std::optional<float> scale;       ///< default 1/sqrt(head dimension)
  std::vector<int64_t> textLengths; ///< by batch entry, of the segment with axis `token`; empty: whole
};

/// Whether rows of q, k, v and out begin on 16 bytes and are of 8, 16, 24 ... elements that are neighbours: what
/// KernelShape::aligned asks.
bool areAligned(const AttentionTensors &tensors);

/// Bytes of scratch that `launch` writes and reads, at a multiple of 256; 0: none. Those of one stream may share it.
int64_t workspaceBytes(const KernelShape &shape, const DevicePlan &plan, int64_t batches, int64_t heads,
                       int64_t keyHeads);

/// What is wrong with the arguments of `launch`; empty if nothing is.
std::string validate(const KernelShape &shape, const DevicePlan &onDevice, const runtime::Plan &plan,
                     const AttentionTensors &tensors, const LaunchOptions &options);

/// out = softmax(scale q k^T over the plan's pairs) v on `stream`, and lse, if it has data, the natural log of the sum
/// of the exponentials. A query without a key gives 0 and -inf. `kernel` is loaded on the device of `onDevice`, which
/// is `plan` for its blocks. Tensors, workspace and the plan must live until the launches are done; with graphs, until
/// the last launch of the graph is.
///
/// Throws std::invalid_argument where `validate` finds something or the workspace is too small, DriverError if the
/// driver refuses a launch.
void launch(const LoadedKernel &kernel, const DevicePlan &onDevice, const runtime::Plan &plan,
            const AttentionTensors &tensors, const LaunchOptions &options, Stream stream, void *workspace,
            int64_t workspaceSize);

} // namespace falloff::cuda

#endif
