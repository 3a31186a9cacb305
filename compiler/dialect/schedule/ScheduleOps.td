// SPDX-License-Identifier: Apache-2.0
//
// The schedule dialect: which tiles of queries meet which tiles of keys, and how each meeting is tested. Made by the pass
// lower-to-schedule from bound patterns, and read by people and by tests; kernels read the same content as plain data.
#ifndef FALLOFF_SCHEDULE_OPS_TD
#define FALLOFF_SCHEDULE_OPS_TD

include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"

def Schedule_Dialect : Dialect {
  let name = "schedule";
  let cppNamespace = "::falloff::schedule";
  let summary = "tiles of queries that meet tiles of keys";
  let description = [{
    A plan cuts the tokens of a bound pattern in *tiles* and lists, for each tile of queries (a *row*), the tiles of keys that it
    meets, as *runs* of consecutive tiles that are tested in one way:

    | run | every pair of the tile is kept | a pair is kept if |
    |---|---|---|
    | `full` | yes | – |
    | `limited(0)` | no | the mask holds it, or the limit of the `about` sets of group 0 does, with which rounding filled the tile |
    | `partial` | no | the mask holds it |

    Tiles that are in no run are skipped. On the grid `box` a tile is a box of one segment's axes, on `flat` a range of tokens; tiles are
    numbered over segments in order, row-major in each. Everything about tiles, rounding and the machine stands here and
    nothing of it in the mask dialect.

    ```mlir
    schedule.plan @near box 8x4 rounding "nearest:0.5" major query for "cpu" {
      segment "video"(frame: 3, patch: 8) queries 1x8 from 0 keys 1x4 from 0
      table heads [0] pairs 448 computed 448 issued 448 lost 0 order [1, 0, 2] {
        row 0 : full 0 to 4
        row 1 : full 0 to 6
        row 2 : full 2 to 6
      }
    }
    ```
  }];
}

def Schedule_Grid : I32EnumAttr<"Grid", "how tokens are cut in tiles", [
  I32EnumAttrCase<"Box", 0, "box">, I32EnumAttrCase<"Flat", 1, "flat">
]> {
  let cppNamespace = "::falloff::schedule";
}
def Schedule_Major : I32EnumAttr<"Major", "whose tiles are rows", [
  I32EnumAttrCase<"Query", 0, "query">, I32EnumAttrCase<"Key", 1, "key">
]> {
  let cppNamespace = "::falloff::schedule";
}

class Schedule_Op<string mnemonic, list<Trait> traits = []> : Op<Schedule_Dialect, mnemonic, traits>;

def PlanOp : Schedule_Op<"plan", [IsolatedFromAbove, Symbol, SingleBlock, NoTerminator, OpAsmOpInterface]> {
  let summary = "the schedule of a pattern";
  let description = [{
    Holds the segments, then a table of rows for each class of heads. `8x4` says how many tokens a tile of queries and a tile of keys
    hold at most. The rounding is `"exact"`, `"outward"`, `"nearest:S"` or `"radial-reference"`. With `major key`, rows are tiles of keys and runs
    are of tiles of queries. The target is what the tiles were searched for.

    ```mlir
    schedule.plan @causal box 4x4 rounding "exact" major query for "cpu" {
      segment "tokens"(token: 8) queries 4 from 0 keys 4 from 0
      table heads [0] pairs 36 computed 36 issued 48 lost 0 order [1, 0] {
        row 0 : partial 0 to 1
        row 1 : full 0 to 1, partial 1 to 2
      }
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Schedule_Grid:$grid, I64Attr:$query_capacity, I64Attr:$key_capacity,
      StrAttr:$rounding, Schedule_Major:$major, StrAttr:$target);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name $grid custom<Capacity>($query_capacity, $key_capacity) `rounding` $rounding `major` $major `for` $target
    $body attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    static ::llvm::StringRef getDefaultDialect() { return "schedule"; }
  }];
}

def SegmentOp : Schedule_Op<"segment", [HasParent<"PlanOp">]> {
  let summary = "a segment of the sequence, and its tiles";
  let description = [{
    The tokens along each axis and, on the grid `box`, the box of a tile of queries and of a tile of keys with the number of the
    segment's first tile.

    ```mlir
    schedule.plan @segment box 8x4 rounding "exact" major query for "cpu" {
      segment "video"(frame: 2, patch: 8) queries 1x8 from 0 keys 1x4 from 0
      segment "text"(token: 4) queries 8 from 2 keys 4 from 4
      table heads [0] pairs 400 computed 400 issued 480 lost 0 order [0, 1, 2] {
        row 0 : full 0 to 5
        row 1 : full 0 to 5
        row 2 : full 0 to 5
      }
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, StrArrayAttr:$axes, DenseI64ArrayAttr:$extents,
      OptionalAttr<DenseI64ArrayAttr>:$query_tile, DefaultValuedAttr<I64Attr, "0">:$first_query_tile,
      OptionalAttr<DenseI64ArrayAttr>:$key_tile, DefaultValuedAttr<I64Attr, "0">:$first_key_tile);
  let assemblyFormat = [{
    $name `` custom<Axes>($axes, $extents) (`queries` custom<Sizes>($query_tile)^ `from` $first_query_tile)?
    (`keys` custom<Sizes>($key_tile)^ `from` $first_key_tile)? attr-dict
  }];
  let hasVerifier = 1;
}

def TableOp : Schedule_Op<"table", [HasParent<"PlanOp">, SingleBlock, NoTerminator, OpAsmOpInterface]> {
  let summary = "the rows of one class of heads";
  let description = [{
    Says which heads it serves (one table serves any number of them if it is the only one), and counts pairs: in the mask; *computed*,
    those that enter a softmax; *issued*, the capacities of the tiles kept; *lost*, in the mask and not computed. `order` lists
    rows, the one with the most tiles first.

    ```mlir
    schedule.plan @table box 4x4 rounding "exact" major query for "cpu" {
      segment "tokens"(token: 8) queries 4 from 0 keys 4 from 0
      table heads [0, 2] pairs 36 computed 36 issued 48 lost 0 order [1, 0] {
        row 0 : partial 0 to 1
        row 1 : full 0 to 1, partial 1 to 2
      }
      table heads [1] pairs 64 computed 64 issued 64 lost 0 order [0, 1] {
        row 0 : full 0 to 2
        row 1 : full 0 to 2
      }
    }
    ```
  }];
  let arguments = (ins DenseI64ArrayAttr:$heads, I64Attr:$pairs, I64Attr:$computed, I64Attr:$issued, I64Attr:$lost,
      DenseI64ArrayAttr:$order);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `heads` $heads `pairs` $pairs `computed` $computed `issued` $issued `lost` $lost `order` $order $body attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    static ::llvm::StringRef getDefaultDialect() { return "schedule"; }
  }];
}

def RowOp : Schedule_Op<"row", [HasParent<"TableOp">]> {
  let summary = "what one tile meets";
  let description = [{
    Runs of tiles, ascending. `full 0 to 3` is tiles 0, 1 and 2. `limited(0 2)` names the groups of `about` sets whose limits fill the
    tiles. A row without runs is empty.

    ```mlir
    schedule.plan @row box 4x4 rounding "outward" major query for "cpu" {
      segment "tokens"(token: 12) queries 4 from 0 keys 4 from 0
      table heads [0] pairs 67 computed 78 issued 96 lost 0 order [2, 1, 0] {
        row 0 : partial 0 to 1
        row 1 : full 0 to 1, partial 1 to 2
        row 2 : full 0 to 1, limited(0) 1 to 2, partial 2 to 3
      }
    }
    ```
  }];
  let arguments = (ins I64Attr:$number, DenseI64ArrayAttr:$runs);
  let assemblyFormat = "$number `:` custom<Runs>($runs) attr-dict";
  let hasVerifier = 1;
}

def SplitOp : Schedule_Op<"split", [HasParent<"TableOp">]> {
  let summary = "a long row that is computed in pieces";
  let description = [{
    Names the first tile of each piece but the first. Pieces are computed apart and merged in this order.

    ```mlir
    schedule.plan @split box 60x1 rounding "exact" major query for "cpu" {
      segment "tokens"(token: 300) queries 60 from 0 keys 1 from 0
      table heads [0] pairs 18240 computed 18240 issued 18240 lost 0 order [0, 1, 2, 3, 4] {
        row 0 : full 0 to 300
        row 1 : full 0 to 1
        row 2 : full 0 to 1
        row 3 : full 0 to 1
        row 4 : full 0 to 1
        split 0 at [150]
      }
    }
    ```
  }];
  let arguments = (ins I64Attr:$row, DenseI64ArrayAttr:$tiles);
  let assemblyFormat = "$row `at` $tiles attr-dict";
}

#endif
