// SPDX-License-Identifier: Apache-2.0
//
// Ops of the mask dialect that are not sets: the pattern and its end, numbers, constants, splits. Sets are in
// MaskSets.td.
#ifndef FALLOFF_MASK_OPS_TD
#define FALLOFF_MASK_OPS_TD

include "compiler/dialect/mask/MaskAttributes.td"
include "compiler/dialect/mask/MaskTypes.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Mask_Param : AnyTypeOf<[Mask_Number, Mask_Table, Mask_Relation, Mask_Choice]>;
def Mask_Operand : AnyTypeOf<[Mask_Number, Mask_Axis]>;

def PatternOp : Op<Mask_Dialect, "pattern", [IsolatedFromAbove, Symbol, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "a set of (query, key) pairs over a domain, by name";
  let description = [{
    Declares parameters and a domain, and ends in `keep`, which says what the pattern holds.

    A parameter is a `real`, a `count` (a whole number ≥ 0), a `table` (sorted whole numbers), a `relation` (a square matrix of
    booleans) or one of several words, `x | y`. `per head` lets it differ between query heads; `=` gives a default.

    The domain is a list of segments, each with its axes. `?` is an extent given when the pattern is bound; a number is a default that
    binding may replace. An axis named `frame`, `row`, `column` or `patch` has at least one place; any other may have none.
    Tokens are row-major in a segment. The order of segments is layout, and binding may change it.

    `heads [0, 2]` stands on a pattern that was specialised for some heads, where others have a pattern of their own.

    ```mlir
    mask.pattern @pattern(%width: real = 1.5, %kind: all | past per head = all)
        over video(%frame: 4, %patch: 2), text(%token: 2) {
      %band = within %width of %frame
      %every = when %kind is all, %band
      %past = causal %frame
      %both = all_of %band, %past
      %before = when %kind is past, %both
      %text = either in %token
      keep %every, %before, %text
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Mask_ParamArrayAttr:$params, Mask_SegmentArrayAttr:$domain,
      OptionalAttr<DenseI64ArrayAttr>:$heads);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `` custom<Signature>($params, $domain, $heads, $body) attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    static ::llvm::StringRef getDefaultDialect() { return "mask"; }

    /// Block arguments of the parameters, in order of `params`.
    ::llvm::MutableArrayRef<::mlir::BlockArgument> getParamArguments();
    /// Block arguments of the axes, in order of the segments and of axes in each.
    ::llvm::MutableArrayRef<::mlir::BlockArgument> getAxisArguments();
    ParamAttr getParam(unsigned index);
    SegmentAttr getSegment(unsigned index);
    unsigned getNumSegments() { return getDomain().size(); }
    /// Position in `params` of the parameter of that name, if there is one.
    std::optional<unsigned> lookupParam(::llvm::StringRef name);
    /// The axis of that name, or a null value.
    ::mlir::Value lookupAxis(::llvm::StringRef name);
    /// The parameter that the value is, if it is a parameter's block argument.
    ParamAttr getParamOf(::mlir::Value value);
    /// Segment of an axis that the pattern declares, and the axis' position in it.
    std::pair<unsigned, unsigned> getPlaceOf(::mlir::BlockArgument axis);
    /// The `keep` that ends the pattern.
    KeepOp getKeep();
  }];
}

class Mask_Op<string mnemonic, list<Trait> traits = []>
    : Op<Mask_Dialect, mnemonic, [Pure, HasParent<"PatternOp">] # traits>;

def KeepOp : Mask_Op<"keep", [Terminator, AttrSizedOperandSegments]> {
  let summary = "what the pattern holds";
  let description = [{
    `keep A… about B… only C…` is (∪A ∪ ∪B) ∩ ⋂C. Without A, ∪A is empty; without C, ⋂C is D².

    A and C are exact under every rounding of a schedule. A rounding may drop or fill pairs around B only, and fills nothing that
    lies outside C. At least one set is kept, in A or in B.

    ```mlir
    mask.pattern @keep over (%token: 10) {
      %sink = first 1 of %token
      %near = within 3 of %token
      %past = causal %token
      keep %sink about %near only %past
    }
    ```
  }];
  let arguments = (ins Variadic<Mask_Set>:$sets, Variadic<Mask_Set>:$about, Variadic<Mask_Set>:$limits);
  let assemblyFormat = "($sets^)? (`about` $about^)? (`only` $limits^)? attr-dict";
  let hasVerifier = 1;
}

def LetOp : Mask_Op<"let", [DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "a number by name";
  let description = [{
    A number in 64-bit floating point, computed when the pattern is bound, from numbers, parameters, `extent(a)`, the number of
    places on axis a, and `distance(a)` = |k.a − q.a|. Operators are `+ - * / mod`, functions `min max floor ceil abs sqrt
    bit_floor`. `bit_floor(x)` is the largest power of two ≤ x, and 0 for x < 1. `a mod b` is the rest of a in [0, |b|).
    Division by zero, `mod` by zero and results that are no number are errors when the pattern is bound.

    ```mlir
    mask.pattern @let(%decay: real = 1.0) over video(%frame: 5, %patch: 4) {
      %p = let bit_floor(max(distance(%frame), 1))
      %w = let max(floor(%decay * extent(%patch) / %p), 1) - 1
      %band = within %w of %patch
      keep %band
    }
    ```
  }];
  let arguments = (ins Mask_ExprAttr:$expr, Variadic<Mask_Operand>:$args);
  let results = (outs Mask_Number:$number);
  let assemblyFormat = "custom<Expr>($expr, $args, type($args)) `` custom<Attributes>(attr-dict)";
  let hasVerifier = 1;
}

def TableOp : Mask_Op<"table", [DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "sorted whole numbers";
  let description = [{
    A constant: whole numbers ≥ 0 in ascending order; equal neighbours are legal. Stands for a bound parameter.

    ```mlir
    mask.pattern @table over (%token: 9) {
      %cuts = table [3, 7]
      %document, %place = split %token at %cuts
      %own = same %document
      keep %own
    }
    ```
  }];
  let arguments = (ins DenseI64ArrayAttr:$values);
  let results = (outs Mask_Table:$table);
  let assemblyFormat = "$values `` custom<Attributes>(attr-dict)";
  let hasVerifier = 1;
}

def RelationOp : Mask_Op<"relation", [DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "a square matrix of booleans";
  let description = [{
    A constant: row by row, 1 where the row's index (of a query) is linked to the column's (of a key). Stands for a bound
    parameter. `links` holds the rows one after another.

    ```mlir
    mask.pattern @relation over (%frame: 7) {
      %links = relation [[1, 1, 0], [0, 1, 1], [0, 0, 1]]
      %scene, %time = split %frame at [2, 5]
      %seen = linked %scene by %links
      keep %seen
    }
    ```
  }];
  let arguments = (ins DenseBoolArrayAttr:$links);
  let results = (outs Mask_Relation:$relation);
  let assemblyFormat = "custom<Matrix>($links) `` custom<Attributes>(attr-dict)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Number of rows, and of columns.
    int64_t getSize();
    bool isLinked(int64_t query, int64_t key) { return getLinks()[query * getSize() + key]; }
  }];
}

def SplitOp : Mask_Op<"split", [AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "an axis of parts and one of offsets within a part";
  let description = [{
    Two axes of the same segment. `by n`: a place x is in part ⌊x/n⌋, and the last part may be shorter. `at` cuts: x is in part
    #{c ∈ cuts : c ≤ x}; repeated cuts make empty parts, and a cut at 0 leaves part 0 empty. The offset is x − (start of its
    part). The extent of the first axis is the number of parts.

    ```mlir
    mask.pattern @split(%chunk: count = 4) over (%token: 10) {
      %block, %beat = split %token by %chunk
      %own = same %block
      %all = same %beat
      keep %own, %all
    }
    ```
  }];
  let arguments = (ins Mask_Axis:$axis, Optional<Mask_Number>:$size, OptionalAttr<I64Attr>:$staticSize,
      Optional<Mask_Table>:$table, OptionalAttr<DenseI64ArrayAttr>:$cuts);
  let results = (outs Mask_Axis:$part, Mask_Axis:$offset);
  let assemblyFormat = "$axis custom<Cut>($size, $staticSize, $table, $cuts) `` custom<Attributes>(attr-dict)";
  let hasVerifier = 1;
}

include "compiler/dialect/mask/MaskSets.td"

#endif
