// SPDX-License-Identifier: Apache-2.0
//
// A plan on a device: its tables, copied there once for each size of a kernel's blocks, and kept while the plan lives.
#ifndef FALLOFF_RUNTIME_CUDA_DEVICEPLAN_H
#define FALLOFF_RUNTIME_CUDA_DEVICEPLAN_H

#include "runtime/Plan.h"
#include "runtime/cuda/Device.h"
#include "runtime/cuda/KernelArguments.h"
#include <memory>

namespace falloff::cuda {

class DevicePlan {
public:
  /// What `make` gives, kept while someone holds the plan. `stream` is the one that launches go to: while it is
  /// captured, a plan that is not on the device yet is an error. A captured graph reads these tables whenever it is
  /// launched, so who keeps one keeps the plan.
  static std::shared_ptr<const DevicePlan> get(Device &device, const std::shared_ptr<const runtime::Plan> &plan,
                                               int32_t queryBlock, int32_t keyBlock, Stream stream = nullptr);

  /// Lays a plan out and copies it; all of it is there on return. Throws std::invalid_argument as `layOut`,
  /// OutOfMemory, DriverError.
  DevicePlan(Device &device, const runtime::Plan &plan, int32_t queryBlock, int32_t keyBlock);

  const Device &device() const { return *home; }
  int32_t queryBlock() const { return sizes.queryBlock; }
  int32_t keyBlock() const { return sizes.keyBlock; }
  int32_t pieces() const { return sizes.pieces; }      ///< CTAs for a head and batch entry, of the longest table
  int32_t splitBlocks() const { return sizes.splits; } ///< CTAs that merge, of the table that has the most
  int32_t slots() const { return sizes.slots; }        ///< partial results, of the table that has the most
  int32_t queryLanes() const { return sizes.queryLanes; }
  int32_t keyLanes() const { return sizes.keyLanes; }
  size_t bytes() const { return buffer.size(); }

  /// All of a plan's own fields of the arguments.
  void fill(AttentionArguments &arguments) const;

private:
  struct Sizes {
    int32_t queryBlock = 0, keyBlock = 0, queryLanes = 0, keyLanes = 0, keyStride = 0;
    int32_t pieces = 0, splits = 0, slots = 0, batches = 1, heads = 1, firstQuery = 0, firstKey = 0;
  };

  Device *home;
  Sizes sizes;
  DeviceBuffer buffer;
  uint64_t tablesAt = 0, tableOfAt = 0, queryTokensAt = 0, keyTokensAt = 0;
};

} // namespace falloff::cuda

#endif
