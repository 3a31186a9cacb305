// RUN: falloff-opt %s --link-includes="library=%S/Inputs" | FileCheck %s

// What the callee keeps, keeps about and is limited to stays apart: its `only` limits its own sets, not the caller's.
mask.pattern @callee(%width: real = 1.0) over video(%frame: ?), text(%token: ?) {
  %text = either in %token
  %near = within %width of %frame
  %past = causal %frame
  %seen = any_of %past, %text
  keep %text about %near only %seen
}
mask.pattern @normal_form over video(%frame: ?), text(%token: ?) {
  %first = first 1 of %frame
  %inner = include @callee(width = 2) over %frame, %token
  keep %first, %inner
}
// CHECK-LABEL: mask.pattern @normal_form
// CHECK:         %[[FIRST:.*]] = first 1 of %frame
// CHECK-NEXT:    %[[WIDTH:.*]] = let 2
// CHECK-NEXT:    %[[TEXT:.*]] = either in %token
// CHECK-NEXT:    %[[NEAR:.*]] = within %[[WIDTH]] of %frame
// CHECK-NEXT:    %[[PAST:.*]] = causal %frame
// CHECK-NEXT:    %[[SEEN:.*]] = any_of %[[PAST]], %[[TEXT]]
// CHECK-NEXT:    %[[KEPT:.*]] = all_of %[[TEXT]], %[[SEEN]]
// CHECK-NEXT:    %[[AROUND:.*]] = bounded %[[NEAR]] by %[[SEEN]]
// CHECK-NEXT:    keep %[[FIRST]], %[[KEPT]] about %[[AROUND]]

// Under `about`, all of an include is approximate.
mask.pattern @about over video(%frame: ?), text(%token: ?) {
  %inner = include @callee over %frame, %token
  keep about %inner
}
// CHECK-LABEL: mask.pattern @about
// CHECK:         %[[TEXT:.*]] = either in %token
// CHECK:         %[[NEAR:.*]] = within
// CHECK:         %[[SEEN:.*]] = any_of
// CHECK-NEXT:    %[[B0:.*]] = bounded %[[TEXT]] by %[[SEEN]]
// CHECK-NEXT:    %[[B1:.*]] = bounded %[[NEAR]] by %[[SEEN]]
// CHECK-NEXT:    keep about %[[B0]], %[[B1]]

// In algebra and under `only` it is a plain set.
mask.pattern @plain over video(%frame: ?), text(%token: ?) {
  %inner = include @callee over %frame, %token
  %rest = none_of %inner
  keep %rest only %inner
}
// CHECK-LABEL: mask.pattern @plain
// CHECK:         %[[TEXT:.*]] = either in %token
// CHECK:         %[[NEAR:.*]] = within
// CHECK:         %[[SEEN:.*]] = any_of
// CHECK-NEXT:    %[[JOINED:.*]] = any_of %[[TEXT]], %[[NEAR]]
// CHECK-NEXT:    %[[INNER:.*]] = all_of %[[JOINED]], %[[SEEN]]
// CHECK-NEXT:    %[[REST:.*]] = none_of %[[INNER]]
// CHECK-NEXT:    keep %[[REST]] only %[[INNER]]

// Limits of several levels meet.
mask.pattern @middle over video(%frame: ?), text(%token: ?) {
  %inner = include @callee over %frame, %token
  %late = where key(%frame) > 2
  keep %inner only %late
}
mask.pattern @outer over video(%frame: ?), text(%token: ?) {
  %middle = include @middle over %frame, %token
  keep %middle
}
// CHECK-LABEL: mask.pattern @outer
// CHECK:         %[[NEAR:.*]] = within
// CHECK:         %[[SEEN:.*]] = any_of
// CHECK:         %[[LATE:.*]] = where
// CHECK-NEXT:    all_of
// CHECK-NEXT:    %[[LIMIT:.*]] = all_of %[[SEEN]], %[[LATE]]
// CHECK-NEXT:    %[[AROUND:.*]] = bounded %[[NEAR]] by %[[LIMIT]]
// CHECK-NEXT:    keep %{{.*}} about %[[AROUND]]
// CHECK-NEXT:  }

// A callee of fewer segments keeps to the square of its own domain; sets that cannot leave it need no limit.
mask.pattern @text_only over text(%token: ?) {
  %own = same %token
  %rest = none_of %own
  keep %own, %rest
}
mask.pattern @smaller_domain over video(%frame: ?), text(%token: ?) {
  %text = include @text_only over %token
  keep %text
}
// CHECK-LABEL: mask.pattern @smaller_domain
// CHECK:         %[[OWN:.*]] = same %token
// CHECK-NEXT:    %[[REST:.*]] = none_of %[[OWN]]
// CHECK-NEXT:    %[[QUERIES:.*]] = queries in %token
// CHECK-NEXT:    %[[KEYS:.*]] = keys in %token
// CHECK-NEXT:    %[[DOMAIN:.*]] = all_of %[[QUERIES]], %[[KEYS]]
// CHECK-NEXT:    %[[IN:.*]] = all_of %[[REST]], %[[DOMAIN]]
// CHECK-NEXT:    keep %[[OWN]], %[[IN]]

// Parameters pass through by name, per head too; a word that is given decides `when`.
mask.pattern @parameters(%near: real per head = 0.5) over (%token: ?) {
  %inner = include @beside(width = %near, kind = past) over %token
  keep %inner
}
// CHECK-LABEL: mask.pattern @parameters
// CHECK-NEXT:    %[[NEAR:.*]] = within %near of %token
// CHECK-NEXT:    %[[PAST:.*]] = causal %token
// CHECK:         %[[NONE:.*]] = any_of nothing
// CHECK-NEXT:    %[[SEEN:.*]] = any_of %[[PAST]], %[[NONE]]
// CHECK-NEXT:    %[[AROUND:.*]] = bounded %[[NEAR]] by %[[SEEN]]
// CHECK-NEXT:    keep about %[[AROUND]]

// `when` over an include takes it as a plain set.
mask.pattern @when_over_include(%kind: near | far per head) over video(%frame: ?), text(%token: ?) {
  %inner = include @callee over %frame, %token
  %near = when %kind is near, %inner
  keep %near
}
// CHECK-LABEL: mask.pattern @when_over_include
// CHECK:         %[[INNER:.*]] = all_of
// CHECK-NEXT:    %[[WHEN:.*]] = when %kind is near, %[[INNER]]
// CHECK-NEXT:    keep %[[WHEN]]

// Tables and relations as literals.
mask.pattern @scenes(%cuts: table, %links: relation) over (%token: ?) {
  %scene, %at = split %token at %cuts
  %linked = linked %scene by %links
  keep %linked
}
mask.pattern @literals over (%token: ?) {
  %scenes = include @scenes(cuts = [2, 5], links = [[1, 0, 0], [0, 1, 0], [1, 1, 1]]) over %token
  keep %scenes
}
// CHECK-LABEL: mask.pattern @literals
// CHECK-NEXT:    %[[CUTS:.*]] = table [2, 5]
// CHECK-NEXT:    %[[LINKS:.*]] = relation {{\[}}[1, 0, 0], [0, 1, 0], [1, 1, 1]]
// CHECK-NEXT:    %[[SCENE:.*]], %{{.*}} = split %token at %[[CUTS]]
// CHECK-NEXT:    %[[LINKED:.*]] = linked %[[SCENE]] by %[[LINKS]]
// CHECK-NEXT:    keep %[[LINKED]]
