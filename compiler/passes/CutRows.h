// SPDX-License-Identifier: Apache-2.0
//
// Cuts the rows of a whole plan down to a slice. Tiles keep the numbers and the tests of the unsliced plan, so that
// the slices of a mask compute between them what the whole plan does; only tiles that meet both ranges stay, and the
// counts are those of the slice.
#ifndef FALLOFF_COMPILER_PASSES_CUTROWS_H
#define FALLOFF_COMPILER_PASSES_CUTROWS_H

#include "compiler/passes/BoundMask.h"
#include "runtime/Plan.h"

namespace falloff {

/// Cuts a query-major table to grid.queries and grid.keys.
void cutRows(const BoundMask &mask, const runtime::Grid &grid, runtime::RowTable &table);

} // namespace falloff

#endif
