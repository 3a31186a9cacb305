// SPDX-License-Identifier: Apache-2.0
//
// Reading roundings, and three of them on the entries of one row.
#include "compiler/passes/Rounding.h"
#include "llvm/ADT/Twine.h"
#include <array>
#include <cassert>
#include <charconv>
#include <cmath>

using namespace falloff;

std::string Rounding::text() const {
  if (kind != Nearest)
    return kind == Exact ? "exact" : kind == Outward ? "outward" : "radial-reference";
  std::array<char, 32> digits;
  return "nearest:" + std::string(digits.data(), std::to_chars(digits.begin(), digits.end(), share).ptr);
}

llvm::Expected<Rounding> falloff::parseRounding(llvm::StringRef text) {
  Rounding rounding;
  if (text == "exact" || text == "outward") {
    rounding.kind = text == "exact" ? Rounding::Exact : Rounding::Outward;
    return rounding;
  }
  if (text == "radial-reference") {
    rounding.kind = Rounding::RadialReference;
    return rounding;
  }
  if (text == "nearest")
    return rounding;
  llvm::StringRef share = text;
  if (share.consume_front("nearest:") && !share.getAsDouble(rounding.share) && rounding.share >= 0 &&
      rounding.share <= 1)
    return rounding;
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 "expects a rounding of exact, outward, nearest, nearest:S with a share S from 0 to 1, "
                                 "or radial-reference, but got '" +
                                     text + "'");
}

namespace {

/// Rounds the entries of one slice, for one group.
class SliceRounder {
public:
  SliceRounder(TileRow row, int32_t group, double threshold) : row(row), group(group), threshold(threshold) {}

  void visit(TileEntry &entry) {
    if (!(entry.touched >> group & 1))
      return;
    double share = row.shares[entry.shares + group].value();
    if (share >= threshold && share > 0) {
      entry.fills |= 1u << group;
      filled = true;
    } else if (!best || share > bestShare) {
      best = &entry;
      bestShare = share;
    }
  }
  /// Whether a tile is to be filled although its share is below the threshold.
  bool isWanting() const { return best && !filled; }
  void fillBest() { best->fills |= 1u << group; }

private:
  TileRow row;
  int32_t group;
  double threshold;
  TileEntry *best = nullptr;
  double bestShare = 0;
  bool filled = false;
};

} // namespace

static void roundNearest(double threshold, int32_t group, TileRow row,
                         llvm::function_ref<bool(int32_t, const TileEntry &, int32_t)> touchesFull,
                         llvm::function_ref<int32_t(const TileEntry &)> lastSlice) {
  auto &entries = row.entries;
  size_t reaching = 0; // a full entry before the slice that may reach into it
  for (size_t at = 0; at < entries.size();) {
    int32_t slice = entries[at].slice;
    SliceRounder rounder(row, group, threshold);
    size_t end = at;
    for (; end < entries.size() && entries[end].slice == slice; ++end)
      if (!entries[end].isFull())
        rounder.visit(entries[end]);
    // Only then ask about tiles that are full whatever rounding does: one that B touches has share 1.
    bool satisfied = !rounder.isWanting();
    for (size_t i = reaching; !satisfied && i < end; ++i)
      satisfied = entries[i].isFull() && lastSlice(entries[i]) >= slice && touchesFull(group, entries[i], slice);
    if (!satisfied)
      rounder.fillBest();
    at = end;
    reaching = end - 1; // entries ascend: of those seen, only the last can go on
  }
}

void falloff::roundRow(const Rounding &rounding, TileRow row,
                       llvm::function_ref<bool(int32_t, const TileEntry &, int32_t)> touchesFull,
                       llvm::function_ref<int32_t(const TileEntry &)> lastSlice) {
  assert(rounding.kind != Rounding::RadialReference && "expects a rounding that goes by rows");
  if (rounding.kind == Rounding::Exact)
    return;
  if (rounding.kind == Rounding::Outward) {
    for (TileEntry &entry : row.entries)
      if (!entry.isFull())
        entry.fills = entry.touched;
    return;
  }
  for (int32_t group = 0; group < row.groups; ++group)
    roundNearest(rounding.share, group, row, touchesFull, lastSlice);
}
