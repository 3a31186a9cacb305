// SPDX-License-Identifier: Apache-2.0
//
// What the recipe `int8` means: the one definition that every back end shares, in plain C++. For one (batch entry, key
// head), with q, k and v as the caller gave them, in float32 arithmetic unless said otherwise:
//
// clang-format off
//   mean_d   = sum over valid keys j of k_jd, over their number   sums in float64; 0 where that is not finite
//   k'_j     = k_j - mean                                         for valid keys: those within text_lengths
//   a_G      = max |x| over a group G of rows of q, or of k'
//   x^       = round(x * (127 / a_G)), to nearest, ties to even   whole numbers of [-127, 127]
//   scale_G  = a_G / 127
//   s_ij     = scale * scale_q(i) * scale_k(j) * sum_d q^_id k^_jd   the sum is exact, in integers
//   out_i    = softmax_j(s_ij) v_j                                weights and v in bf16 or float32
//   lse_i    = log sum_j exp(s_ij) + scale * (q_i . mean)         q not rounded, the product in float64
// clang-format on
//
// Softmax does not change when one number is added to all scores of a query, so mean only has to be the one that the
// log-sum-exp is corrected by; where k has a large common offset, k' has far smaller magnitudes and so smaller steps
// (SageAttention, arXiv:2410.02367, section 4.2). Groups with a_G < 2^-100 count as 0. A group that holds a NaN or an
// infinity has a NaN for its scale, so the scores it takes part in are NaN.
//
// The shape of groups is data: a group is that many consecutive rows of a tile, in the tile's order; the last of a tile
// may be shorter. One row a group is the most exact, and costs no more where scales stand beside rows.
#ifndef FALLOFF_RUNTIME_RECIPE_H
#define FALLOFF_RUNTIME_RECIPE_H

#include <cstdint>
#include <string>
#include <vector>

namespace falloff::runtime {

/// Q K^T in int8.
struct Recipe {
  std::string name = "int8";
  int64_t queryRows = 1, keyRows = 1; ///< rows of a group
};

/// The recipe of a name, in the shape that processors use; null if there is none.
const Recipe *findRecipe(const std::string &name);

constexpr int32_t int8Largest = 127;

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
