// SPDX-License-Identifier: Apache-2.0
//
// As @radial (Li et al. 2025, arXiv 2506.19852, Eq. 4), but the band narrows by rows
// and by columns, each by sqrt(p); frames thin out where p > rows x columns.
mask.pattern @radial_2d(%decay: real = 1.0, %sinks: count = 1)
    over video(%frame: ?, %row: ?, %column: ?), text(%token: ?) {
  %p = let bit_floor(max(distance(%frame), 1))
  %h = let max(floor(%decay * extent(%row) / sqrt(%p)), 1) - 1
  %w = let max(floor(%decay * extent(%column) / sqrt(%p)), 1) - 1
  %rows    = within %h of %row
  %columns = within %w of %column
  %beat  = where distance(%frame) mod ceil(%p / (extent(%row) * extent(%column))) == 0
  %rays  = all_of %rows, %columns, %beat
  %near  = within 1 of %frame
  %first = first %sinks of %frame
  %text  = either in %token
  keep %first, %near, %text about %rays
}
