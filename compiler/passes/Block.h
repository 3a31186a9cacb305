// SPDX-License-Identifier: Apache-2.0
//
// A block: all query tiles of one space of tiles against all key tiles of another, solved and rounded. Slabs of a
// segment that look the same to a mask share one block, so a plan is made of few of them.
#ifndef FALLOFF_COMPILER_PASSES_BLOCK_H
#define FALLOFF_COMPILER_PASSES_BLOCK_H

#include "compiler/passes/Rounding.h"
#include "compiler/passes/Tiles.h"
#include "runtime/Plan.h"
#include <cstdint>
#include <vector>

namespace falloff {

/// Counts that add up over blocks.
struct TileTotals {
  int64_t kept = 0;     ///< tiles
  int64_t mask = 0;     ///< pairs of the mask
  int64_t keptMask = 0; ///< those of them in kept tiles
  int64_t computed = 0; ///< pairs

  void add(const TileTotals &other, int64_t times = 1) {
    kept += other.kept * times;
    mask += other.mask * times;
    keptMask += other.keptMask * times;
    computed += other.computed * times;
  }
};

struct Block {
  std::vector<uint32_t> rowStart; ///< by query tile of the block
  std::vector<runtime::Run> runs; ///< of key tiles of the block
  TileTotals totals;
  /// Tiles that hold pairs of the mask and are skipped, by row as runs are; both empty if there are none.
  std::vector<uint32_t> skippedStart, skipped;
};

/// What `classify` and `count` of a bound mask say of regions.
class RegionQuestions {
public:
  explicit RegionQuestions(const BoundMask &mask) : mask(mask) {}
  /// Boxes stand for several pairs of leading indices: each pair (query index, key index), or -1 where the box has one
  /// already, is asked about by itself and counts so many times.
  void addLeading(int32_t query, int32_t key, int64_t times) { leading.push_back({query, key, times}); }

  Class classify(int32_t node, const Region &query, const Region &key) const;
  int64_t count(int32_t node, const Region &query, const Region &key) const;
  const BoundMask &mask;

private:
  struct Leading {
    int32_t query, key;
    int64_t times;
  };
  template <typename Visit>
  void forEachPair(const Region &query, const Region &key, Visit visit) const;
  llvm::SmallVector<Leading, 4> leading;
};

/// Finds the kept tiles by descent over pairs of ranges: a pair of ranges without pairs is dropped, one whose pairs
/// are all kept becomes runs, others are halved. So the cost follows the tiles that the mask's border crosses.
Block solveBlock(const RegionQuestions &questions, const Rounding &rounding, const TileSpace &queries,
                 const TileSpace &keys);

/// Solves some rows only; the totals are theirs. For estimates.
TileTotals solveRows(const RegionQuestions &questions, const Rounding &rounding, const TileSpace &queries,
                     const TileSpace &keys, llvm::ArrayRef<int32_t> rows);

} // namespace falloff

#endif
