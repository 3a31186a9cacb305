// RUN: falloff-opt %patterns/streaming_llm.mlir --falloff-schedule="library=%patterns extents=token=12 set=recent=4 tile-query=3 tile-key=3" | FileCheck %s
// RUN: falloff-opt %patterns/dense.mlir --falloff-schedule="library=%patterns extents=frames=2,tokens_per_frame=512" | FileCheck --check-prefix=SEARCHED %s
//
// The pipeline from a file to a schedule; without tiles, they are searched.
// CHECK:      schedule.plan @streaming_llm box 3x3 rounding "nearest:0.5" major query for "cpu" {
// CHECK-NEXT:   segment "tokens"(token: 12) queries 3 from 0 keys 3 from 0
// CHECK-NEXT:   table heads [0] pairs 68 computed 72 issued 90 lost 0 order [3, 2, 1, 0] {
// CHECK-NEXT:     row 0 : limited(0) 0 to 1
// CHECK-NEXT:     row 1 : full 0 to 1, limited(0) 1 to 2
// CHECK-NEXT:     row 2 : full 0 to 2, limited(0) 2 to 3
// CHECK-NEXT:     row 3 : full 0 to 1, partial 1 to 2, full 2 to 3, limited(0) 3 to 4
//
// SEARCHED:     schedule.plan @dense box [[QUERY:[0-9]+]]x[[KEY:[0-9]+]]
// SEARCHED-NEXT: segment "video"(frame: 2, patch: 512) queries 1x[[QUERY]] from 0 keys 1x[[KEY]] from 0
// SEARCHED:       row 0 : full 0 to
