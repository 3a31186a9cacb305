// RUN: falloff-opt %s | FileCheck %s
// Attributes of their own text, as they stand in the generic form.

// CHECK: parameter = #mask.param<name = "kind", kind = choice, words = ["a", "b"], perHead = true, value = "a">
// CHECK-SAME: segment = #mask.segment<name = "", axes = ["token"], extents = [-9223372036854775808]>
// CHECK-SAME: sum = #mask.expr<add(distance(0), max(operand(1), 0.5))>
module attributes {
  mask.parameter = #mask.param<name = "kind", kind = choice, words = ["a", "b"], perHead = true, value = "a">,
  mask.segment = #mask.segment<name = "", axes = ["token"], extents = [-9223372036854775808]>,
  mask.sum = #mask.expr<add(distance(0), max(operand(1), 0.5))>
} {}
