// SPDX-License-Identifier: Apache-2.0
//
// The schedule dialect in C++.
#ifndef FALLOFF_COMPILER_DIALECT_SCHEDULE_SCHEDULE_H
#define FALLOFF_COMPILER_DIALECT_SCHEDULE_SCHEDULE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"

#include "compiler/dialect/schedule/ScheduleDialect.h.inc"
#include "compiler/dialect/schedule/ScheduleEnums.h.inc"
#define GET_OP_CLASSES
#include "compiler/dialect/schedule/ScheduleOps.h.inc"

namespace falloff::schedule {

/// A run in the `runs` of a row: three numbers there. The test is 0 for a full run, else 1 + fills, where bit j of
/// fills names group j.
struct Run {
  static constexpr int64_t full = 0, partial = 1, maxTest = 128;
  int64_t first = 0, last = 0, test = full;
};

/// The runs of a row.
llvm::SmallVector<Run> runsOf(llvm::ArrayRef<int64_t> numbers);

} // namespace falloff::schedule

#endif
