// Names of extents: an axis' own, or its binding name; literals and text are defaults.
//
// RUN: falloff-opt %s --specialise="extents=frame=3,row=2,column=4,token=5" | FileCheck --check-prefix=OWN %s
// RUN: falloff-opt %s --specialise="extents=frames=3,height=2,width=4,tokens_per_frame=8,tokens=7" | FileCheck --check-prefix=BINDING %s
// RUN: falloff-opt %s --specialise="extents=frames=3,height=2,text=0,tokens_per_frame=12" | FileCheck --check-prefix=DEFAULT %s
// RUN: not falloff-opt %s --specialise="extents=frames=3,tokens_per_frame=12" 2>&1 | FileCheck --check-prefix=ALONE %s
// ALONE: error: pattern 'names' has rows and columns and expects height and width, but got tokens_per_frame alone
// RUN: not falloff-opt %s --specialise="extents=frames=3,height=2,tokens_per_frame=13" 2>&1 | FileCheck --check-prefix=AREA %s
// AREA: error: expects tokens_per_frame to be height x width = 2 x 6 = 12, but got 13
mask.pattern @names over video(%frame: ?, %row: ?, %column: 6), text(%token: ?) {
  %near = within 1 of %frame
  keep %near
}
// OWN:     over video(%frame: 3, %row: 2, %column: 4), text(%token: 5)
// BINDING: over video(%frame: 3, %row: 2, %column: 4), text(%token: 7)
// DEFAULT: over video(%frame: 3, %row: 2, %column: 6), text(%token: 0)
