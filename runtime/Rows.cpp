// SPDX-License-Identifier: Apache-2.0
//
// Work on the rows of a table that needs no mask: their order, where long ones are cut, and the transpose.
#include "runtime/Plan.h"
#include <algorithm>
#include <numeric>

namespace falloff::runtime {

int64_t RowTable::keptTiles(int64_t row) const {
  int64_t kept = 0;
  for (uint32_t run = rowStart[row]; run < rowStart[row + 1]; ++run)
    kept += runs[run].last() - runs[run].first();
  return kept;
}

/// First tiles of all pieces but the first, of a row that keeps `kept` tiles.
static std::vector<uint32_t> cutRow(const RowTable &table, uint32_t row, int64_t kept, int64_t pieces) {
  std::vector<uint32_t> firstTiles;
  int64_t seen = 0, piece = 1;
  for (uint32_t run = table.rowStart[row]; run < table.rowStart[row + 1]; ++run) {
    int64_t length = table.runs[run].last() - table.runs[run].first();
    for (; piece < pieces && kept * piece / pieces < seen + length; ++piece)
      firstTiles.push_back(uint32_t(table.runs[run].first() + kept * piece / pieces - seen));
    seen += length;
  }
  return firstTiles;
}

void orderRows(const Grid &grid, Major major, RowTable &table) {
  Side side = major == Major::Query ? Side::Query : Side::Key;
  int64_t rows = table.rows(), total = 0;
  std::vector<int64_t> kept(rows);
  table.rowOrder.clear();
  table.splits.clear();
  for (int64_t row = 0; row < rows; ++row) {
    total += kept[row] = table.keptTiles(row);
    if (!grid.isSliced() || grid.tileSize(side, row) > 0)
      table.rowOrder.push_back(uint32_t(row));
  }
  std::sort(table.rowOrder.begin(), table.rowOrder.end(),
            [&](uint32_t a, uint32_t b) { return kept[a] != kept[b] ? kept[a] > kept[b] : a < b; });
  int64_t limit = std::max<int64_t>(64, rows ? 4 * total / rows : 0);
  for (int64_t row = 0; row < rows; ++row)
    if (kept[row] > limit)
      table.splits.push_back({uint32_t(row), cutRow(table, uint32_t(row), kept[row], (kept[row] + limit - 1) / limit)});
}

namespace {

/// Sweeps the rows of a table. Each column remembers since which row it has had its present test; a change closes what
/// was and opens what is. So the cost follows where neighbouring rows differ, not the tiles kept.
class Sweep {
public:
  Sweep(const RowTable &table, int64_t columns) : table(table), since(columns, 0) {}

  /// Calls close(column, first row, last row, test) for each maximal stretch, by last row.
  template <typename Close>
  void run(Close close) {
    int64_t rows = table.rows();
    for (int64_t row = 0; row <= rows; ++row) {
      const Run *before = row == 0 ? nullptr : table.runs.data() + table.rowStart[row - 1];
      const Run *beforeEnd = row == 0 ? nullptr : table.runs.data() + table.rowStart[row];
      const Run *after = row == rows ? nullptr : beforeEnd ? beforeEnd : table.runs.data();
      const Run *afterEnd = row == rows ? nullptr : table.runs.data() + table.rowStart[row + 1];
      step(uint32_t(row), before, beforeEnd, after, afterEnd, close);
    }
  }

private:
  static constexpr uint32_t nothing = ~uint32_t(0);

  template <typename Close>
  void step(uint32_t row, const Run *before, const Run *beforeEnd, const Run *after, const Run *afterEnd, Close close) {
    uint32_t at = 0;
    while (before != beforeEnd || after != afterEnd) {
      // The stretch of columns from `at` on over which neither row changes its test.
      auto look = [&](const Run *run, const Run *end, uint32_t &until) {
        uint32_t boundary = run == end ? nothing : run->first() > at ? run->first() : run->last();
        until = std::min(until, boundary);
        return run == end || run->first() > at ? nothing : run->test();
      };
      uint32_t until = nothing, was = look(before, beforeEnd, until), is = look(after, afterEnd, until);
      if (was != is)
        for (uint32_t column = at; column < until; ++column) {
          if (was != nothing)
            close(column, since[column], row, was);
          since[column] = row;
        }
      at = until;
      if (before != beforeEnd && before->last() <= at)
        ++before;
      if (after != afterEnd && after->last() <= at)
        ++after;
    }
  }

  const RowTable &table;
  std::vector<uint32_t> since;
};

} // namespace

void transposeRows(const RowTable &from, int64_t columns, RowTable &to) {
  to.rowStart.assign(columns + 1, 0);
  Sweep(from, columns).run([&](uint32_t column, uint32_t, uint32_t, uint32_t) { ++to.rowStart[column + 1]; });
  std::partial_sum(to.rowStart.begin(), to.rowStart.end(), to.rowStart.begin());
  to.runs.assign(to.rowStart.back(), Run());
  std::vector<uint32_t> next(to.rowStart.begin(), to.rowStart.end() - 1);
  Sweep(from, columns).run([&](uint32_t column, uint32_t first, uint32_t last, uint32_t test) {
    to.runs[next[column]++] = Run(first, last, test);
  });
}

} // namespace falloff::runtime
