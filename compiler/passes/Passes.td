// SPDX-License-Identifier: Apache-2.0
//
// The passes from a pattern file to a schedule, and their options. Each description names the test whose first case
// is the example.
#ifndef FALLOFF_PASSES_TD
#define FALLOFF_PASSES_TD

include "mlir/Pass/PassBase.td"

def LinkIncludes : Pass<"link-includes", "::mlir::ModuleOp"> {
  let summary = "replace every include by the pattern it names";
  let description = [{
    Looks for an included pattern in the module, then in `<name>.mlir` beside the file, then in the library, and
    inlines it. Leaves patterns without includes, in the normal form of the language: what an include keeps around
    (`about`) stands under the caller's `about` as `bounded ... by` the limits of its own pattern. Later passes and
    the planner see one pattern and know nothing of files.

    Example: the first case of `tests/passes/link-includes.mlir`.
  }];
  let options = [
    Option<"library", "library", "std::string", /*default=*/"",
           "directory of library patterns, searched last">,
  ];
}

def Specialise : Pass<"specialise", "::mlir::ModuleOp"> {
  let summary = "bind extents, parameters and the order of segments";
  let description = [{
    Needs linked patterns. Leaves patterns without parameters and without `?`: parameters become constants
    (`let`, `table`, `relation`), a `when` becomes its set or the empty set, and a pattern whose heads differ becomes
    one pattern for each class of heads, with the attribute `heads`. Checks every name, kind, size and division.

    Example: the first case of `tests/passes/specialise.mlir`.
  }];
  let options = [
    Option<"extents", "extents", "std::string", /*default=*/"",
           "extents by axis or binding name, as in frames=21,tokens_per_frame=1560">,
    Option<"values", "set", "std::string", /*default=*/"",
           "parameters, as in decay=0.2;kind=spatial,temporal;cuts=9,40;links=110,011">,
    Option<"order", "order", "std::string", /*default=*/"",
           "names of all segments in the order of their tokens, as in text,video">,
  ];
}

def SimplifySets : Pass<"simplify-sets", "::mlir::ModuleOp"> {
  let summary = "fold numbers and set algebra";
  let description = [{
    Folds numbers that no longer depend on distances, leaves that keep nothing or everything, and set algebra; merges
    equal sets and erases dead ones. Works on bound and on unbound patterns and never changes what they mean. The
    empty set reads `any_of nothing`, every pair reads `all_of nothing`.

    Example: the first case of `tests/passes/simplify-sets.mlir`.
  }];
}

def LowerToSchedule : Pass<"lower-to-schedule", "::mlir::ModuleOp"> {
  let summary = "plan bound patterns: tiles, rounding, rows of runs";
  let description = [{
    Needs bound patterns, as `specialise` leaves them. Replaces each by a `schedule.plan`; the patterns of the classes of heads of one pattern
    become one plan with a table each. It is the planner that plans for kernels go through, so what a test reads
    here is what runs. Tiles that are not given are searched for the target.

    Example: the first case of `tests/passes/lower-to-schedule.mlir`.
  }];
  let dependentDialects = ["::falloff::schedule::ScheduleDialect"];
  let options = [
    Option<"grid", "grid", "std::string", /*default=*/"", "box or flat; empty: box, or flat with radial-reference">,
    Option<"tileQuery", "tile-query", "std::string", /*default=*/"",
           "tile of queries, as in 1x128, video=2x8x8,text=128, or 128 on a flat grid; empty: searched">,
    Option<"tileKey", "tile-key", "std::string", /*default=*/"", "tile of keys">,
    Option<"rounding", "round", "std::string", /*default=*/"\"nearest\"", 
           "exact, outward, nearest, nearest:S, or radial-reference, whose block the tile says">,
    Option<"major", "major", "std::string", /*default=*/"\"query\"", "query or key: whose tiles are rows">,
    Option<"target", "target", "std::string", /*default=*/"\"cpu\"", "what tiles are searched for">,
    Option<"dtype", "dtype", "std::string", /*default=*/"\"bf16\"", "what tiles are searched for: bf16, fp16 or fp32">,
    Option<"headDim", "head-dim", "int64_t", /*default=*/"128", "what tiles are searched for: 1 to 256">,
  ];
}

def DrawMask : Pass<"draw-mask", "::mlir::ModuleOp"> {
  let summary = "print which query sees which key, by the reference interpreter";
  let description = [{
    Links and binds each pattern of the module as `link-includes` and `specialise` do, and prints a row of `#` (kept)
    and `.` for each query. With `part`, draws the exact sets (`keep`), the limits (`only`), or what fills of the
    `about` sets may cover (`allowed`), instead of the mask. The module is left as it was.

    Example: the first case of `tests/draw/leaves.mlir`.
  }];
  let options = [
    Option<"extents", "extents", "std::string", /*default=*/"", "as in `specialise`">,
    Option<"values", "set", "std::string", /*default=*/"", "as in `specialise`">,
    Option<"order", "order", "std::string", /*default=*/"", "as in `specialise`">,
    Option<"library", "library", "std::string", /*default=*/"", "as in `link-includes`">,
    Option<"part", "part", "std::string", /*default=*/"\"contains\"", "contains, keep, only or allowed">,
  ];
}

#endif
