// RUN: not falloff-opt %s --lower-to-schedule="grid=round" 2>&1 | FileCheck --check-prefix=GRID %s
// RUN: not falloff-opt %s --lower-to-schedule="tile-query=1by4" 2>&1 | FileCheck --check-prefix=TILE %s
// RUN: not falloff-opt %s --lower-to-schedule="tile-key=2x4x4" 2>&1 | FileCheck --check-prefix=AXES %s
// RUN: not falloff-opt %s --lower-to-schedule="tile-key=vidoe=1x4" 2>&1 | FileCheck --check-prefix=SEGMENT %s
// RUN: not falloff-opt %s --lower-to-schedule="grid=flat tile-key=1x4" 2>&1 | FileCheck --check-prefix=FLAT %s
// RUN: not falloff-opt %s --lower-to-schedule="round=up" 2>&1 | FileCheck --check-prefix=ROUND %s
// RUN: not falloff-opt %s --lower-to-schedule="major=rows" 2>&1 | FileCheck --check-prefix=MAJOR %s
// RUN: not falloff-opt %s --lower-to-schedule="target=abacus" 2>&1 | FileCheck --check-prefix=TARGET %s
// RUN: not falloff-opt %s --lower-to-schedule="head-dim=257" 2>&1 | FileCheck --check-prefix=HEAD %s
// RUN: not falloff-opt %patterns/dense.mlir --lower-to-schedule 2>&1 | FileCheck --check-prefix=UNBOUND %s
//
// GRID: lower-to-schedule-errors.mlir:[[@LINE+10]]:1: error: expects a grid of box or flat, but got 'round'
// TILE: error: expects a tile of whole numbers from 1 up, such as 1x128, video=2x8x8,text=128 or 128, but got '1by4'
// AXES: error: expects a tile with 2 numbers for video(frame, patch), but got 2x4x4; such as 1x128
// SEGMENT: error: expects tiles of the segments video(frame, patch), but got one of 'vidoe'
// FLAT: error: expects a tile of one number on a flat grid, such as 128
// ROUND: error: expects a rounding of exact, outward, nearest, nearest:S with a share S from 0 to 1, or radial-reference, but got 'up'
// MAJOR: error: expects a major of query or key, but got 'rows'
// TARGET: error: expects a target of cpu, sm_80, sm_86, sm_89, sm_90, sm_100, sm_103 or sm_120, but got 'abacus'
// HEAD: error: expects a head dimension from 1 to 256, but got 257
// UNBOUND: error: expects a pattern without parameters and without '?', but got @dense; specialise it first
mask.pattern @near over video(%frame: 3, %patch: 8) {
  %near = within 1 of %frame
  keep %near
}
