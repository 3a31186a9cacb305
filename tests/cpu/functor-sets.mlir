// REQUIRES: python
// RUN: %falloff compile %s:@past --extent token=20 --tile 8 --features generic --emit mlir | FileCheck --check-prefix=PAST %s
// RUN: %falloff compile %s:@band --frames 3 --tokens-per-frame 12 --tile 1x8 --features generic --emit mlir | FileCheck --check-prefix=BAND %s
// RUN: %falloff compile %s:@stairs --extent token=20 --tile 8 --features generic --emit mlir | FileCheck --check-prefix=STAIRS %s
// RUN: %falloff compile %s:@linked --frames 3 --tokens-per-frame 12 --relation links=110,011,111 --tile 2x4 --features generic --emit mlir | FileCheck --check-prefix=LINKED %s
//
// The functor of a tested tile: for each query, for sixteen keys at a time, a bit a pair. What varies with sizes and
// parameters is read from tables.

// Of one axis, bounds are read once a query; a vector of keys is compared with them.
// PAST-LABEL: func.func @pairs(
// PAST:         scf.for
// PAST:           vector.extract
// PAST:           %[[LOW:.*]] = vector.broadcast %{{.*}} : i32 to vector<16xi32>
// PAST:           %[[HIGH:.*]] = vector.broadcast %{{.*}} : i32 to vector<16xi32>
// PAST:           scf.for
// PAST-NOT:         gather
// PAST:             %[[FROM:.*]] = arith.cmpi sge, %[[KEY:.*]], %[[LOW]]
// PAST:             %[[TO:.*]] = arith.cmpi slt, %[[KEY]], %[[HIGH]]
// PAST:             arith.andi %[[FROM]], %[[TO]]
// PAST:             %[[BITS:.*]] = llvm.bitcast %{{.*}} : vector<16xi1> to i16
// PAST:             llvm.store %[[BITS]]
mask.pattern @past over (%token: ?) {
  %past = causal %token
  keep %past
}

// A width that depends on the distance of frames is gathered by it.
// BAND-LABEL: func.func @pairs(
// BAND:         scf.for
// BAND:           scf.for
// BAND:             %[[THERE:.*]] = arith.subi
// BAND:             %[[BACK:.*]] = arith.subi %{{.*}}, %[[THERE]]
// BAND:             %[[AWAY:.*]] = arith.cmpi sgt, %[[THERE]], %[[BACK]]
// BAND:             arith.select %[[AWAY]], %[[THERE]], %[[BACK]]
// BAND:             %[[WIDTH:.*]] = llvm.intr.masked.gather
// BAND:             arith.cmpi sle, %{{.*}}, %[[WIDTH]]
mask.pattern @band over video(%frame: ?, %patch: ?) {
  %w = let 6 - distance(%frame)
  %band = within %w of %patch
  keep %band
}

// A condition over ends is computed in 64-bit floating point.
// STAIRS-LABEL: func.func @pairs(
// STAIRS:         %[[KEY:.*]] = arith.sitofp {{.*}} : vector<16xi32> to vector<16xf64>
// STAIRS:         %[[TWICE:.*]] = arith.mulf %{{.*}}, %[[KEY]]
// STAIRS:         %[[QUERY:.*]] = arith.sitofp {{.*}} : vector<16xi32> to vector<16xf64>
// STAIRS:         %[[LIMIT:.*]] = arith.addf %[[QUERY]]
// STAIRS:         arith.cmpf ole, %[[TWICE]], %[[LIMIT]]
mask.pattern @stairs over (%token: ?) {
  %stairs = where 2 * key(%token) <= query(%token) + 3
  keep %stairs
}

// A relation is gathered by the numbers of both places.
// LINKED-LABEL: func.func @pairs(
// LINKED:         %[[ROW:.*]] = arith.muli {{.*}} : vector<16xi32>
// LINKED:         arith.addi {{.*}} : vector<16xi32>
// LINKED:         %[[LINK:.*]] = llvm.intr.masked.gather
// LINKED:         arith.cmpi ne, %[[LINK]]
mask.pattern @linked(%links: relation) over video(%frame: ?, %patch: ?) {
  %seen = linked %frame by %links
  keep %seen
}
