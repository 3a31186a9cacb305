// SPDX-License-Identifier: Apache-2.0
//
// The last rule of `nearest`: for each query that has a key and would keep none, the lowest tile with a pair of it
// becomes partial. Only limits can leave a query so: a tile filled without limits keeps a key for each of its queries.
#ifndef FALLOFF_COMPILER_PASSES_KEEPQUERIES_H
#define FALLOFF_COMPILER_PASSES_KEEPQUERIES_H

#include "compiler/passes/Block.h"
#include "runtime/Plan.h"
#include <cstdint>
#include <vector>

namespace falloff {

class KeepQueries {
public:
  KeepQueries(const BoundMask &mask, const runtime::Grid &grid) : mask(mask), ask(mask), grid(grid) {}

  /// Notes the skipped tiles of a row of a block, in ascending order.
  void skip(const Block &block, int64_t row, uint32_t firstKey);
  /// Applies the rule to the last row of the table, and forgets the skipped tiles.
  void finishRow(runtime::RowTable &table, TileTotals &totals);

private:
  bool someKeyForAll(const Region &queries) const;
  std::vector<uint32_t> tilesToKeep(const Region &queries) const;
  bool keepsKey(const Region &query) const;
  Region keyRegion(uint32_t tile) const;
  int32_t testedNode(uint32_t test) const;

  const BoundMask &mask;
  RegionQuestions ask;
  const runtime::Grid &grid;
  std::vector<uint32_t> skipped;
  std::vector<runtime::Run> runs; ///< of the row
};

/// The tokens of a tile; a slice does not clip them.
Region regionOf(const BoundMask &mask, const runtime::Grid &grid, runtime::Side side, int64_t tile);

} // namespace falloff

#endif
