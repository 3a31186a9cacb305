// SPDX-License-Identifier: Apache-2.0
//
// VACE, Jiang et al. 2025 (arXiv 2503.07598), with radial attention as in
// thrumdev/comfyui-RadialAttn: reference pictures are sinks; they see each other only.
mask.pattern @vace over reference(%picture: ?, %spot: ?), video(%frame: ?, %patch: ?),
                        text(%token: ?) {
  %shown  = keys in %picture
  %radial = include @radial over %frame, %patch, %token
  keep %shown, %radial
}
