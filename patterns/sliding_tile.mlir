// SPDX-License-Identifier: Apache-2.0
//
// Sliding tile attention, Zhang et al. 2025 (arXiv 2502.04507): 6x8x8 tiles, each
// sees the 3x3x3 tiles around it, pushed inside the video; text sees and is seen by all.
mask.pattern @sliding_tile over video(%frame: ?, %row: ?, %column: ?), text(%token: ?) {
  %f, %f_ = split %frame by 6
  %r, %r_ = split %row by 8
  %c, %c_ = split %column by 8
  %near = window [3, 3, 3] over %f, %r, %c
  %text = either in %token
  keep %near, %text
}
