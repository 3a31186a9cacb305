// SPDX-License-Identifier: Apache-2.0
//
// The mask dialect in C++: types, attributes and ops made from the .td files,
// and what many readers of a pattern ask of its axes.
#ifndef FALLOFF_COMPILER_DIALECT_MASK_MASK_H
#define FALLOFF_COMPILER_DIALECT_MASK_MASK_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/APFloat.h"
#include <optional>
#include <string>

namespace falloff::mask {
class ExprAttr;
class KeepOp;
class PatternOp;
} // namespace falloff::mask

#include "compiler/dialect/mask/MaskDialect.h.inc"
#include "compiler/dialect/mask/MaskEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/dialect/mask/MaskTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/dialect/mask/MaskAttributes.h.inc"
#define GET_OP_CLASSES
#include "compiler/dialect/mask/MaskOps.h.inc"

namespace falloff::mask {

/// Number of children of a node: 0 for leaves, 1 for `floor … bit_floor`, 2 for
/// the others.
unsigned arityOf(ExprKind kind);

/// The axis that `axis` was split from, however often; an axis that the pattern
/// declares.
mlir::BlockArgument baseAxis(mlir::Value axis);

/// The pattern in which a value of a pattern's body or signature lives.
PatternOp patternOf(mlir::Value value);

/// Index of the segment of an axis, split or not.
unsigned segmentOf(mlir::Value axis);

/// Name of an axis the pattern declares, of a parameter, or of the axis that a
/// split one comes from.
llvm::StringRef nameOf(mlir::Value value);

/// Axes whose distance a number depends on, also through lets, each once.
llvm::SmallVector<mlir::Value> distancesOf(mlir::Value number);

/// An expression as a pattern writes it: operand i is `names[i]`. `parent` 0
/// writes no outer parentheses.
void printExpr(llvm::raw_ostream &os, ExprAttr expr, llvm::ArrayRef<std::string> names);

/// A number as a pattern writes it: whole ones without a point, others so that
/// they read back to the same bits.
void printNumber(llvm::raw_ostream &os, double value);

} // namespace falloff::mask

#endif
