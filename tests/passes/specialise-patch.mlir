// A pattern with `patch` and no rows and columns takes height times width and forgets the two. What has no text takes
// `text = 0`, as callers that always name it say.
//
// RUN: falloff-opt %s --specialise="extents=frames=3,height=2,width=6,text=0" | FileCheck %s
// RUN: falloff-opt %s --specialise="extents=frames=3,height=6,width=2" | FileCheck %s
// RUN: falloff-opt %s --specialise="extents=frames=3,tokens_per_frame=12,height=2,width=6" | FileCheck %s
// RUN: not falloff-opt %s --specialise="extents=frames=3,patch=12,text=1" 2>&1 | FileCheck --check-prefix=TEXT %s
// RUN: not falloff-opt %s --specialise="extents=frames=x,patch=12" 2>&1 | FileCheck --check-prefix=NUMBER %s
mask.pattern @patch over video(%frame: ?, %patch: ?) {
  %near = within 1 of %frame
  keep %near
}
// CHECK: over video(%frame: 3, %patch: 12) {
// TEXT: error: pattern 'patch' has no axis 'text'; expects one of 'frame', 'frames', 'height', 'patch', 'tokens_per_frame', 'width'
// NUMBER: error: expects a whole number for 'frames', but got 'x'
