// SPDX-License-Identifier: Apache-2.0
//
// The vocabulary of kernels in terms of MLIR operations: the only file of the
// CPU back end that includes their headers.
#include "compiler/cpu/Emitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"

using namespace mlir;

namespace falloff::cpu {

std::unique_ptr<MLIRContext> makeContext() {
  DialectRegistry registry;
  registry.insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, LLVM::LLVMDialect, math::MathDialect,
                  scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  auto context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  return context;
}

Emitter::Emitter(MLIRContext &context)
    : builder(&context), location(builder.getUnknownLoc()), module(ModuleOp::create(location)) {
  builder.setInsertionPointToEnd(module->getBody());
  i1 = builder.getI1Type();
  i8 = builder.getI8Type();
  i16 = builder.getI16Type();
  i32 = builder.getI32Type();
  i64 = builder.getI64Type();
  f32 = builder.getF32Type();
  f64 = builder.getF64Type();
  bf16 = builder.getBF16Type();
  pointer = LLVM::LLVMPointerType::get(&context);
}

Type Emitter::vector(int64_t lanes, Type element) const { return VectorType::get({lanes}, element); }

bool Emitter::isFloat(Value value) const { return isa<FloatType>(getElementTypeOrSelf(value)); }

void Emitter::function(StringRef name, ArrayRef<Type> arguments, bool exported,
                       function_ref<void(ArrayRef<Value>)> body) {
  auto function = func::FuncOp::create(builder, location, name, builder.getFunctionType(arguments, {}));
  if (!exported) {
    function.setPrivate();
    function->setAttr("llvm.linkage", LLVM::LinkageAttr::get(builder.getContext(), LLVM::Linkage::Internal));
  }
  // Kernels are given memory that nothing else names.
  for (auto [index, type] : llvm::enumerate(arguments))
    if (type == pointer)
      function.setArgAttr(index, "llvm.noalias", builder.getUnitAttr());
  OpBuilder::InsertionGuard guard(builder);
  Block *block = function.addEntryBlock();
  builder.setInsertionPointToEnd(block);
  Values values(block->getArguments().begin(), block->getArguments().end());
  body(values);
  func::ReturnOp::create(builder, location);
}

void Emitter::call(StringRef name, ArrayRef<Value> arguments) {
  func::CallOp::create(builder, location, name, TypeRange(), arguments);
}

Value Emitter::integer(Type type, int64_t value) {
  TypedAttr attribute = builder.getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto vectorType = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vectorType, Attribute(attribute));
  return arith::ConstantOp::create(builder, location, attribute);
}

Value Emitter::number(Type type, double value) {
  TypedAttr attribute = builder.getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto vectorType = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vectorType, Attribute(attribute));
  return arith::ConstantOp::create(builder, location, attribute);
}

Value Emitter::iota(int64_t lanes, Type element) {
  SmallVector<Attribute> values;
  for (int64_t lane = 0; lane < lanes; ++lane)
    values.push_back(builder.getIntegerAttr(element, lane));
  auto type = cast<VectorType>(vector(lanes, element));
  return arith::ConstantOp::create(builder, location, DenseElementsAttr::get(type, values));
}

Value Emitter::advance(Value base, Value index, int64_t bytes) {
  Value offset = bytes == 1 ? index : multiply(index, integer(i64, bytes));
  return LLVM::GEPOp::create(builder, location, pointer, i8, base, ArrayRef<LLVM::GEPArg>{offset});
}

Value Emitter::load(Type type, Value base, int64_t byteOffset) {
  if (byteOffset)
    base = LLVM::GEPOp::create(builder, location, pointer, i8, base, ArrayRef<LLVM::GEPArg>{int32_t(byteOffset)});
  unsigned alignment = std::min(4u, std::max(1u, getElementTypeOrSelf(type).isIntOrFloat()
                                                     ? getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8
                                                     : 8u));
  return LLVM::LoadOp::create(builder, location, type, base, alignment);
}

void Emitter::store(Value value, Value base, int64_t byteOffset) {
  if (byteOffset)
    base = LLVM::GEPOp::create(builder, location, pointer, i8, base, ArrayRef<LLVM::GEPArg>{int32_t(byteOffset)});
  unsigned alignment = std::min(4u, std::max(1u, getElementTypeOrSelf(value).getIntOrFloatBitWidth() / 8));
  LLVM::StoreOp::create(builder, location, value, base, alignment);
}

Value Emitter::add(Value a, Value b) {
  return isFloat(a) ? Value(arith::AddFOp::create(builder, location, a, b))
                    : Value(arith::AddIOp::create(builder, location, a, b));
}
Value Emitter::subtract(Value a, Value b) {
  return isFloat(a) ? Value(arith::SubFOp::create(builder, location, a, b))
                    : Value(arith::SubIOp::create(builder, location, a, b));
}
Value Emitter::multiply(Value a, Value b) {
  return isFloat(a) ? Value(arith::MulFOp::create(builder, location, a, b))
                    : Value(arith::MulIOp::create(builder, location, a, b));
}
Value Emitter::divide(Value a, Value b) {
  return isFloat(a) ? Value(arith::DivFOp::create(builder, location, a, b))
                    : Value(arith::DivSIOp::create(builder, location, a, b));
}
Value Emitter::remainder(Value a, Value b) { return arith::RemSIOp::create(builder, location, a, b); }
Value Emitter::bitAnd(Value a, Value b) { return arith::AndIOp::create(builder, location, a, b); }
Value Emitter::bitOr(Value a, Value b) { return arith::OrIOp::create(builder, location, a, b); }
Value Emitter::bitXor(Value a, Value b) { return arith::XOrIOp::create(builder, location, a, b); }
Value Emitter::shiftLeft(Value a, Value b) { return arith::ShLIOp::create(builder, location, a, b); }
Value Emitter::shiftRight(Value a, Value b) { return arith::ShRUIOp::create(builder, location, a, b); }

Value Emitter::compare(Compare predicate, Value a, Value b) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  static const F floats[] = {F::OLT, F::OLE, F::OGT, F::OGE, F::OEQ, F::UNE};
  static const I integers[] = {I::slt, I::sle, I::sgt, I::sge, I::eq, I::ne};
  int index = int(predicate);
  return isFloat(a) ? Value(arith::CmpFOp::create(builder, location, floats[index], a, b))
                    : Value(arith::CmpIOp::create(builder, location, integers[index], a, b));
}

Value Emitter::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(builder, location, condition, a, b);
}
Value Emitter::maximum(Value a, Value b) { return select(compare(Compare::Greater, a, b), a, b); }
Value Emitter::minimum(Value a, Value b) { return select(compare(Compare::Less, a, b), a, b); }
Value Emitter::fma(Value a, Value b, Value c) { return math::FmaOp::create(builder, location, a, b, c); }
Value Emitter::floor(Value a) { return math::FloorOp::create(builder, location, a); }
Value Emitter::ceil(Value a) { return math::CeilOp::create(builder, location, a); }
Value Emitter::absolute(Value a) {
  return isFloat(a) ? Value(math::AbsFOp::create(builder, location, a))
                    : Value(math::AbsIOp::create(builder, location, a));
}
Value Emitter::squareRoot(Value a) { return math::SqrtOp::create(builder, location, a); }
Value Emitter::truncate(Value a, Type type) { return arith::TruncIOp::create(builder, location, type, a); }
Value Emitter::extend(Value a, Type type) { return arith::ExtUIOp::create(builder, location, type, a); }
Value Emitter::toFloat(Value a, Type type) {
  return isFloat(a) ? Value(arith::ExtFOp::create(builder, location, type, a))
                    : Value(arith::SIToFPOp::create(builder, location, type, a));
}
Value Emitter::toInteger(Value a, Type type) { return arith::FPToSIOp::create(builder, location, type, a); }

Value Emitter::splat(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(builder, location, vector(lanes, scalar.getType()), scalar);
}

Value Emitter::bitcast(Value value, Type type) {
  if (isa<VectorType>(type) && isa<VectorType>(value.getType()))
    return vector::BitCastOp::create(builder, location, type, value);
  return LLVM::BitcastOp::create(builder, location, type, value);
}

Value Emitter::reduceMaximum(Value value) {
  return vector::ReductionOp::create(builder, location, vector::CombiningKind::MAXNUMF, value);
}
Value Emitter::reduceAdd(Value value) {
  // Any order would do, but it must be one order: pairwise, which is short.
  int64_t lanes = cast<VectorType>(value.getType()).getNumElements();
  for (; lanes > 1; lanes /= 2) {
    SmallVector<int64_t> low(lanes / 2), high(lanes / 2);
    for (int64_t i = 0; i < lanes / 2; ++i) {
      low[i] = i;
      high[i] = i + lanes / 2;
    }
    value = add(concatenateShuffle(value, value, low), concatenateShuffle(value, value, high));
  }
  return extract(value, 0);
}
Value Emitter::extract(Value value, int64_t lane) { return vector::ExtractOp::create(builder, location, value, lane); }

Value Emitter::gather(Type vectorType, Value base, Value index, Value mask, int64_t bytes) {
  auto type = cast<VectorType>(vectorType);
  Type element = builder.getIntegerType(bytes * 8);
  Value pointers = LLVM::GEPOp::create(builder, location, VectorType::get(type.getShape(), pointer), element, base,
                                       ArrayRef<LLVM::GEPArg>{index});
  Value zero = isa<FloatType>(type.getElementType()) ? number(type, 0) : integer(type, 0);
  return LLVM::masked_gather::create(builder, location, type, pointers, mask, ValueRange{zero}, unsigned(bytes));
}

Value Emitter::concatenateShuffle(Value a, Value b, ArrayRef<int64_t> lanes) {
  return vector::ShuffleOp::create(builder, location, a, b, lanes);
}

Value Emitter::intrinsic(StringRef name, Type result, ArrayRef<Value> arguments) {
  return LLVM::CallIntrinsicOp::create(builder, location, result, builder.getStringAttr(name), arguments)->getResult(0);
}

Values Emitter::loop(Value first, Value last, int64_t step, ArrayRef<Value> carried,
                     function_ref<Values(Value, ArrayRef<Value>)> body) {
  auto loop = scf::ForOp::create(builder, location, first, last, integer(first.getType(), step), carried,
                                 [&](OpBuilder &inner, Location, Value index, ValueRange arguments) {
                                   OpBuilder::InsertionGuard guard(builder);
                                   builder.setInsertionPointToEnd(inner.getInsertionBlock());
                                   Values now(arguments.begin(), arguments.end());
                                   Values next = body(index, now);
                                   scf::YieldOp::create(builder, location, next);
                                 });
  return Values(loop.getResults().begin(), loop.getResults().end());
}

Values Emitter::when(Value condition, ArrayRef<Type> results, function_ref<Values()> then,
                     function_ref<Values()> otherwise) {
  auto branch = scf::IfOp::create(builder, location, TypeRange(results), condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  auto fill = [&](Block *block, function_ref<Values()> body) {
    block->clear();
    builder.setInsertionPointToEnd(block);
    Values values = body();
    scf::YieldOp::create(builder, location, values);
  };
  fill(branch.thenBlock(), then);
  fill(branch.elseBlock(), otherwise);
  return Values(branch.getResults().begin(), branch.getResults().end());
}

void Emitter::when(Value condition, function_ref<void()> then) {
  auto branch = scf::IfOp::create(builder, location, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  then();
}

} // namespace falloff::cpu
