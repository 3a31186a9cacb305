// SPDX-License-Identifier: Apache-2.0
//
// Packed sequences, as FlexAttention's document mask, Dong et al. 2024 (arXiv
// 2412.05496): causal inside each document. %starts are the first tokens of the
// documents after the first.
mask.pattern @documents(%starts: table) over (%token: ?) {
  %doc, %at = split %token at %starts
  %own  = same %doc
  %past = causal %token
  keep %own only %own, %past
}
