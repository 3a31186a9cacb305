// SPDX-License-Identifier: Apache-2.0
//
// The rounding `radial-reference`: how mit-han-lab/radial-attention (commit 72788d4) makes blocks of its masks, bit for
// bit. The sequence is a video of frames, and text after it or none; the grid has floor(tokens / block) blocks each
// way. Between two frames of s tokens it looks at the ceil(s / block) blocks from the first that a frame touches, and
// keeps a block of them if more than 0.6 of the columns that hold a pair have one in more than a third of the block's
// rows. Blocks that several pairs of frames share are kept if one of them keeps it. Blocks from the one with the
// first token of text on are kept, as rows and as columns.
//
// So the rule drops pairs of every set, `keep` or `about`: at the borders of frames that are no multiple of the block,
// in the last blocks of a frame that reaches one block further, and past the end of the grid. A query can lose all of
// its keys. Where the last frame reaches past the grid the reference raises an error, and so do we.
#ifndef FALLOFF_COMPILER_PASSES_REFERENCEBLOCKS_H
#define FALLOFF_COMPILER_PASSES_REFERENCEBLOCKS_H

#include "compiler/passes/BoundMask.h"
#include "runtime/Plan.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <vector>

namespace falloff {

/// The grid `flat` of the reference. Fails where the rule does not apply to the masks, and where the reference fails.
llvm::Expected<runtime::Grid> referenceGrid(const std::vector<BoundMask> &masks, std::vector<runtime::Segment> segments,
                                            int64_t block);

/// Rows of full tiles on such a grid, with counts; rowOrder and splits are left empty.
runtime::RowTable referenceRows(const BoundMask &mask, const runtime::Grid &grid);

} // namespace falloff

#endif
