mask.pattern @mutual over (%token: ?) {
  %other = include @cycle over %token
  keep %other
}
mask.pattern @cycle over (%token: ?) {
  %other = include @mutual over %token
  keep %other
}
