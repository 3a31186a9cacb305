// RUN: falloff-opt %s --draw-mask -o /dev/null | FileCheck --match-full-lines %s
//
// What each leaf over one axis, and `where`, means. Rows are queries, columns are keys.

// Keys among the first two of each: both ends lie in the segment, the other axis is free.
mask.pattern @first over video(%frame: 3, %patch: 2), text(%token: 2) {
  %first = first 2 of %frame
  keep %first
}
// CHECK-LABEL: @first
// CHECK:      ####....
// CHECK-NEXT: ####....
// CHECK-NEXT: ####....
// CHECK-NEXT: ####....
// CHECK-NEXT: ####....
// CHECK-NEXT: ####....
// CHECK-NEXT: ........
// CHECK-NEXT: ........

// Closed on each side.
mask.pattern @within over (%token: 6) {
  %near = within 1 of %token
  keep %near
}
// CHECK-LABEL: @within
// CHECK:      ##....
// CHECK-NEXT: ###...
// CHECK-NEXT: .###..
// CHECK-NEXT: ..###.
// CHECK-NEXT: ...###
// CHECK-NEXT: ....##

// Widths compare as reals: 1.5 keeps 1.
mask.pattern @within_a_real_width over (%token: 5) {
  %w = let 3 / 2
  %near = within %w of %token
  keep %near
}
// CHECK-LABEL: @within_a_real_width
// CHECK:      ##...
// CHECK-NEXT: ###..
// CHECK-NEXT: .###.
// CHECK-NEXT: ..###
// CHECK-NEXT: ...##

mask.pattern @within_a_negative_width over (%token: 3) {
  %w = let 1 - 2
  %near = within %w of %token
  keep %near
}
// CHECK-LABEL: @within_a_negative_width
// CHECK:      ...
// CHECK-NEXT: ...
// CHECK-NEXT: ...

// The width halves with the distance of two frames.
mask.pattern @within_narrows_with_distance over video(%frame: 3, %patch: 4) {
  %w = let floor(3 / (1 + distance(%frame)))
  %band = within %w of %patch
  keep %band
}
// CHECK-LABEL: @within_narrows_with_distance
// CHECK:      ######..##..
// CHECK-NEXT: #######.###.
// CHECK-NEXT: ####.###.###
// CHECK-NEXT: ####..##..##
// CHECK-NEXT: ##..######..
// CHECK-NEXT: ###.#######.
// CHECK-NEXT: .#######.###
// CHECK-NEXT: ..######..##
// CHECK-NEXT: ##..##..####
// CHECK-NEXT: ###.###.####
// CHECK-NEXT: .###.#######
// CHECK-NEXT: ..##..######

mask.pattern @same over video(%frame: 2, %patch: 2), text(%token: 1) {
  %same = same %frame
  keep %same
}
// CHECK-LABEL: @same
// CHECK:      ##...
// CHECK-NEXT: ##...
// CHECK-NEXT: ..##.
// CHECK-NEXT: ..##.
// CHECK-NEXT: .....

mask.pattern @causal over video(%frame: 3, %patch: 2) {
  %past = causal %frame
  keep %past
}
// CHECK-LABEL: @causal
// CHECK:      ##....
// CHECK-NEXT: ##....
// CHECK-NEXT: ####..
// CHECK-NEXT: ####..
// CHECK-NEXT: ######
// CHECK-NEXT: ######

// Any query may see these keys, whatever its segment.
mask.pattern @keys over video(%frame: 2, %patch: 2), text(%token: 2) {
  %text = keys in %token
  keep %text
}
// CHECK-LABEL: @keys
// CHECK:      ....##
// CHECK-NEXT: ....##
// CHECK-NEXT: ....##
// CHECK-NEXT: ....##
// CHECK-NEXT: ....##
// CHECK-NEXT: ....##

mask.pattern @queries over video(%frame: 2, %patch: 2), text(%token: 2) {
  %text = queries in %token
  keep %text
}
// CHECK-LABEL: @queries
// CHECK:      ......
// CHECK-NEXT: ......
// CHECK-NEXT: ......
// CHECK-NEXT: ......
// CHECK-NEXT: ######
// CHECK-NEXT: ######

mask.pattern @either over video(%frame: 2, %patch: 2), text(%token: 2) {
  %text = either in %token
  keep %text
}
// CHECK-LABEL: @either
// CHECK:      ....##
// CHECK-NEXT: ....##
// CHECK-NEXT: ....##
// CHECK-NEXT: ....##
// CHECK-NEXT: ######
// CHECK-NEXT: ######

// Parts of three; the last part is ragged, and the offset starts anew in each.
mask.pattern @split_by over (%token: 7) {
  %part, %offset = split %token by 3
  %own = same %part
  %opening = first 1 of %offset
  keep %own, %opening
}
// CHECK-LABEL: @split_by
// CHECK:      ####..#
// CHECK-NEXT: ####..#
// CHECK-NEXT: ####..#
// CHECK-NEXT: #..####
// CHECK-NEXT: #..####
// CHECK-NEXT: #..####
// CHECK-NEXT: #..#..#

// A repeated cut makes an empty part: the two last parts are 2 and 3.
mask.pattern @split_at over (%token: 6) {
  %part, %offset = split %token at [2, 2, 4]
  %far = where distance(%part) == 2
  %own = same %part
  keep %own, %far
}
// CHECK-LABEL: @split_at
// CHECK:      ####..
// CHECK-NEXT: ####..
// CHECK-NEXT: ####..
// CHECK-NEXT: ####..
// CHECK-NEXT: ....##
// CHECK-NEXT: ....##

// Ends that are not named may lie anywhere.
mask.pattern @where over video(%frame: 3, %patch: 1), text(%token: 2) {
  %late = where key(%frame) >= 1
  keep %late
}
// CHECK-LABEL: @where
// CHECK:      .##..
// CHECK-NEXT: .##..
// CHECK-NEXT: .##..
// CHECK-NEXT: .##..
// CHECK-NEXT: .##..

// Ends of different segments.
mask.pattern @where_across_segments over video(%frame: 3, %patch: 1), text(%token: 4) {
  %caption = where query(%frame) == key(%token) - 1
  keep %caption
}
// CHECK-LABEL: @where_across_segments
// CHECK:      ....#..
// CHECK-NEXT: .....#.
// CHECK-NEXT: ......#
// CHECK-NEXT: .......
// CHECK-NEXT: .......
// CHECK-NEXT: .......
// CHECK-NEXT: .......

// A distance names both ends, also through a let.
mask.pattern @where_through_a_let over video(%frame: 3, %patch: 1), text(%token: 1) {
  %d = let distance(%frame)
  %beat = where %d mod 2 == 0
  keep %beat
}
// CHECK-LABEL: @where_through_a_let
// CHECK:      #.#.
// CHECK-NEXT: .#..
// CHECK-NEXT: #.#.
// CHECK-NEXT: ....
