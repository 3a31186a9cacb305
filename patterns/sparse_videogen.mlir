// SPDX-License-Identifier: Apache-2.0
//
// Sparse VideoGen, Xi et al. 2025 (arXiv 2502.01776): a spatial head sees the frames
// around, a temporal head the places around in every frame; both see the first frame.
mask.pattern @sparse_videogen(%kind: spatial | temporal per head = spatial,
                              %reach: count = 1, %places: count = 64)
    over video(%frame: ?, %patch: ?), text(%token: ?) {
  %around = within %reach of %frame
  %here   = when %kind is spatial, %around
  %along  = within %places of %patch
  %there  = when %kind is temporal, %along
  %first  = first 1 of %frame
  %text   = either in %token
  keep %first, %text about %here, %there
}
