// RUN: falloff-opt %s --split-input-file --verify-diagnostics
// What sets and includes may not say.

mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{expects a whole number or a %name}}
  %s = within 1.5 of %token
}

// -----
mask.pattern @p over (%frame: ?, %patch: ?) {
  %d = let distance(%patch)
  // expected-error @+1 {{'mask.first' op expects a number of places that is the same for every pair, but got one that depends on distance(%patch)}}
  %s = first %d of %frame
  keep %s
}

// -----
mask.pattern @p over video(%frame: ?), text(%token: ?) {
  %block, %beat = split %token by 2
  %d = let distance(%block)
  %twice = let %d * 2
  // expected-error @+1 {{'mask.within' op expects a width that depends on distances in segment 'video' only, but got one that depends on distance(%block) of segment 'text'}}
  %s = within %twice of %frame
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.within' op expects one number, but got 0}}
  %s = "mask.within"(%token) : (!mask.axis) -> !mask.set
  keep %s
}

// -----
mask.pattern @p over (%frame: ?, %patch: ?) {
  // expected-error @+1 {{'mask.window' op expects 2 sizes, one for each axis, but got 1}}
  %s = window [3] over %frame, %patch
  keep %s
}

// -----
mask.pattern @p over (%frame: ?, %patch: ?) {
  // expected-error @+1 {{'mask.window' op expects 2 strides, one for each axis, but got 3}}
  %s = window [3, 3] over %frame, %patch stride [1, 2, 3]
  keep %s
}

// -----
mask.pattern @p over (%frame: ?, %patch: ?) {
  // expected-error @+1 {{'mask.window' op expects 2 dilations, one for each axis, but got 0}}
  %s = window [3, 3] over %frame, %patch dilation []
  keep %s
}

// -----
mask.pattern @p over (%frame: ?) {
  // expected-error @+1 {{'mask.window' op expects a size of at least 1, but got 0}}
  %s = window [0] over %frame
  keep %s
}

// -----
mask.pattern @p over (%frame: ?) {
  // expected-error @+1 {{'mask.window' op expects a stride of at least 1, but got 0}}
  %s = window [3] over %frame stride [0]
  keep %s
}

// -----
mask.pattern @p over (%frame: ?) {
  // expected-error @+1 {{'mask.window' op expects a dilation of at least 1, but got -1}}
  %s = window [3] over %frame dilation [-1]
  keep %s
}

// -----
mask.pattern @p over (%frame: ?) {
  // expected-error @+1 {{'mask.window' op expects a stride of at most the size 3, so that no key is left out, but got 4}}
  %s = window [3] over %frame stride [4]
  keep %s
}

// -----
mask.pattern @p over (%frame: ?) {
  %d = let distance(%frame)
  // expected-error @+1 {{'mask.window' op expects a size that is the same for every pair, but got one that depends on distance(%frame)}}
  %s = window [%d] over %frame
  keep %s
}

// -----
mask.pattern @p over (%frame: ?, %patch: ?) {
  // expected-error @+1 {{'mask.window' op expects different axes, but got axis 2 again}}
  %s = window [3, 3] over %frame, %frame
  keep %s
}

// -----
mask.pattern @p over video(%frame: ?), text(%token: ?) {
  // expected-error @+1 {{'mask.window' op expects axes of one segment, but got axes of 'video' and 'text'}}
  %s = window [3, 3] over %frame, %token
  keep %s
}

// -----
mask.pattern @p over (%frame: ?, %patch: ?) {
  // expected-error @+1 {{'mask.window' op expects causal axes among the window's axes, but got another as number 1}}
  %s = window [3] over %frame causal %patch
  keep %s
}

// -----
mask.pattern @p over (%frame: ?) {
  // expected-error @+1 {{'mask.window' op expects different causal axes, but got axis 2 again}}
  %s = window [3] over %frame causal %frame, %frame
  keep %s
}

// -----
mask.pattern @p over (%frame: ?) {
  // expected-error @+1 {{'mask.window' op expects 1 values of size, but got 0}}
  %s = "mask.window"(%frame) <{staticSizes = array<i64: -9223372036854775808>, operandSegmentSizes = array<i32: 0, 1, 0, 0, 0>}>
      : (!mask.axis) -> !mask.set
  keep %s
}

// -----
mask.pattern @p(%r: relation) over video(%frame: ?), text(%token: ?) {
  // expected-error @+1 {{'mask.linked' op expects axes of one segment, but got axes of 'video' and 'text'}}
  %s = linked %frame, %token by %r
  keep %s
}

// -----
mask.pattern @p(%r: relation) over (%frame: ?) {
  // expected-error @+1 {{'mask.linked' op expects at least one axis, but got none}}
  %s = linked by %r
  keep %s
}

// -----
mask.pattern @p(%kind: spatial | temporal) over (%token: ?) {
  %past = causal %token
  // expected-error @+1 {{'mask.when' op expects one of 'spatial', 'temporal' for %kind, but got 'spacial'}}
  %s = when %kind is spacial, %past
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.include' op expects each parameter once, but got 'n' twice}}
  %s = include @q(n = 1, n = 2) over %token
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.include' op expects different axes, but got axis 2 again}}
  %s = include @q over %token, %token
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.include' op expects at least one axis, but got none}}
  %s = include @q over
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.include' op expects sorted numbers in 'cuts', but got 4 after 9}}
  %s = include @q(cuts = [9, 4]) over %token
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{expects a number, table, relation or word for 'n', but got %token, which is an axis or a set}}
  %s = include @q(n = %token) over %token
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{use of undeclared SSA value name}}
  %s = include @q(n = %m) over %token
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.include' op expects 1 values, but got 0}}
  %s = "mask.include"(%token) <{pattern = @q, names = ["n"], literals = [unit], operandSegmentSizes = array<i32: 0, 1>}>
      : (!mask.axis) -> !mask.set
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.include' op expects a number, word, table or square relation for 'n', but got @x}}
  %s = "mask.include"(%token) <{pattern = @q, names = ["n"], literals = [@x], operandSegmentSizes = array<i32: 0, 1>}>
      : (!mask.axis) -> !mask.set
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{custom op 'sane' is unknown (tried 'mask.sane' as well)}}
  %s = sane %token
}
