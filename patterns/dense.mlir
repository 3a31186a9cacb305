// SPDX-License-Identifier: Apache-2.0
//
// Full attention, Vaswani et al. 2017 (arXiv 1706.03762): every query sees every
// key of the video and every key of the text.
mask.pattern @dense over video(%frame: ?, %patch: ?), text(%token: ?) {
  %video = keys in %frame
  %text  = keys in %token
  keep %video, %text
}
