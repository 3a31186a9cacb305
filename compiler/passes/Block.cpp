// SPDX-License-Identifier: Apache-2.0
//
// The descent, and the rows that it finds. Query tiles are taken in groups of a few, so that what is known of single
// tiles is forgotten soon.
#include "compiler/passes/Block.h"
#include <algorithm>
#include <numeric>

using namespace falloff;

/// Calls visit(query box, key box, times) until it returns false.
template <typename Visit>
void RegionQuestions::forEachPair(const Region &query, const Region &key, Visit visit) const {
  if (leading.empty()) {
    for (const Box &q : query.boxes)
      for (const Box &k : key.boxes)
        if (!visit(q, k, 1))
          return;
    return;
  }
  Box q = query.boxes.front(), k = key.boxes.front();
  for (const Leading &pair : leading) {
    if (pair.query >= 0) {
      q.lo[0] = pair.query;
      q.hi[0] = pair.query + 1;
    }
    if (pair.key >= 0) {
      k.lo[0] = pair.key;
      k.hi[0] = pair.key + 1;
    }
    if (!visit(q, k, pair.times))
      return;
  }
}

Class RegionQuestions::classify(int32_t node, const Region &query, const Region &key) const {
  bool none = true, all = true;
  forEachPair(query, key, [&](const Box &q, const Box &k, int64_t) {
    Class found = mask.classify(node, q, k);
    none &= found == Class::None;
    all &= found == Class::All;
    return none || all;
  });
  return none ? Class::None : all ? Class::All : Class::Some;
}

int64_t RegionQuestions::count(int32_t node, const Region &query, const Region &key) const {
  int64_t pairs = 0;
  forEachPair(query, key, [&](const Box &q, const Box &k, int64_t times) {
    pairs += times * mask.count(node, q, k);
    return true;
  });
  return pairs;
}

namespace {

class BlockSolver {
public:
  BlockSolver(const RegionQuestions &questions, const Rounding &rounding, const TileSpace &queries,
              const TileSpace &keys);
  Block solve();
  TileTotals solveRows(llvm::ArrayRef<int32_t> rows);

private:
  static constexpr int32_t groupTiles = 16;

  /// Query tiles [first, last) share an entry.
  struct Find {
    int32_t first, last;
    TileEntry entry;
  };

  void solveGroups(TileRange range);
  void solveGroup(TileRange range);
  void descend(TileRange query, const Region &queryRegion, TileRange key, const Region &keyRegion);
  void findRun(TileRange query, TileRange key, int64_t keyTokens);
  void findTile(TileRange query, const Region &queryRegion, TileRange key, const Region &keyRegion);
  void measure(TileEntry &entry, const Region &queryRegion, const Region &keyRegion);
  void finishRow(int32_t row, llvm::MutableArrayRef<TileEntry> entries);
  uint32_t testOf(int32_t row, const TileEntry &entry, int64_t &computed);
  bool touchesFull(int32_t row, int32_t group, const TileEntry &entry, int32_t slice);
  void append(int32_t first, int32_t last, uint32_t test);

  const RegionQuestions &ask;
  const SetProgram &program;
  const Rounding &rounding;
  const TileSpace &queries, &keys;
  std::vector<Find> finds;
  std::vector<TileShare> shares;
  std::vector<TileEntry> entries; ///< of a group of rows, row by row
  std::vector<int64_t> rowTokens; ///< of a group
  bool isSkipping;                ///< whether skipped tiles are noted
  Block block;
};

} // namespace

BlockSolver::BlockSolver(const RegionQuestions &questions, const Rounding &rounding, const TileSpace &queries,
                         const TileSpace &keys)
    : ask(questions), program(questions.mask.program()), rounding(rounding), queries(queries), keys(keys) {
  block.rowStart.push_back(0);
  block.skippedStart.push_back(0);
  // A filled tile without limits keeps a key for each of its queries, and a row with a skipped tile has a filled one.
  isSkipping = rounding.kind == Rounding::Nearest &&
               std::any_of(program.abouts.begin(), program.abouts.end(), [&](const AboutGroup &group) {
                 return program.nodes[group.limit].kind != SetKind::Everything;
               });
}

TileTotals BlockSolver::solveRows(llvm::ArrayRef<int32_t> rows) {
  for (int32_t row : rows)
    solveGroup(queries.single(row));
  return block.totals;
}

Block BlockSolver::solve() {
  if (queries.tiles() > 0 && keys.tiles() > 0)
    solveGroups(queries.whole());
  block.rowStart.resize(queries.tiles() + 1, uint32_t(block.runs.size()));
  if (block.skipped.empty())
    block.skippedStart.clear();
  return std::move(block);
}

void BlockSolver::solveGroups(TileRange range) {
  if (range.tiles() <= groupTiles)
    return solveGroup(range);
  auto [low, high] = queries.split(range);
  solveGroups(low);
  solveGroups(high);
}

void BlockSolver::solveGroup(TileRange range) {
  finds.clear();
  shares.clear();
  rowTokens.assign(range.tiles(), 0);
  Region queryRegion, keyRegion;
  for (int32_t row = range.first; row < range.last; ++row) {
    queries.regionOf(row, row + 1, queryRegion);
    rowTokens[row - range.first] = queryRegion.tokens;
  }
  queries.region(range, queryRegion);
  keys.region(keys.whole(), keyRegion);
  descend(range, queryRegion, keys.whole(), keyRegion);

  // Finds come in ascending order of keys for each row: sort them by row, keeping that order.
  std::vector<uint32_t> start(range.tiles() + 1);
  for (const Find &find : finds)
    for (int32_t row = find.first; row < find.last; ++row)
      ++start[row - range.first + 1];
  std::partial_sum(start.begin(), start.end(), start.begin());
  entries.resize(start.back());
  std::vector<uint32_t> next(start.begin(), start.end() - 1);
  for (const Find &find : finds)
    for (int32_t row = find.first; row < find.last; ++row) {
      TileEntry &entry = entries[next[row - range.first]++] = find.entry;
      if (entry.shares < 0) // of a run, pairs are the tokens of its keys so far
        entry.pairs = entry.mask = find.entry.pairs * rowTokens[row - range.first];
    }
  for (int32_t row = range.first; row < range.last; ++row) {
    uint32_t first = start[row - range.first], last = start[row - range.first + 1];
    finishRow(row, llvm::MutableArrayRef<TileEntry>(entries).slice(first, last - first));
  }
}

//===-- Finding tiles ---------------------------------------------------------------------------------------------===//

void BlockSolver::descend(TileRange query, const Region &queryRegion, TileRange key, const Region &keyRegion) {
  Class found = ask.classify(program.contains, queryRegion, keyRegion);
  if (found == Class::None)
    return;
  if (found == Class::All)
    return findRun(query, key, keyRegion.tokens);
  if (query.tiles() == 1 && key.tiles() == 1)
    return findTile(query, queryRegion, key, keyRegion);
  bool splitsKeys = key.tiles() >= query.tiles();
  auto [low, high] = splitsKeys ? keys.split(key) : queries.split(query);
  Region half;
  for (TileRange part : {low, high}) {
    if (splitsKeys) {
      keys.region(part, half);
      descend(query, queryRegion, part, half);
    } else {
      queries.region(part, half);
      descend(part, half, key, keyRegion);
    }
  }
}

void BlockSolver::findRun(TileRange query, TileRange key, int64_t keyTokens) {
  TileEntry entry;
  entry.first = key.first;
  entry.last = key.last;
  entry.slice = keys.sliceOf(key.first);
  entry.pairs = entry.mask = keyTokens;
  finds.push_back({query.first, query.last, entry});
}

void BlockSolver::findTile(TileRange query, const Region &queryRegion, TileRange key, const Region &keyRegion) {
  TileEntry entry;
  entry.mask = ask.count(program.contains, queryRegion, keyRegion);
  entry.pairs = queryRegion.tokens * keyRegion.tokens;
  if (entry.mask == 0)
    return;
  if (entry.mask == entry.pairs)
    return findRun(query, key, keyRegion.tokens);
  entry.first = key.first;
  entry.last = key.last;
  entry.slice = keys.sliceOf(key.first);
  entry.shares = int32_t(shares.size());
  if (rounding.kind != Rounding::Exact)
    measure(entry, queryRegion, keyRegion);
  finds.push_back({query.first, query.last, entry});
}

void BlockSolver::measure(TileEntry &entry, const Region &queryRegion, const Region &keyRegion) {
  // What a class decides is not counted.
  auto pairs = [&](int32_t node) {
    Class found = ask.classify(node, queryRegion, keyRegion);
    return found == Class::None ? 0 : found == Class::All ? entry.pairs : ask.count(node, queryRegion, keyRegion);
  };
  entry.exact = pairs(program.exact) > 0;
  for (size_t group = 0; group < program.abouts.size(); ++group) {
    const AboutGroup &about = program.abouts[group];
    bool isAllOfMask = !entry.exact && program.abouts.size() == 1;
    TileShare &share = shares.emplace_back();
    if (!isAllOfMask && pairs(about.set) == 0)
      continue;
    entry.touched |= 1u << group;
    share.limit = pairs(about.limit);
    bool isInside = about.kept == program.contains || share.limit == entry.pairs;
    share.kept = isInside ? entry.mask : pairs(about.kept);
  }
}

//===-- Rows ------------------------------------------------------------------------------------------------------===//

bool BlockSolver::touchesFull(int32_t row, int32_t group, const TileEntry &entry, int32_t slice) {
  auto firstFrom = [&](int32_t wanted) { // slices ascend
    int32_t low = entry.first, high = entry.last;
    while (low < high) {
      int32_t middle = low + (high - low) / 2;
      if (keys.sliceOf(middle) < wanted)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  };
  int32_t first = firstFrom(slice), last = firstFrom(slice + 1);
  Region queryRegion, keyRegion;
  queries.regionOf(row, row + 1, queryRegion);
  keys.regionOf(first, last, keyRegion);
  int32_t set = program.abouts[group].set;
  Class found = ask.classify(set, queryRegion, keyRegion);
  return found == Class::All || (found == Class::Some && ask.count(set, queryRegion, keyRegion) > 0);
}

/// How a kept entry is tested, and the pairs that it computes.
uint32_t BlockSolver::testOf(int32_t row, const TileEntry &entry, int64_t &computed) {
  computed = entry.mask;
  if (entry.isFull())
    return runtime::Run::full;
  if (entry.fills == 0)
    return runtime::Run::partial;
  if ((entry.fills & (entry.fills - 1)) == 0) {
    for (int32_t group = 0; group < int32_t(program.abouts.size()); ++group)
      if (entry.fills >> group & 1) {
        const TileShare &share = shares[entry.shares + group];
        computed = entry.mask + share.limit - share.kept;
      }
  } else {
    Region queryRegion, keyRegion;
    queries.regionOf(row, row + 1, queryRegion);
    keys.regionOf(entry.first, entry.last, keyRegion);
    computed = ask.count(program.filled[entry.fills - 1], queryRegion, keyRegion);
  }
  return computed == entry.pairs ? runtime::Run::full : runtime::Run::partial + entry.fills;
}

void BlockSolver::finishRow(int32_t row, llvm::MutableArrayRef<TileEntry> entries) {
  roundRow(
      rounding, {entries, shares, int32_t(program.abouts.size())},
      [&](int32_t group, const TileEntry &entry, int32_t slice) { return touchesFull(row, group, entry, slice); },
      [&](const TileEntry &entry) { return keys.sliceOf(entry.last - 1); });
  for (const TileEntry &entry : entries) {
    block.totals.mask += entry.mask;
    if (!isKept(rounding, entry)) {
      if (isSkipping)
        block.skipped.push_back(uint32_t(entry.first));
      continue;
    }
    int64_t computed = 0;
    append(entry.first, entry.last, testOf(row, entry, computed));
    block.totals.kept += entry.last - entry.first;
    block.totals.keptMask += entry.mask;
    block.totals.computed += computed;
  }
  block.rowStart.push_back(uint32_t(block.runs.size()));
  block.skippedStart.push_back(uint32_t(block.skipped.size()));
}

void BlockSolver::append(int32_t first, int32_t last, uint32_t test) {
  if (block.runs.size() > block.rowStart.back()) {
    runtime::Run &before = block.runs.back();
    if (before.last() == uint32_t(first) && before.test() == test) {
      before = runtime::Run(before.first(), uint32_t(last), test);
      return;
    }
  }
  block.runs.emplace_back(uint32_t(first), uint32_t(last), test);
}

Block falloff::solveBlock(const RegionQuestions &questions, const Rounding &rounding, const TileSpace &queries,
                          const TileSpace &keys) {
  return BlockSolver(questions, rounding, queries, keys).solve();
}

TileTotals falloff::solveRows(const RegionQuestions &questions, const Rounding &rounding, const TileSpace &queries,
                              const TileSpace &keys, llvm::ArrayRef<int32_t> rows) {
  return BlockSolver(questions, rounding, queries, keys).solveRows(rows);
}
