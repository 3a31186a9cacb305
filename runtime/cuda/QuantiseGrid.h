// SPDX-License-Identifier: Apache-2.0
//
// How the kernels that quantise (compiler/cuda/kernel/Quantise*.cuh) are launched: before `falloff_attention`, in this
// order, each with one AttentionArguments and `quantiseThreads` threads a block:
//
//   falloff_sums      grid (sumParts(key lanes), key heads, batches)
//   falloff_means     grid (meanBlocks(...), key heads, batches)
//   falloff_quantise  grid (key lanes / keyBlock, key heads, batches)
//   falloff_queries   grid (queryParts(query lanes), heads, batches)
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
/// Of a block of keys in AttentionArguments::keyScales: its scales, and behind them 1 if some lane has no token, else
/// 0.
constexpr int keyBlockNumbers = 8;

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

/// A warp of falloff_queries takes 16 queries.
FALLOFF_CONSTANT int queryParts(int queryLanes) {
  return (queryLanes + quantiseThreads / 2 - 1) / (quantiseThreads / 2);
}

} // namespace cuda
} // namespace falloff

#endif
