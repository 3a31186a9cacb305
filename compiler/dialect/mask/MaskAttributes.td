// SPDX-License-Identifier: Apache-2.0
//
// Attributes of the mask dialect: the signature of a pattern, and expressions.
#ifndef FALLOFF_MASK_ATTRIBUTES_TD
#define FALLOFF_MASK_ATTRIBUTES_TD

include "compiler/dialect/mask/MaskDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Mask_Attr<string name, string mnem> : AttrDef<Mask_Dialect, name> { let mnemonic = mnem; }

def Mask_ParamKind : I32Enum<"ParamKind", "kind of a pattern's parameter", [
  I32EnumCase<"Real", 0, "real">, I32EnumCase<"Count", 1, "count">, I32EnumCase<"Table", 2, "table">,
  I32EnumCase<"Relation", 3, "relation">, I32EnumCase<"Choice", 4, "choice">
]> {
  let cppNamespace = "::falloff::mask";
}

def Mask_ParamAttr : Mask_Attr<"Param", "param"> {
  let summary = "a parameter of a pattern";
  let description = [{
    `words` are the words of a choice. `value` is the default: an `f64` of a real, an `i64` of a count, an array of `i64` of a
    table, an array of `i1` (row-major, square) of a relation, a string of a choice.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, EnumParameter<Mask_ParamKind>:$kind,
      OptionalParameter<"::mlir::ArrayAttr">:$words, DefaultValuedParameter<"bool", "false">:$perHead,
      OptionalParameter<"::mlir::Attribute">:$value);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The type of the pattern's block argument.
    ::mlir::Type getArgumentType() const;
  }];
}
def Mask_ParamArrayAttr : TypedArrayAttrBase<Mask_ParamAttr, "array of parameters">;

def Mask_SegmentAttr : Mask_Attr<"Segment", "segment"> {
  let summary = "a segment of a pattern's domain";
  let description = [{
    `name` may be empty: then the segment is called `tokens`. `axes` are names, `extents` as many numbers, `kDynamic` for `?`.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "::mlir::ArrayAttr":$axes, "::mlir::DenseI64ArrayAttr":$extents);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The name, or `tokens` where there is none.
    ::llvm::StringRef getLabel() const;
    /// The name of axis `index` of this segment.
    ::llvm::StringRef getAxisName(unsigned index) const;
    unsigned getNumAxes() const { return getAxes().size(); }
  }];
}
def Mask_SegmentArrayAttr : TypedArrayAttrBase<Mask_SegmentAttr, "array of segments">;

def Mask_ExprKind : I32Enum<"ExprKind", "kind of a node of an expression", [
  I32EnumCase<"Number", 0, "number">, I32EnumCase<"Operand", 1, "operand">,
  I32EnumCase<"Distance", 2, "distance">, I32EnumCase<"Extent", 3, "extent">,
  I32EnumCase<"Query", 4, "query">, I32EnumCase<"Key", 5, "key">,
  I32EnumCase<"Add", 6, "add">, I32EnumCase<"Subtract", 7, "subtract">, I32EnumCase<"Multiply", 8, "multiply">,
  I32EnumCase<"Divide", 9, "divide">, I32EnumCase<"Mod", 10, "mod">,
  I32EnumCase<"Min", 11, "min">, I32EnumCase<"Max", 12, "max">,
  I32EnumCase<"Floor", 13, "floor">, I32EnumCase<"Ceil", 14, "ceil">, I32EnumCase<"Abs", 15, "abs">,
  I32EnumCase<"Sqrt", 16, "sqrt">, I32EnumCase<"BitFloor", 17, "bit_floor">
]> {
  let cppNamespace = "::falloff::mask";
}

def Mask_ExprAttr : Mask_Attr<"Expr", "expr"> {
  let summary = "an expression over the operands of an op";
  let description = [{
    A tree: a number, operand i (a `number`), `distance`, `extent`, `query` or `key` of operand i (an `axis`), or a function of
    one or two expressions. In an op it is written with the operands' names, `max(distance(%frame), 1)`; on its own
    with their numbers, `#mask.expr<max(distance(0), 1)>`.
  }];
  let parameters = (ins EnumParameter<Mask_ExprKind>:$kind, APFloatParameter<"value of a number">:$number,
      "unsigned":$index, ArrayRefParameter<"::falloff::mask::ExprAttr">:$children);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [
    AttrBuilder<(ins "double":$value), [{
      return $_get($_ctxt, ExprKind::Number, ::llvm::APFloat(value), 0u, ::llvm::ArrayRef<ExprAttr>());
    }]>,
    AttrBuilder<(ins "ExprKind":$kind, "unsigned":$index), [{
      return $_get($_ctxt, kind, ::llvm::APFloat(0.0), index, ::llvm::ArrayRef<ExprAttr>());
    }]>,
    AttrBuilder<(ins "ExprKind":$kind, "::llvm::ArrayRef<ExprAttr>":$children), [{
      return $_get($_ctxt, kind, ::llvm::APFloat(0.0), 0u, children);
    }]>
  ];
  let extraClassDeclaration = [{
    /// Levels of nesting that are accepted, so that every walk over an expression may recurse.
    static constexpr unsigned maxDepth = 256;
    /// The value of a `Number`.
    double getValue() const { return getNumber().convertToDouble(); }
    bool isNumber() const { return getKind() == ExprKind::Number; }
    /// Whether the node is a value of an axis: `Distance`, `Extent`, `Query` or `Key` of operand `getIndex()`.
    bool isOfAxis() const;
    /// Calls `visit` for this node and all below it, parents first.
    void walk(::llvm::function_ref<void(ExprAttr)> visit) const;
    /// The same expression over other operands: index i becomes `indices[i]`.
    ExprAttr renumber(::llvm::ArrayRef<unsigned> indices) const;
  }];
}

def Mask_Comparison : I32EnumAttr<"Comparison", "comparison of two numbers", [
  I32EnumAttrCase<"Less", 0, "<">, I32EnumAttrCase<"LessEqual", 1, "<=">,
  I32EnumAttrCase<"Greater", 2, ">">, I32EnumAttrCase<"GreaterEqual", 3, ">=">,
  I32EnumAttrCase<"Equal", 4, "==">
]> {
  let cppNamespace = "::falloff::mask";
}

#endif
