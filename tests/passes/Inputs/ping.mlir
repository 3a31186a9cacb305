mask.pattern @ping over (%token: ?) {
  %other = include @pong over %token
  keep %other
}
