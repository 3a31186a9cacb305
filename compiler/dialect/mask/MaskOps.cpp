// SPDX-License-Identifier: Apache-2.0
//
// Ops of the mask dialect: the code made from ODS, names of results, and
// verifiers of ops that are not sets.
#include "compiler/dialect/mask/Assembly.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "compiler/dialect/mask/MaskOps.cpp.inc"

namespace falloff::mask {

void nameResults(Operation *op, OpAsmSetValueNameFn setName) {
  for (Value result : op->getResults())
    setName(result, op->getName().stripDialect());
}

void LetOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  nameResults(*this, setName);
}
void TableOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  nameResults(*this, setName);
}
void RelationOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  nameResults(*this, setName);
}
void SplitOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getPart(), "part");
  setName(getOffset(), "offset");
}

int64_t RelationOp::getSize() { return sizeOfRelation(getLinks().size()); }

LogicalResult KeepOp::verify() { return success(); }
LogicalResult LetOp::verify() { return success(); }
LogicalResult TableOp::verify() { return success(); }
LogicalResult RelationOp::verify() { return success(); }
LogicalResult SplitOp::verify() { return success(); }

} // namespace falloff::mask
