// RUN: falloff-opt %s --draw-mask -o /dev/null | FileCheck --match-full-lines %s
//
// What an include means: the set of another pattern, within that pattern's own domain.

// Patterns that the cases include. @inner keeps text exactly, is about frames near, and looks back only.
mask.pattern @inner over video(%frame: 3), text(%token: 1) {
  %text = either in %token
  %near = within 1 of %frame
  %past = causal %frame
  %seen = any_of %past, %text
  keep %text about %near only %seen
}
mask.pattern @others over (%token: 2) {
  %own = same %token
  %others = none_of %own
  keep %others
}
mask.pattern @all over (%token: 2) {
  %all = all_of nothing
  keep %all
}

// `either in %token` of @inner reaches no picture.
mask.pattern @include_keeps_to_its_domain over reference(%picture: 2), video(%frame: 3), text(%token: 1) {
  %inner = include @inner over %frame, %token
  keep %inner
}
// CHECK-LABEL: @include_keeps_to_its_domain
// CHECK:      ......
// CHECK-NEXT: ......
// CHECK-NEXT: ..#..#
// CHECK-NEXT: ..##.#
// CHECK-NEXT: ...###
// CHECK-NEXT: ..####

// `none_of` in @others is relative to its own two tokens.
mask.pattern @complement_of_a_smaller_domain over video(%frame: 2), text(%token: 2) {
  %others = include @others over %token
  keep %others
}
// CHECK-LABEL: @complement_of_a_smaller_domain
// CHECK:      ....
// CHECK-NEXT: ....
// CHECK-NEXT: ...#
// CHECK-NEXT: ..#.

mask.pattern @all_of_a_smaller_domain over video(%frame: 2), text(%token: 2) {
  %all = include @all over %token
  keep %all
}
// CHECK-LABEL: @all_of_a_smaller_domain
// CHECK:      ....
// CHECK-NEXT: ....
// CHECK-NEXT: ..##
// CHECK-NEXT: ..##

// A plain set: its limits count too.
mask.pattern @include_in_algebra over reference(%picture: 2), video(%frame: 3), text(%token: 1) {
  %inner = include @inner over %frame, %token
  %rest = none_of %inner
  keep %rest
}
// CHECK-LABEL: @include_in_algebra
// CHECK:      ######
// CHECK-NEXT: ######
// CHECK-NEXT: ##.##.
// CHECK-NEXT: ##..#.
// CHECK-NEXT: ###...
// CHECK-NEXT: ##....

mask.pattern @include_in_only over reference(%picture: 2), video(%frame: 3), text(%token: 1) {
  %all = all_of nothing
  %inner = include @inner over %frame, %token
  keep %all only %inner
}
// CHECK-LABEL: @include_in_only
// CHECK:      ......
// CHECK-NEXT: ......
// CHECK-NEXT: ..#..#
// CHECK-NEXT: ..##.#
// CHECK-NEXT: ...###
// CHECK-NEXT: ..####
