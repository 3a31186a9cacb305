// RUN: falloff-opt %s --draw-mask -o /dev/null | FileCheck --match-full-lines %s
//
// What sets of sets mean, and what `keep` makes of them.

mask.pattern @union over (%token: 5) {
  %own = same %token
  %first = first 1 of %token
  %both = any_of %own, %first
  keep %both
}
// CHECK-LABEL: @union
// CHECK:      #....
// CHECK-NEXT: ##...
// CHECK-NEXT: #.#..
// CHECK-NEXT: #..#.
// CHECK-NEXT: #...#

mask.pattern @union_of_nothing over (%token: 2) {
  %none = any_of nothing
  keep %none
}
// CHECK-LABEL: @union_of_nothing
// CHECK:      ..
// CHECK-NEXT: ..

mask.pattern @intersection over (%token: 5) {
  %past = causal %token
  %near = within 1 of %token
  %both = all_of %past, %near
  keep %both
}
// CHECK-LABEL: @intersection
// CHECK:      #....
// CHECK-NEXT: ##...
// CHECK-NEXT: .##..
// CHECK-NEXT: ..##.
// CHECK-NEXT: ...##

// Every pair of the domain, whatever the segments.
mask.pattern @intersection_of_nothing over video(%frame: 2), text(%token: 1) {
  %all = all_of nothing
  keep %all
}
// CHECK-LABEL: @intersection_of_nothing
// CHECK:      ###
// CHECK-NEXT: ###
// CHECK-NEXT: ###

// Of the domain: pairs of other segments are in it.
mask.pattern @complement over video(%frame: 3), text(%token: 1) {
  %near = within 1 of %frame
  %far = none_of %near
  keep %far
}
// CHECK-LABEL: @complement
// CHECK:      ..##
// CHECK-NEXT: ...#
// CHECK-NEXT: #..#
// CHECK-NEXT: ####

mask.pattern @complement_of_several over (%token: 4) {
  %own = same %token
  %first = first 1 of %token
  %rest = none_of %own, %first
  keep %rest
}
// CHECK-LABEL: @complement_of_several
// CHECK:      .###
// CHECK-NEXT: ..##
// CHECK-NEXT: .#.#
// CHECK-NEXT: .##.

// The union of what is kept and what it is kept about, within the limits.
mask.pattern @keep_about_only over (%token: 6) {
  %first = first 1 of %token
  %near = within 2 of %token
  %past = causal %token
  %recent = within 4 of %token
  keep %first about %near only %past, %recent
}
// CHECK-LABEL: @keep_about_only
// CHECK:      #.....
// CHECK-NEXT: ##....
// CHECK-NEXT: ###...
// CHECK-NEXT: ####..
// CHECK-NEXT: #.###.
// CHECK-NEXT: ...###

mask.pattern @bounded over (%token: 5) {
  %near = within 2 of %token
  %past = causal %token
  %back = bounded %near by %past
  keep about %back
}
// CHECK-LABEL: @bounded
// CHECK:      #....
// CHECK-NEXT: ##...
// CHECK-NEXT: ###..
// CHECK-NEXT: .###.
// CHECK-NEXT: ..###
