// RUN: falloff-opt %s --specialise="extents=frames=4,height=2,width=3,text=2 set=decay=0.2;kind=spatial,temporal,spatial;cuts=1,3;links=110,010,011 order=text,video" --split-input-file | FileCheck %s

// Extents and the order of segments go into the domain, parameters become constants, and heads that differ get patterns
// of their own. `patch` is height times width.
mask.pattern @bound(%decay: real = 1.0, %kind: spatial | temporal per head = spatial, %cuts: table, %links: relation)
    over video(%frame: ?, %patch: ?), text(%token: ?) {
  %w = let %decay * extent(%patch)
  %around = within %w of %patch
  %here = when %kind is spatial, %around
  %scene, %beat = split %frame at %cuts
  %linked = linked %scene by %links
  %there = when %kind is temporal, %linked
  %text = either in %token
  keep %here, %there, %text
}
// CHECK-LABEL: mask.pattern @bound_0 over text(%token: 2), video(%frame: 4, %patch: 6) heads [0, 2] {
// CHECK-DAG:     %[[DECAY:.*]] = let 0.2
// CHECK-DAG:     %[[CUTS:.*]] = table [1, 3]
// CHECK-DAG:     %[[LINKS:.*]] = relation {{\[}}[1, 1, 0], [0, 1, 0], [0, 1, 1]]
// CHECK:         %[[W:.*]] = let %[[DECAY]] * extent(%patch)
// CHECK:         %[[AROUND:.*]] = within %[[W]] of %patch
// CHECK:         split %frame at %[[CUTS]]
// CHECK:         %[[NONE:.*]] = any_of nothing
// CHECK:         %[[TEXT:.*]] = either in %token
// CHECK:         keep %[[AROUND]], %[[NONE]], %[[TEXT]]
// CHECK-LABEL: mask.pattern @bound_1 over text(%token: 2), video(%frame: 4, %patch: 6) heads [1] {
// CHECK:         %[[LINKED:.*]] = linked
// CHECK:         keep %{{.*}}, %[[LINKED]], %{{.*}}
