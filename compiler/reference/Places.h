// SPDX-License-Identifier: Apache-2.0
//
// Coordinates: where each token lies on each axis, split or not, of a bound
// pattern.
#ifndef FALLOFF_COMPILER_REFERENCE_PLACES_H
#define FALLOFF_COMPILER_REFERENCE_PLACES_H

#include "compiler/dialect/mask/Mask.h"
#include "llvm/ADT/DenseMap.h"
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace falloff {

/// An axis cut in parts: for each of its places, the part and the offset in it.
struct Parts {
  std::vector<int32_t> part, offset;
};

/// Parts of `size` >= 1 places each; the last may be shorter.
Parts splitBy(int64_t extent, int64_t size);

/// Place x is in part #{c <= x}; `cuts` ascend.
Parts splitAt(int64_t extent, llvm::ArrayRef<int64_t> cuts);

/// The value of a number that depends on neither query nor key, if it has one.
/// Axes need static extents where the number asks for them.
std::optional<double> constantOf(mlir::Value number);

/// As a whole number; null also where it is not one.
std::optional<int64_t> wholeOf(mlir::Value number);

/// How a split op cuts an axis of that extent; null where its size or table is
/// no constant, or the size is below 1.
std::optional<Parts> partsOf(mask::SplitOp split, int64_t extent);

/// Number of places on an axis; null where an extent or a split is not known. An axis of parts has as many as there are
/// parts, empty ones too; one of offsets as many as the longest part.
std::optional<int64_t> extentOf(mlir::Value axis);

/// Axes whose segments the ends of a `where` must lie in, because an expression
/// names their places: `query(a)`, `key(a)`, both for `distance(a)`, also
/// through a `let`.
struct NamedEnds {
  llvm::SmallVector<mlir::Value> queries, keys;
};
NamedEnds namedEnds(mask::WhereOp where);

/// Tokens of all segments of a pattern with static extents.
int64_t tokensOf(mask::PatternOp pattern);

/// An axis with the place of every token on it.
struct Axis {
  unsigned segment = 0;
  int64_t extent = 0;
  std::vector<int32_t> places; ///< by token; -1 outside of the segment

  bool holds(int64_t token) const { return places[token] >= 0; }
};

/// All axes of a bound pattern.
class Axes {
public:
  explicit Axes(mask::PatternOp pattern);
  const Axis &at(mlir::Value axis) const { return *axes.find(axis)->second; }
  int64_t tokens() const { return numTokens; }

private:
  void addSplit(mask::SplitOp split);

  int64_t numTokens = 0;
  llvm::DenseMap<mlir::Value, std::unique_ptr<Axis>> axes;
};

} // namespace falloff

#endif
