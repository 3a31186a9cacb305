// SPDX-License-Identifier: Apache-2.0
//
// Types of the mask dialect. None has a parameter, so none is ever written in a pattern.
#ifndef FALLOFF_MASK_TYPES_TD
#define FALLOFF_MASK_TYPES_TD

include "compiler/dialect/mask/MaskDialect.td"
include "mlir/IR/AttrTypeBase.td"

class Mask_Type<string name, string mnem, string sum, string desc> : TypeDef<Mask_Dialect, name> {
  let mnemonic = mnem;
  let summary = sum;
  let description = desc;
}

def Mask_Axis : Mask_Type<"Axis", "axis", "an axis of a segment", [{
  Every token of the segment has a coordinate on it, 0 to extent − 1. An axis is declared by the pattern or split from
  another.
}]>;
def Mask_Set : Mask_Type<"Set", "set", "a set of (query, key) pairs", [{A subset of D².}]>;
def Mask_Number : Mask_Type<"Number", "number", "a number", [{
  A 64-bit float. It may depend on how far query and key lie apart along axes, and then is a table of numbers once bound.
}]>;
def Mask_Table : Mask_Type<"Table", "table", "sorted numbers", [{Whole numbers ≥ 0 in ascending order, such as cuts.}]>;
def Mask_Relation : Mask_Type<"Relation", "relation", "a square matrix of booleans", [{
  Row i, column j says whether index i, of a query, is linked to index j, of a key.
}]>;
def Mask_Choice : Mask_Type<"Choice", "choice", "one of a parameter's words", [{A word, perhaps another for each head.}]>;

#endif
