// SPDX-License-Identifier: Apache-2.0
//
// Ops of the mask dialect that give a set: leaves, algebra, and what joins patterns. Included by MaskOps.td.
#ifndef FALLOFF_MASK_SETS_TD
#define FALLOFF_MASK_SETS_TD

class Mask_SetOp<string mnemonic, list<Trait> traits = []> : Mask_Op<mnemonic,
    [DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>] # traits> {
  let results = (outs Mask_Set:$set);
  let extraClassDefinition = [{
    void $cppClass::getAsmResultNames(::mlir::OpAsmSetValueNameFn setName) { nameResults(*this, setName); }
  }];
}

//===----------------------------------------------------------------------===//
// Leaves over one axis
//===----------------------------------------------------------------------===//

class Mask_EndOp<string mnemonic> : Mask_SetOp<mnemonic> {
  let arguments = (ins Mask_Axis:$axis);
  let assemblyFormat = "`in` $axis `` custom<Attributes>(attr-dict)";
}

def KeysOp : Mask_EndOp<"keys"> {
  let summary = "pairs whose key lies in the axis' segment";
  let description = [{
    `keys in a` is {k ∈ segment of a}, for every query of the domain.

    ```mlir
    mask.pattern @keys over picture(%spot: 3), video(%frame: 5) {
      %shown = keys in %spot
      keep %shown
    }
    ```
  }];
}

def QueriesOp : Mask_EndOp<"queries"> {
  let summary = "pairs whose query lies in the axis' segment";
  let description = [{
    `queries in a` is {q ∈ segment of a}, with every key of the domain.

    ```mlir
    mask.pattern @queries over video(%frame: 5), text(%token: 3) {
      %asking = queries in %token
      keep %asking
    }
    ```
  }];
}

def EitherOp : Mask_EndOp<"either"> {
  let summary = "pairs of which one end or both lie in the axis' segment";
  let description = [{
    `either in a` is {q or k ∈ segment of a}.

    ```mlir
    mask.pattern @either over video(%frame: 5), text(%token: 3) {
      %text = either in %token
      keep %text
    }
    ```
  }];
}

class Mask_CountOp<string mnemonic> : Mask_SetOp<mnemonic> {
  let arguments = (ins Optional<Mask_Number>:$count, OptionalAttr<I64Attr>:$staticCount, Mask_Axis:$axis);
  let assemblyFormat = "custom<Count>($count, $staticCount) `of` $axis `` custom<Attributes>(attr-dict)";
  let hasVerifier = 1;
}

def FirstOp : Mask_CountOp<"first"> {
  let summary = "keys at the beginning of an axis";
  let description = [{
    `first n of a` is {both(a), k.a < n}.

    ```mlir
    mask.pattern @first over (%token: 8) {
      %sinks = first 2 of %token
      keep %sinks
    }
    ```
  }];
}

def WithinOp : Mask_CountOp<"within"> {
  let summary = "pairs no farther apart along an axis than a width";
  let description = [{
    `within n of a` is {both(a), |k.a − q.a| ≤ n}: the width is closed and counts each side. It compares as a real number, so that
    102.4 keeps 102, and a negative one gives the empty set. It may depend on distances along axes of a's segment.

    ```mlir
    mask.pattern @within over video(%frame: 3, %patch: 4) {
      %near = within 1 of %frame
      %width = let 2 - distance(%frame)
      %band = within %width of %patch
      %both = all_of %near, %band
      keep %both
    }
    ```
  }];
}

class Mask_AxisOp<string mnemonic> : Mask_SetOp<mnemonic> {
  let arguments = (ins Mask_Axis:$axis);
  let assemblyFormat = "$axis `` custom<Attributes>(attr-dict)";
}

def SameOp : Mask_AxisOp<"same"> {
  let summary = "pairs at one place of an axis";
  let description = [{
    `same a` is {both(a), k.a = q.a}.

    ```mlir
    mask.pattern @same over video(%frame: 3, %patch: 3) {
      %own = same %frame
      %place = same %patch
      keep %own, %place
    }
    ```
  }];
}

def CausalOp : Mask_AxisOp<"causal"> {
  let summary = "keys no later than the query along an axis";
  let description = [{
    `causal a` is {both(a), k.a ≤ q.a}.

    ```mlir
    mask.pattern @causal over video(%frame: 4, %patch: 2) {
      %past = causal %frame
      keep %past
    }
    ```
  }];
}

//===----------------------------------------------------------------------===//
// Leaves over several axes
//===----------------------------------------------------------------------===//

def WindowOp : Mask_SetOp<"window", [AttrSizedOperandSegments]> {
  let summary = "a window of keys around each query, pushed inside the domain";
  let description = [{
    `window [K…] over a… stride [s…] dilation [d…] causal a…` is the product over its axes of the following, for size K, stride s (1 if
    absent) and dilation d (1 if absent) of an axis with N places. Place x is in residue class g = x mod d and is number
    i = ⌊x/d⌋ of the n = ⌈(N − g)/d⌉ places of the class. The pair is in the set if both ends lie in the segment, are of one
    class, and lo ≤ i_k < lo + min(K, n), where lo = max(min(ℓ − ⌊K/2⌋, n − K), 0) and
    ℓ = min(⌊i_q/s⌋·s + ⌊s/2⌋, n − 1) is the leader of the group of s neighbouring queries that share a window. On an axis
    named after `causal`: max(ℓ − K + 1, 0) ≤ i_k ≤ i_q, where ℓ = min(⌊i_q/s⌋·s + s − 1, n − 1).

    A size of at least n is the whole axis. An even size has ⌊K/2⌋ keys to the left and K − 1 − ⌊K/2⌋ to the right.
    Sizes, strides and dilations are whole numbers ≥ 1, and a stride is at most the size.

    ```mlir
    mask.pattern @window over (%row: 3, %column: 5) {
      %near = window [3, 3] over %row, %column
      keep %near
    }
    ```

    ```mlir
    mask.pattern @strided over (%token: 12) {
      %near = window [3] over %token stride [2] dilation [2] causal %token
      keep %near
    }
    ```
  }];
  let arguments = (ins Variadic<Mask_Number>:$sizes, DenseI64ArrayAttr:$staticSizes, Variadic<Mask_Axis>:$axes,
      Variadic<Mask_Number>:$strides, OptionalAttr<DenseI64ArrayAttr>:$staticStrides,
      Variadic<Mask_Number>:$dilations, OptionalAttr<DenseI64ArrayAttr>:$staticDilations,
      Variadic<Mask_Axis>:$causal);
  let assemblyFormat = [{
    custom<Counts>($sizes, $staticSizes) `over` $axes
    (`stride` custom<OptCounts>($strides, $staticStrides)^)?
    (`dilation` custom<OptCounts>($dilations, $staticDilations)^)?
    (`causal` $causal^)? `` custom<Attributes>(attr-dict)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// A number of the op: a value, or a literal where there is none.
    struct Size {
      ::mlir::Value value;
      int64_t literal = 1;
    };
    /// Size, stride and dilation of axis `index`; 1 where the op gives none.
    Size getSize(unsigned index);
    Size getStride(unsigned index);
    Size getDilation(unsigned index);
    bool isCausal(unsigned index);
  }];
}

def LinkedOp : Mask_SetOp<"linked"> {
  let summary = "pairs whose places are linked by a relation";
  let description = [{
    `linked a… by R` is {both(a…), R[index of q][index of k]}, where the index is the row-major number of a token's
    coordinates on the axes, which are of one segment. The relation has as many rows as there are indices.

    ```mlir
    mask.pattern @linked(%links: relation = [[1, 1, 0], [0, 1, 1], [0, 0, 1]]) over (%frame: 8) {
      %scene, %time = split %frame at [2, 5]
      %seen = linked %scene by %links
      keep %seen
    }
    ```
  }];
  let arguments = (ins Variadic<Mask_Axis>:$axes, Mask_Relation:$relation);
  let assemblyFormat = "$axes `by` $relation `` custom<Attributes>(attr-dict)";
  let hasVerifier = 1;
}

def WhereOp : Mask_SetOp<"where"> {
  let summary = "pairs for which a comparison holds";
  let description = [{
    `where e ⋈ e`, ⋈ one of `< <= > >= ==`, is {the ends it names lie in their segments, and the comparison holds}. Expressions
    are those of `let`, and besides `query(a)` = q.a and `key(a)` = k.a, which may be of different segments. `distance(a)` names
    both ends; ends named through a `let` count as named.

    ```mlir
    mask.pattern @where(%chunk: count = 2, %reach: count = 4) over (%frame: 8) {
      %block, %place = split %frame by %chunk
      %past = where query(%block) >= key(%block)
      %recent = where %chunk * (query(%block) + 1) - key(%frame) <= %reach
      %both = all_of %past, %recent
      keep %both
    }
    ```
  }];
  let arguments = (ins Mask_Comparison:$comparison, Mask_ExprAttr:$left, Mask_ExprAttr:$right,
      Variadic<Mask_Operand>:$args);
  let assemblyFormat = "custom<Condition>($comparison, $left, $right, $args, type($args)) `` custom<Attributes>(attr-dict)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Sets of sets
//===----------------------------------------------------------------------===//

def WhenOp : Mask_SetOp<"when"> {
  let summary = "a set for some heads only";
  let description = [{
    `when %word is x, S` is S for the heads whose value of the choice is x, and the empty set for others.

    ```mlir
    mask.pattern @when(%kind: spatial | temporal per head = spatial) over video(%frame: 3, %patch: 3) {
      %own = same %frame
      %here = when %kind is spatial, %own
      %place = same %patch
      %there = when %kind is temporal, %place
      keep %here, %there
    }
    ```
  }];
  let arguments = (ins Mask_Choice:$choice, StrAttr:$word, Mask_Set:$then);
  let assemblyFormat = "$choice `is` custom<Word>($word) `,` $then `` custom<Attributes>(attr-dict)";
  let hasVerifier = 1;
}

class Mask_AlgebraOp<string mnemonic> : Mask_SetOp<mnemonic, [Commutative]> {
  let arguments = (ins Variadic<Mask_Set>:$sets);
  let assemblyFormat = "($sets^):(`nothing`)? `` custom<Attributes>(attr-dict)";
}

def AnyOfOp : Mask_AlgebraOp<"any_of"> {
  let summary = "union";
  let description = [{
    Pairs of at least one of the sets. `any_of nothing` is the empty set.

    ```mlir
    mask.pattern @any_of over (%token: 8) {
      %sinks = first 1 of %token
      %near = within 1 of %token
      %seen = any_of %sinks, %near
      keep %seen
    }
    ```
  }];
}

def AllOfOp : Mask_AlgebraOp<"all_of"> {
  let summary = "intersection";
  let description = [{
    Pairs of each of the sets. `all_of nothing` is every pair of the domain.

    ```mlir
    mask.pattern @all_of over (%token: 8) {
      %band = within 4 of %token
      %beat = where distance(%token) mod 2 == 0
      %rays = all_of %band, %beat
      keep %rays
    }
    ```
  }];
}

def NoneOfOp : Mask_AlgebraOp<"none_of"> {
  let summary = "pairs of none of the sets";
  let description = [{
    D² ∖ ∪sets, so that `none_of nothing` is every pair of the domain. D is the domain of the pattern that the op stands in, also where that pattern is included by a larger one.

    ```mlir
    mask.pattern @none_of over (%token: 8) {
      %near = within 2 of %token
      %far = none_of %near
      keep %far
    }
    ```
  }];
}

def IncludeOp : Mask_SetOp<"include", [AttrSizedOperandSegments]> {
  let summary = "the set of another pattern";
  let description = [{
    `include @p(x = …) over a…` is the set that @p names, over the axes given: all of its axes in order, those of one of its segments
    from one segment here, whole and in order. The set is a subset of the callee's own domain². An actual is a `%name`, a number, a
    word, a table `[9, 40]` or a relation `[[1, 0], [0, 1]]`; a parameter not given takes its default.

    The pattern is looked for in the module, then in `<name>.mlir` beside the file, then in the library. Standing directly in `keep`
    or `about`, the include keeps apart what its pattern keeps exactly and what it keeps about; anywhere else it is a plain set.

    ```mlir
    mask.pattern @include(%decay: real = 0.5) over video(%frame: 4, %patch: 4), text(%token: 2) {
      %radial = include @radial(decay = %decay, sinks = 0) over %frame, %patch, %token
      keep %radial
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$pattern, StrArrayAttr:$names, ArrayAttr:$literals,
      Variadic<Mask_Param>:$params, Variadic<Mask_Axis>:$axes);
  let assemblyFormat = "$pattern `` custom<Actuals>($names, $literals, $params, type($params)) `over` $axes `` custom<Attributes>(attr-dict)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// An actual: a value, or a literal where there is none, of the types that ParamAttr's default has; a literal
    /// number without a point is an `i64`, whatever the kind of the parameter.
    struct Actual {
      ::llvm::StringRef name;
      ::mlir::Value value;
      ::mlir::Attribute literal;
    };
    ::llvm::SmallVector<Actual> getActuals();
  }];
}

def BoundedOp : Mask_SetOp<"bounded"> {
  let summary = "a set with a limit that roundings keep";
  let description = [{
    `bounded S by L` is S ∩ L. Standing under `about`, a fill around it covers L (and the pattern's `only`). Linking writes it for an
    include that stands in `keep` or `about`; L is then what the included pattern is limited to.

    ```mlir
    mask.pattern @bounded over (%token: 8) {
      %around = within 3 of %token
      %past = causal %token
      %rays = bounded %around by %past
      keep about %rays
    }
    ```
  }];
  let arguments = (ins Mask_Set:$inner, Mask_Set:$limit);
  let assemblyFormat = "$inner `by` $limit `` custom<Attributes>(attr-dict)";
}

#endif
