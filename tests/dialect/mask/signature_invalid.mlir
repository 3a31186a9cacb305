// RUN: falloff-opt %s --split-input-file --verify-diagnostics
// What a pattern's head may not say.

// expected-error @+1 {{expects at least one axis of segment 'tokens'}}
mask.pattern @p over () { keep }

// -----
// expected-error @+1 {{expects an extent of at least 1 of axis 'frame', but got 0}}
mask.pattern @p over video(%frame: 0, %patch: ?) { keep }

// -----
// expected-error @+1 {{expects an extent of at least 0 of axis 'token', but got -2}}
mask.pattern @p over text(%token: -2) { keep }

// -----
// expected-error @+1 {{'mask.pattern' op expects different names of segments, but got 'video' twice}}
mask.pattern @p over video(%frame: ?), video(%patch: ?) {
  %s = same %frame
  keep %s
}

// -----
// expected-error @+1 {{'mask.pattern' op expects different names of segments, but got 'tokens' twice}}
mask.pattern @p over (%frame: ?), tokens(%patch: ?) {
  %s = same %frame
  keep %s
}

// -----
// expected-error @+1 {{'mask.pattern' op expects different names of parameters and axes, but got 'a' twice}}
"mask.pattern"() <{sym_name = "p", params = [#mask.param<name = "a", kind = real>],
    domain = [#mask.segment<name = "", axes = ["a"], extents = [1]>]}> ({
^bb0(%a: !mask.number, %b: !mask.axis):
  %s = "mask.same"(%b) : (!mask.axis) -> !mask.set
  "mask.keep"(%s) <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (!mask.set) -> ()
}) : () -> ()

// -----
// expected-error @+1 {{'mask.pattern' op expects 1 block arguments, parameters and then axes, but got '!mask.number'}}
"mask.pattern"() <{sym_name = "p", params = [], domain = [#mask.segment<name = "", axes = ["a"], extents = [1]>]}> ({
^bb0(%a: !mask.number):
  %e = "mask.any_of"() : () -> !mask.set
  "mask.keep"(%e) <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (!mask.set) -> ()
}) : () -> ()

// -----
// expected-error @+1 {{'mask.pattern' op expects at least one segment, but got none}}
"mask.pattern"() <{sym_name = "p", params = [], domain = []}> ({
  %e = "mask.any_of"() : () -> !mask.set
  "mask.keep"(%e) <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (!mask.set) -> ()
}) : () -> ()

// -----
// expected-error @+1 {{expects real, count, table, relation or words x | y, but got 'number'}}
mask.pattern @p(%a: number) over (%token: ?) { keep }

// -----
// expected-error @+1 {{expects different words of parameter 'kind', but got 'x' twice}}
mask.pattern @p(%kind: x | y | x) over (%token: ?) { keep }

// -----
// expected-error @+1 {{expects one of its words as default of choice 'kind', but got 'z'}}
mask.pattern @p(%kind: x | y = z) over (%token: ?) { keep }

// -----
// expected-error @+1 {{expects a whole number of at least 0 as default of count 'n', but got '-1'}}
mask.pattern @p(%n: count = -1) over (%token: ?) { keep }

// -----
// expected-error @+1 {{expects a whole number of at least 0 as default of count 'n', but got '1.5'}}
mask.pattern @p(%n: count = 1.5) over (%token: ?) { keep }

// -----
// expected-error @+1 {{expects a finite number as default of real 'a', but got 'much'}}
mask.pattern @p(%a: real = much) over (%token: ?) { keep }

// -----
// expected-error @+1 {{expects numbers in brackets as default of table 'cuts', but got '3'}}
mask.pattern @p(%cuts: table = 3) over (%token: ?) { keep }

// -----
// expected-error @+1 {{expects sorted numbers in table 'cuts', but got 4 after 9}}
mask.pattern @p(%cuts: table = [9, 4]) over (%token: ?) { keep }

// -----
// expected-error @+1 {{expects whole numbers of at least 0 in table 'cuts', but got -4}}
mask.pattern @p(%cuts: table = [-4]) over (%token: ?) { keep }

// -----
// expected-error @+1 {{expects a square matrix of 0 and 1 as default of relation 'r', but got '[1, 0]'}}
mask.pattern @p(%r: relation = [1, 0]) over (%token: ?) { keep }

// -----
// expected-error @+1 {{expects a square relation, so rows of 2, but got 1 in row 1}}
mask.pattern @p(%r: relation = [[1, 0], [1]]) over (%token: ?) { keep }

// -----
// expected-error @+1 {{expects 0 or 1 in a relation, but got 2}}
mask.pattern @p(%r: relation = [[2]]) over (%token: ?) { keep }

// -----
// expected-error @+1 {{expects a row in brackets, as before it in this relation}}
mask.pattern @p(%r: relation = [[1], 0]) over (%token: ?) { keep }

// -----
// expected-error @+1 {{expects a number, as before it in this table, but got a row}}
mask.pattern @p(%r: table = [1, [0]]) over (%token: ?) { keep }

// -----
// expected-error @+1 {{'mask.pattern' op expects heads of at least 0 in ascending order, but got 2 as number 2}}
mask.pattern @p over (%token: ?) heads [2, 2] {
  %s = same %token
  keep %s
}

// -----
// expected-error @+1 {{'mask.pattern' op expects at least one head, but got none}}
mask.pattern @p over (%token: ?) heads [] {
  %s = same %token
  keep %s
}

// -----
// expected-error @+1 {{'mask.pattern' op expects 'keep' at the end of the pattern, but got 'same'}}
mask.pattern @p over (%token: ?) {
  %s = same %token
}

// -----
// expected-error @+1 {{'mask.pattern' op expects a non-empty block}}
mask.pattern @p over (%token: ?) {
}

// -----
// expected-error @+1 {{'mask.pattern' op expects sets and numbers of the mask dialect in its body, but got 'builtin.unrealized_conversion_cast'}}
mask.pattern @p over (%token: ?) {
  %a = builtin.unrealized_conversion_cast to !mask.axis
  %s = same %a
  keep %s
}

// -----
// expected-error @+1 {{'mask.pattern' op expects sets and numbers of the mask dialect in its body, but got 'mask.pattern'}}
mask.pattern @p over (%token: ?) {
  mask.pattern @inner over (%other: ?) {
    %s = same %other
    keep %s
  }
  %s = same %token
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  %s = same %token
  // expected-error @+1 {{'mask.keep' op expects a set to keep, but got none}}
  keep only %s
}

// -----
// expected-error @+1 {{'mask.any_of' op expects parent op 'mask.pattern'}}
%e = "mask.any_of"() : () -> !mask.set

// -----
// expected-error @+1 {{expects a name for an axis of 'tokens', but got 3 : i64}}
module attributes {mask.test = #mask.segment<name = "", axes = [3], extents = [1]>} {}

// -----
// expected-error @+1 {{expects 2 extents of segment 'video', but got 1}}
module attributes {mask.test = #mask.segment<name = "video", axes = ["a", "b"], extents = [1]>} {}

// -----
// expected-error @+1 {{expects words of parameter 'n' only if it is a choice}}
module attributes {mask.test = #mask.param<name = "n", kind = count, words = ["a", "b"]>} {}

// -----
// expected-error @+1 {{expects at least two words of parameter 'n'}}
module attributes {mask.test = #mask.param<name = "n", kind = choice>} {}

// -----
// expected-error @+1 {{expects a name of letters, digits and underscores for a parameter, but got '0'}}
mask.pattern @p(%0: real) over (%token: ?) { keep }

// -----
// expected-error @+1 {{expects a name of letters, digits and underscores for an axis of 'tokens', but got 'per-frame'}}
mask.pattern @p over (%per-frame: ?) { keep }

// -----
// expected-error @+1 {{expects a name of letters, digits and underscores for a word of 'n', but got 'a b'}}
module attributes {mask.test = #mask.param<name = "n", kind = choice, words = ["a b", "c"]>} {}

// -----
// expected-error @+1 {{expects a name of letters, digits and underscores for a segment, but got '1st'}}
module attributes {mask.test = #mask.segment<name = "1st", axes = ["a"], extents = [1]>} {}
