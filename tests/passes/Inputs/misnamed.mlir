mask.pattern @another over (%token: ?) {
  %past = causal %token
  keep %past
}
