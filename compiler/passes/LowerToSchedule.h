// SPDX-License-Identifier: Apache-2.0
//
// Plans as IR.
#ifndef FALLOFF_COMPILER_PASSES_LOWERTOSCHEDULE_H
#define FALLOFF_COMPILER_PASSES_LOWERTOSCHEDULE_H

#include "compiler/dialect/schedule/Schedule.h"
#include "mlir/IR/Builders.h"
#include "runtime/Plan.h"

namespace falloff {

/// Builds the ops of a plan at the builder's insertion point: one op a row, so meant for plans that someone reads.
schedule::PlanOp buildSchedule(mlir::OpBuilder &builder, mlir::Location loc, const runtime::Plan &plan,
                               llvm::StringRef target);

} // namespace falloff

#endif
