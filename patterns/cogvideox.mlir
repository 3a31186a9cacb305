// SPDX-License-Identifier: Apache-2.0
//
// CogVideoX, Yang et al. 2024 (arXiv 2408.06072), has 226 tokens of text, and they
// come first. (Last: bind with the other order; none: extent 0.)
mask.pattern @cogvideox over text(%token: 226), video(%frame: ?, %row: ?, %column: ?) {
  %tiles = include @sliding_tile over %frame, %row, %column, %token
  keep %tiles
}
