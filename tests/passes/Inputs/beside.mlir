// Included by tests, which find it beside their file or in the library.
mask.pattern @beside(%width: real = 1.0, %kind: all | past = all) over (%token: ?) {
  %near = within %width of %token
  %past = causal %token
  %back = when %kind is past, %past
  %every = all_of nothing
  %any = when %kind is all, %every
  %seen = any_of %back, %any
  keep about %near only %seen
}
