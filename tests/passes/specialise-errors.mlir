// Each binding that does not fit is one error that says what to give. The pattern itself is the same throughout.
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,patch=3,tokn=2" 2>&1 | FileCheck --check-prefix=AXIS %s
// AXIS: specialise-errors.mlir:[[@LINE+58]]:1: error: pattern 'radial' has no axis 'tokn'; did you mean 'token'?
//
// RUN: not falloff-opt %s --specialise 2>&1 | FileCheck --check-prefix=MISSING %s
// MISSING: error: pattern 'radial' expects extents for 'frame' (frames), 'patch' (tokens_per_frame, or height and width), but got none{{$}}
//
// RUN: not falloff-opt %s --specialise="extents=token=64" 2>&1 | FileCheck --check-prefix=BESIDE %s
// BESIDE: error: pattern 'radial' expects extents for 'frame' (frames), 'patch' ({{.*}}), but got none beside 'token'
//
// RUN: not falloff-opt %s --specialise="extents=frames=0,patch=3" 2>&1 | FileCheck --check-prefix=ZERO %s
// ZERO: error: pattern 'radial' expects an extent of at least 1 for 'frame', but got 0
//
// RUN: not falloff-opt %s --specialise="extents=frames=-1,patch=3" 2>&1 | FileCheck --check-prefix=NEGATIVE %s
// NEGATIVE: error: pattern 'radial' expects an extent from 0 to 2147483647 for 'frames', but got -1
//
// RUN: not falloff-opt %s --specialise="extents=frames=65536,patch=65536" 2>&1 | FileCheck --check-prefix=OVERFLOW %s
// OVERFLOW: error: pattern 'radial' expects at most 2147483647 tokens in all, but segment 'video' brings it over
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,frame=5,patch=3" 2>&1 | FileCheck --check-prefix=TWICE %s
// TWICE: error: 'frame' and 'frames' name one axis of pattern 'radial', but got 5 and 4
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,height=3" 2>&1 | FileCheck --check-prefix=HEIGHT %s
// HEIGHT: error: expects height and width together, but got height alone
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,height=3,width=2,patch=7" 2>&1 | FileCheck --check-prefix=AREA %s
// AREA: error: expects tokens_per_frame to be height x width = 3 x 2 = 6, but got 7
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,patch=3 set=deacy=0.5" 2>&1 | FileCheck --check-prefix=PARAMETER %s
// PARAMETER: error: pattern 'radial' has no parameter 'deacy'; did you mean 'decay'?
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,patch=3 set=decay=1,2" 2>&1 | FileCheck --check-prefix=LIST %s
// LIST: error: expects a number for parameter 'decay', but got the numbers 1,2
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,patch=3 set=decay=nan" 2>&1 | FileCheck --check-prefix=NAN %s
// NAN: error: expects a finite number for parameter 'decay', but got nan
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,patch=3 set=sinks=1.5" 2>&1 | FileCheck --check-prefix=WHOLE %s
// WHOLE: error: expects a whole number for parameter 'sinks', but got 1.5
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,patch=3 set=sinks=-1" 2>&1 | FileCheck --check-prefix=COUNT %s
// COUNT: error: expects a number of at least 0 for parameter 'sinks', but got -1
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,patch=3 set=kind=nera" 2>&1 | FileCheck --check-prefix=WORD %s
// WORD: error: expects one of 'near', 'far' (or a list of one a head) for parameter 'kind', but got 'nera'; did you mean 'near'?
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,patch=3 set=kind=near,far;width=1,2,3" 2>&1 | FileCheck --check-prefix=HEADS %s
// HEADS: error: expects lists of one value a head to agree in length, but got 2 values of 'kind' and 3 of 'width'
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,patch=3 set=cuts=3,1" 2>&1 | FileCheck --check-prefix=SORTED %s
// SORTED: error: expects a table sorted in ascending order for parameter 'cuts', but got 3 before 1
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,patch=3 set=links=110,01" 2>&1 | FileCheck --check-prefix=SQUARE %s
// SQUARE: error: expects a square relation for parameter 'links', but got 2 rows and a row of 3
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,patch=3 order=text" 2>&1 | FileCheck --check-prefix=ORDER %s
// ORDER: error: expects all segments in the order, but got none of 'video'
//
// RUN: not falloff-opt %s --specialise="extents=frames=4,patch=3 order=text,vidoe" 2>&1 | FileCheck --check-prefix=SEGMENT %s
// SEGMENT: error: pattern 'radial' has no segment 'vidoe'; did you mean 'video'?
mask.pattern @radial(%decay: real = 1.0, %sinks: count = 1, %kind: near | far per head = near, %width: real per head = 1.0,
                     %cuts: table = [], %links: relation = [[1]])
    over video(%frame: ?, %patch: ?), text(%token: ?) {
  %w = let %decay * extent(%patch)
  %band = within %w of %patch
  %near = when %kind is near, %band
  %first = first %sinks of %frame
  %wide = within %width of %frame
  keep %first, %near, %wide
}
