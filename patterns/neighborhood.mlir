// SPDX-License-Identifier: Apache-2.0
//
// NATTEN, Hassani et al. 2025 (arXiv 2504.16922): a window of keys around each
// query, pushed inside the domain; with stride s, s neighbouring queries share one;
// dilation takes every d-th key; a causal axis looks back only.
mask.pattern @neighborhood(%depth: count = 5, %side: count = 7, %stride: count = 1,
                           %dilation: count = 1)
    over video(%frame: ?, %row: ?, %column: ?) {
  %near = window [%depth, %side, %side] over %frame, %row, %column
      stride [1, %stride, %stride] dilation [1, %dilation, %dilation] causal %frame
  keep %near
}
