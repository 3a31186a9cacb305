// RUN: falloff-opt %s --draw-mask="set=kind=spatial,temporal,spatial,spatial;width=0,1,1,0" -o /dev/null \
// RUN:   | FileCheck --match-full-lines %s
//
// Values a head: heads 0 and 3 are alike, 1 and 2 have masks of their own.

mask.pattern @heads(%kind: spatial | temporal per head = spatial, %width: count per head = 0) over video(%frame: 3, %patch: 2) {
  %around = within %width of %frame
  %here = when %kind is spatial, %around
  %along = same %patch
  %there = when %kind is temporal, %along
  keep %here, %there
}
// CHECK-LABEL: @heads_0
// CHECK:      ##....
// CHECK-NEXT: ##....
// CHECK-NEXT: ..##..
// CHECK-NEXT: ..##..
// CHECK-NEXT: ....##
// CHECK-NEXT: ....##
// CHECK-LABEL: @heads_1
// CHECK:      #.#.#.
// CHECK-NEXT: .#.#.#
// CHECK-NEXT: #.#.#.
// CHECK-NEXT: .#.#.#
// CHECK-NEXT: #.#.#.
// CHECK-NEXT: .#.#.#
// CHECK-LABEL: @heads_2
// CHECK:      ####..
// CHECK-NEXT: ####..
// CHECK-NEXT: ######
// CHECK-NEXT: ######
// CHECK-NEXT: ..####
// CHECK-NEXT: ..####
