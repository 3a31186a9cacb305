// SPDX-License-Identifier: Apache-2.0
//
// What a pattern is bound with, and how names become extents and values. The
// rules are those of the language: an axis goes by its own name or by its
// binding name (frames, height, width, tokens_per_frame, text, tokens), and
// whatever is missing, unknown, of the wrong kind or contradictory is one error
// that says what to give.
#ifndef FALLOFF_COMPILER_PASSES_BINDING_H
#define FALLOFF_COMPILER_PASSES_BINDING_H

#include "compiler/dialect/mask/Mask.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace falloff {

/// A value of a parameter. Vectors of numbers are a table, or one value a head;
/// vectors of words are one word a head; rows of booleans are a relation.
using ParameterValue =
    std::variant<double, std::string, std::vector<double>, std::vector<std::string>, std::vector<std::vector<bool>>>;

/// What a pattern is bound with. Of a parameter that is given twice, the later
/// value holds.
struct Binding {
  std::vector<std::pair<std::string, int64_t>> extents;
  std::vector<std::pair<std::string, ParameterValue>> parameters;
  std::vector<std::string> order; ///< names of all segments; empty: the pattern's
};

/// A binding with every name resolved and every default filled in.
struct BoundPattern {
  std::vector<std::vector<int64_t>> extents; ///< by segment and axis, in the pattern's order
  std::vector<ParameterValue> parameters;    ///< by parameter; per-head lists stay lists
  std::vector<bool> isPerHead;               ///< whether the value of a parameter is a list,
                                             ///< one value a head
  std::vector<unsigned> order;               ///< order[i]: which of the pattern's segments comes i-th
  int64_t heads = 0;                         ///< length of the per-head lists; 0: there is none
  int64_t tokens = 0;

  /// The value of parameter `index` that a head sees.
  ParameterValue valueOf(unsigned index, int64_t head) const;
};

/// Resolves names; emits one error at the pattern and fails if the binding does
/// not fit it.
mlir::FailureOr<BoundPattern> resolveBinding(mask::PatternOp pattern, const Binding &binding);

/// As above, for parameters alone: fails on an unknown name or a value of the
/// wrong kind, not on a missing one.
mlir::LogicalResult verifyParameters(mask::PatternOp pattern,
                                     llvm::ArrayRef<std::pair<std::string, ParameterValue>> parameters);

/// Reads a binding from text: `extents` as in "frames=21,patch=1560", `values`
/// as in "decay=0.2;cuts=9,40;links=10,01", `order` as in "text,video". A
/// value's kind follows from the parameter of that name in `pattern`.
llvm::Expected<Binding> parseBinding(mask::PatternOp pattern, llvm::StringRef extents, llvm::StringRef values,
                                     llvm::StringRef order);

/// "decay = 0.2": a value as people write it.
std::string printValue(const ParameterValue &value);

} // namespace falloff

#endif
