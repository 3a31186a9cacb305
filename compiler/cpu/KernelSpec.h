// SPDX-License-Identifier: Apache-2.0
//
// What distinguishes one attention kernel from another, and the memory that
// kernels and their caller share. Kernels are compiled once for a (processor,
// arithmetic): head dimensions, tile capacities and lengths are arguments of a
// step.
#ifndef FALLOFF_COMPILER_CPU_KERNELSPEC_H
#define FALLOFF_COMPILER_CPU_KERNELSPEC_H

#include <cstdint>
#include <string>

namespace falloff::cpu {

/// Vector instructions that kernels may use; each level includes those before
/// it. `Generic` is the baseline of the architecture, as its compiler sees it.
enum class Level : uint8_t { Generic, Avx2, Avx512, Avx512Vnni, Avx512Bf16 };

/// What a multiply-add takes in each 32-bit lane: a float32, two bf16 (vdpbf16ps), or four int8 (vpdpbusd).
enum class Product : uint8_t { Float, Pair, Bytes };

/// Elements along the contracted dimension that one multiply-add takes.
constexpr int64_t unitOf(Product product) { return product == Product::Float ? 1 : product == Product::Pair ? 2 : 4; }

struct KernelSpec {
  Level level = Level::Generic;
  /// Products of bf16 pairs by vdpbf16ps; else everything is float32 once
  /// packed.
  bool pairs = false;
  /// Q and K are whole numbers of [-127, 127] and scores have a scale for each query and key (runtime/Recipe.h).
  bool quantised = false;

  /// Of Q K^T. Without vpdpbusd, float32 holds the whole numbers: their sums stay below 2^24 up to a head dimension of
  /// 1,040, so they are exact all the same.
  Product scoreProduct() const {
    if (quantised)
      return level >= Level::Avx512Vnni ? Product::Bytes : Product::Float;
    return pairs ? Product::Pair : Product::Float;
  }
  /// Of P V.
  Product valueProduct() const { return pairs ? Product::Pair : Product::Float; }
  int64_t scoreUnit() const { return unitOf(scoreProduct()); }
  int64_t valueUnit() const { return unitOf(valueProduct()); }
  /// float32 lanes of a vector.
  int64_t lanes() const { return level >= Level::Avx512 ? 16 : 8; }
  /// Keys (in Q K^T) or value columns (in P V) that a panel holds: two vectors.
  int64_t panel() const { return 2 * lanes(); }
  /// Queries of a group, which one microkernel takes: whole groups of
  /// `groups()[0]`, then a smaller one. Multiples of the last, ending with it.
  const int64_t *groups() const {
    static const int64_t wide[] = {12, 8, 4, 0}, narrow[] = {4, 0}, plain[] = {2, 0};
    return level >= Level::Avx512 ? wide : level == Level::Avx2 ? narrow : plain;
  }
  int64_t group() const { return groups()[0]; }
  int64_t rowMultiple() const { return level >= Level::Avx512 ? 4 : group(); }
  /// Bytes of a packed value, and of a softmax weight.
  int64_t valueBytes() const { return 4 / valueUnit(); }

  /// Keys that one step takes at most: a whole number of panels.
  static constexpr int64_t stepKeys = 256;
  /// A running maximum is left as it is while no score passes it by more than
  /// this (in powers of two): weights are then at most 2^8, where float32 and
  /// bf16 are as exact as below 1.
  static constexpr double slack = 8;
  /// The maximum of no scores: below every score but finite, so that an
  /// excluded score, -inf, weighs 0 against it.
  static constexpr float lowest = -3.4028234663852886e38f;

  bool operator==(const KernelSpec &other) const {
    return level == other.level && pairs == other.pairs && quantised == other.quantised;
  }
};

/// The arguments of `step`: a block of queries meets consecutive panels of
/// keys. Rows are a multiple of KernelSpec::rowMultiple(); depth and value
/// columns are padded with zeros. Layouts, the last dimension contiguous:
///   q       [group][depth][query of the group][score unit]
///   k       [panel][depth][key of the panel][score unit]; bytes are unsigned, 128 more than the number
///   v       [value panel][key / value unit][column of the panel][value unit], `valueStride` bytes from one value panel
///           to the next
///   output  [value panel][row][column of the panel], float32
///   sums    [row][lane], float32; a row's sum is the sum of its lanes
///   mask    [row][key], one bit each, `maskStride` bytes from row to row; null: every pair is kept
/// Of quantised kernels alone:
///   keyScales    [panel][key of the panel], float32
///   queryScales  [row], float32, above 0, with `scale` in them
///   corrections  [row], int32: -128 times the sum of the query's numbers, which takes back the 128 of keys
struct StepArguments {
  const void *q = nullptr, *k = nullptr, *v = nullptr;
  int64_t valueStride = 0;
  float *scores = nullptr; ///< scratch, group() x stepKeys
  void *weights = nullptr; ///< scratch, group() x stepKeys
  float *output = nullptr, *maxima = nullptr, *sums = nullptr;
  const uint8_t *mask = nullptr;
  int64_t maskStride = 0;
  int64_t rows = 0, panels = 0;
  int64_t depth = 0; ///< head dimension of keys / score unit
  int64_t valuePanels = 0;
  float scale = 0; ///< at least 0: powers of two in one unit of q k^T
  const float *keyScales = nullptr, *queryScales = nullptr;
  const int32_t *corrections = nullptr;
};

using Step = void (*)(const StepArguments *);

} // namespace falloff::cpu

#endif
