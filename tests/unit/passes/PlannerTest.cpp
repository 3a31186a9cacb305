// SPDX-License-Identifier: Apache-2.0
//
// Plans of random patterns on random grids against the rules of rounding, written down once more as plainly as they
// can be: token by token, tile by tile, from `contains` alone.
#include "compiler/passes/Planner.h"
#include "compiler/passes/BuildProgram.h"
#include "compiler/passes/Pipelines.h"
#include "compiler/passes/SolvedGrid.h"
#include "mlir/IR/MLIRContext.h"
#include "tests/unit/passes/RandomPattern.h"
#include "llvm/Support/Error.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <map>
#include <set>

using namespace falloff;
using runtime::Grid;
using runtime::Run;
using runtime::Side;

namespace {

/// Number of random cases: FALLOFF_CASES, or a few hundred.
int numCases() {
  const char *cases = std::getenv("FALLOFF_CASES");
  return cases ? std::atoi(cases) : 300;
}

class Masks {
public:
  Masks() { context.loadDialect<mask::MaskDialect>(); }

  std::optional<BoundMask> bind(const std::string &text, const std::string &extents = "") {
    auto module = loadPatternText(&context, text, "", "");
    if (failed(module))
      return std::nullopt;
    mask::PatternOp pattern = patternIn(**module);
    llvm::Expected<Binding> binding = parseBinding(pattern, extents, "", "");
    if (!binding) {
      llvm::consumeError(binding.takeError());
      return std::nullopt;
    }
    auto bound = resolveBinding(pattern, *binding);
    auto program = buildProgram(pattern);
    if (failed(bound) || failed(program))
      return std::nullopt;
    auto mask = bindMask(*program, inputsOf(*bound, 0));
    return failed(mask) ? std::nullopt : std::optional<BoundMask>(*mask);
  }

private:
  mlir::MLIRContext context;
};

/// Gives about sets limits of their own: "about %s1, %s2" becomes "about %b0, %b1" with %b0 bounded by some set.
std::string boundAbouts(std::string text, std::mt19937 &random) {
  size_t keep = text.find("  keep "), about = text.find(" about ", keep);
  if (about == std::string::npos)
    return text;
  std::string lines;
  for (size_t at = about + 7; text[at] == '%';) {
    size_t end = text.find_first_of(", \n", at);
    std::string name = "%b" + std::to_string(lines.size());
    lines += "  " + name + " = bounded " + text.substr(at, end - at) + " by %s" + std::to_string(random() % 2) + "\n";
    text.replace(at, end - at, name);
    at += name.size();
    if (text[at] == ',')
      at += 2;
    else
      break;
  }
  return text.insert(keep, lines);
}

/// What is kept of each tile of a row: no entry, or a test as in Run.
using Tests = std::map<int64_t, uint32_t>;

/// The rules of rounding, by the book.
class NaivePlan {
public:
  NaivePlan(const BoundMask &mask, const Grid &grid, Rounding rounding) : mask(mask), grid(grid), rounding(rounding) {
    for (int64_t tile = 0; tile < grid.keyTiles; ++tile)
      keys.push_back(tokensOf(Side::Key, tile));
  }

  Tests row(int64_t queryTile) {
    queries = tokensOf(Side::Query, queryTile);
    Tests fills, tests;
    for (uint32_t group = 0; group < mask.program().abouts.size(); ++group)
      for (int64_t tile : filledTiles(group))
        fills[tile] |= 1u << group;
    const SetProgram &program = mask.program();
    for (int64_t tile = 0; tile < grid.keyTiles; ++tile) {
      int64_t all = int64_t(queries.size() * keys[tile].size()), kept = count(program.contains, tile);
      inMask += kept;
      if (all > 0 && kept == all)
        tests[tile] = Run::full;
      else if (fills.count(tile))
        tests[tile] = count(program.filled[fills[tile] - 1], tile) == all ? Run::full : Run::partial + fills[tile];
      else if (rounding.kind == Rounding::Exact ? kept > 0 : count(program.exact, tile) > 0)
        tests[tile] = Run::partial;
    }
    if (rounding.kind == Rounding::Nearest)
      keepQueries(tests);
    for (auto [tile, test] : tests) {
      issued += grid.queryCapacity * grid.keyCapacity;
      keptMask += count(program.contains, tile);
      computed += test == Run::full ? int64_t(queries.size() * keys[tile].size()) : count(nodeOf(test), tile);
    }
    return tests;
  }

  int64_t inMask = 0, keptMask = 0, computed = 0, issued = 0;
  int rowsOfTheLastRule = 0;

private:
  std::vector<int32_t> tokensOf(Side side, int64_t tile) {
    std::vector<int32_t> tokens(grid.capacity(side));
    tokens.resize(grid.tileTokens(side, tile, tokens.data()));
    return tokens;
  }
  int32_t nodeOf(uint32_t test) {
    return test == Run::partial ? mask.program().contains : mask.program().filled[test - Run::partial - 1];
  }
  int64_t count(int32_t node, int64_t tile) {
    int64_t pairs = 0;
    for (int32_t query : queries)
      for (int32_t key : keys[tile])
        pairs += mask.contains(node, query, key);
    return pairs;
  }
  /// Segment and index along its leading axis, of a tile's first token.
  std::pair<int64_t, int64_t> sliceOf(int64_t tile) {
    size_t number = 0;
    while (keys[tile].front() >= grid.segments[number].firstToken + grid.segments[number].tokens())
      ++number;
    const runtime::Segment &segment = grid.segments[number];
    if (segment.axes.size() == 1)
      return {number, 0};
    int64_t index = (keys[tile].front() - segment.firstToken) / (segment.tokens() / segment.extents[0]);
    return {number, grid.kind == runtime::GridKind::Box ? index / segment.keyTile[0] : index};
  }
  std::set<int64_t> filledTiles(uint32_t group) {
    const AboutGroup &about = mask.program().abouts[group];
    std::set<int64_t> filled;
    std::map<std::pair<int64_t, int64_t>, std::map<int64_t, double>> shares; // of touched tiles, by slice
    for (int64_t tile = 0; tile < grid.keyTiles && rounding.kind != Rounding::Exact; ++tile)
      if (count(about.set, tile) > 0) {
        int64_t kept = 0;
        for (int32_t query : queries)
          for (int32_t key : keys[tile])
            kept += mask.contains(mask.program().contains, query, key) && mask.contains(about.limit, query, key);
        shares[sliceOf(tile)][tile] = double(kept) / double(count(about.limit, tile));
      }
    for (auto &[slice, touched] : shares) {
      bool hasFilled = false;
      int64_t best = touched.begin()->first;
      for (auto [tile, share] : touched) {
        if (rounding.kind == Rounding::Outward || share >= rounding.share) {
          filled.insert(tile);
          hasFilled = true;
        }
        if (share > touched[best])
          best = tile;
      }
      if (!hasFilled)
        filled.insert(best);
    }
    return filled;
  }
  void keepQueries(Tests &tests) {
    std::set<int64_t> added;
    for (int32_t query : queries) {
      bool keepsKey = false;
      for (auto [tile, test] : tests)
        for (int32_t key : keys[tile])
          keepsKey |= test == Run::full || mask.contains(nodeOf(test), query, key);
      for (int64_t tile = 0; tile < grid.keyTiles && !keepsKey; ++tile)
        for (int32_t key : keys[tile])
          if (!keepsKey && mask.contains(mask.program().contains, query, key)) {
            added.insert(tile);
            keepsKey = true;
          }
    }
    rowsOfTheLastRule += !added.empty();
    for (int64_t tile : added)
      tests[tile] = Run::partial;
  }

  const BoundMask &mask;
  const Grid &grid;
  Rounding rounding;
  std::vector<int32_t> queries;
  std::vector<std::vector<int32_t>> keys;
};

Tests testsOf(const runtime::RowTable &table, int64_t row) {
  Tests tests;
  for (uint32_t at = table.rowStart[row]; at < table.rowStart[row + 1]; ++at)
    for (uint32_t tile = table.runs[at].first(); tile < table.runs[at].last(); ++tile)
      tests[tile] = table.runs[at].test();
  return tests;
}

/// Runs are ascending, not empty, and joined where they can be.
void expectTidy(const runtime::RowTable &table) {
  for (int64_t row = 0; row < table.rows(); ++row)
    for (uint32_t at = table.rowStart[row]; at < table.rowStart[row + 1]; ++at) {
      EXPECT_LT(table.runs[at].first(), table.runs[at].last());
      if (at > table.rowStart[row]) {
        EXPECT_LE(table.runs[at - 1].last(), table.runs[at].first());
        EXPECT_FALSE(table.runs[at - 1].last() == table.runs[at].first() &&
                     table.runs[at - 1].test() == table.runs[at].test());
      }
    }
}

ScheduleOptions randomSchedule(const BoundMask &mask, std::mt19937 &random) {
  auto pick = [&](int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(random); };
  ScheduleOptions options;
  static const char *roundings[] = {"exact", "outward", "nearest", "nearest:0.1", "nearest:0.75"};
  options.rounding = llvm::cantFail(parseRounding(roundings[pick(0, 4)]));
  if (pick(0, 4) == 0)
    return options; // tiles are searched
  if (pick(0, 3) == 0) {
    options.grid = runtime::GridKind::Flat;
    options.tileQuery = TileSpec{{{"", {pick(1, 9)}}}, ""};
    options.tileKey = TileSpec{{{"", {pick(1, 9)}}}, ""};
    return options;
  }
  TileSpec query, key;
  for (const BoundMask::Segment &segment : mask.segments())
    for (TileSpec *spec : {&query, &key}) {
      Shape shape;
      for (size_t axis = 0; axis < segment.extents.size(); ++axis)
        shape.push_back(pick(1, 4));
      spec->parts.emplace_back(mask.program().segments[segment.id].name, shape);
    }
  options.tileQuery = query;
  options.tileKey = key;
  return options;
}

/// A random mask with its schedule; nothing if the random pattern is refused when it is bound.
struct RandomCase {
  explicit RandomCase(int seed) : random(seed) {
    text = test::RandomPattern(uint32_t(seed), 23).write();
    if (seed % 2)
      text = boundAbouts(text, random);
    mask = masks.bind(text);
    if (mask)
      options = randomSchedule(*mask, random);
  }
  Masks masks;
  std::mt19937 random;
  std::string text;
  std::optional<BoundMask> mask;
  ScheduleOptions options;
};

/// Compares a plan with the rules; returns in how many rows the last of them mattered.
int expectRules(const BoundMask &mask, const ScheduleOptions &options) {
  runtime::Plan plan = llvm::cantFail(makePlan({mask}, {0}, options));
  const runtime::RowTable &table = plan.tables[0];
  NaivePlan naive(mask, plan.grid, options.rounding);
  EXPECT_EQ(table.rows(), plan.grid.queryTiles);
  for (int64_t row = 0; row < table.rows(); ++row)
    EXPECT_EQ(testsOf(table, row), naive.row(row)) << "row " << row;
  expectTidy(table);
  EXPECT_EQ(table.pairsInMask, naive.inMask);
  EXPECT_EQ(table.pairsLost, naive.inMask - naive.keptMask);
  EXPECT_EQ(table.pairsComputed, naive.computed);
  EXPECT_EQ(table.pairsIssued, naive.issued);
  return naive.rowsOfTheLastRule;
}

TEST(PlannerTest, followsTheRules) {
  int planned = 0;
  for (int seed = 0; seed < numCases() && !HasFailure(); ++seed) {
    RandomCase test(seed);
    if (!test.mask)
      continue;
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + test.options.rounding.text() + "\n" + test.text);
    expectRules(*test.mask, test.options);
    ++planned;
  }
  EXPECT_GT(planned, numCases() / 2);
}

/// Sets and limits of any pairs at all, sparse, so that queries are left without a key.
std::string relationPattern(std::mt19937 &random, int frames, int patches) {
  std::string text = "mask.pattern @random over video(%frame: " + std::to_string(frames) +
                     ", %patch: " + std::to_string(patches) + ") {\n";
  auto relation = [&](const std::string &name, int percent) {
    text += "  %r" + name + " = relation [";
    for (int i = 0; i < frames * patches; ++i) {
      text += i ? ", [" : "[";
      for (int j = 0; j < frames * patches; ++j)
        text += std::string(j ? ", " : "") + (int(random() % 100) < percent ? "1" : "0");
      text += "]";
    }
    text += "]\n  %" + name + " = linked %frame, %patch by %r" + name + "\n";
  };
  relation("exact", 1);
  relation("rays", 8);
  relation("others", 5);
  relation("first", 40);
  relation("second", 60);
  relation("limit", 80);
  return text + "  %a = bounded %rays by %first\n  %b = bounded %others by %second\n" +
         "  keep %exact about %a, %b only %limit\n}\n";
}

TEST(PlannerTest, followsTheRulesForAnySets) {
  int rowsOfTheLastRule = 0;
  for (int seed = 0; seed < numCases() / 4 && !HasFailure(); ++seed) {
    std::mt19937 random(seed);
    int frames = 1 + int(random() % 3), patches = 4 + int(random() % 5);
    std::string text = relationPattern(random, frames, patches);
    Masks masks;
    std::optional<BoundMask> mask = masks.bind(text);
    ASSERT_TRUE(mask);
    ScheduleOptions options = randomSchedule(*mask, random);
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + options.rounding.text() + "\n" + text);
    rowsOfTheLastRule += expectRules(*mask, options);
  }
  EXPECT_GT(rowsOfTheLastRule, 0);
}

/// Segments with too many pairs of leading indices are solved whole, by one descent: the same rows come of it.
TEST(PlannerTest, slabsMakeNoDifference) {
  for (int seed = 0; seed < numCases() / 2; ++seed) {
    RandomCase test(seed);
    if (!test.mask || test.options.grid == runtime::GridKind::Flat)
      continue;
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + test.text);
    runtime::Plan plan = llvm::cantFail(makePlan({*test.mask}, {0}, test.options));
    PairSignatures none(*test.mask, /*maxPairs=*/0);
    runtime::RowTable table = SolvedGrid(*test.mask, test.options.rounding, plan.grid, none).assembleRows();
    ASSERT_EQ(table.rowStart, plan.tables[0].rowStart);
    ASSERT_EQ(table.runs, plan.tables[0].runs);
    ASSERT_EQ(table.pairsComputed, plan.tables[0].pairsComputed);
    ASSERT_EQ(table.pairsLost, plan.tables[0].pairsLost);
  }
}

TEST(PlannerTest, keyMajorIsTheTranspose) {
  for (int seed = 0; seed < numCases() / 4; ++seed) {
    RandomCase test(seed);
    if (!test.mask)
      continue;
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + test.text);
    runtime::Plan plan = llvm::cantFail(makePlan({*test.mask}, {0}, test.options));
    test.options.major = runtime::Major::Key;
    runtime::Plan turned = llvm::cantFail(makePlan({*test.mask}, {0}, test.options));
    ASSERT_EQ(turned.tables[0].rows(), plan.grid.keyTiles);
    expectTidy(turned.tables[0]);
    std::map<std::pair<int64_t, int64_t>, uint32_t> tests, turnedTests;
    for (int64_t row = 0; row < plan.tables[0].rows(); ++row)
      for (auto [tile, test] : testsOf(plan.tables[0], row))
        tests[{row, tile}] = test;
    for (int64_t row = 0; row < turned.tables[0].rows(); ++row)
      for (auto [tile, test] : testsOf(turned.tables[0], row))
        turnedTests[{tile, row}] = test;
    ASSERT_EQ(tests, turnedTests);
    ASSERT_EQ(densePairs(plan, 0, &*test.mask), densePairs(turned, 0, &*test.mask));
    ASSERT_EQ(plan.tables[0].pairsComputed, turned.tables[0].pairsComputed);
  }
}

TEST(PlannerTest, slicesCutTheWholePlan) {
  for (int seed = 0; seed < numCases() / 4; ++seed) {
    RandomCase test(seed);
    if (!test.mask || test.mask->tokens() == 0)
      continue;
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + test.text);
    runtime::Plan whole = llvm::cantFail(makePlan({*test.mask}, {0}, test.options));
    std::vector<uint8_t> dense = densePairs(whole, 0, &*test.mask);
    int64_t tokens = test.mask->tokens();
    auto range = [&] {
      int64_t a = test.random() % (tokens + 1), b = test.random() % (tokens + 1);
      return runtime::TokenRange{std::min(a, b), std::max(a, b)};
    };
    test.options.queries = range();
    test.options.keys = range();
    runtime::Plan slice = llvm::cantFail(makePlan({*test.mask}, {0}, test.options));
    std::vector<uint8_t> expected;
    int64_t inMask = 0, kept = 0;
    for (int64_t query = slice.grid.queries.first; query < slice.grid.queries.last; ++query)
      for (int64_t key = slice.grid.keys.first; key < slice.grid.keys.last; ++key) {
        expected.push_back(dense[query * tokens + key]);
        bool isInMask = test.mask->contains(test.mask->program().contains, query, key);
        inMask += isInMask;
        kept += isInMask && expected.back();
      }
    ASSERT_EQ(densePairs(slice, 0, &*test.mask), expected);
    ASSERT_EQ(slice.tables[0].pairsInMask, inMask);
    ASSERT_EQ(slice.tables[0].pairsLost, inMask - kept);
    ASSERT_EQ(slice.tables[0].pairsComputed, std::count(expected.begin(), expected.end(), 1));
    for (uint32_t row : slice.tables[0].rowOrder)
      ASSERT_GT(slice.grid.tileSize(Side::Query, row), 0);
  }
}

/// Area of the tiles kept over pairs of the mask, and percent of pairs lost.
struct Area {
  double kept, lost;
};

Area areaOf(const BoundMask &mask, const char *rounding, const char *tileKey) {
  ScheduleText text;
  text.tileQuery = "1x128";
  text.tileKey = tileKey;
  text.rounding = rounding;
  runtime::Plan plan = llvm::cantFail(makePlan({mask}, {0}, llvm::cantFail(parseSchedule(text))));
  const runtime::RowTable &table = plan.tables[0];
  return {double(table.pairsComputed) / double(table.pairsInMask),
          100 * double(table.pairsLost) / double(table.pairsInMask)};
}

/// Radial attention (Eq. 4) at five sizes; the figures were also counted from arrays of booleans.
TEST(PlannerTest, radialKeepsItsArea) {
  struct Case {
    const char *extents, *decay;
    double outward, nearest, lost, narrow; ///< narrow: nearest with key tiles of 64
  };
  for (const Case &test : {Case{"frame=21,patch=1560", "1.0", 1.22, 1.04, 1.7, 1.00},
                           {"frame=21,patch=1560", "0.2", 1.54, 1.07, 4.1, 1.01},
                           {"frame=33,patch=3600", "0.2", 1.32, 0.99, 5.4, 1.01},
                           {"frame=81,patch=1560", "1.0", 1.63, 1.02, 8.5, 1.08},
                           {"frame=81,patch=1560", "0.2", 3.24, 1.57, 5.2, 1.22}}) {
    SCOPED_TRACE(std::string(test.extents) + " decay " + test.decay);
    Masks masks;
    std::optional<BoundMask> mask = masks.bind(std::string(R"(
      mask.pattern @radial over video(%frame: ?, %patch: ?) {
        %p = let bit_floor(max(distance(%frame), 1))
        %w = let max(floor()") + test.decay + R"( * extent(%patch) / %p), 1) - 1
        %band = within %w of %patch
        %beat = where distance(%frame) mod ceil(%p / extent(%patch)) == 0
        %rays = all_of %band, %beat
        %near = within 1 of %frame
        %first = first 1 of %frame
        keep %first, %near about %rays
      })",
                                               test.extents);
    ASSERT_TRUE(mask);
    EXPECT_NEAR(areaOf(*mask, "outward", "1x128").kept, test.outward, 0.005);
    EXPECT_EQ(areaOf(*mask, "outward", "1x128").lost, 0);
    EXPECT_NEAR(areaOf(*mask, "nearest", "1x128").kept, test.nearest, 0.005);
    EXPECT_NEAR(areaOf(*mask, "nearest", "1x128").lost, test.lost, 0.05);
    EXPECT_NEAR(areaOf(*mask, "nearest", "1x64").kept, test.narrow, 0.005);
  }
}

TEST(PlannerTest, longRowsAreCutEqually) {
  Masks masks;
  // Five tokens see all of a long sequence, the others themselves.
  std::optional<BoundMask> mask = masks.bind(R"(
    mask.pattern @stripe over (%token: 5000) {
      %self = same %token
      %global = where query(%token) < 5
      keep %self, %global
    })");
  ASSERT_TRUE(mask);
  ScheduleText text;
  text.tileQuery = text.tileKey = "5";
  runtime::Plan plan = llvm::cantFail(makePlan({*mask}, {0}, llvm::cantFail(parseSchedule(text))));
  const runtime::RowTable &table = plan.tables[0];
  ASSERT_EQ(table.rowOrder.front(), 0u);
  ASSERT_EQ(table.splits.size(), 1u);
  EXPECT_EQ(table.splits[0].row, 0u);
  // 1000 tiles, of which a piece takes at most 64.
  EXPECT_EQ(table.splits[0].firstTiles.size(), 15u);
  EXPECT_EQ(table.splits[0].firstTiles.front(), 62u);
  EXPECT_EQ(table.splits[0].firstTiles.back(), 937u);
}

} // namespace
