// SPDX-License-Identifier: Apache-2.0
//
// The value of an expression, in f64. Reference interpreter, passes and tables
// of plans all ask here, so that a number is the same number everywhere.
#ifndef FALLOFF_COMPILER_REFERENCE_EVALUATE_H
#define FALLOFF_COMPILER_REFERENCE_EVALUATE_H

#include "compiler/dialect/mask/Mask.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace falloff {

/// Gives the value of a leaf that is not a number: `Operand`, `Distance`,
/// `Extent`, `Query` or `Key`.
using LeafFn = llvm::function_ref<double(mask::ExprAttr leaf)>;

/// The value of `expr`. Where it has none, the result is NaN and `error` says
/// why ("divides by 0", "takes mod 0", "takes the square root of a negative
/// number", "is not a number"); it is left alone otherwise.
double evaluate(mask::ExprAttr expr, LeafFn leaf, const char *&error);

/// The value of a function of one or two numbers; as above.
double apply(mask::ExprKind kind, llvm::ArrayRef<double> arguments, const char *&error);

bool compare(mask::Comparison comparison, double left, double right);

/// The largest power of two that is at most `x`; 0 below 1.
double bitFloor(double x);

/// x - y * n for the integer n that brings it into [0, |y|); `y` is not 0.
double positiveMod(double x, double y);

} // namespace falloff

#endif
