// SPDX-License-Identifier: Apache-2.0
//
// Pictures of a mask: rows are queries, columns are keys.
#ifndef FALLOFF_COMPILER_REFERENCE_DRAW_H
#define FALLOFF_COMPILER_REFERENCE_DRAW_H

#include "compiler/reference/Reference.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdint>
#include <vector>

namespace falloff {

using ContainsFn = llvm::function_ref<bool(int64_t query, int64_t key)>;

/// Writes a line for each query: `#` for a key that it sees, `.` for one that
/// it does not.
void drawText(int64_t tokens, ContainsFn contains, llvm::raw_ostream &os);

/// A grey picture, row-major: 0 where every pair of a cell is kept, 255 where
/// none is.
struct GreyImage {
  int64_t width = 0, height = 0;
  std::vector<uint8_t> pixels;
};

/// A square picture of at most `side` cells a side. A cell shows the share of
/// its pairs that are kept; in big domains a share of the cells' pairs is
/// asked, always the same ones, so that about `budget` pairs are asked in all.
GreyImage drawGrey(int64_t tokens, ContainsFn contains, int64_t side = 1024, int64_t budget = int64_t(1) << 23);

} // namespace falloff

#endif
