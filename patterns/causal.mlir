// SPDX-License-Identifier: Apache-2.0
//
// The decoder of Vaswani et al. 2017 (arXiv 1706.03762, section 3.2.3): a token
// sees itself and the tokens before it.
mask.pattern @causal over (%token: ?) {
  %past = causal %token
  keep %past
}
