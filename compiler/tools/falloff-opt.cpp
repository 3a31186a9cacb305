// SPDX-License-Identifier: Apache-2.0
//
// Reads pattern files, runs passes on them and prints the result: `falloff-opt
// radial.mlir --link-includes`.
#include "compiler/dialect/mask/Mask.h"
#include "compiler/dialect/schedule/Schedule.h"
#include "compiler/passes/Passes.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<falloff::mask::MaskDialect>();
  registry.insert<falloff::schedule::ScheduleDialect>();
  falloff::registerFalloffPasses();
  mlir::registerTransformsPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Falloff's passes on pattern files\n", registry));
}
