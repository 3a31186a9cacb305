// SPDX-License-Identifier: Apache-2.0
//
// Registers what the mask dialect is made of, and holds its types.
#include "compiler/dialect/mask/Mask.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "compiler/dialect/mask/MaskDialect.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/dialect/mask/MaskTypes.cpp.inc"

namespace falloff::mask {

void MaskDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "compiler/dialect/mask/MaskTypes.cpp.inc"
      >();
}

void MaskDialect::initialize() {
  registerTypes();
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "compiler/dialect/mask/MaskOps.cpp.inc"
      >();
}

} // namespace falloff::mask
