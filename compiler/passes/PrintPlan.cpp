// SPDX-License-Identifier: Apache-2.0
//
// Writes plans. Runs that meet and go by the same word are printed as one, whatever limits fill them.
#include "compiler/passes/PrintPlan.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <array>
#include <charconv>
#include <cmath>

using namespace falloff;
using runtime::Plan;
using runtime::Run;
using runtime::Side;

const char *falloff::wordOf(const Run &run) { return run.isFull() ? "full" : run.isPartial() ? "partial" : "limited"; }

/// Shortest digits that read back as the same number.
static std::string number(double value) {
  if (value == std::floor(value) && std::abs(value) < 9e15)
    return std::to_string(int64_t(value));
  std::array<char, 32> digits;
  return {digits.data(), std::to_chars(digits.begin(), digits.end(), value).ptr};
}

template <typename T>
static std::string list(const std::vector<T> &values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i)
    text += (i ? ", " : "") + std::to_string(values[i]);
  return text + "]";
}

/// A JSON string.
static std::string quote(llvm::StringRef text) {
  std::string quoted = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\')
      quoted += '\\';
    if (c < 0x20)
      quoted += "\\u00" + llvm::utohexstr(c, /*LowerCase=*/true, /*Width=*/2);
    else
      quoted += char(c);
  }
  return quoted + "\"";
}

/// The mean of a count over heads.
static double mean(const Plan &plan, int64_t runtime::RowTable::*count) {
  double sum = 0;
  for (uint32_t table : plan.tableOf)
    sum += double(plan.tables[table].*count);
  return plan.tableOf.empty() ? 0 : sum / double(plan.tableOf.size());
}

/// Calls visit(first, last, word) for the runs of a row.
template <typename Visit>
static void forEachRun(const runtime::RowTable &table, int64_t row, Visit visit) {
  for (uint32_t at = table.rowStart[row]; at < table.rowStart[row + 1];) {
    const Run &first = table.runs[at];
    uint32_t last = first.last();
    for (++at; at < table.rowStart[row + 1]; ++at) {
      const Run &next = table.runs[at];
      if (next.first() != last || wordOf(next) != wordOf(first))
        break;
      last = next.last();
    }
    visit(first.first(), last, wordOf(first));
  }
}

//===-- JSON ------------------------------------------------------------------------------------------------------===//

/// {"decay": 0.2, "kind": "spatial,temporal"} of "decay=0.2 kind=spatial,temporal".
static std::string parameters(llvm::StringRef text) {
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, ' ', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  std::string result = "{";
  for (llvm::StringRef part : parts) {
    auto [name, value] = part.split('=');
    double real = 0;
    bool isNumber = !value.getAsDouble(real) && std::isfinite(real);
    result += (result.size() > 1 ? ", " : "") + quote(name) + ": " + (isNumber ? number(real) : quote(value));
  }
  return result + "}";
}

static void writeGrid(llvm::raw_ostream &out, const runtime::Grid &grid) {
  bool isFlat = grid.kind == runtime::GridKind::Flat;
  out << "{\"kind\": \"" << (isFlat ? "flat" : "box") << "\", \"query_tiles\": " << grid.queryTiles
      << ", \"key_tiles\": " << grid.keyTiles << ", \"segments\": [";
  for (const runtime::Segment &segment : grid.segments) {
    std::vector<std::string> axes;
    for (const std::string &axis : segment.axes)
      axes.push_back(quote(axis));
    auto tile = [&](Side side) {
      return list(isFlat ? std::vector<int64_t>{grid.capacity(side)} : segment.tile(side));
    };
    out << (&segment == grid.segments.data() ? "" : ", ") << "{\"name\": " << quote(segment.name) << ", \"axes\": ["
        << llvm::join(axes, ", ") << "], \"extents\": " << list(segment.extents)
        << ", \"first_token\": " << segment.firstToken << ", \"query_tile\": " << tile(Side::Query)
        << ", \"key_tile\": " << tile(Side::Key) << ", \"first_query_tile\": " << segment.firstQueryTile
        << ", \"first_key_tile\": " << segment.firstKeyTile << "}";
  }
  out << "]}";
}

static void writeTable(llvm::raw_ostream &out, const runtime::RowTable &table, runtime::Major major) {
  const char *tile = major == runtime::Major::Query ? "query_tile" : "key_tile";
  out << "{\"row_order\": " << list(table.rowOrder) << ", \"splits\": [";
  for (const runtime::Split &split : table.splits)
    out << (&split == table.splits.data() ? "" : ", ") << "{\"row\": " << split.row
        << ", \"first_tiles\": " << list(split.firstTiles) << "}";
  out << "], \"rows\": [";
  for (int64_t row = 0; row < table.rows(); ++row) {
    out << (row ? ",\n" : "\n") << "{\"" << tile << "\": " << row << ", \"runs\": [";
    bool isFirst = true;
    forEachRun(table, row, [&](uint32_t first, uint32_t last, const char *word) {
      out << (isFirst ? "[" : ", [") << first << ", " << last << ", \"" << word << "\"]";
      isFirst = false;
    });
    out << "]}";
  }
  out << "\n]}";
}

std::string falloff::planJson(const Plan &plan) {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << "{\"version\": 1, \"pattern\": " << quote(plan.pattern) << ", \"parameters\": " << parameters(plan.parameters)
      << ", \"tokens\": " << plan.grid.tokens;
  if (plan.grid.isSliced())
    for (Side side : {Side::Query, Side::Key})
      out << (side == Side::Query ? ", \"queries\": [" : ", \"keys\": [") << plan.grid.range(side).first << ", "
          << plan.grid.range(side).last << "]";
  out << ", \"grid\": ";
  writeGrid(out, plan.grid);
  out << ", \"major\": \"" << (plan.major == runtime::Major::Query ? "query" : "key")
      << "\", \"rounding\": " << quote(plan.rounding)
      << ", \"pairs_in_mask\": " << number(mean(plan, &runtime::RowTable::pairsInMask))
      << ", \"pairs_computed\": " << number(mean(plan, &runtime::RowTable::pairsComputed))
      << ", \"pairs_issued\": " << number(mean(plan, &runtime::RowTable::pairsIssued))
      << ", \"pairs_lost\": " << number(mean(plan, &runtime::RowTable::pairsLost))
      << ", \"density\": " << number(plan.density) << ", \"table_of\": " << list(plan.tableOf) << ", \"tables\": [";
  for (const runtime::RowTable &table : plan.tables) {
    out << (&table == plan.tables.data() ? "" : ", ");
    writeTable(out, table, plan.major);
  }
  out << "]}\n";
  return text;
}

//===-- Lines -----------------------------------------------------------------------------------------------------===//

static std::string shape(const std::vector<int64_t> &sizes) {
  return llvm::join(llvm::map_range(sizes, [](int64_t size) { return std::to_string(size); }), "x");
}

static void describeGrid(llvm::raw_ostream &out, const runtime::Grid &grid) {
  if (grid.kind == runtime::GridKind::Flat)
    out << "grid flat, query tiles of " << grid.flatQueryTile << " tokens, key tiles of " << grid.flatKeyTile << "\n";
  else
    out << "grid box\n";
  for (const runtime::Segment &segment : grid.segments) {
    out << "  " << segment.name << "(";
    for (size_t axis = 0; axis < segment.axes.size(); ++axis)
      out << (axis ? ", " : "") << segment.axes[axis] << ": " << segment.extents[axis];
    out << ")";
    if (grid.kind == runtime::GridKind::Box)
      out << ", query tiles of " << shape(segment.queryTile) << " from " << segment.firstQueryTile << ", key tiles of "
          << shape(segment.keyTile) << " from " << segment.firstKeyTile;
    out << "\n";
  }
}

static void describeTable(llvm::raw_ostream &out, const Plan &plan, size_t number) {
  const runtime::RowTable &table = plan.tables[number];
  out << "table " << number;
  std::vector<std::string> heads;
  for (size_t head = 0; head < plan.tableOf.size(); ++head)
    if (plan.tableOf[head] == number)
      heads.push_back(std::to_string(head));
  if (plan.tableOf.size() > 1)
    out << " of heads " << llvm::join(heads, " ");
  out << ": " << table.pairsInMask << " pairs in the mask, " << table.pairsComputed << " computed, "
      << table.pairsIssued << " issued, " << table.pairsLost << " lost\n";
  for (const runtime::Split &split : table.splits)
    out << "  row " << split.row << " is cut at " << list(split.firstTiles) << "\n";
  for (int64_t row = 0; row < table.rows(); ++row) {
    out << "  row " << row << ":";
    forEachRun(table, row, [&](uint32_t first, uint32_t last, const char *word) {
      out << " " << word << " " << first << " to " << last;
    });
    out << "\n";
  }
}

std::string falloff::planText(const Plan &plan) {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << "plan of @" << plan.pattern;
  if (!plan.parameters.empty())
    out << " (" << plan.parameters << ")";
  out << ", " << plan.grid.tokens << " tokens, rounding " << plan.rounding << ", major "
      << (plan.major == runtime::Major::Query ? "query" : "key") << ", density " << number(plan.density) << "\n";
  describeGrid(out, plan.grid);
  for (size_t table = 0; table < plan.tables.size(); ++table)
    describeTable(out, plan, table);
  return text;
}
