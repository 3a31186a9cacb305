// SPDX-License-Identifier: Apache-2.0
//
// What the quantised recipes mean, in plain loops over the functions of runtime/Recipe.h that processors run: what a
// kernel's scores and outputs are made of once queries, keys and values are rounded.
#ifndef FALLOFF_TESTS_UNIT_CUDA_QUANTISEDMODEL_H
#define FALLOFF_TESTS_UNIT_CUDA_QUANTISEDMODEL_H

#include "runtime/cuda/KernelArguments.h"
#include "runtime/cuda/KernelImage.h"
#include "tests/ptxsim/Simulator.h"
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace falloff::cuda {

/// Numbers of (batch, token, head, column); tokens are counted from the first that the tensor holds.
struct ModelRows {
  int tokens = 0, heads = 0, dim = 0;
  std::function<float(int batch, int token, int head, int d)> at;
};

class QuantisedModel {
public:
  ModelRows q, k, v;
  int batches = 0, firstQuery = 0, firstKey = 0;
  std::vector<int32_t> queryTokens, keyTokens; ///< by lane; -1: none
  std::function<bool(int batch, int token)> isMissing;

  /// Rounds everything. Of `shape`, the arithmetic and the block of keys count.
  void round(const KernelShape &shape);
  /// Rounded, scales included; queries of any token.
  double query(int batch, int token, int head, int d) const;
  double key(int batch, int token, int head, int d) const { return keys[place(k, batch, token, head, d)]; }
  double value(int batch, int token, int head, int d) const { return values[place(v, batch, token, head, d)]; }
  /// q . mean of the key head, from q as it is.
  double restored(int batch, int token, int head) const;

  /// What is wrong with what the kernels before attention have written; empty if nothing is. Means may differ in their
  /// last place, since sums are added in another order; then numbers are those of the kernel's means.
  std::string compare(const KernelShape &shape, const ptxsim::Device &device, const AttentionArguments &arguments);

private:
  std::vector<float> means; ///< [batch][key head][column]
  std::vector<double> keys, values;
  std::vector<float> keyScales, valueScales;
  std::vector<int8_t> keyNumbers; ///< [batch][key head][lane][column]

  static size_t place(const ModelRows &rows, int batch, int token, int head, int d) {
    return ((size_t(batch) * rows.tokens + token) * rows.heads + head) * rows.dim + d;
  }
  bool isValid(int batch, int32_t token) const { return token >= 0 && !isMissing(batch, token); }
  void averageKeys();
  void roundKeys(const KernelShape &shape);
  void roundGroup(int batch, int head, const std::vector<int> &lanes);
  void roundValues();
  float roundQuery(int batch, int token, int head, std::vector<int8_t> &numbers) const; ///< returns the scale
  std::string compareQueries(const KernelShape &shape, const ptxsim::Device &device,
                             const AttentionArguments &arguments) const;
};

} // namespace falloff::cuda

#endif
