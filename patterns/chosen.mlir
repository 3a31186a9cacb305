// SPDX-License-Identifier: Apache-2.0
//
// Blocks of 4x4x4 chosen while running, as in VSA, Zhang et al. 2025 (arXiv
// 2505.13389), inside a static pattern: a pair is kept if its blocks are linked
// and the radial pattern keeps it.
mask.pattern @chosen(%blocks: relation)
    over video(%frame: ?, %row: ?, %column: ?), text(%token: ?) {
  %f, %f_ = split %frame by 4
  %r, %r_ = split %row by 4
  %c, %c_ = split %column by 4
  %top  = linked %f, %r, %c by %blocks
  %text = either in %token
  %seen = any_of %top, %text
  %radial = include @radial_2d over %frame, %row, %column, %token
  keep %radial only %seen
}
