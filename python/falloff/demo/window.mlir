// SPDX-License-Identifier: Apache-2.0
//
// A plain window in time: every frame sees the whole of the frames within reach. The simplest thing
// of the same density to hold radial attention against.
mask.pattern @window(%reach: count = 1) over video(%frame: ?, %patch: ?) {
  %near = within %reach of %frame
  keep %near
}
