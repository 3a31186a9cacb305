// SPDX-License-Identifier: Apache-2.0
//
// Conditions of `where` as C++ expressions over f64.
#ifndef FALLOFF_COMPILER_CUDA_WHERETEXT_H
#define FALLOFF_COMPILER_CUDA_WHERETEXT_H

#include "compiler/passes/SetProgram.h"
#include <functional>
#include <string>
#include <vector>

namespace falloff::cuda {

/// Functions that some expressions call.
struct WhereHelpers {
  bool smaller = false, larger = false, rest = false, power = false;
  std::string text() const; ///< their definitions, with a blank line after each
};

/// Expressions of type int for coordinates of both ends, and for the distance along one.
struct WhereEnds {
  std::function<std::string(int32_t)> query, key, distance;
};

/// An expression of type bool; only `&&` needs no parentheses around it.
std::string whereText(const std::vector<WhereStep> &steps, const WhereEnds &ends, WhereHelpers &helpers);

} // namespace falloff::cuda

#endif
