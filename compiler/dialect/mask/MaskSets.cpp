// SPDX-License-Identifier: Apache-2.0
//
// Ops of the mask dialect that give a set: verifiers and look-ups.
#include "compiler/dialect/mask/Mask.h"

using namespace mlir;

namespace falloff::mask {

/// Entry `index` of a list of literals, of which `kDynamic` ones stand for the
/// next of `values`.
static WindowOp::Size sizeAt(OperandRange values,
                             std::optional<ArrayRef<int64_t>> literals,
                             unsigned index) {
  if (!literals)
    return {};
  if (!ShapedType::isDynamic((*literals)[index]))
    return {{}, (*literals)[index]};
  return {values[llvm::count_if(literals->take_front(index),
                                ShapedType::isDynamic)],
          ShapedType::kDynamic};
}

WindowOp::Size WindowOp::getSize(unsigned index) {
  return sizeAt(getSizes(), getStaticSizes(), index);
}
WindowOp::Size WindowOp::getStride(unsigned index) {
  return sizeAt(getStrides(), getStaticStrides(), index);
}
WindowOp::Size WindowOp::getDilation(unsigned index) {
  return sizeAt(getDilations(), getStaticDilations(), index);
}
bool WindowOp::isCausal(unsigned index) {
  return llvm::is_contained(getCausal(), getAxes()[index]);
}

SmallVector<IncludeOp::Actual> IncludeOp::getActuals() {
  SmallVector<Actual> actuals;
  auto value = getParams().begin();
  for (auto [name, literal] :
       llvm::zip(getNames().getAsValueRange<StringAttr>(), getLiterals())) {
    bool isValue = isa<UnitAttr>(literal);
    actuals.push_back(
        {name, isValue ? *value++ : Value(), isValue ? Attribute() : literal});
  }
  return actuals;
}

LogicalResult FirstOp::verify() { return success(); }
LogicalResult WithinOp::verify() { return success(); }
LogicalResult WindowOp::verify() { return success(); }
LogicalResult LinkedOp::verify() { return success(); }
LogicalResult WhereOp::verify() { return success(); }
LogicalResult WhenOp::verify() { return success(); }
LogicalResult IncludeOp::verify() { return success(); }

} // namespace falloff::mask
