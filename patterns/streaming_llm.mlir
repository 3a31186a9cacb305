// SPDX-License-Identifier: Apache-2.0
//
// StreamingLLM, Xiao et al. 2024 (arXiv 2309.17453): the first tokens are sinks; of
// the others a token sees itself and the recent ones.
mask.pattern @streaming_llm(%first: count = 4, %recent: count = 1024) over (%token: ?) {
  %sinks = first %first of %token
  %last  = window [%recent] over %token causal %token
  %past  = causal %token
  keep %sinks about %last only %past
}
