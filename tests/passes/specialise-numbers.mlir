// RUN: falloff-opt %s --specialise="extents=frame=4,patch=6" --split-input-file --verify-diagnostics

// What only sizes decide: divisions, sizes of windows, rows of relations.
mask.pattern @division over video(%frame: ?, %patch: ?) {
  // expected-error @+1 {{divides by 0 at distance(frame) = 0}}
  %p = let 4 / distance(%frame)
  %band = within %p of %patch
  keep %band
}

// -----

mask.pattern @division_later over video(%frame: ?, %patch: ?) {
  // expected-error @+1 {{divides by 0 at distance(frame) = 3}}
  %p = let 4 / (3 - distance(%frame))
  %band = within %p of %patch
  keep %band
}

// -----

mask.pattern @division_through_a_let over video(%frame: ?, %patch: ?) {
  %d = let distance(%frame) - 1
  // expected-error @+1 {{divides by 0 at distance(frame) = 1}}
  %p = let 4 / %d
  %band = within %p of %patch
  keep %band
}

// -----

mask.pattern @division_not_reached over video(%frame: ?, %patch: ?) {
  %p = let 4 / (4 - distance(%frame))
  %band = within %p of %patch
  keep %band
}

// -----

mask.pattern @mod over video(%frame: ?, %patch: ?) {
  // expected-error @+1 {{takes mod 0 at distance(frame) = 2}}
  %beat = where distance(%frame) mod (2 - distance(%frame)) == 0
  keep %beat
}

// -----

mask.pattern @root over video(%frame: ?, %patch: ?) {
  // expected-error @+1 {{takes the square root of a negative number at distance(frame) = 2}}
  %w = let sqrt(1 - distance(%frame))
  %band = within %w of %patch
  keep %band
}

// -----

mask.pattern @places over video(%frame: ?, %patch: ?) {
  // expected-error @+1 {{divides by 0 at query(frame) = 0, key(frame) = 1}}
  %some = where 1 / (query(%frame) - key(%frame) + 1) > 0
  keep %some
}

// -----

mask.pattern @parts over video(%frame: ?, %patch: ?) {
  %block, %beat = split %frame by 2
  // expected-error @+1 {{divides by 0 at distance(block) = 1, query(beat) = 0}}
  %some = where 1 / (1 - distance(%block) + query(%beat)) > 0
  keep %some
}

// -----

mask.pattern @extents over video(%frame: ?, %patch: ?) {
  // expected-error @+1 {{divides by 0}}
  %w = let 1 / (extent(%patch) - 6)
  %band = within %w of %patch
  keep %band
}

// -----

mask.pattern @parts_of_half over video(%frame: ?, %patch: ?) {
  %n = let extent(%frame) / 8
  // expected-error @+1 {{expects a size of parts that is a whole number of at least 1, but got 0.5}}
  %part, %at = split %frame by %n
  %own = same %part
  keep %own
}

// -----

mask.pattern @stride(%stride: count = 4) over video(%frame: ?, %patch: ?) {
  // expected-error @+1 {{expects a stride of at most the size, 3, so that windows leave no gap, but got 4}}
  %near = window [3] over %patch stride [%stride]
  keep %near
}

// -----

mask.pattern @window(%size: count = 0) over video(%frame: ?, %patch: ?) {
  // expected-error @+1 {{expects a size that is a whole number of at least 1, but got 0}}
  %near = window [%size] over %patch
  keep %near
}

// -----

mask.pattern @relation(%cuts: table = [1, 3]) over video(%frame: ?, %patch: ?) {
  %links = relation [[1, 0], [0, 1]]
  %scene, %beat = split %frame at %cuts
  // expected-error @+1 {{expects a relation of 3 rows, one for each place of its axis, but got 2}}
  %linked = linked %scene by %links
  keep %linked
}
