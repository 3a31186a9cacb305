// SPDX-License-Identifier: Apache-2.0
//
// A language server for pattern files: errors while they are typed,
// definitions, hover.
#include "compiler/dialect/mask/Mask.h"
#include "compiler/dialect/schedule/Schedule.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<falloff::mask::MaskDialect>();
  registry.insert<falloff::schedule::ScheduleDialect>();
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
