// SPDX-License-Identifier: Apache-2.0
//
// A plan as the tables that kernels read (KernelArguments.h), still on the host: for one size of a kernel's blocks.
#ifndef FALLOFF_RUNTIME_CUDA_PLANTABLES_H
#define FALLOFF_RUNTIME_CUDA_PLANTABLES_H

#include "runtime/Plan.h"
#include "runtime/cuda/KernelArguments.h"
#include <cstdint>
#include <memory>
#include <vector>

namespace falloff::cuda {

/// Coordinates and segments of tokens by lane, of one end: [coordinate, then segment][lane].
using Coordinates = std::vector<int32_t>;

struct HostTable {
  std::vector<RowPiece> pieces;   ///< those that keep the most tiles first
  std::vector<uint64_t> runs;     ///< runtime::Run::bits
  std::vector<SplitBlock> splits; ///< by first slot
  int32_t slots = 0;
  /// Null where every tile of the table is full. Tables that read the same share them.
  std::shared_ptr<const Coordinates> queryCoordinates, keyCoordinates;
};

struct PlanTables {
  int32_t queryBlock = 0, keyBlock = 0;
  std::vector<int32_t> queryTokens, keyTokens; ///< by lane; -1: none
  int32_t keyStride = 0;                       ///< lanes of a key tile
  std::vector<HostTable> tables;               ///< as the plan's

  int32_t queryLanes() const { return int32_t(queryTokens.size()); }
  int32_t keyLanes() const { return int32_t(keyTokens.size()); }
  int32_t slots() const;         ///< the most of any table
  int32_t largestGrid() const;   ///< pieces, the most of any table
  int32_t largestSplits() const; ///< blocks of split rows, the most of any table
};

/// Of a key-major plan the transpose. Throws std::invalid_argument for a plan of more lanes than numbers of 32 bits
/// count.
PlanTables layOut(const runtime::Plan &plan, int32_t queryBlock, int32_t keyBlock);

} // namespace falloff::cuda

#endif
