// Names of extents: an axis' own, or its binding name; literals and text are defaults.
//
// RUN: falloff-opt %s --specialise="extents=frame=3,row=2,column=4,token=5" | FileCheck --check-prefix=OWN %s
// RUN: falloff-opt %s --specialise="extents=frames=3,height=2,width=4,tokens_per_frame=8,tokens=7" | FileCheck --check-prefix=BINDING %s
// RUN: falloff-opt %s --specialise="extents=frames=3,height=2" | FileCheck --check-prefix=DEFAULT %s
mask.pattern @names over video(%frame: ?, %row: ?, %column: 6), text(%token: ?) {
  %near = within 1 of %frame
  keep %near
}
// OWN:     over video(%frame: 3, %row: 2, %column: 4), text(%token: 5)
// BINDING: over video(%frame: 3, %row: 2, %column: 4), text(%token: 7)
// DEFAULT: over video(%frame: 3, %row: 2, %column: 6), text(%token: 0)
