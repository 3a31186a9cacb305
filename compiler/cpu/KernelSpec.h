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
enum class Level : uint8_t { Generic, Avx2, Avx512, Avx512Bf16 };

struct KernelSpec {
  Level level = Level::Generic;
  /// Products of bf16 pairs by vdpbf16ps; else everything is float32 once
  /// packed.
  bool pairs = false;

  /// Elements along the contracted dimension that one multiply-add takes.
  int64_t unit() const { return pairs ? 2 : 1; }
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
  /// Bytes of a packed element, and of the softmax weights.
  int64_t elementBytes() const { return pairs ? 2 : 4; }

  /// Keys that one step takes at most: a whole number of panels.
  static constexpr int64_t stepKeys = 256;
  /// A running maximum is left as it is while no score passes it by more than
  /// this (in powers of two): weights are then at most 2^8, where float32 and
  /// bf16 are as exact as below 1.
  static constexpr double slack = 8;
  /// The maximum of no scores: below every score but finite, so that an
  /// excluded score, -inf, weighs 0 against it.
  static constexpr float lowest = -3.4028234663852886e38f;

  bool operator==(const KernelSpec &other) const { return level == other.level && pairs == other.pairs; }
};

/// The arguments of `step`: a block of queries meets consecutive panels of
/// keys. Rows are a multiple of KernelSpec::rowMultiple(); depth and value
/// columns are padded with zeros. Layouts, the last dimension contiguous:
///   q      [group][depth][query of the group][unit]
///   k      [panel][depth][key of the panel][unit]
///   v      [value panel][key / unit][column of the panel][unit], `valueStride`
///   bytes from one value panel to the next output [value panel][row][column of
///   the panel], float32 sums   [row][lane], float32; a row's sum is the sum of
///   its lanes mask   [row][key], one bit each, `maskStride` bytes from row to
///   row; null: every pair is kept
struct StepArguments {
  const void *q = nullptr, *k = nullptr, *v = nullptr;
  int64_t valueStride = 0;
  float *scores = nullptr; ///< scratch, group() x stepKeys
  void *weights = nullptr; ///< scratch, group() x stepKeys
  float *output = nullptr, *maxima = nullptr, *sums = nullptr;
  const uint8_t *mask = nullptr;
  int64_t maskStride = 0;
  int64_t rows = 0, panels = 0;
  int64_t depth = 0; ///< head dimension of keys / unit
  int64_t valuePanels = 0;
  float scale = 0; ///< at least 0: powers of two in one unit of q k^T
};

using Step = void (*)(const StepArguments *);

} // namespace falloff::cpu

#endif
