mask.pattern @unparsable over (%token: ?) {
  %other = includes @ping over %token
  keep %other
}
