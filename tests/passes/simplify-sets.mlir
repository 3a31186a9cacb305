// RUN: falloff-opt %s --simplify-sets | FileCheck %s

// Numbers that no distance enters fold, operands that have one become literals, and dead ops go.
mask.pattern @bound over video(%frame: 4, %patch: 12), text(%token: 0) {
  %decay = let 0.5
  %sinks = let 1
  %p = let bit_floor(max(distance(%frame), 1))
  %w = let max(floor(%decay * extent(%patch) / %p), 1) - 1
  %band = within %w of %patch
  %first = first %sinks of %frame
  %unused = same %frame
  %text = either in %token
  keep %first, %text about %band
}
// CHECK-LABEL: mask.pattern @bound
// CHECK-NEXT:    %[[P:.*]] = let bit_floor(max(distance(%frame), 1))
// CHECK-NEXT:    %[[W:.*]] = let max(floor(6 / %[[P]]), 1) - 1
// CHECK-NEXT:    %[[BAND:.*]] = within %[[W]] of %patch
// CHECK-NEXT:    %[[FIRST:.*]] = first 1 of %frame
// CHECK-NEXT:    keep %[[FIRST]] about %[[BAND]]
// CHECK-NEXT:  }

mask.pattern @conditions over (%token: 8) {
  %half = let extent(%token) / 2
  %late = where key(%token) >= %half * 1.5
  keep %late
}
// CHECK-LABEL: mask.pattern @conditions
// CHECK-NEXT:    %[[LATE:.*]] = where key(%token) >= 6
// CHECK-NEXT:    keep %[[LATE]]

mask.pattern @split_and_window over (%token: 8) {
  %n = let 3
  %cuts = table [2, 5]
  %a, %a_ = split %token by %n
  %b, %b_ = split %token at %cuts
  %near = window [%n, 5] over %a, %b stride [%n, 1] dilation [1, %n]
  keep %near
}
// CHECK-LABEL: mask.pattern @split_and_window
// CHECK-NEXT:    %[[A:.*]], %{{.*}} = split %token by 3
// CHECK-NEXT:    %[[B:.*]], %{{.*}} = split %token at [2, 5]
// CHECK-NEXT:    %[[NEAR:.*]] = window [3, 5] over %[[A]], %[[B]] stride [3, 1] dilation [1, 3]
// CHECK-NEXT:    keep %[[NEAR]]

// A width that is not whole stays a number of its own.
mask.pattern @real_width over (%token: 8) {
  %half = let 1.5
  %near = within %half of %token
  keep %near
}
// CHECK-LABEL: mask.pattern @real_width
// CHECK-NEXT:    %[[HALF:.*]] = let 1.5
// CHECK-NEXT:    %[[NEAR:.*]] = within %[[HALF]] of %token
// CHECK-NEXT:    keep %[[NEAR]]

// Unbound numbers stay.
mask.pattern @unbound(%sinks: count = 1) over (%token: ?) {
  %n = let 2 * 3 * %sinks
  %first = first %n of %token
  %near = within %n of %token
  keep %first, %near
}
// CHECK-LABEL: mask.pattern @unbound
// CHECK-NEXT:    %[[N:.*]] = let 6 * %sinks
// CHECK-NEXT:    %[[FIRST:.*]] = first %[[N]] of %token
// CHECK-NEXT:    %[[NEAR:.*]] = within %[[N]] of %token

// Leaves that hold nothing.
mask.pattern @empty_leaves over video(%frame: 4), text(%token: 0) {
  %own = same %frame
  %text = keys in %token
  %none = first 0 of %frame
  %n = let 0 - 1
  %negative = within %n of %frame
  %never = where 1 > 2
  keep %own, %text, %none, %negative, %never
}
// CHECK-LABEL: mask.pattern @empty_leaves
// CHECK-NEXT:    %[[OWN:.*]] = same %frame
// CHECK-NEXT:    keep %[[OWN]]

// Leaves that hold every pair, as they are alone in having tokens.
mask.pattern @full_leaves over video(%frame: 4, %patch: 1), text(%token: 0) {
  %own = same %frame
  %wide = within 3 of %frame
  keep %own only %wide
}
// CHECK-LABEL: mask.pattern @full_leaves
// CHECK-NEXT:    %[[OWN:.*]] = same %frame
// CHECK-NEXT:    keep %[[OWN]]
// CHECK-NEXT:  }

mask.pattern @window_of_all over (%token: 4) {
  %all = window [4] over %token
  keep %all
}
// CHECK-LABEL: mask.pattern @window_of_all
// CHECK-NEXT:    %[[ALL:.*]] = all_of nothing
// CHECK-NEXT:    keep %[[ALL]]

// With another segment they do not: both ends must lie in the leaf's own.
mask.pattern @full_of_one_segment over video(%frame: 4), text(%token: 2) {
  %wide = within 3 of %frame
  keep %wide
}
// CHECK-LABEL: mask.pattern @full_of_one_segment
// CHECK-NEXT:    %[[WIDE:.*]] = within 3 of %frame
// CHECK-NEXT:    keep %[[WIDE]]

// Unions and intersections flatten; operands stand once, in order of definition.
mask.pattern @flatten over (%token: ?) {
  %own = same %token
  %past = causal %token
  %first = first 1 of %token
  %inner = any_of %first, %own
  %outer = any_of %past, %inner, %past
  %rest = none_of %outer
  keep %rest
}
// CHECK-LABEL: mask.pattern @flatten
// CHECK-NEXT:    %[[OWN:.*]] = same %token
// CHECK-NEXT:    %[[PAST:.*]] = causal %token
// CHECK-NEXT:    %[[FIRST:.*]] = first 1 of %token
// CHECK-NEXT:    %[[REST:.*]] = none_of %[[OWN]], %[[PAST]], %[[FIRST]]
// CHECK-NEXT:    keep %[[REST]]

// Equal sets are one, whatever their names.
mask.pattern @equal over (%token: ?) {
  %a = within 2 of %token
  %b = within 2 of %token
  %past = causal %token
  %x = all_of %a, %past
  %y = all_of %past, %b
  keep %x about %y
}
// CHECK-LABEL: mask.pattern @equal
// CHECK-NEXT:    %[[A:.*]] = within 2 of %token
// CHECK-NEXT:    %[[PAST:.*]] = causal %token
// CHECK-NEXT:    %[[X:.*]] = all_of %[[A]], %[[PAST]]
// CHECK-NEXT:    keep %[[X]] about %[[X]]

// The empty set and every pair.
mask.pattern @neutral over (%token: ?) {
  %own = same %token
  %none = any_of nothing
  %all = all_of nothing
  %a = any_of %own, %none
  %b = all_of %a, %all
  keep %b
}
// CHECK-LABEL: mask.pattern @neutral
// CHECK-NEXT:    %[[OWN:.*]] = same %token
// CHECK-NEXT:    keep %[[OWN]]

mask.pattern @decided over (%token: ?) {
  %own = same %token
  %none = any_of nothing
  %b = all_of %own, %none
  keep %b
}
// CHECK-LABEL: mask.pattern @decided
// CHECK-NEXT:    %[[NONE:.*]] = any_of nothing
// CHECK-NEXT:    keep %[[NONE]]

mask.pattern @double_complement over (%token: ?) {
  %own = same %token
  %past = causal %token
  %none = none_of %own, %past
  %some = none_of %none
  %first = first 1 of %token
  %both = all_of %some, %first
  keep %both
}
// CHECK-LABEL: mask.pattern @double_complement
// CHECK:         %[[SOME:.*]] = any_of
// CHECK-NEXT:    %[[FIRST:.*]] = first 1 of %token
// CHECK-NEXT:    %[[BOTH:.*]] = all_of %[[SOME]], %[[FIRST]]
// CHECK-NEXT:    keep %[[BOTH]]

mask.pattern @complements over (%token: ?) {
  %past = causal %token
  %future = none_of %past
  %all = any_of %past, %future
  %nothing = all_of %past, %future
  keep %all about %nothing
}
// CHECK-LABEL: mask.pattern @complements
// CHECK-NEXT:    %[[ALL:.*]] = all_of nothing
// CHECK-NEXT:    keep %[[ALL]]
// CHECK-NEXT:  }

// x or (x and y) is x.
mask.pattern @absorption over (%token: ?) {
  %past = causal %token
  %near = within 2 of %token
  %both = all_of %past, %near
  %or = any_of %past, %both
  %either = any_of %past, %near
  %and = all_of %either, %near
  keep %or about %and
}
// CHECK-LABEL: mask.pattern @absorption
// CHECK-NEXT:    %[[PAST:.*]] = causal %token
// CHECK-NEXT:    %[[NEAR:.*]] = within 2 of %token
// CHECK-NEXT:    keep %[[PAST]] about %[[NEAR]]

// Limits of bounded sets count under `about` only.
mask.pattern @bounded over (%token: ?) {
  %near = within 2 of %token
  %past = causal %token
  %late = where key(%token) > 3
  %a = bounded %near by %past
  %b = bounded %a by %late
  keep about %b
}
// CHECK-LABEL: mask.pattern @bounded
// CHECK:         %[[PAST:.*]] = causal %token
// CHECK-NEXT:    %[[LATE:.*]] = where
// CHECK-NEXT:    %[[LIMIT:.*]] = all_of %[[PAST]], %[[LATE]]
// CHECK-NEXT:    %[[B:.*]] = bounded %{{.*}} by %[[LIMIT]]
// CHECK-NEXT:    keep about %[[B]]

mask.pattern @bounded_elsewhere over (%token: ?) {
  %near = within 2 of %token
  %past = causal %token
  %a = bounded %near by %past
  %rest = none_of %a
  keep %rest
}
// CHECK-LABEL: mask.pattern @bounded_elsewhere
// CHECK:         %[[BOTH:.*]] = all_of
// CHECK-NEXT:    %[[REST:.*]] = none_of %[[BOTH]]
// CHECK-NEXT:    keep %[[REST]]

mask.pattern @bounded_by_everything over (%token: ?) {
  %near = within 2 of %token
  %all = all_of nothing
  %a = bounded %near by %all
  keep about %a
}
// CHECK-LABEL: mask.pattern @bounded_by_everything
// CHECK-NEXT:    %[[NEAR:.*]] = within 2 of %token
// CHECK-NEXT:    keep about %[[NEAR]]

// `keep` takes unions and intersections apart.
mask.pattern @keep over (%token: ?) {
  %own = same %token
  %first = first 1 of %token
  %near = within 2 of %token
  %past = causal %token
  %wide = within 4 of %token
  %exact = any_of %own, %first
  %limits = all_of %past, %wide
  keep %exact about %near only %limits
}
// CHECK-LABEL: mask.pattern @keep
// CHECK:         keep %own, %first about %near only %past, %wide

// What lies outside an empty limit is nothing.
mask.pattern @nothing over (%token: ?) {
  %own = same %token
  %none = any_of nothing
  keep %own only %none
}
// CHECK-LABEL: mask.pattern @nothing
// CHECK-NEXT:    %[[NONE:.*]] = any_of nothing
// CHECK-NEXT:    keep %[[NONE]]
// CHECK-NEXT:  }
