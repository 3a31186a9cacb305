// SPDX-License-Identifier: Apache-2.0
//
// A language server for pattern files: errors while they are typed,
// definitions, hover.
#include "compiler/dialect/mask/Mask.h"
#ifdef FALLOFF_HAS_SCHEDULE
#include "compiler/dialect/schedule/Schedule.h"
#endif
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<falloff::mask::MaskDialect>();
#ifdef FALLOFF_HAS_SCHEDULE
  registry.insert<falloff::schedule::ScheduleDialect>();
#endif
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
