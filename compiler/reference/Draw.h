// SPDX-License-Identifier: Apache-2.0
//
// Pictures of small masks, as text for people and tests: rows are queries, columns are keys. (Python makes the PNG
// files.)
#ifndef FALLOFF_COMPILER_REFERENCE_DRAW_H
#define FALLOFF_COMPILER_REFERENCE_DRAW_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdint>

namespace falloff {

using ContainsFn = llvm::function_ref<bool(int64_t query, int64_t key)>;

/// Writes a line for each query: `#` for a key that it sees, `.` for one that it does not.
void drawText(int64_t tokens, ContainsFn contains, llvm::raw_ostream &os);

} // namespace falloff

#endif
