// RUN: falloff-opt %s | falloff-opt | FileCheck %s
// RUN: falloff-opt %s --mlir-print-op-generic --mlir-print-debuginfo | falloff-opt | FileCheck %s
// RUN: falloff-opt %s --mlir-print-op-generic | FileCheck %s --check-prefix=GENERIC
// Expressions are printed with the fewest parentheses that keep their tree, and numbers keep their bits.

// CHECK-LABEL: @parentheses
mask.pattern @parentheses(%a: real, %b: real, %c: real) over (%token: ?) {
  // CHECK: %let = let %a + %b * %c
  %0 = let (%a + (%b * %c))
  // CHECK: %{{.*}} = let (%a + %b) * %c
  %1 = let (%a + %b) * %c
  // CHECK: = let %a - %b - %c
  %2 = let (%a - %b) - %c
  // CHECK: = let %a - (%b - %c)
  %3 = let %a - (%b - %c)
  // CHECK: = let %a - (%b + %c)
  %4 = let %a - (%b + %c)
  // CHECK: = let %a / (%b * %c)
  %5 = let %a / (%b * %c)
  // CHECK: = let %a * %b mod %c
  %6 = let (%a * %b) mod %c
  // CHECK: = let %a * (%b mod %c)
  %7 = let %a * (%b mod %c)
  %past = causal %token
  keep %past
}

// CHECK-LABEL: @functions
mask.pattern @functions(%a: real) over (%token: ?) {
  // CHECK: %x = let min(max(%a + 1, 2), 3)
  %x = let min(max((%a + 1), 2), (3))
  // CHECK: %y = let floor(ceil(abs(sqrt(bit_floor(%a * 2)))))
  %y = let floor(ceil(abs(sqrt(bit_floor(%a * 2)))))
  // CHECK: %z = let distance(%token) * extent(%token)
  %z = let distance(%token) * extent(%token)
  %past = causal %token
  keep %past
}

// A name that is used twice is one operand.
// CHECK-LABEL: @operands
// GENERIC: "mask.let"(%{{.*}}) <{expr = #mask.expr<add(operand(0), multiply(operand(0), 2))>}> : (!mask.number) -> !mask.number
mask.pattern @operands(%a: real) over (%token: ?) {
  // CHECK: %twice = let %a + %a * 2
  %twice = let %a + %a * 2
  %past = causal %token
  keep %past
}

// CHECK-LABEL: @numbers
mask.pattern @numbers over (%token: ?) {
  // CHECK: = let 3{{$}}
  %0 = let 3.0
  // CHECK: = let -3 - -2.5{{$}}
  %1 = let -3 - -2.5
  // CHECK: = let 0.1{{$}}
  %2 = let 0.1
  // CHECK: = let 0.30000000000000004{{$}}
  %3 = let 0.30000000000000004
  // CHECK: = let 1.0e+300{{$}}
  %4 = let 1.0e300
  // CHECK: = let -0.0{{$}}
  %5 = let -0.0
  // CHECK: = let 9007199254740992{{$}}
  %6 = let 9007199254740992
  %past = causal %token
  keep %past
}

// CHECK-LABEL: @comparisons
mask.pattern @comparisons(%n: count) over video(%frame: ?), text(%token: ?) {
  // CHECK: %a = where query(%frame) < key(%token)
  %a = where query(%frame) < key(%token)
  // CHECK: %b = where query(%frame) <= %n + 1
  %b = where query(%frame) <= (%n + 1)
  // CHECK: %c = where key(%frame) > 2 * %n
  %c = where key(%frame) > 2 * %n
  // CHECK: %d = where key(%frame) >= extent(%frame) / 2
  %d = where key(%frame) >= extent(%frame) / 2
  // CHECK: %e = where distance(%frame) mod 2 == 0
  %e = where distance(%frame) mod 2 == 0
  keep %a, %b, %c, %d, %e
}
