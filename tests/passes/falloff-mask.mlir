// RUN: falloff-opt %patterns/cogvideox.mlir --falloff-mask="library=%patterns extents=frames=12,height=16,width=16 order=video,text" | FileCheck %s
// RUN: falloff-opt %s --falloff-mask="library=%S/Inputs extents=tokens=6 set=width=2" | FileCheck --check-prefix=BESIDE %s
//
// The pipeline from a file to a bound mask.
// CHECK:      mask.pattern @cogvideox over video(%frame: 12, %row: 16, %column: 16), text(%token: 226) {
// CHECK-NEXT:   %[[F:.*]], %{{.*}} = split %frame by 6
// CHECK-NEXT:   %[[R:.*]], %{{.*}} = split %row by 8
// CHECK-NEXT:   %[[C:.*]], %{{.*}} = split %column by 8
// CHECK-NEXT:   %[[NEAR:.*]] = window [3, 3, 3] over %[[F]], %[[R]], %[[C]]
// CHECK-NEXT:   %[[TEXT:.*]] = either in %token
// CHECK-NEXT:   keep %[[NEAR]], %[[TEXT]]

mask.pattern @caller(%width: real) over (%token: ?) {
  %beside = include @beside(width = %width, kind = past) over %token
  keep %beside
}
// BESIDE:      mask.pattern @caller over (%token: 6) {
// BESIDE-NEXT:   %[[NEAR:.*]] = within 2 of %token
// BESIDE-NEXT:   %[[PAST:.*]] = causal %token
// BESIDE-NEXT:   %[[AROUND:.*]] = bounded %[[NEAR]] by %[[PAST]]
// BESIDE-NEXT:   keep about %[[AROUND]]
