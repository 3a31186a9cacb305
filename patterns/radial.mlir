// SPDX-License-Identifier: Apache-2.0
//
// Radial attention, Li et al. 2025 (arXiv 2506.19852), Eq. 4. p is the largest power
// of two in the distance d of two frames of s tokens. Seen are the place itself and
// s/p - 1 places either side of it; where p > s, every ceil(p/s)-th frame only.
mask.pattern @radial(%decay: real = 1.0, %sinks: count = 1)
    over video(%frame: ?, %patch: ?), text(%token: ?) {
  %p = let bit_floor(max(distance(%frame), 1))
  %w = let max(floor(%decay * extent(%patch) / %p), 1) - 1
  %band  = within %w of %patch
  %beat  = where distance(%frame) mod ceil(%p / extent(%patch)) == 0
  %rays  = all_of %band, %beat
  %near  = within 1 of %frame
  %first = first %sinks of %frame
  %text  = either in %token
  keep %first, %near, %text about %rays
}
