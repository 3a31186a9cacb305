// RUN: falloff-opt %s --lower-to-schedule="tile-query=1x4 tile-key=1x4" | FileCheck %s
// RUN: falloff-opt %s --lower-to-schedule="tile-query=1x4 tile-key=1x4 round=exact" | FileCheck --check-prefix=EXACT %s
// RUN: falloff-opt %s --lower-to-schedule="tile-query=1x4 tile-key=1x4 round=outward" | FileCheck --check-prefix=OUTWARD %s
// RUN: falloff-opt %s --lower-to-schedule="tile-query=1x4 tile-key=1x4 major=key" | FileCheck --check-prefix=KEY %s
// RUN: falloff-opt %s --lower-to-schedule="grid=flat tile-query=6 tile-key=6 round=exact" | FileCheck --check-prefix=FLAT %s
//
// Schedules of small domains. A tile of queries is a row; it lists the tiles of keys that it meets.

// A frame sees the frames beside it, and of others a band around the same place. Frames of 8 are two tiles each, so
// tile 2f + i holds places 4i to 4i + 3 of frame f. Where the band covers at least half of a tile, rounding fills the
// tile: of frame 2, row 0 fills the tile with its own places (14 of 16 pairs) and drops the other (3 of 16).
//
// CHECK-LABEL: schedule.plan @band box 4x4 rounding "nearest:0.5" major query for "cpu" {
// CHECK-NEXT:    segment "video"(frame: 3, patch: 8) queries 1x4 from 0 keys 1x4 from 0
// CHECK-NEXT:    segment "text"(token: 2) queries 4 from 6 keys 4 from 6
// CHECK-NEXT:    table heads [0] pairs 616 computed 612 issued 720 lost 12 order [2, 3, 6, 0, 1, 4, 5] {
// CHECK-NEXT:      row 0 : full 0 to 5, full 6 to 7
// CHECK-NEXT:      row 1 : full 0 to 4, full 5 to 7
// CHECK-NEXT:      row 2 : full 0 to 7
//
// EXACT-LABEL: schedule.plan @band
// EXACT:         pairs 616 computed 616 issued 784 lost 0
// EXACT-NEXT:      row 0 : full 0 to 4, partial 4 to 6, full 6 to 7
//
// OUTWARD-LABEL: schedule.plan @band
// OUTWARD:         lost 0
// OUTWARD-NEXT:      row 0 : full 0 to 7
//
// Rows and runs change places.
// KEY-LABEL: schedule.plan @band box 4x4 rounding "nearest:0.5" major key
// KEY:           row 0 : full 0 to 5, full 6 to 7
//
// On the flat grid, tile 2 holds the end of frame 1 and the beginning of frame 2.
// FLAT-LABEL: schedule.plan @band flat 6x6
// FLAT-NEXT:    segment "video"(frame: 3, patch: 8)
// FLAT-NEXT:    segment "text"(token: 2)
// FLAT:           row 0 : full 0 to 2, partial 2 to 4, full 4 to 5
mask.pattern @band over video(%frame: 3, %patch: 8), text(%token: 2) {
  %near = within 1 of %frame
  %text = either in %token
  %band = within 2 of %patch
  keep %near, %text about %band
}

// Patterns of the classes of heads of one pattern become one plan.
//
// CHECK-LABEL: schedule.plan @heads
// CHECK:         table heads [0, 2]
// CHECK-NEXT:      row 0 : full 0 to 1
// CHECK-NEXT:      row 1 : full 1 to 2
// CHECK-NEXT:    }
// CHECK-NEXT:    table heads [1]
// CHECK-NEXT:      row 0 : full 0 to 2
// CHECK-NEXT:      row 1 : full 0 to 2
mask.pattern @heads_0 over (%frame: 2, %patch: 4) heads [0, 2] {
  %same = same %frame
  keep %same
}
mask.pattern @heads_1 over (%frame: 2, %patch: 4) heads [1] {
  %all = within 1 of %frame
  keep %all
}
