// RUN: falloff-opt %s --split-input-file --verify-diagnostics
// What expressions, constants and splits may not say.

mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.let' op expects distance or extent of an axis, but got 'query', which 'where' may use}}
  %a = let query(%token) + 1
  %s = same %token
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{expects one of distance, extent, query, key, min, max, floor, ceil, abs, sqrt, bit_floor, but got 'round'}}
  %a = let round(3)
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{expects 2 arguments of 'max', but got 1}}
  %a = let max(3)
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{expects 1 argument of 'floor', but got 2}}
  %a = let floor(3, 4)
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{expects a number}}
  %a = let * 3
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{expects a number, but got two minus signs}}
  %a = let --3
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{expects a whole number of at most 2^53, but got 9007199254740993}}
  %a = let 9007199254740993
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{expects a comparison, one of < <= > >= ==}}
  %a = where distance(%token)
  keep %a
}

// -----
// An axis is no number. The parser says so.
// expected-note @+1 {{prior use here}}
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{use of value '%token' expects different type than prior uses: '!mask.number' vs '!mask.axis'}}
  %a = let %token
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{use of undeclared SSA value name}}
  %a = within %width of %token
  keep %a
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.table' op expects sorted numbers in the table, but got 4 after 9}}
  %a = table [9, 4]
  %s = same %token
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.table' op expects whole numbers of at least 0 in the table, but got -1}}
  %a = table [-1]
  %s = same %token
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{expects rows in brackets, but got a table}}
  %a = relation [1]
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.relation' op expects a square matrix, but got 2 entries}}
  %a = "mask.relation"() <{links = array<i1: true, true>}> : () -> !mask.relation
  %s = same %token
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.split' op expects parts of at least 1, but got 0}}
  %a, %b = split %token by 0
  %s = same %a
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.split' op expects sorted numbers in the cuts, but got 4 after 9}}
  %a, %b = split %token at [9, 4]
  %s = same %a
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{expects 'by' a size or 'at' cuts}}
  %a, %b = split %token of 4
}

// -----
mask.pattern @p over (%token: ?) {
  %d = let distance(%token)
  // expected-error @+1 {{'mask.split' op expects a size of parts that is the same for every pair, but got one that depends on distance(%token)}}
  %a, %b = split %token by %d
  %s = same %a
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.split' op expects one size or table, but got 0}}
  %a, %b = "mask.split"(%token) <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (!mask.axis) -> (!mask.axis, !mask.axis)
  %s = same %a
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.let' op expects operand 1 for 'operand', but got 1 operands}}
  %a = "mask.let"(%token) <{expr = #mask.expr<operand(1)>}> : (!mask.axis) -> !mask.number
  %s = same %token
  keep %s
}

// -----
mask.pattern @p over (%token: ?) {
  // expected-error @+1 {{'mask.let' op expects a number as operand 0 for 'operand', but got '!mask.axis'}}
  %a = "mask.let"(%token) <{expr = #mask.expr<operand(0)>}> : (!mask.axis) -> !mask.number
  %s = same %token
  keep %s
}

// -----
// expected-error @+1 {{expects 2 children of 'add', but got 1}}
module attributes {mask.test = #mask.expr<add(1)>} {}

// -----
// expected-error @+1 {{expects a node of an expression, but got 'plus'}}
module attributes {mask.test = #mask.expr<plus(1, 2)>} {}

// -----
// Verifiers run before dominance is checked, and must not follow a circle for ever.
mask.pattern @circles over (%token: ?) {
  // expected-error @+2 {{operand #0 does not dominate this use}}
  // expected-note @+1 {{operand defined here (op in the same block)}}
  %a, %a_at = split %a by 2
  %b = let %b + 1
  %near = within %b of %a
  keep %near
}
