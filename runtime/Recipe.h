// SPDX-License-Identifier: Apache-2.0
//
// What the recipes `int8` and `int8-fp8` mean: the one definition that every back end shares, in plain C++. For one
// (batch entry, key head), with q, k and v as the caller gave them, in float32 arithmetic unless said otherwise:
//
// clang-format off
//   mean_d   = sum over valid keys j of k_jd, over their number   sums in float64; 0 where that is not finite
//   k'_j     = k_j - mean                                         for valid keys: those within text_lengths
//   a_G      = max |x| over a group G of rows of q, or of k'
//   x^       = round(x * (127 / a_G)), to nearest, ties to even   whole numbers of [-127, 127]
//   scale_G  = a_G / 127
//   s_ij     = scale * scale_q(i) * scale_k(j) * sum_d q^_id k^_jd   the sum is exact, in integers
//   out_i    = softmax_j(s_ij) v_j                                weights and v in 16 bits or float32
//   lse_i    = log sum_j exp(s_ij) + scale * (q_i . mean)         q not rounded, the product as good as in float64
//
// `int8-fp8` has the same scores, and rounds weights and values to e4m3:
//
//   scale_d  = max |v_jd| over valid keys j, over 448             a column is a group
//   v^_jd    = e4m3(v_jd * (1 / scale_d))
//   w^_ij    = e4m3(w_ij), w_ij = 112 exp(s_ij - m_i)             m_i: the maximum so far, or less by log 4 at most
//   out_id   = scale_d * (sum_j w^_ij v^_jd) / (sum_j w_ij)       sums over a block of keys by the tensor cores, whose
//                                                                 float32 has fewer bits; blocks added in float32
// clang-format on
//
// Softmax does not change when one number is added to all scores of a query, so mean only has to be the one that the
// log-sum-exp is corrected by; where k has a large common offset, k' has far smaller magnitudes and so smaller steps
// (SageAttention, arXiv:2410.02367, section 4.2). Groups with a_G < 2^-100 count as 0. A group that holds a NaN or an
// infinity has a NaN for its scale, so the scores or outputs it takes part in are NaN.
//
// The shape of groups is data. Rows of a tile, in the tile's order, are cut into blocks, the last of which may be
// shorter; in a block, rows i with equal (i % period) / span share a scale. One row a group is the most exact, and
// costs no more where scales stand beside rows. A thread of a GPU holds the scores of columns 8 i + 2 t and 8 i + 2 t +
// 1 of a block of keys, t = thread % 4: with period 8 and span 2 it needs one scale for all of them.
#ifndef FALLOFF_RUNTIME_RECIPE_H
#define FALLOFF_RUNTIME_RECIPE_H

#include "runtime/RecipeFormulas.h"
#include <cstdint>
#include <string>
#include <vector>

namespace falloff::runtime {

/// How rows of a tile share scales.
struct RowGroups {
  int64_t rows = 1;             ///< of a block; 0: as many keys as a kernel takes at a time
  int64_t period = 1, span = 1; ///< in a block

  int64_t perBlock() const { return period / span; }
  int64_t groupOf(int64_t row) const { return row % period / span; } ///< of a row of a block
};

/// Q K^T in int8.
struct Recipe {
  std::string name = "int8";
  RowGroups queries, keys;
  bool roundsValues = false; ///< weights and v in e4m3
};

enum class BackEnd : uint8_t { Cpu, Cuda };

/// The recipe of a name, in the shape that a back end uses; null if it has none.
const Recipe *findRecipe(const std::string &name, BackEnd backEnd);

/// What is wrong with asking a back end for a recipe of that name; empty if nothing is.
std::string recipeFault(const std::string &name, BackEnd backEnd);

/// Rounds a group, `count` numbers in all; returns its scale.
float quantiseGroup(const float *group, int64_t count, int8_t *out);

/// Column sums of rows of keys. Sums of parts add up to the sums of the whole: the same to the bit for the same parts.
class KeySums {
public:
  explicit KeySums(int64_t dim) : sums(dim) {}
  void add(const float *row);
  void add(const KeySums &other);
  void writeMean(float *mean) const; ///< `dim` numbers

private:
  std::vector<double> sums;
  int64_t rows = 0;
};

/// row -= mean
void smoothKey(float *row, const float *mean, int64_t dim);

/// What log-sum-exp of smoothed keys lacks.
double smoothedLogSum(const float *query, const float *mean, int64_t dim, double scale);

} // namespace falloff::runtime

#endif
