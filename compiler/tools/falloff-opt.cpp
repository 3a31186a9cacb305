// SPDX-License-Identifier: Apache-2.0
//
// Reads pattern files, runs passes on them and prints the result: `falloff-opt
// radial.mlir --link-includes`.
#include "compiler/dialect/mask/Mask.h"
#include "compiler/passes/Passes.h"
#ifdef FALLOFF_HAS_SCHEDULE
#include "compiler/dialect/schedule/Schedule.h"
#endif
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<falloff::mask::MaskDialect>();
#ifdef FALLOFF_HAS_SCHEDULE
  registry.insert<falloff::schedule::ScheduleDialect>();
#endif
  falloff::registerFalloffPasses();
  mlir::registerTransformsPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Falloff's passes on pattern files\n", registry));
}
