// REQUIRES: python
// RUN: %falloff compile %s --extent token=640 --tile 64 --set recent=120 --target sm_90 --emit cuda | FileCheck %s
// RUN: %falloff plan %s --extent token=640 --tile 64 --set recent=120 --target sm_90 | FileCheck --check-prefix=PLAN %s
// RUN: %falloff compile %s --extent token=640 --tile 64 --set recent=120 --round exact --target sm_90 --emit cuda > %t.exact
// RUN: %falloff compile %s --extent token=640 --tile 64 --set recent=120 --target sm_90 --emit cuda > %t.nearest
// RUN: %falloff compile %s --extent token=6400 --tile 64 --set recent=990 --target sm_90 --emit cuda > %t.larger
// RUN: %falloff compile %s --extent token=640 --tile 64 --set recent=120 --target sm_100 --emit cuda > %t.machine
// RUN: diff %t.exact %t.nearest
// RUN: diff %t.exact %t.larger
// RUN: diff %t.exact %t.machine
//
// A tile that rounding fills keeps what its limit holds: one source serves tiles of every kind, at every size and under
// every rounding, and machines whose kernels have one shape.

// PLAN: limited
//
// CHECK-LABEL: --- constants ---
// CHECK:       constexpr int queryBlock = 64;
// CHECK:       constexpr int keyBlock = 64;
// CHECK:       constexpr int headDim = 128;
// CHECK:       constexpr bool isBf16 = true;
// CHECK-LABEL: --- functor ---
// CHECK:       __device__ bool allowed(const PlanTable &plan, unsigned fills, const FunctorQuery &q, const FunctorKey &k) {
// CHECK-NEXT:    const bool interval1 = k.token >= q.low1 && k.token < q.high1;
// CHECK-NEXT:    return (fills & 1) != 0 && interval1;
mask.pattern @recent(%recent: count) over (%token: ?) {
  %last = window [%recent] over %token causal %token
  %past = causal %token
  keep about %last only %past
}
