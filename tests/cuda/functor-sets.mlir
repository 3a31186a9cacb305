// REQUIRES: python
// RUN: %falloff compile %s:@past --extent token=200 --tile 64 --target sm_80 --emit cuda | FileCheck --check-prefix=PAST %s
// RUN: %falloff compile %s:@band --frames 3 --tokens-per-frame 12 --tile 1x8 --target sm_80 --emit cuda | FileCheck --check-prefix=BAND %s
// RUN: %falloff compile %s:@stairs --extent token=20 --tile 8 --target sm_80 --emit cuda | FileCheck --check-prefix=STAIRS %s
// RUN: %falloff compile %s:@linked --frames 3 --tokens-per-frame 12 --relation links=110,011,111 --tile 2x4 --target sm_80 --emit cuda | FileCheck --check-prefix=LINKED %s
// RUN: %falloff compile %s:@mixed --frames 3 --tokens-per-frame 12 --text 4 --target sm_80 --emit cuda | FileCheck --check-prefix=MIXED %s
//
// The functor of a CUDA kernel: what sets ask of a query and of a key is read once, and contains is one line a set. What
// varies with sizes and parameters is read from tables.

// Of one axis, bounds are read with the query; a key is compared with them.
// PAST-LABEL: --- functor ---
// PAST:       // Segments: 0 tokens(token)
// PAST-NEXT:  constexpr bool functorTests = true;
// PAST:       struct FunctorQuery {
// PAST-NEXT:    int segment;
// PAST-NEXT:    int low0, high0; // of keys' token
// PAST-NEXT:  };
// PAST:         q.segment = coordinates[1 * stride];
// PAST-NEXT:    q.low0 = plan.tables[0][coordinates[0]];
// PAST-NEXT:    q.high0 = plan.tables[1][coordinates[0]];
// PAST:       struct FunctorKey {
// PAST-NEXT:    int segment;
// PAST-NEXT:    int token;
// PAST-NEXT:  };
// PAST:       __device__ bool contains(
// PAST-NEXT:    const bool interval0 = k.token >= q.low0 && k.token < q.high0;
// PAST-NEXT:    return interval0;
// PAST:       __device__ bool allowed(
// PAST-NEXT:    return false;
// PAST-NEXT:  }
mask.pattern @past over (%token: ?) {
  %past = causal %token
  keep %past
}

// A width that depends on the distance of frames is looked up by it.
// BAND:      __device__ bool contains(
// BAND-NEXT:   const int frameDistance = abs(k.frame - q.frame);
// BAND-NEXT:   const int patchDistance = abs(k.patch - q.patch);
// BAND-NEXT:   const bool distance0 = patchDistance <= plan.tables[0][frameDistance];
mask.pattern @band over video(%frame: ?, %patch: ?) {
  %w = let 6 - distance(%frame)
  %band = within %w of %patch
  keep %band
}

// A condition over ends is computed in 64-bit floating point; a product is never joined with a sum.
// STAIRS:      __device__ bool contains(
// STAIRS-NEXT:   const bool where0 = __dmul_rn(plan.numbers[0], double(k.token)) <= double(q.token) + plan.numbers[1];
mask.pattern @stairs over (%token: ?) {
  %stairs = where 2 * key(%token) <= query(%token) + 3
  keep %stairs
}

// A relation has the query's row and the key's column.
// LINKED:      struct FunctorQuery {
// LINKED-NEXT:   int segment;
// LINKED-NEXT:   int row0; // of tables[0]
// LINKED:        q.row0 = coordinates[0] * extents[0];
// LINKED:        k.column0 = coordinates[0];
// LINKED:      __device__ bool contains(
// LINKED-NEXT:   const bool linked0 = plan.tables[0][q.row0 + k.column0] != 0;
mask.pattern @linked(%links: relation) over video(%frame: ?, %patch: ?) {
  %seen = linked %frame by %links
  keep %seen
}

// Where there are several segments, tables are read where both ends lie in theirs. Sets that hold no pair or every pair
// are folded away, and a set that others share is one line.
// MIXED:      // Segments: 0 video(frame, patch), 1 text(token)
// MIXED:        q.low0 = q.segment == 0 ? plan.tables[0][coordinates[0]] : 0;
// MIXED:      __device__ bool contains(
// MIXED-NEXT:   const bool interval0 = k.segment == 0 && k.frame >= q.low0 && k.frame < q.high0;
// MIXED-NEXT:   const bool either{{.*}} = q.segment == 1 || k.segment == 1;
// MIXED-NEXT:   const bool any{{.*}} = interval0 || either{{.*}};
// MIXED-NEXT:   return any
mask.pattern @mixed over video(%frame: ?, %patch: ?), text(%token: ?) {
  %near = within 1 of %frame
  %text = either in %token
  %both = any_of %near, %text
  keep %both
}
