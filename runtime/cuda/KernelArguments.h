// SPDX-License-Identifier: Apache-2.0
//
// What a launch hands to the kernels of a CUDA device. This file is compiled twice: by the host, and as the first part
// of every CUDA source, where there are no headers. So it holds plain types alone and includes nothing.
//
// A lane is a place in the plan's order of tokens: tile by tile, each padded to a whole number of the kernel's blocks
// (queries: KernelShape::queryBlock, keys: keyBlock). Tables by lane hold -1 where there is no token.
#ifndef FALLOFF_RUNTIME_CUDA_KERNELARGUMENTS_H
#define FALLOFF_RUNTIME_CUDA_KERNELARGUMENTS_H

namespace falloff {
namespace cuda {

/// Strides in elements, of either sign or zero; `data` is token number `AttentionArguments::firstQuery` or `firstKey`.
struct TensorView {
  void *data;
  long long batch, token, head, dim;
};

/// One block of queries and the runs of key tiles that it meets: the work of one CTA for each head and batch entry. The
/// first pieces keep the most tiles.
struct RowPiece {
  int firstLane;           ///< of the block's queries; queryBlock lanes follow
  int firstRun, lastRun;   ///< in PlanTable::runs, as runtime::Run packs them
  int firstTile, lastTile; ///< key tiles of this piece; runs are clipped to them
  int slot;                ///< where a piece of a split row leaves its partial result; -1: a whole row
};

/// The pieces of a split block of queries lie in consecutive slots, in key order.
struct SplitBlock {
  int firstLane, firstSlot, slots;
};

/// What one table of a plan holds, on the device.
struct PlanTable {
  const RowPiece *pieces;
  const unsigned long long *runs;
  const SplitBlock *splits;
  const int *queryCoordinates; ///< [coordinate][query lane]; the row after the last is the functor's segment, or -1
  const int *keyCoordinates;   ///< the same of keys; both null where every tile is full
  const int *const *tables;    ///< runtime::MaskData
  const double *numbers;
  int pieceCount, splitCount;
};

/// Columns of the output that one CTA of `falloff_merge` makes. Its grid: split blocks x (padded value dim /
/// mergeColumns), query heads, batch entries; the columns of a block are neighbours.
constexpr int mergeColumns = 32;

/// Bytes of shared memory that falloff_attention has besides what its launch asks for.
constexpr int cornerBytes = 128;

/// Batch entries that one launch takes where text lengths are given; without them any number.
constexpr int textBatches = 64;

/// Kernels that were compiled for another layout of it are no longer of use (imageVersion in KernelImage.cpp).
struct AttentionArguments {
  TensorView q, k, v, out;
  float *lse; ///< or null
  long long lseBatch, lseHead, lseToken;

  const PlanTable *tables;
  const int *tableOf;                 ///< [batch][head] of tableBatches x tableHeads; 1 of either serves any number
  const int *queryTokens, *keyTokens; ///< token by lane, or -1
  int tableBatches, tableHeads;
  int queryLanes, keyLanes; ///< in all
  int keyStride;            ///< lanes of a key tile: a multiple of keyBlock
  int firstQuery, firstKey; ///< tokens at `data` (other than 0 of a slice)
  int batches, heads, keyHeads, headDim, valueDim;
  float scale; ///< above 0, in powers of two: |scale| log2 e
  int negate;  ///< 1: the scale is below 0, and queries change their sign

  // Partial results of split rows, for each (batch, head, slot): a block of queries.
  float *partialValues; ///< [batch][head][slot][queryBlock x padded value dim, as threads hold them], not divided
  float *partialMaxima; ///< [batch][head][slot][query of the block], in powers of two
  float *partialSums;
  int slots; ///< the most of any table

  // Of quantised recipes (runtime/Recipe.h), written by the launches before.
  signed char *queryNumbers;   ///< [batch][head][query lane / 16][padded head dim / 32][thread of a warp][16 bytes]
  float *queryScales;          ///< [batch][head][query lane]; `scale` is a factor of them
  float *queryShifts;          ///< likewise: what `lse`, if there is one, lacks where keys are smoothed
  float *keyMeans;             ///< [batch][key head][padded head dim]
  signed char *keyNumbers;     ///< [batch][key head][key lane][padded head dim]
  float *keyScales;            ///< [batch][key head][key block][keyBlockNumbers]
  float *valueScales;          ///< fp8: [batch][key head][padded value dim]
  unsigned char *valueNumbers; ///< fp8: [batch][key head][key block][padded value dim][key of the block, permuted]
  double *sums;                ///< scratch of the reductions
  float scaleNatural;          ///< with its sign, of natural exponents: for log-sum-exp over smoothed keys

  int textFirst, textLast; ///< tokens of the segment that text lengths shorten; equal: no lengths were given
  int textLengths[textBatches];
};

} // namespace cuda
} // namespace falloff

#endif
