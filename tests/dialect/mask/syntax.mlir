// RUN: falloff-opt %s | falloff-opt | FileCheck %s
// RUN: falloff-opt %s --mlir-print-op-generic --mlir-print-debuginfo | falloff-opt | FileCheck %s
// Each op as it is written, through text and through the generic form. The author's names stay.

// CHECK-LABEL: mask.pattern @parameters(%real: real = 1.0, %count: count = 4, %table: table = [9, 40], %relation: relation = {{\[}}[1, 0], [1, 1]], %word: all | past per head = past, %bare: real, %small: real per head = 1.0e-07)
// CHECK-SAME: over video(%frame: 21, %row: ?, %column: ?), text(%token: 0) heads [0, 2] {
mask.pattern @parameters(%real: real = 1, %count: count = 4, %table: table = [9, 40], %relation: relation = [[1, 0], [1, 1]],
    %word: all | past per head = past, %bare: real, %small: real per head = 0.0000001)
    over video(%frame: 21, %row: ?, %column: ?), text(%token: 0) heads [0, 2] {
  %text = either in %token
  keep %text
}

// CHECK-LABEL: mask.pattern @empty_literals(%table: table = [], %relation: relation = []) over (%token: ?) {
mask.pattern @empty_literals(%table: table = [], %relation: relation = []) over (%token: ?) {
  // CHECK: %none = table []
  %none = table []
  // CHECK: %no_links = relation []
  %no_links = relation []
  %past = causal %token
  keep %past
}

// CHECK-LABEL: @constants
mask.pattern @constants over (%token: ?) {
  // CHECK: %cuts = table [9, 9, 40]
  %cuts = table [9, 9, 40]
  // CHECK: %links = relation {{\[}}[1, 1], [0, 1]]
  %links = relation [[1, 1], [0, 1]]
  // CHECK: %decay = let 0.2
  %decay = let 0.2
  %past = causal %token
  keep %past
}

// CHECK-LABEL: @splits
mask.pattern @splits(%n: count = 3, %cuts: table) over (%token: ?) {
  // CHECK: %a, %a_at = split %token by 4
  %a, %a_at = split %token by 4
  // CHECK: %b, %b_at = split %a by %n
  %b, %b_at = split %a by %n
  // CHECK: %c, %c_at = split %token at [0, 9, 40]
  %c, %c_at = split %token at [0, 9, 40]
  // CHECK: %d, %d_at = split %token at %cuts
  %d, %d_at = split %token at %cuts
  %own = same %d
  keep %own
}

// CHECK-LABEL: @leaves
mask.pattern @leaves(%n: count, %links: relation) over video(%frame: ?, %patch: ?), text(%token: ?) {
  // CHECK: %a = keys in %token
  %a = keys in %token
  // CHECK: %b = queries in %token
  %b = queries in %token
  // CHECK: %c = either in %token
  %c = either in %token
  // CHECK: %d = first 4 of %frame
  %d = first 4 of %frame
  // CHECK: %e = first %n of %frame
  %e = first %n of %frame
  // CHECK: %f = within -1 of %patch
  %f = within -1 of %patch
  // CHECK: %g = within %n of %patch
  %g = within %n of %patch
  // CHECK: %h = same %frame
  %h = same %frame
  // CHECK: %i = causal %frame
  %i = causal %frame
  // CHECK: %j = window [%n, 7] over %frame, %patch stride [1, %n] dilation [2, 1] causal %frame
  %j = window [%n, 7] over %frame, %patch stride [1, %n] dilation [2, 1] causal %frame
  // CHECK: %k = window [3] over %token
  %k = window [3] over %token
  // CHECK: %l = linked %frame, %patch by %links
  %l = linked %frame, %patch by %links
  keep %a, %b, %c, %d, %e, %f, %g, %h, %i, %j, %k, %l
}

// CHECK-LABEL: @algebra
mask.pattern @algebra(%kind: spatial | temporal) over (%token: ?) {
  %past = causal %token
  // CHECK: %a = when %kind is spatial, %past
  %a = when %kind is spatial, %past
  // CHECK: %b = any_of %a, %past
  %b = any_of %a, %past
  // CHECK: %c = all_of %a, %b
  %c = all_of %a, %b
  // CHECK: %d = none_of %c
  %d = none_of %c
  // CHECK: %empty = any_of nothing
  %empty = any_of nothing
  // CHECK: %everything = all_of nothing
  %everything = all_of nothing
  // CHECK: %near = bounded %d by %past
  %near = bounded %d by %past
  // CHECK: keep %a, %b about %near, %empty only %everything, %c
  keep %a, %b about %near, %empty only %everything, %c
}

// CHECK-LABEL: @keeps_about_only
mask.pattern @keeps_about_only over (%token: ?) {
  %past = causal %token
  // CHECK: keep about %past{{$}}
  keep about %past
}

// CHECK-LABEL: @includes
mask.pattern @includes(%real: real, %cuts: table, %links: relation, %kind: a | b) over (%token: ?) {
  %half = let %real / 2
  %times = table [1, 2]
  // CHECK: %p = include @p over %token
  %p = include @p over %token
  // CHECK: %q = include @q(decay = %half, cuts = %cuts, links = %links, kind = %kind, times = %times) over %token
  %q = include @q(decay = %half, cuts = %cuts, links = %links, kind = %kind, times = %times) over %token
  // CHECK: %r = include @r(a = 2, b = -0.5, c = spatial, d = [9, 40], e = {{\[}}[1, 0], [0, 1]], f = %real) over %token
  %r = include @r(a = 2, b = -0.5, c = spatial, d = [9, 40], e = [[1, 0], [0, 1]], f = %real) over %token
  keep %p, %q, %r
}
