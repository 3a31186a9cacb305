// SPDX-License-Identifier: Apache-2.0
//
// Plan: from a mask or from blocks of the user's own to a schedule.

#include "compiler/CompilerImpl.h"
#include "compiler/Diagnostics.h"
#include "compiler/PlanCache.h"
#include "compiler/passes/Planner.h"
#include "compiler/passes/TilePairs.h"
#include <algorithm>
#include <cmath>

using namespace mlir;

namespace falloff {

static ScheduleOptions scheduleOptions(const PlanOptions &options) {
  ScheduleText text;
  text.grid = options.grid;
  text.tileQuery = options.tileQuery;
  text.tileKey = options.tileKey;
  text.rounding = options.rounding;
  text.major = options.major;
  text.target = options.target;
  text.dtype = options.dtype;
  text.headDim = options.headDim;
  return valueOrRaise(parseSchedule(text));
}

/// The value of a pattern's parameter `block`, which the rounding radial-reference takes for its tiles.
static int64_t blockOf(const BoundHeads &bound) {
  const std::vector<std::string> &names = bound.pattern->program->recipe.parameters;
  size_t index = std::find(names.begin(), names.end(), "block") - names.begin();
  const double *block = nullptr;
  if (index < names.size())
    block = std::get_if<double>(&bound.specialised.bound.parameters[index]);
  if (!block)
    throw Error("expects a pattern with a parameter 'block', one number for all heads, with rounding radial-reference, "
                "but got @" +
                bound.pattern->name + "; radial_reference has one, and rounding nearest, outward or exact needs none");
  if (*block < 1 || *block > double(maxTileTokens) || *block != std::floor(*block))
    throw Error("expects a whole number from 1 to " + std::to_string(maxTileTokens) +
                " for 'block' with rounding radial-reference, but got " + printValue(*block));
  return int64_t(*block);
}

static runtime::Plan planAnew(const Mask::Impl &mask, const PlanOptions &options) {
  const BoundHeads &bound = *mask.bound;
  ScheduleOptions schedule = scheduleOptions(options);
  if (schedule.rounding.kind == Rounding::RadialReference)
    schedule.block = blockOf(bound);
  schedule.parameters = bound.parameters;
  runtime::TokenRange whole{0, bound.specialised.bound.tokens};
  auto isWhole = [&](runtime::TokenRange range) { return range.first == whole.first && range.last == whole.last; };
  if (!isWhole(mask.queries) || !isWhole(mask.keys)) {
    schedule.queries = mask.queries;
    schedule.keys = mask.keys;
  }
  return valueOrRaise(makePlan(bound.classes, bound.classOf, schedule));
}

Plan Mask::plan(const PlanOptions &options) const {
  auto plan = std::make_shared<Plan::Impl>();
  plan->plan = planOnce(*impl, options, [&] { return planAnew(*impl, options); });
  plan->classes = impl->bound->classes;
  return Plan(std::move(plan));
}

const runtime::Plan &Plan::data() const { return *impl->plan; }

/// One index serves any number of them.
static void checkIndex(const char *what, int64_t index, int64_t count) {
  if (index < 0 || (count > 1 && index >= count))
    throw Error(std::string("expects a ") + what + " from 0 to " + std::to_string(count - 1) + ", but got " +
                std::to_string(index));
}

std::vector<uint8_t> Plan::dense(int64_t head, int64_t batch) const {
  const runtime::Plan &plan = data();
  checkIndex("head", head, plan.heads());
  checkIndex("batch entry", batch, plan.batches);
  uint32_t table = plan.tableFor(batch, head);
  return densePairs(plan, table, impl->classes.empty() ? nullptr : &impl->classes[table]);
}

Plan Plan::ofHead(int64_t head) const {
  checkIndex("head", head, data().heads());
  auto plan = std::make_shared<runtime::Plan>(data());
  plan->tableOf.clear();
  double density = 0;
  for (int64_t batch = 0; batch < plan->batches; ++batch) {
    plan->tableOf.push_back(data().tableFor(batch, head));
    density += double(plan->tables[plan->tableOf.back()].pairsInMask);
  }
  const runtime::Grid &grid = plan->grid;
  double pairs = double(grid.queries.size()) * double(grid.keys.size()) * double(plan->batches);
  plan->density = pairs == 0 ? 0 : density / pairs;
  auto result = std::make_shared<Impl>(*impl);
  result->plan = std::move(plan);
  return Plan(std::move(result));
}

std::vector<int64_t> Plan::tilePairs(int64_t first, int64_t last, int64_t head, int64_t batch) const {
  const runtime::Plan &plan = data();
  checkIndex("head", head, plan.heads());
  checkIndex("batch entry", batch, plan.batches);
  if (plan.major != runtime::Major::Query || plan.grid.isSliced())
    throw Error("expects a query-major plan of a whole mask to count the pairs of its tiles");
  if (first < 0 || last > plan.grid.queryTiles || first > last)
    throw Error("expects query tiles from 0 to " + std::to_string(plan.grid.queryTiles) + ", but got [" +
                std::to_string(first) + ", " + std::to_string(last) + ")");
  uint32_t table = plan.tableFor(batch, head);
  return countTilePairs(plan, table, impl->classes.empty() ? nullptr : &impl->classes[table], first, last);
}

/// Runs of kept tiles of one matrix, row by row, and the pairs that they hold.
static runtime::RowTable tableOfBlocks(const std::vector<uint8_t> &blocks, const runtime::Grid &grid) {
  auto tokensIn = [&](runtime::Side side, int64_t tile) {
    int64_t size = side == runtime::Side::Query ? grid.flatQueryTile : grid.flatKeyTile;
    return std::min(size, grid.tokens - tile * size);
  };
  runtime::RowTable table;
  table.rowStart.push_back(0);
  for (int64_t row = 0; row < grid.queryTiles; ++row) {
    const uint8_t *kept = blocks.data() + row * grid.keyTiles;
    for (int64_t tile = 0; tile < grid.keyTiles; ++tile) {
      if (!kept[tile])
        continue;
      int64_t first = tile;
      while (tile + 1 < grid.keyTiles && kept[tile + 1])
        ++tile;
      table.runs.emplace_back(first, tile + 1, runtime::Run::full);
      for (int64_t each = first; each <= tile; ++each)
        table.pairsComputed += tokensIn(runtime::Side::Query, row) * tokensIn(runtime::Side::Key, each);
      table.pairsIssued += (tile + 1 - first) * grid.queryCapacity * grid.keyCapacity;
    }
    table.rowStart.push_back(table.runs.size());
  }
  table.pairsInMask = table.pairsComputed;
  orderRows(grid, runtime::Major::Query, table);
  return table;
}

Plan Plan::fromBlockMask(const std::vector<std::vector<uint8_t>> &blocks, int64_t batches, int64_t tokens,
                         int64_t queryTile, int64_t keyTile) {
  if (blocks.empty() || batches < 1 || blocks.size() % batches != 0)
    throw Error("expects as many block masks for each of " + std::to_string(batches) + " batch entries, but got " +
                std::to_string(blocks.size()));
  runtime::Segment segment;
  segment.name = "tokens";
  segment.axes = {"token"};
  segment.extents = {tokens};
  auto made = std::make_shared<runtime::Plan>();
  runtime::Plan &plan = *made;
  plan.grid = valueOrRaise(flatGrid({segment}, queryTile, keyTile));
  plan.pattern = "blocks";
  plan.rounding = "given";
  plan.segmentIds = {0};
  plan.batches = batches;
  size_t expected = plan.grid.queryTiles * plan.grid.keyTiles;
  double density = 0;
  for (size_t index = 0; index < blocks.size(); ++index) {
    if (blocks[index].size() != expected)
      throw Error("expects " + std::to_string(plan.grid.queryTiles) + " x " + std::to_string(plan.grid.keyTiles) +
                  " blocks for " + std::to_string(tokens) + " tokens, but got " + std::to_string(blocks[index].size()) +
                  " in block mask " + std::to_string(index));
    plan.tables.push_back(tableOfBlocks(blocks[index], plan.grid));
    plan.tableOf.push_back(index);
    density += double(plan.tables.back().pairsInMask);
  }
  plan.masks.resize(plan.tables.size());
  plan.density = tokens == 0 ? 0 : density / double(blocks.size()) / double(tokens) / double(tokens);
  auto impl = std::make_shared<Impl>();
  impl->plan = std::move(made);
  return Plan(std::move(impl));
}

} // namespace falloff
