// SPDX-License-Identifier: Apache-2.0
//
// Plans as text: JSON for programs, lines for people.
#ifndef FALLOFF_COMPILER_PASSES_PRINTPLAN_H
#define FALLOFF_COMPILER_PASSES_PRINTPLAN_H

#include "runtime/Plan.h"
#include <string>

namespace falloff {

/// The plan as `falloff plan --emit json` prints it, on one line but for its rows. Counts and density are means over
/// heads. Of a grid `flat`, tiles are of no segment: `query_tile` and `key_tile` of a segment are its tokens a tile,
/// and its first tile is the one that holds its first token.
std::string planJson(const runtime::Plan &plan);

/// The plan for people: the grid, the counts, and a line for each row.
std::string planText(const runtime::Plan &plan);

/// "full", "limited" or "partial".
const char *wordOf(const runtime::Run &run);

} // namespace falloff

#endif
