// SPDX-License-Identifier: Apache-2.0
//
// Bytes in: a miss, or a plan that the grid's questions can be asked of and that comes back from its file as it was.
#include "runtime/PlanFile.h"
#include "tests/fuzz/Check.h"
#include <algorithm>
#include <cstddef>
#include <cstdint>

using namespace falloff::runtime;

namespace {

constexpr int64_t maxTokens = 1 << 16; ///< of a tile that is written out
constexpr int64_t maxTiles = 64;       ///< of a side that are looked at

void checkTiles(const Grid &grid, Side side) {
  if (grid.capacity(side) > maxTokens)
    return;
  std::vector<int32_t> tokens(size_t(grid.capacity(side)));
  for (int64_t tile = 0; tile < std::min(grid.tiles(side), maxTiles); ++tile) {
    int64_t size = grid.tileTokens(side, tile, tokens.data());
    FALLOFF_CHECK(size == grid.tileSize(side, tile) && size <= grid.capacity(side));
    for (int64_t index = 0; index < size; ++index)
      FALLOFF_CHECK(tokens[index] >= grid.range(side).first && tokens[index] < grid.range(side).last);
  }
}

void checkRows(const Plan &plan, const RowTable &table) {
  for (int64_t row = 0; row < table.rows(); ++row)
    FALLOFF_CHECK(table.keptTiles(row) >= 0);
  int64_t columns = plan.grid.tiles(plan.major == Major::Query ? Side::Key : Side::Query);
  if (columns > maxTokens)
    return;
  RowTable turned, again;
  transposeRows(table, columns, turned);
  transposeRows(turned, table.rows(), again);
  for (int64_t row = 0; row < table.rows(); ++row)
    FALLOFF_CHECK(again.keptTiles(row) == table.keptTiles(row));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::optional<Plan> plan = readPlan({reinterpret_cast<const char *>(data), size});
  if (!plan)
    return 0;
  FALLOFF_CHECK(findFault(*plan).empty());
  std::string bytes = writePlan(*plan);
  FALLOFF_CHECK(bytes.size() == size); // what stands in the padding is not the plan's
  std::optional<Plan> again = readPlan(bytes);
  FALLOFF_CHECK(again && writePlan(*again) == bytes);
  FALLOFF_CHECK(bytesOf(*plan) > 0);
  checkTiles(plan->grid, Side::Query);
  checkTiles(plan->grid, Side::Key);
  for (const RowTable &table : plan->tables)
    checkRows(*plan, table);
  for (int64_t batch = 0; batch < std::min(plan->batches, maxTiles); ++batch)
    for (int64_t head = 0; head < std::min(plan->heads(), maxTiles); ++head)
      FALLOFF_CHECK(plan->tableFor(batch, head) < plan->tables.size());
  return 0;
}
