// SPDX-License-Identifier: Apache-2.0
//
// Values of expressions in plain data: recipes when a mask is bound, `where` conditions of one pair, and bounds of a
// `where` over whole boxes.
#ifndef FALLOFF_COMPILER_PASSES_FORMULA_H
#define FALLOFF_COMPILER_PASSES_FORMULA_H

#include "compiler/passes/Recipe.h"

namespace falloff {

/// What the reads of a formula find. Arrays go by parameter (NaN where it is no number) and by axis number.
struct FormulaInputs {
  const double *parameters = nullptr;
  const int64_t *extents = nullptr;
  const double *distances = nullptr;
};

/// The value of a formula without query(a) or key(a). Where it has none, the result is NaN and `error` says why
/// ("divides by 0", "takes mod 0", ...).
double evaluate(const Formula &formula, const FormulaInputs &inputs, const char *&error);

/// Appends the numbers of the axes whose distances a formula reads, each once, in order of first sight.
void collectDistances(const Formula &formula, std::vector<int32_t> &axes);
/// Whether it reads query(a) or key(a).
bool readsEnds(const Formula &formula);

/// The value of a condition for one pair. `query` and `key` are coordinates, by coordinate.
double evaluate(const std::vector<WhereStep> &steps, const std::vector<double> &numbers, const int32_t *query,
                const int32_t *key);

/// Bounds of a number; NaN possible if `unknown`.
struct Bounds {
  double lo, hi;
  bool unknown = false;
};

/// Bounds of a condition, where each coordinate of the query and of the key lies in a range (both ends included).
Bounds evaluateBounds(const std::vector<WhereStep> &steps, const std::vector<double> &numbers, const Bounds *query,
                      const Bounds *key, const Bounds *distance);

/// Number of operands of a step: 0, 1 or 2.
int arity(WhereStep::Kind kind);

} // namespace falloff

#endif
