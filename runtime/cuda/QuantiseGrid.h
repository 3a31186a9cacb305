// SPDX-License-Identifier: Apache-2.0
//
// How the kernels that quantise (compiler/cuda/kernel/Quantise*.cuh) are launched: before `falloff_attention`, in this
// order, each with one AttentionArguments and `quantiseThreads` threads a block:
//
//   falloff_sums      grid (sumParts(key lanes), key heads, batches)
//   falloff_means     grid (meanBlocks(...), key heads, batches)
//   falloff_quantise  grid (key lanes / keyBlock, key heads, batches)
//
// This file is compiled twice: by the host, and as a part of CUDA sources, where there are no headers.
#ifndef FALLOFF_RUNTIME_CUDA_QUANTISEGRID_H
#define FALLOFF_RUNTIME_CUDA_QUANTISEGRID_H

#ifdef __CUDACC__
#define FALLOFF_CONSTANT __host__ __device__ constexpr
#else
#define FALLOFF_CONSTANT constexpr
#endif

namespace falloff {
namespace cuda {

constexpr int quantiseThreads = 256;
constexpr int partLanes = 256; ///< key lanes that one block of falloff_sums adds up
constexpr int keyGroups = 4;   ///< scales of a block of keys (runtime/Recipe.h)

FALLOFF_CONSTANT int sumParts(int keyLanes) { return (keyLanes + partLanes - 1) / partLanes; }

/// Numbers of a part in AttentionArguments::sums, [batch][key head][part][column]: a sum for each padded column of K,
/// the bits of the largest magnitude for each padded column of V where values are rounded, and the number of keys.
FALLOFF_CONSTANT int sumColumns(int headDim, int valueDim, bool roundsValues) {
  return headDim + (roundsValues ? valueDim : 0) + 1;
}

constexpr int meanColumns = 32; ///< a block of falloff_means
FALLOFF_CONSTANT int meanBlocks(int headDim, int valueDim, bool roundsValues) {
  return (headDim + (roundsValues ? valueDim : 0)) / meanColumns;
}

/// Shared memory of the attention kernel: queries and 512 bytes a warp, then the ring; at the end outputs in their
/// place. Behind all that a float for each query.
FALLOFF_CONSTANT int quantisedLogSumsAt(int queryBlock, int keyBlock, int headDim, int valueDim, int warps, int stages,
                                        bool roundsValues) {
  const int queries = queryBlock * headDim + warps * 512, outputs = queryBlock * valueDim * 2;
  const int keys = keyBlock * headDim + 128, values = keyBlock * valueDim * (roundsValues ? 1 : 2);
  const int loop = queries + stages * (keys + values);
  return loop > outputs ? loop : outputs;
}
FALLOFF_CONSTANT int quantisedSharedBytes(int queryBlock, int keyBlock, int headDim, int valueDim, int warps,
                                          int stages, bool roundsValues) {
  return quantisedLogSumsAt(queryBlock, keyBlock, headDim, valueDim, warps, stages, roundsValues) + queryBlock * 4;
}

} // namespace cuda
} // namespace falloff

#endif
