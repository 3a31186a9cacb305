// RUN: falloff-opt %s --draw-mask -o /dev/null | FileCheck --match-full-lines %s
//
// What `linked` means.

// Rows are queries: scene 1 sees nothing, scene 2 sees all; text is outside.
mask.pattern @relation over video(%frame: 5), text(%token: 1) {
  %links = relation [[1, 0, 1], [0, 0, 0], [1, 1, 1]]
  %scene, %beat = split %frame at [2, 3]
  %linked = linked %scene by %links
  keep %linked
}
// CHECK-LABEL: @relation
// CHECK:      ##.##.
// CHECK-NEXT: ##.##.
// CHECK-NEXT: ......
// CHECK-NEXT: #####.
// CHECK-NEXT: #####.
// CHECK-NEXT: ......

// Indices are row-major over the axes.
mask.pattern @relation_over_two_axes over video(%row: 2, %column: 4) {
  %links = relation [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]]
  %block, %place = split %column by 2
  %linked = linked %row, %block by %links
  keep %linked
}
// CHECK-LABEL: @relation_over_two_axes
// CHECK:      ####....
// CHECK-NEXT: ####....
// CHECK-NEXT: ..##....
// CHECK-NEXT: ..##....
// CHECK-NEXT: ....##..
// CHECK-NEXT: ....##..
// CHECK-NEXT: ##....##
// CHECK-NEXT: ##....##
