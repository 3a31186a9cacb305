// RUN: falloff-opt %s --lower-to-schedule="tile-query=4 tile-key=4" | FileCheck %s
//
// Rounding within limits.

// Nothing crosses `only`: on the diagonal a filled tile is limited to it, by the limit of group 0.
//
// CHECK-LABEL: schedule.plan @recent
// CHECK:         row 0 : limited(0) 0 to 1
// CHECK-NEXT:    row 1 : full 0 to 1, limited(0) 1 to 2
// CHECK-NEXT:    row 2 : full 1 to 2, limited(0) 2 to 3
mask.pattern @recent over (%token: 12) {
  %near = within 4 of %token
  %past = causal %token
  keep about %near only %past
}

// Limits of their own: around the first set a fill covers the past, around the second the keys of even number. A tile
// may be filled for both.
//
// CHECK-LABEL: schedule.plan @limits
// CHECK:         row 0 : limited(0 1) 0 to 1
// CHECK-NEXT:    row 1 : full 0 to 1, limited(0 1) 1 to 2
mask.pattern @limits over (%token: 8) {
  %near = within 5 of %token
  %same = within 1 of %token
  %past = causal %token
  %even = where key(%token) mod 2 == 0
  %before = bounded %near by %past
  %beside = bounded %same by %even
  keep about %before, %beside
}

// The last rule of `nearest`: the limit lets query 3 see tile 0 alone, and query 0 tile 1 alone. In tile 1 half of the
// limit's pairs are B's, so it is filled; in tile 0 a quarter is, so it would be dropped with all that query 3 sees.
//
// CHECK-LABEL: schedule.plan @last
// CHECK:         lost 0
// CHECK-NEXT:    row 0 : partial 0 to 1, limited(0) 1 to 2
mask.pattern @last over (%token: 8) {
  %third = where query(%token) >= 3
  %zeroth = where query(%token) < 1
  %begin = where key(%token) < 4
  %key = where key(%token) < 1
  %end = where key(%token) >= 4
  %keys = where key(%token) < 6
  %below = all_of %third, %begin
  %above = all_of %zeroth, %end
  %limit = any_of %below, %above
  %one = all_of %third, %key
  %two = all_of %above, %keys
  %rays = any_of %one, %two
  keep about %rays only %limit
}
