// SPDX-License-Identifier: Apache-2.0
//
// How the tables of a set program are made once sizes and parameters are known.
// Recipes stand beside the program: kernels see tables only. Plain data, so
// that a mask can be bound without the IR that it came from.
#ifndef FALLOFF_COMPILER_PASSES_RECIPE_H
#define FALLOFF_COMPILER_PASSES_RECIPE_H

#include "compiler/passes/SetProgram.h"
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace falloff {

/// A step of an expression over f64, in postfix order.
struct FormulaStep {
  enum Kind : uint8_t {
    Literal,   ///< `value`
    Parameter, ///< parameter number `index`
    Extent,    ///< of axis number `index`
    Read       ///< what `step` says; Query, Key and Distance read axis `index`
  } kind = Literal;
  WhereStep::Kind step = WhereStep::Number;
  int32_t index = -1;
  double value = 0;
};
using Formula = std::vector<FormulaStep>;

/// An axis: of a segment, or split from another one.
struct AxisRecipe {
  enum Kind : uint8_t { Base, Part, Offset, Residue } kind = Base;
  int32_t segment = 0, axis = 0; ///< the base axis, in the pattern's order
  int32_t parent = -1;           ///< axis that was split; of Residue: the axis
  Formula size;                  ///< `by`; of Residue: the dilation
  bool cut = false;              ///< `at`
  std::vector<double> cuts;      ///< `at [...]`
  int32_t cutsParameter = -1;    ///< `at %table`
  int32_t coordinate = -1;       ///< the program's coordinate for it, or -1
  int32_t source = -1;           ///< where it stands, for errors
  std::string name;              ///< "frame", or "part of frame"
};

/// How one leaf, or one `when`, fills its tables.
struct NodeRecipe {
  enum Kind : uint8_t { Nothing, First, Within, Same, Causal, Window, Width, Beat, Where, Linked, When } kind = Nothing;
  int32_t axis = -1;                       ///< of First to Width
  Formula count;                           ///< n of First; K of Window; the width; the condition of Beat
                                           ///< and Where
  Formula stride, dilation;                ///< of Window; empty: 1
  bool causal = false;                     ///< of Window
  std::vector<int32_t> axes;               ///< of Width and Beat: whose distances are read;
                                           ///< of Linked: its axes
  int32_t parameter = -1;                  ///< relation of Linked, choice of When
  std::vector<std::vector<bool>> relation; ///< of Linked, where it is a constant
  std::string word;                        ///< of When
  int32_t source = -1;
};

/// A program and how to bind it.
struct ProgramRecipe {
  SetProgram program;
  std::vector<AxisRecipe> axes;
  std::vector<NodeRecipe> nodes;       ///< by node of the program
  std::vector<Formula> numbers;        ///< by slot of MaskData::numbers
  std::vector<std::string> parameters; ///< names, for errors
};

/// A parameter's value for one class of heads: a number, a word, a table, or a
/// relation.
using ProgramValue = std::variant<double, std::string, std::vector<double>, std::vector<std::vector<bool>>>;

/// What a program is bound with.
struct ProgramInputs {
  std::vector<std::vector<int64_t>> extents; ///< by segment and axis, in the pattern's order
  std::vector<ProgramValue> parameters;      ///< by parameter
  std::vector<unsigned> order;               ///< order[i]: which of the pattern's segments
                                             ///< comes i-th; empty: its own
};

/// Why a program cannot be bound. `source` is that of the recipe at fault, or
/// -1.
struct BindError {
  std::string message;
  int32_t source = -1;
};

} // namespace falloff

#endif
