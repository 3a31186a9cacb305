// REQUIRES: python
// RUN: %falloff compile %s --extent token=20 --tile 8 --dtype fp32 --features generic --emit mlir | FileCheck %s
// RUN: %falloff compile %s --extent token=20 --tile 8 --dtype fp32 --features generic --emit llvm | FileCheck --check-prefix=LLVM %s
// RUN: %falloff compile %s --extent token=20 --tile 8 --dtype fp32 --features generic --emit asm | FileCheck --check-prefix=ASM %s
//
// The step of a kernel: scores of a panel of keys, an online softmax, and the weighted values. Where every tile is full
// there is no functor.

// CHECK-NOT:   @pairs
// CHECK:       func.func private @scores_[[ROWS:[0-9]+]](
// CHECK:         arith.mulf
// CHECK:         arith.addf
// CHECK:       func.func private @values_[[ROWS]](
// CHECK:         arith.mulf
// CHECK:         arith.addf
// CHECK:       func.func private @soften(
// CHECK:         vector.reduction <maxnumf>
// CHECK:       func.func @step(
// CHECK:         func.call @scores_[[ROWS]](
// CHECK:         func.call @soften(
// CHECK:         func.call @values_[[ROWS]](
//
// The exponential is a polynomial in vectors, no call of a library.
// LLVM-NOT:    @exp
// LLVM:        define void @step(ptr
// LLVM-NOT:    @exp
//
// ASM-LABEL:   {{^}}step:
// ASM:         retq
mask.pattern @all over (%token: ?) {
  %all = keys in %token
  keep %all
}
