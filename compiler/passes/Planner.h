// SPDX-License-Identifier: Apache-2.0
//
// From bound masks to a plan: the one function behind `Mask::plan`, `falloff plan` and the pass lower-to-schedule.
#ifndef FALLOFF_COMPILER_PASSES_PLANNER_H
#define FALLOFF_COMPILER_PASSES_PLANNER_H

#include "compiler/passes/BoundMask.h"
#include "compiler/passes/Grid.h"
#include "compiler/passes/Rounding.h"
#include "runtime/Plan.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace falloff {

/// The text of a schedule's options, as users give them. An empty grid is `box`, or `flat` with the rounding
/// radial-reference. Empty tiles are searched; on a grid `flat` they are 128, or the block of radial-reference.
struct ScheduleText {
  std::string grid;
  std::string tileQuery, tileKey;
  std::string rounding = "nearest";
  std::string major = "query";
  std::string target = "cpu";
  std::string dtype = "bf16";
  int64_t headDim = 128;
};

struct ScheduleOptions {
  runtime::GridKind grid = runtime::GridKind::Box;
  std::optional<TileSpec> tileQuery, tileKey;
  Rounding rounding;
  std::optional<int64_t> block; ///< of radial-reference: the pattern's; else tiles say it
  runtime::Major major = runtime::Major::Query;
  std::string target = "cpu", dtype = "bf16"; ///< with headDim, they steer the tile search only
  int64_t headDim = 128;
  std::string parameters;                           ///< for people; goes into the plan as it is
  std::optional<runtime::TokenRange> queries, keys; ///< of a slice
};

llvm::Expected<ScheduleOptions> parseSchedule(const ScheduleText &text);

/// Plans masks that are bound from one program with one set of extents, one a class of heads. `tableOf` gives the class
/// of each head; one entry serves any number of heads.
llvm::Expected<runtime::Plan> makePlan(const std::vector<BoundMask> &classes, std::vector<uint32_t> tableOf,
                                       const ScheduleOptions &options);

/// The pairs that a table of the plan computes: row-major, queries x keys of the plan's ranges, 0 and 1. `mask` is the
/// one that the table was made of; null if all tiles are full.
std::vector<uint8_t> densePairs(const runtime::Plan &plan, size_t table, const BoundMask *mask);

} // namespace falloff

#endif
