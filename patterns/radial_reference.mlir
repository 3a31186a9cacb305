// SPDX-License-Identifier: Apache-2.0
//
// mit-han-lab/radial-attention @72788d4, token level; its block rule is the rounding
// `radial-reference`. adjacent: 1 keeps the next frame whole, 2 half.
mask.pattern @radial_reference(%rule: wan | hunyuan = wan, %adjacent: count = 1,
                               %decay: real = 0.2, %block: count = 128)
    over video(%frame: ?, %patch: ?), text(%token: ?) {
  %length = let bit_floor(extent(%patch)) / bit_floor(max(distance(%frame), 1))
  %beat = where distance(%frame) mod max(floor(128 / %length), 1) == 0
  %own  = same %frame
  %near = within 1 of %frame
  %half = let floor(extent(%patch) / %adjacent)
  %side = within %half of %patch
  %next = all_of %near, %side
  %w    = let max(%length * %decay, %block)
  %band = within %w of %patch
  %far  = none_of %near
  %rays = all_of %far, %band
  %bands = any_of %own, %next, %rays
  %video = all_of %beat, %bands
  %first = first 1 of %frame
  %sink  = when %rule is wan, %first
  %text  = either in %token
  keep %sink, %text about %video
}
