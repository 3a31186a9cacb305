// SPDX-License-Identifier: Apache-2.0
//
// Ops of the mask dialect that give a set: verifiers and look-ups.
#include "compiler/dialect/mask/Assembly.h"
#include "compiler/dialect/mask/Verify.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace falloff::mask {

/// Entry `index` of a list of literals, of which `kDynamic` ones stand for the
/// next of `values`.
static WindowOp::Size sizeAt(OperandRange values, std::optional<ArrayRef<int64_t>> literals, unsigned index) {
  if (!literals)
    return {};
  if (!ShapedType::isDynamic((*literals)[index]))
    return {{}, (*literals)[index]};
  return {values[llvm::count_if(literals->take_front(index), ShapedType::isDynamic)], ShapedType::kDynamic};
}

WindowOp::Size WindowOp::getSize(unsigned index) { return sizeAt(getSizes(), getStaticSizes(), index); }
WindowOp::Size WindowOp::getStride(unsigned index) { return sizeAt(getStrides(), getStaticStrides(), index); }
WindowOp::Size WindowOp::getDilation(unsigned index) { return sizeAt(getDilations(), getStaticDilations(), index); }
bool WindowOp::isCausal(unsigned index) { return llvm::is_contained(getCausal(), getAxes()[index]); }

SmallVector<IncludeOp::Actual> IncludeOp::getActuals() {
  SmallVector<Actual> actuals;
  auto value = getParams().begin();
  for (auto [name, literal] : llvm::zip(getNames().getAsValueRange<StringAttr>(), getLiterals())) {
    bool isValue = isa<UnitAttr>(literal);
    actuals.push_back({name, isValue ? *value++ : Value(), isValue ? Attribute() : literal});
  }
  return actuals;
}

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

/// A count is a value or a literal.
template <typename CountOp>
static LogicalResult verifyCount(CountOp op) {
  unsigned given = bool(op.getCount()) + op.getStaticCount().has_value();
  if (given != 1)
    return op.emitOpError("expects one number, but got ") << given;
  return success();
}

LogicalResult FirstOp::verify() {
  if (failed(verifyCount(*this)))
    return failure();
  return getCount() ? verifyFixed(*this, getCount(), "a number of places") : success();
}

LogicalResult WithinOp::verify() {
  if (failed(verifyCount(*this)) || !getCount())
    return success(bool(getCount()) || getStaticCount().has_value());
  std::optional<unsigned> own = trySegmentOf(getAxis());
  for (Value axis : distancesOf(getCount())) {
    std::optional<unsigned> segment = trySegmentOf(axis);
    if (!own || !segment || *own == *segment)
      continue;
    return emitOpError("expects a width that depends on distances in segment '")
           << patternOf(axis).getSegment(*own).getLabel() << "' only, but got one that depends on distance(%"
           << nameOf(axis) << ") of segment '" << patternOf(axis).getSegment(*segment).getLabel() << "'";
  }
  return success();
}

/// One entry an axis: literals of at least 1, or values that are the same for every pair.
static LogicalResult verifySizes(WindowOp op, StringRef what, OperandRange values,
                                 std::optional<ArrayRef<int64_t>> literals) {
  size_t axes = op.getAxes().size();
  if (!literals)
    return values.empty() ? success() : op.emitOpError("expects literals beside values of ") << what;
  if (literals->size() != axes)
    return op.emitOpError("expects ") << axes << " " << what << "s, one for each axis, but got " << literals->size();
  size_t dynamic = llvm::count_if(*literals, ShapedType::isDynamic);
  if (dynamic != values.size())
    return op.emitOpError("expects ") << dynamic << " values of " << what << ", but got " << values.size();
  for (int64_t literal : *literals)
    if (!ShapedType::isDynamic(literal) && literal < 1)
      return op.emitOpError("expects a ") << what << " of at least 1, but got " << literal;
  for (Value value : values)
    if (failed(verifyFixed(op, value, ("a " + what).str())))
      return failure();
  return success();
}

LogicalResult WindowOp::verify() {
  if (failed(verifyAxes(*this, getAxes())) || failed(verifySizes(*this, "size", getSizes(), getStaticSizes())) ||
      failed(verifySizes(*this, "stride", getStrides(), getStaticStrides())) ||
      failed(verifySizes(*this, "dilation", getDilations(), getStaticDilations())))
    return failure();
  for (unsigned i = 0; i < getAxes().size(); ++i) {
    Size size = getSize(i), stride = getStride(i);
    if (!size.value && !stride.value && stride.literal > size.literal)
      return emitOpError("expects a stride of at most the size ")
             << size.literal << ", so that no key is left out, but got " << stride.literal;
  }
  for (auto [index, axis] : llvm::enumerate(getCausal())) {
    if (!llvm::is_contained(getAxes(), axis))
      return emitOpError("expects causal axes among the window's axes, but got another as number ") << index + 1;
    if (llvm::is_contained(getCausal().take_front(index), axis))
      return emitOpError("expects different causal axes, but got axis ") << index + 1 << " again";
  }
  return success();
}

LogicalResult LinkedOp::verify() { return verifyAxes(*this, getAxes()); }

LogicalResult WhereOp::verify() {
  return success(succeeded(verifyExpr(*this, getLeft(), getArgs())) &&
                 succeeded(verifyExpr(*this, getRight(), getArgs())));
}

LogicalResult WhenOp::verify() {
  ParamAttr param = cast<PatternOp>((*this)->getParentOp()).getParamOf(getChoice());
  if (!param || param.getKind() != ParamKind::Choice)
    return emitOpError("expects a parameter of the pattern as choice");
  if (llvm::is_contained(param.getWords(), getWordAttr()))
    return success();
  InFlightDiagnostic error = emitOpError("expects one of ");
  llvm::interleave(
      param.getWords().getAsValueRange<StringAttr>(), [&](StringRef word) { error << "'" << word << "'"; },
      [&] { error << ", "; });
  return error << " for %" << param.getName().getValue() << ", but got '" << getWord() << "'";
}

/// A literal that stands for a parameter of some kind; of which one, only the included pattern knows.
static LogicalResult verifyActual(IncludeOp op, StringRef name, Attribute literal) {
  if (isa<UnitAttr, StringAttr>(literal))
    return success();
  if (auto table = dyn_cast<DenseI64ArrayAttr>(literal))
    return verifyTable([&] { return op.emitOpError(); }, table, "'" + name + "'");
  if (auto relation = dyn_cast<DenseBoolArrayAttr>(literal))
    if (relation.empty() || sizeOfRelation(relation.size()))
      return success();
  if (auto whole = dyn_cast<IntegerAttr>(literal); whole && whole.getType().isInteger(64))
    return success();
  if (auto real = dyn_cast<FloatAttr>(literal); real && real.getType().isF64() && real.getValue().isFinite())
    return success();
  return op.emitOpError("expects a number, word, table or square relation for '") << name << "', but got " << literal;
}

LogicalResult IncludeOp::verify() {
  if (getNames().size() != getLiterals().size())
    return emitOpError("expects ") << getNames().size() << " actuals, but got " << getLiterals().size();
  size_t values = llvm::count_if(getLiterals(), llvm::IsaPred<UnitAttr>);
  if (values != getParams().size())
    return emitOpError("expects ") << values << " values, but got " << getParams().size();
  llvm::StringSet<> names;
  for (auto [name, literal] : llvm::zip(getNames().getAsValueRange<StringAttr>(), getLiterals())) {
    if (!names.insert(name).second)
      return emitOpError("expects each parameter once, but got '") << name << "' twice";
    if (failed(verifyActual(*this, name, literal)))
      return failure();
  }
  if (getAxes().empty())
    return emitOpError("expects at least one axis, but got none");
  for (auto [index, axis] : llvm::enumerate(getAxes()))
    if (llvm::is_contained(getAxes().take_front(index), axis))
      return emitOpError("expects different axes, but got axis ") << index + 1 << " again";
  return success();
}

} // namespace falloff::mask
