// SPDX-License-Identifier: Apache-2.0
//
// Panels of the recipe int8 (formulas: runtime/Recipe.h; layouts: KernelSpec.h): keys are smoothed and rounded as they
// are packed, queries as a block of them begins.
#ifndef FALLOFF_COMPILER_CPU_QUANTISE_H
#define FALLOFF_COMPILER_CPU_QUANTISE_H

#include "compiler/cpu/Pack.h"
#include "runtime/PlanLayout.h"
#include "runtime/Recipe.h"
#include <vector>

namespace falloff::cpu {

/// What is wrong with the shape of a recipe's groups; empty if nothing is. Groups lie in panels and in blocks of
/// queries, so they are of 1, 2, 4, 8 or 16 rows.
std::string validate(const runtime::Recipe &recipe);

/// The mean of the keys that each (batch entry, key head) has: [batch][key head][dim]. `missing` is by batch entry, or
/// one for all. The same to the bit for any number of threads.
std::vector<float> keyMeans(const runtime::Tensor &k, runtime::TokenRange keys,
                            const std::vector<runtime::TokenRange> &missing, int threads);

/// One panel of keys, as packKeys, and their scales; 0 where there is no token.
void packInt8Keys(const KernelSpec &spec, const runtime::Recipe &recipe, const Rows &rows, const float *mean,
                  const int32_t *tokens, int64_t depth, void *out, float *scales);

/// Where the queries of a block go, besides their panels: [row].
struct QueryRounding {
  float *scales;        ///< times `scale`; at least the least normal number, so that masked scores stay -inf
  int32_t *corrections; ///< see StepArguments
  uint8_t *poisoned;    ///< 1 where a query's group holds a NaN or an infinity, whose numbers are 0
};

/// Queries in groups, as packQueries. `scale` is at least 0.
void packInt8Queries(const KernelSpec &spec, const runtime::Recipe &recipe, const Rows &from, const int32_t *tokens,
                     int64_t count, int64_t rows, int64_t depth, bool negate, float scale, void *out,
                     const QueryRounding &rounding);

/// A row as float32.
void readRow(const Rows &rows, int64_t token, float *out);

} // namespace falloff::cpu

#endif
