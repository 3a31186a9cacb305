// RUN: falloff-opt %s --lower-to-schedule="round=radial-reference tile-query=4 tile-key=4" | FileCheck %s
// RUN: falloff-opt %patterns/radial_reference.mlir --falloff-schedule="library=%patterns extents=frames=4,tokens_per_frame=64 set=block=32 round=radial-reference tile-query=32 tile-key=32" | FileCheck --check-prefix=LIBRARY %s
// RUN: not falloff-opt %s --lower-to-schedule="round=radial-reference" 2>&1 | FileCheck --check-prefix=NONE %s
// RUN: not falloff-opt %s --lower-to-schedule="round=radial-reference grid=box" 2>&1 | FileCheck --check-prefix=BOX %s
// RUN: not falloff-opt %s --lower-to-schedule="round=radial-reference tile-query=4 tile-key=6" 2>&1 | FileCheck --check-prefix=TWO %s
// RUN: not falloff-opt %s --lower-to-schedule="round=radial-reference tile-query=5 tile-key=5" 2>&1 | FileCheck --check-prefix=SIZE %s
//
// NONE: error: expects the block of rounding radial-reference as a tile, such as 128, but got none
// BOX: error: expects the grid flat with rounding radial-reference, but got 'box'
// TWO: error: expects tiles of 4 with rounding radial-reference, but got '6'
// SIZE: error: expects a size that the public reference can round, but got 2 frames of 6 tokens in blocks of 5: it raises an error there (a shape mismatch), since the last frame reaches block 3 of 2; rounding nearest, outward or exact does it
//
// LIBRARY-LABEL: schedule.plan @radial_reference flat 32x32 rounding "radial-reference" major query for "cpu" {

// The public reference's blocks: on the flat grid, all of them full. Frame 0 touches blocks 0 and 1, frame 1 blocks 1
// and 2. Block (1, 1) is theirs together: each fills two of its four rows, more than a third, in all of its two
// columns there. The grid has 3 blocks for 14 tokens: the 52 pairs with text lie past it and are lost.
//
// CHECK-LABEL: schedule.plan @whole flat 4x4 rounding "radial-reference" major query for "cpu" {
// CHECK-NEXT:    segment "video"(frame: 2, patch: 6)
// CHECK-NEXT:    segment "text"(token: 2)
// CHECK-NEXT:    table heads [0] pairs 124 computed 112 issued 112 lost 52 order [1, 0, 2] {
// CHECK-NEXT:      row 0 : full 0 to 2
// CHECK-NEXT:      row 1 : full 0 to 3
// CHECK-NEXT:      row 2 : full 1 to 3
// CHECK-NEXT:    }
mask.pattern @whole over video(%frame: 2, %patch: 6), text(%token: 2) {
  %own = same %frame
  %text = either in %token
  keep %own, %text
}

// Of a band, block (0, 1) holds one pair, in one row of four: no column reaches a third, and the pair is lost, as are
// those in (1, 0), (1, 2) and (2, 1).
//
// CHECK-LABEL: schedule.plan @band flat 4x4 rounding "radial-reference"
// CHECK:         table heads [0] pairs 32 computed 48 issued 48 lost 4 order [0, 1, 2] {
// CHECK-NEXT:      row 0 : full 0 to 1
// CHECK-NEXT:      row 1 : full 1 to 2
// CHECK-NEXT:      row 2 : full 2 to 3
// CHECK-NEXT:    }
mask.pattern @band over video(%frame: 2, %patch: 6) {
  %own = same %frame
  %near = within 1 of %patch
  %band = all_of %own, %near
  keep %band
}

// Single places are less than a third of four rows: nothing is left.
//
// CHECK-LABEL: schedule.plan @places flat 4x4 rounding "radial-reference"
// CHECK:         table heads [0] pairs 24 computed 0 issued 0 lost 24
mask.pattern @places over video(%frame: 2, %patch: 6) {
  %place = same %patch
  keep %place
}
