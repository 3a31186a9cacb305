// SPDX-License-Identifier: Apache-2.0
//
// Checks that several verifiers share. Verifiers run before dominance is checked, so values may be used before they are
// defined, and splits and lets may go in circles: nothing here relies on order. Private to the dialect.
#ifndef FALLOFF_COMPILER_DIALECT_MASK_VERIFY_H
#define FALLOFF_COMPILER_DIALECT_MASK_VERIFY_H

#include "compiler/dialect/mask/Mask.h"

namespace falloff::mask {

/// The number is the same for every pair: it depends on no distance. `what` names it: "a size".
mlir::LogicalResult verifyFixed(mlir::Operation *op, mlir::Value number, llvm::StringRef what);

/// At least one axis, none twice, all of one segment.
mlir::LogicalResult verifyAxes(mlir::Operation *op, mlir::ValueRange axes);

/// As `segmentOf`; nothing for an axis that is split from itself.
std::optional<unsigned> trySegmentOf(mlir::Value axis);

/// Operands of a node are there and of its type: numbers for `Operand`, axes for `Distance` and its like.
mlir::LogicalResult verifyExpr(mlir::Operation *op, ExprAttr expr, mlir::ValueRange args);

/// A name that reads back as one word: letters, digits, `_`, `$` and `.`, the first no digit. `what` is named.
mlir::LogicalResult verifyName(llvm::function_ref<mlir::InFlightDiagnostic()> emitError, mlir::Attribute name,
                               llvm::StringRef what);

/// Whole numbers ≥ 0 in ascending order. `what` names the table.
mlir::LogicalResult verifyTable(llvm::function_ref<mlir::InFlightDiagnostic()> emitError,
                                llvm::ArrayRef<int64_t> values, const llvm::Twine &what);

} // namespace falloff::mask

#endif
