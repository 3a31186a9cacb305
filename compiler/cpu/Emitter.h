// SPDX-License-Identifier: Apache-2.0
//
// A small vocabulary to write kernels in: each method appends one or two MLIR
// operations (func, scf, arith, vector, math, llvm). Kernels are written
// against this header alone, so only Emitter.cpp pays for the dialects'
// headers.
#ifndef FALLOFF_COMPILER_CPU_EMITTER_H
#define FALLOFF_COMPILER_CPU_EMITTER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace falloff::cpu {

using mlir::Type;
using mlir::Value;
using Values = llvm::SmallVector<Value>;

/// Makes a context that knows every dialect that `Emitter` writes, and that can
/// be lowered and translated to LLVM.
std::unique_ptr<mlir::MLIRContext> makeContext();

enum class Compare { Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual };

class Emitter {
public:
  explicit Emitter(mlir::MLIRContext &context);
  mlir::OwningOpRef<mlir::ModuleOp> take() { return std::move(module); }

  Type i1, i8, i16, i32, i64, f32, f64, bf16, pointer;
  Type vector(int64_t lanes, Type element) const;

  /// A function without results. Only `exported` ones can be looked up; the
  /// others stay calls (never inlined).
  void function(llvm::StringRef name, llvm::ArrayRef<Type> arguments, bool exported,
                llvm::function_ref<void(llvm::ArrayRef<Value>)> body);
  void call(llvm::StringRef name, llvm::ArrayRef<Value> arguments);

  /// A constant of a scalar type or the same in every lane of a vector.
  Value integer(Type type, int64_t value);
  Value number(Type type, double value);
  /// 0, 1, 2, ... in lanes of `element`.
  Value iota(int64_t lanes, Type element);

  /// base + index * bytes.
  Value advance(Value base, Value index, int64_t bytes);
  Value load(Type type, Value base, int64_t byteOffset = 0);
  void store(Value value, Value base, int64_t byteOffset = 0);

  // Integers or floats, by the operands' type.
  Value add(Value a, Value b);
  Value subtract(Value a, Value b);
  Value multiply(Value a, Value b);
  Value divide(Value a, Value b);    ///< integers: signed, towards zero
  Value remainder(Value a, Value b); ///< integers: signed
  Value bitAnd(Value a, Value b);
  Value bitOr(Value a, Value b);
  Value bitXor(Value a, Value b);
  Value shiftLeft(Value a, Value b);
  Value shiftRight(Value a, Value b); ///< unsigned
  Value compare(Compare predicate, Value a,
                Value b); ///< signed, ordered (NotEqual: unordered)
  Value select(Value condition, Value a, Value b);
  /// One instruction on x86: `b` where either is NaN.
  Value maximum(Value a, Value b);
  Value minimum(Value a, Value b);
  /// a * b + c, rounded once.
  Value fma(Value a, Value b, Value c);
  Value floor(Value a);
  Value ceil(Value a);
  Value absolute(Value a);
  Value squareRoot(Value a);
  Value truncate(Value a, Type type); ///< integers
  Value extend(Value a, Type type);   ///< integers, unsigned
  Value toFloat(Value a,
                Type type);            ///< from signed integers, or from a narrower float
  Value toInteger(Value a, Type type); ///< from floats, towards zero

  Value splat(Value scalar, int64_t lanes);
  Value bitcast(Value value, Type type);
  Value reduceMaximum(Value vector);
  Value reduceAdd(Value vector);
  Value extract(Value vector, int64_t lane);
  /// Lanes of base[index] where `mask`, else 0; `index` in units of `bytes`.
  Value gather(Type vectorType, Value base, Value index, Value mask, int64_t bytes);
  Value concatenateShuffle(Value a, Value b, llvm::ArrayRef<int64_t> lanes);

  /// An LLVM intrinsic by its full name.
  Value intrinsic(llvm::StringRef name, Type result, llvm::ArrayRef<Value> arguments);

  /// for (i = first; i < last; i += step), carrying values: the body returns
  /// their next ones.
  Values loop(Value first, Value last, int64_t step, llvm::ArrayRef<Value> carried,
              llvm::function_ref<Values(Value, llvm::ArrayRef<Value>)> body);
  Values when(Value condition, llvm::ArrayRef<Type> results, llvm::function_ref<Values()> then,
              llvm::function_ref<Values()> otherwise);
  void when(Value condition, llvm::function_ref<void()> then);

private:
  mlir::OpBuilder builder;
  mlir::Location location;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  bool isFloat(Value value) const;
};

} // namespace falloff::cpu

#endif
