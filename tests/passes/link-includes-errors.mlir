// RUN: falloff-opt %s --link-includes="library=%S/Inputs" --split-input-file --verify-diagnostics

mask.pattern @callee(%width: real = 1.0, %sinks: count = 1, %kind: near | far = near, %cuts: table = [1])
    over video(%frame: ?, %patch: ?), text(%token: ?) {
  %near = within %width of %frame
  keep %near
}
mask.pattern @caller over video(%frame: ?, %patch: ?), text(%token: ?) {
  // expected-error @+1 {{@callee has no parameter 'widht'; did you mean 'width'?}}
  %inner = include @callee(widht = 2) over %frame, %patch, %token
  keep %inner
}

// -----

mask.pattern @callee(%sinks: count = 1) over (%token: ?) {
  %first = first %sinks of %token
  keep %first
}
mask.pattern @caller(%decay: real = 0.5) over (%token: ?) {
  // expected-error @+1 {{@callee expects a count for 'sinks', but got the real %decay}}
  %inner = include @callee(sinks = %decay) over %token
  keep %inner
}

// -----

mask.pattern @callee(%sinks: count = 1) over (%token: ?) {
  %first = first %sinks of %token
  keep %first
}
mask.pattern @caller over (%token: ?) {
  // expected-error @+1 {{@callee expects a count for 'sinks', but got a real}}
  %inner = include @callee(sinks = 1.5) over %token
  keep %inner
}

// -----

mask.pattern @callee(%sinks: count = 1) over (%token: ?) {
  %first = first %sinks of %token
  keep %first
}
mask.pattern @caller over (%token: ?) {
  // expected-error @+1 {{@callee expects a count of at least 0 for 'sinks', but got -1}}
  %inner = include @callee(sinks = -1) over %token
  keep %inner
}

// -----

mask.pattern @callee(%cuts: table) over (%token: ?) {
  %part, %at = split %token at %cuts
  %own = same %part
  keep %own
}
mask.pattern @caller over (%token: ?) {
  // expected-error @+1 {{@callee expects a table for 'cuts', which has no default}}
  %inner = include @callee over %token
  keep %inner
}

// -----

mask.pattern @callee(%kind: near | far = near) over (%token: ?) {
  %own = same %token
  %near = when %kind is near, %own
  keep %near
}
mask.pattern @caller over (%token: ?) {
  // expected-error @+1 {{@callee expects one of 'near', 'far' for 'kind', but got 'nera'; did you mean 'near'?}}
  %inner = include @callee(kind = nera) over %token
  keep %inner
}

// -----

mask.pattern @callee(%kind: near | far = near) over (%token: ?) {
  %own = same %token
  %near = when %kind is near, %own
  keep %near
}
mask.pattern @caller(%word: near | wide = near) over (%token: ?) {
  // expected-error @+1 {{@callee expects one of 'near', 'far' for 'kind', but got %word, which may be 'wide'}}
  %inner = include @callee(kind = %word) over %token
  keep %inner
}

// -----

mask.pattern @callee over video(%frame: ?, %patch: ?), text(%token: ?) {
  %near = within 1 of %frame
  keep %near
}
mask.pattern @caller over video(%frame: ?, %patch: ?), text(%token: ?) {
  // expected-error @+1 {{@callee expects 3 axes, over video(frame, patch), text(token), but got 2}}
  %inner = include @callee over %frame, %patch
  keep %inner
}

// -----

mask.pattern @callee over video(%frame: ?, %patch: ?) {
  %near = within 1 of %frame
  keep %near
}
mask.pattern @caller over video(%frame: ?, %patch: ?), text(%token: ?) {
  // expected-error @+1 {{@callee expects the axes of its segment 'video' from one segment here, whole and in order, but got %patch, %frame of video(frame, patch), text(token)}}
  %inner = include @callee over %patch, %frame
  keep %inner
}

// -----

mask.pattern @callee over (%token: ?) {
  %past = causal %token
  keep %past
}
mask.pattern @caller over video(%frame: ?, %patch: ?) {
  // expected-error @+1 {{@callee expects the axes of its segment 'tokens' from one segment here, whole and in order, but got %frame of video(frame, patch)}}
  %inner = include @callee over %frame
  keep %inner
}

// -----

mask.pattern @loop over (%token: ?) {
  %other = include @back over %token
  keep %other
}
mask.pattern @back over (%token: ?) {
  // expected-error @+1 {{expects includes without a cycle, but got @loop including @back including @loop}}
  %other = include @loop over %token
  keep %other
}

// -----

mask.pattern @itself over (%token: ?) {
  // expected-error @+1 {{expects includes without a cycle, but got @itself including @itself}}
  %other = include @itself over %token
  keep %other
}

// -----

mask.pattern @neighbour over (%token: ?) {
  %past = causal %token
  keep %past
}
mask.pattern @caller over (%token: ?) {
  // expected-error @+1 {{unknown pattern @neighbor; did you mean @neighbour?}}
  %other = include @neighbor over %token
  keep %other
}

// -----

mask.pattern @caller over (%token: ?) {
  // expected-error-re @+1 {{expects '{{.*}}misnamed.mlir' to hold @misnamed, but it holds no pattern of that name}}
  %other = include @misnamed over %token
  keep %other
}
