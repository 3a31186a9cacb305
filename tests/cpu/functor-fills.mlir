// REQUIRES: python
// RUN: %falloff compile %s --extent token=64 --tile 8 --set recent=12 --features generic --emit mlir | FileCheck %s
// RUN: %falloff plan %s --extent token=64 --tile 8 --set recent=12 | FileCheck --check-prefix=PLAN %s
// RUN: %falloff compile %s --extent token=64 --tile 8 --set recent=12 --round exact --features generic --emit mlir > %t.exact
// RUN: %falloff compile %s --extent token=64 --tile 8 --set recent=12 --features generic --emit mlir > %t.nearest
// RUN: %falloff compile %s --extent token=640 --tile 16 --set recent=99 --features generic --emit mlir > %t.larger
// RUN: diff %t.exact %t.nearest
// RUN: diff %t.exact %t.larger
//
// A tile that rounding fills keeps what its limit holds: one functor serves tiles of every kind, at every size and under
// every rounding, and is told which limits fill.

// PLAN: limited
//
// CHECK-LABEL: func.func @pairs(
// CHECK:         %[[BIT:.*]] = arith.andi %{{.*}}, %c1_i64
// CHECK:         %[[FILLED:.*]] = arith.cmpi ne, %[[BIT]]
// CHECK:         %[[LANES:.*]] = vector.broadcast %[[FILLED]] : i1 to vector<16xi1>
// CHECK:         scf.for
// CHECK:           scf.for
// CHECK:             %[[LIMIT:.*]] = arith.andi %[[LANES]]
// CHECK:             arith.ori %{{.*}}, %[[LIMIT]]
mask.pattern @recent(%recent: count) over (%token: ?) {
  %last = window [%recent] over %token causal %token
  %past = causal %token
  keep about %last only %past
}
