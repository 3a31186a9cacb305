// SPDX-License-Identifier: Apache-2.0
//
// Pairs of tiles one by one: a class decides most of them, the others are counted.
#include "compiler/passes/TilePairs.h"
#include "compiler/passes/Block.h"
#include "compiler/passes/KeepQueries.h"

using namespace falloff;
using runtime::Run;
using runtime::Side;

static int64_t countIn(const RegionQuestions &ask, int32_t node, const Region &query, const Region &key) {
  switch (ask.classify(node, query, key)) {
  case Class::None:
    return 0;
  case Class::All:
    return query.tokens * key.tokens;
  case Class::Some:
    return ask.count(node, query, key);
  }
  return 0;
}

/// The test of each key tile of a row, and -1 of those that are skipped.
static std::vector<int32_t> testsOf(const runtime::Plan &plan, const runtime::RowTable &table, int64_t row) {
  std::vector<int32_t> tests(plan.grid.keyTiles, -1);
  for (uint32_t at = table.rowStart[row]; at < table.rowStart[row + 1]; ++at)
    std::fill(tests.begin() + table.runs[at].first(), tests.begin() + table.runs[at].last(), table.runs[at].test());
  return tests;
}

/// A plan of blocks that were given: what is kept is full, and there is no other mask.
static std::vector<int64_t> countGiven(const runtime::Plan &plan, size_t number, int64_t first, int64_t last) {
  std::vector<int64_t> counts;
  counts.reserve(2 * (last - first) * plan.grid.keyTiles);
  for (int64_t row = first; row < last; ++row) {
    std::vector<int32_t> tests = testsOf(plan, plan.tables[number], row);
    for (int64_t tile = 0; tile < plan.grid.keyTiles; ++tile) {
      int64_t pairs = tests[tile] < 0 ? 0 : plan.grid.tileSize(Side::Query, row) * plan.grid.tileSize(Side::Key, tile);
      counts.insert(counts.end(), {pairs, pairs});
    }
  }
  return counts;
}

std::vector<int64_t> falloff::countTilePairs(const runtime::Plan &plan, size_t number, const BoundMask *mask,
                                             int64_t first, int64_t last) {
  if (!mask)
    return countGiven(plan, number, first, last);
  RegionQuestions ask(*mask);
  const SetProgram &program = mask->program();
  std::vector<Region> keys;
  for (int64_t tile = 0; tile < plan.grid.keyTiles; ++tile)
    keys.push_back(regionOf(*mask, plan.grid, Side::Key, tile));
  std::vector<int64_t> counts;
  counts.reserve(2 * (last - first) * plan.grid.keyTiles);
  for (int64_t row = first; row < last; ++row) {
    Region query = regionOf(*mask, plan.grid, Side::Query, row);
    std::vector<int32_t> tests = testsOf(plan, plan.tables[number], row);
    for (int64_t tile = 0; tile < plan.grid.keyTiles; ++tile) {
      const Region &key = keys[tile];
      int32_t test = tests[tile];
      int64_t kept = countIn(ask, program.contains, query, key);
      int64_t computed = test < 0                      ? 0
                         : uint32_t(test) == Run::full ? query.tokens * key.tokens
                         : uint32_t(test) == Run::partial
                             ? kept
                             : countIn(ask, program.filled[test - Run::partial - 1], query, key);
      counts.insert(counts.end(), {kept, computed});
    }
  }
  return counts;
}
