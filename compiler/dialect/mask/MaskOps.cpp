// SPDX-License-Identifier: Apache-2.0
//
// Ops of the mask dialect: the code made from ODS, names of results, and
// verifiers of ops that are not sets.
#include "compiler/dialect/mask/Assembly.h"
#include "compiler/dialect/mask/Verify.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "compiler/dialect/mask/MaskOps.cpp.inc"

namespace falloff::mask {

void LetOp::getAsmResultNames(OpAsmSetValueNameFn setName) { nameResults(*this, setName); }
void TableOp::getAsmResultNames(OpAsmSetValueNameFn setName) { nameResults(*this, setName); }
void RelationOp::getAsmResultNames(OpAsmSetValueNameFn setName) { nameResults(*this, setName); }
void SplitOp::getAsmResultNames(OpAsmSetValueNameFn setName) { nameResults(*this, setName, {"part", "offset"}); }

int64_t RelationOp::getSize() { return sizeOfRelation(getLinks().size()); }

LogicalResult KeepOp::verify() {
  if (getSets().empty() && getAbout().empty())
    return emitOpError("expects a set to keep, but got none");
  return success();
}

LogicalResult LetOp::verify() {
  if (failed(verifyExpr(*this, getExpr(), getArgs())))
    return failure();
  LogicalResult result = success();
  getExpr().walk([&](ExprAttr node) {
    if (succeeded(result) && (node.getKind() == ExprKind::Query || node.getKind() == ExprKind::Key))
      result = emitOpError("expects distance or extent of an axis, but got '")
               << stringifyExprKind(node.getKind()) << "', which 'where' may use";
  });
  return result;
}

LogicalResult TableOp::verify() {
  return verifyTable([&] { return emitOpError(); }, getValues(), "the table");
}

LogicalResult RelationOp::verify() {
  size_t links = getLinks().size();
  if (links != 0 && sizeOfRelation(links) == 0)
    return emitOpError("expects a square matrix, but got ") << links << " entries";
  return success();
}

LogicalResult SplitOp::verify() {
  unsigned given = bool(getSize()) + getStaticSize().has_value() + bool(getTable()) + getCuts().has_value();
  if (given != 1)
    return emitOpError("expects one size or table, but got ") << given;
  if (getStaticSize() && *getStaticSize() < 1)
    return emitOpError("expects parts of at least 1, but got ") << *getStaticSize();
  if (getSize())
    return verifyFixed(*this, getSize(), "a size of parts");
  if (getCuts())
    return verifyTable([&] { return emitOpError(); }, *getCuts(), "the cuts");
  return success();
}

} // namespace falloff::mask
