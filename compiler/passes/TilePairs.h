// SPDX-License-Identifier: Apache-2.0
//
// What each pair of tiles of a plan holds, skipped ones too: for pictures, where a plan lists kept runs alone.
#ifndef FALLOFF_COMPILER_PASSES_TILEPAIRS_H
#define FALLOFF_COMPILER_PASSES_TILEPAIRS_H

#include "compiler/passes/BoundMask.h"
#include "runtime/Plan.h"
#include <cstdint>
#include <vector>

namespace falloff {

/// Pairs in the mask and pairs computed, of query tiles [first, last) and all key tiles: row-major, the two numbers of
/// a pair of tiles beside each other. The plan is query-major and no slice; `mask` is the one that the table was made
/// of, null if all tiles are full. The cost follows the number of pairs of tiles.
std::vector<int64_t> countTilePairs(const runtime::Plan &plan, size_t table, const BoundMask *mask, int64_t first,
                                    int64_t last);

} // namespace falloff

#endif
