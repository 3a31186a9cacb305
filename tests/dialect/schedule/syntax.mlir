// RUN: falloff-opt %s | falloff-opt | FileCheck %s

// CHECK-LABEL: schedule.plan @boxes box 8x4 rounding "nearest:0.5" major query for "cpu" {
// CHECK-NEXT:    segment "video"(frame: 1, patch: 16) queries 1x8 from 0 keys 1x4 from 0
// CHECK-NEXT:    segment "text"(token: 0) queries 8 from 2 keys 4 from 4
// CHECK-NEXT:    table heads [0, 1] pairs 60 computed 70 issued 96 lost 2 order [1, 0] {
// CHECK-NEXT:      row 0 : full 0 to 1, limited(0 2) 1 to 2, partial 3 to 4
// CHECK-NEXT:      row 1 :
// CHECK-NEXT:      split 0 at [1, 3]
// CHECK-NEXT:    }
schedule.plan @boxes box 8x4 rounding "nearest:0.5" major query for "cpu" {
  segment "video"(frame: 1, patch: 16) queries 1x8 from 0 keys 1x4 from 0
  segment "text"(token: 0) queries 8 from 2 keys 4 from 4
  table heads [0, 1] pairs 60 computed 70 issued 96 lost 2 order [1, 0] {
    row 0 : full 0 to 1, limited(0 2) 1 to 2, partial 3 to 4
    row 1 :
    split 0 at [1, 3]
  }
}

// CHECK-LABEL: schedule.plan @ranges flat 4x4 rounding "exact" major key for "cpu" {
// CHECK-NEXT:    segment "tokens"(token: 4)
// CHECK-NEXT:    table heads [0]
schedule.plan @ranges flat 4x4 rounding "exact" major key for "cpu" {
  segment "tokens"(token: 4)
  table heads [0] pairs 16 computed 16 issued 16 lost 0 order [0] {
    row 0 : full 0 to 1
  }
}
