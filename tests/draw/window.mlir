// RUN: falloff-opt %s --draw-mask -o /dev/null | FileCheck --match-full-lines %s
//
// What `window` means. Rows are queries, columns are keys.

// At the borders the window is pushed inside, never cut.
mask.pattern @window_is_pushed_inside over (%token: 7) {
  %near = window [3] over %token
  keep %near
}
// CHECK-LABEL: @window_is_pushed_inside
// CHECK:      ###....
// CHECK-NEXT: ###....
// CHECK-NEXT: .###...
// CHECK-NEXT: ..###..
// CHECK-NEXT: ...###.
// CHECK-NEXT: ....###
// CHECK-NEXT: ....###

// Even sizes reach half to the left and one less to the right.
mask.pattern @even_window over (%token: 7) {
  %near = window [4] over %token
  keep %near
}
// CHECK-LABEL: @even_window
// CHECK:      ####...
// CHECK-NEXT: ####...
// CHECK-NEXT: ####...
// CHECK-NEXT: .####..
// CHECK-NEXT: ..####.
// CHECK-NEXT: ...####
// CHECK-NEXT: ...####

// As wide as the axis, or wider: the whole axis.
mask.pattern @wide_window over (%token: 4) {
  %near = window [9] over %token
  keep %near
}
// CHECK-LABEL: @wide_window
// CHECK:      ####
// CHECK-NEXT: ####
// CHECK-NEXT: ####
// CHECK-NEXT: ####

// Three neighbouring queries share a window.
mask.pattern @stride over (%token: 9) {
  %near = window [3] over %token stride [3]
  keep %near
}
// CHECK-LABEL: @stride
// CHECK:      ###......
// CHECK-NEXT: ###......
// CHECK-NEXT: ###......
// CHECK-NEXT: ...###...
// CHECK-NEXT: ...###...
// CHECK-NEXT: ...###...
// CHECK-NEXT: ......###
// CHECK-NEXT: ......###
// CHECK-NEXT: ......###

// Every second key, of the query's own residue; seven tokens hold four even and three odd ones.
mask.pattern @dilation over (%token: 7) {
  %near = window [3] over %token dilation [2]
  keep %near
}
// CHECK-LABEL: @dilation
// CHECK:      #.#.#..
// CHECK-NEXT: .#.#.#.
// CHECK-NEXT: #.#.#..
// CHECK-NEXT: .#.#.#.
// CHECK-NEXT: ..#.#.#
// CHECK-NEXT: .#.#.#.
// CHECK-NEXT: ..#.#.#

mask.pattern @stride_and_dilation over (%token: 10) {
  %near = window [3] over %token stride [2] dilation [2]
  keep %near
}
// CHECK-LABEL: @stride_and_dilation
// CHECK:      #.#.#.....
// CHECK-NEXT: .#.#.#....
// CHECK-NEXT: #.#.#.....
// CHECK-NEXT: .#.#.#....
// CHECK-NEXT: ....#.#.#.
// CHECK-NEXT: .....#.#.#
// CHECK-NEXT: ....#.#.#.
// CHECK-NEXT: .....#.#.#
// CHECK-NEXT: ....#.#.#.
// CHECK-NEXT: .....#.#.#

// Looks back only, and is cut at the start.
mask.pattern @causal_window over (%token: 6) {
  %near = window [3] over %token causal %token
  keep %near
}
// CHECK-LABEL: @causal_window
// CHECK:      #.....
// CHECK-NEXT: ##....
// CHECK-NEXT: ###...
// CHECK-NEXT: .###..
// CHECK-NEXT: ..###.
// CHECK-NEXT: ...###

// A group shares the window of its last query; none sees a later key.
mask.pattern @causal_stride over (%token: 7) {
  %near = window [3] over %token stride [2] causal %token
  keep %near
}
// CHECK-LABEL: @causal_stride
// CHECK:      #......
// CHECK-NEXT: ##.....
// CHECK-NEXT: .##....
// CHECK-NEXT: .###...
// CHECK-NEXT: ...##..
// CHECK-NEXT: ...###.
// CHECK-NEXT: ....###

// A product over axes; text is outside.
mask.pattern @window_over_two_axes over video(%row: 3, %column: 4), text(%token: 1) {
  %near = window [1, 3] over %row, %column
  keep %near
}
// CHECK-LABEL: @window_over_two_axes
// CHECK:      ###..........
// CHECK-NEXT: ###..........
// CHECK-NEXT: .###.........
// CHECK-NEXT: .###.........
// CHECK-NEXT: ....###......
// CHECK-NEXT: ....###......
// CHECK-NEXT: .....###.....
// CHECK-NEXT: .....###.....
// CHECK-NEXT: ........###..
// CHECK-NEXT: ........###..
// CHECK-NEXT: .........###.
// CHECK-NEXT: .........###.
// CHECK-NEXT: .............
