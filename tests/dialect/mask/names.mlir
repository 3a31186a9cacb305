// RUN: falloff-opt %s --cse | FileCheck %s
// The author's names stay through passes; results without a name are called by their mnemonic.

// CHECK-LABEL: @names
mask.pattern @names over (%token: ?) {
  // CHECK-NEXT: %block, %beat = split %token by 4
  %block, %beat = split %token by 4
  // CHECK-NEXT: %part, %offset = split %token by 8
  %0, %1 = split %token by 8
  // CHECK-NEXT: %own = same %block
  %own = same %block
  // CHECK-NOT: %again
  %again = same %block
  // CHECK-NEXT: %within = within 1 of %part
  %2 = within 1 of %0
  // CHECK-NEXT: keep %own, %own, %within
  keep %own, %again, %2
}
