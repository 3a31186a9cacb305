// SPDX-License-Identifier: Apache-2.0
//
// What an include gives to its callee: axes and values of parameters, checked
// against the callee's signature, with its defaults filled in.
#ifndef FALLOFF_COMPILER_PASSES_ACTUALS_H
#define FALLOFF_COMPILER_PASSES_ACTUALS_H

#include "compiler/dialect/mask/Mask.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseMap.h"

namespace falloff {

/// All axes of the callee are given, those of one of its segments from one
/// segment of the caller, whole and in order; emits an error otherwise.
mlir::LogicalResult verifyAxes(mask::IncludeOp include, mask::PatternOp callee);

/// The value of each of the callee's parameters: one of the caller's, or a
/// literal.
class ActualValues {
public:
  /// Emits an error on an unknown name, a value of another kind, or a parameter
  /// without a value.
  static mlir::FailureOr<ActualValues> of(mask::IncludeOp include, mask::PatternOp callee);

  /// Maps the callee's parameters to values of the caller; literals become
  /// constants, which are added to `made`. Words have none: ask `wordOf`.
  void materialise(mlir::OpBuilder &builder, mask::PatternOp callee, mlir::IRMapping &mapping,
                   llvm::SmallVectorImpl<mlir::Operation *> &made);

  /// The word that a parameter of the callee stands for, if it is a literal.
  mlir::StringAttr wordOf(mlir::Value parameter) const;

private:
  struct One {
    mlir::Value value;
    mlir::Attribute literal;
  };
  llvm::SmallVector<One> values; ///< by parameter
};

/// A constant op that has the parameter's name, for a value of the type that the parameter's default has; not for
/// words.
mlir::Operation *createConstant(mlir::OpBuilder &builder, mlir::Location loc, mask::ParamAttr param,
                                mlir::Attribute value);

} // namespace falloff

#endif
