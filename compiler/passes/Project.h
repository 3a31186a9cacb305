// SPDX-License-Identifier: Apache-2.0
//
// What a leaf still knows of one axis once both ends have a fixed index along it: a small number, the same exactly
// where the leaf looks the same over the other axes. So a problem over several axes falls into few over fewer axes.
#ifndef FALLOFF_COMPILER_PASSES_PROJECT_H
#define FALLOFF_COMPILER_PASSES_PROJECT_H

#include "compiler/passes/BoundMaskImpl.h"

namespace falloff {

/// A leaf seen along one axis of the segment that both ends lie in.
class Projection {
public:
  Projection(const BoundMask::Impl &mask, const BoundLeaf &leaf, int32_t axis);
  /// Numbers are 0 .. size() - 1.
  int64_t size() const { return count; }
  int64_t of(int32_t f, int32_t g) const;
  /// of(f, g) for all g in [0, extent), each times `factor` added to `ids`.
  void addRow(int32_t f, int32_t extent, int64_t factor, int64_t *ids) const;

private:
  enum Kind : uint8_t {
    Bit,      ///< the leaf reads this axis alone: whether it holds
    Distance, ///< one coordinate without a table: slices[|f - g|]
    Values,   ///< mixed numbers of what is read
    Indices   ///< f * extent + g
  };
  void countValues();
  int64_t valuesOf(int32_t f, int32_t g) const;

  const BoundMask::Impl &mask;
  const BoundLeaf &leaf;
  int32_t axis;
  Kind kind = Values;
  int64_t count = 1, extent = 1;
  std::vector<int32_t> distances; ///< coordinates along the axis whose distance is read
  std::vector<int32_t> ends;      ///< coordinates along the axis that are read at both ends
  std::vector<int32_t> slices;    ///< by the distance along distances[0]: number of the table's slice
};

} // namespace falloff

#endif
