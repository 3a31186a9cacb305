mask.pattern @pong over (%token: ?) {
  %other = include @ping over %token
  keep %other
}
