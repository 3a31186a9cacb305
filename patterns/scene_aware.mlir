// SPDX-License-Identifier: Apache-2.0
//
// Radial attention between the scenes that are linked, none between others, as the
// SceneAwareMaskMap of Oklahomawhore/CausalDiffusion @e240fcd. A scene sees itself
// only if it is linked to itself. %cuts are the first frames of the later scenes.
mask.pattern @scene_aware(%cuts: table, %links: relation, %decay: real = 0.2)
    over video(%frame: ?, %patch: ?), text(%token: ?) {
  %scene, %beat = split %frame at %cuts
  %linked = linked %scene by %links
  %text   = either in %token
  %seen   = any_of %linked, %text
  %radial = include @radial(decay = %decay) over %frame, %patch, %token
  keep %radial only %seen
}
