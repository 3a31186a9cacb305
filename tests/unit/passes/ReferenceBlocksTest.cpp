// SPDX-License-Identifier: Apache-2.0
//
// The rounding radial-reference on random sets over two and three axes, against its rule token by token.
#include "compiler/passes/BuildProgram.h"
#include "compiler/passes/Pipelines.h"
#include "compiler/passes/Planner.h"
#include "mlir/IR/MLIRContext.h"
#include "tests/unit/passes/RandomPattern.h"
#include "gtest/gtest.h"
#include <optional>

using namespace falloff;

namespace {

std::optional<BoundMask> bound(mlir::MLIRContext &context, const std::string &text) {
  auto module = loadPatternText(&context, text, "", "");
  if (failed(module))
    return std::nullopt;
  auto program = buildProgram(patternIn(**module));
  if (failed(program))
    return std::nullopt;
  auto mask = bindMask(*program, inputsOf(patternIn(**module)));
  return failed(mask) ? std::nullopt : std::optional<BoundMask>(*mask);
}

using Blocks = std::vector<std::vector<bool>>;

/// The rule by the book; nothing where the reference fails.
std::optional<Blocks> naiveBlocks(const BoundMask &mask, int64_t block) {
  int64_t frames = mask.segments()[0].extents[0], patches = mask.segments()[0].tokens / frames;
  int64_t size = mask.tokens() / block, span = (patches + block - 1) / block;
  Blocks blocks(size, std::vector<bool>(size));
  if (span > 1 && (frames - 1) * patches / block + span > size)
    return std::nullopt;
  auto keeps = [&](int64_t query, int64_t key, int64_t row, int64_t column) {
    int64_t seen = 0, dense = 0;
    for (int64_t k = column * block; k < (column + 1) * block; ++k) {
      int64_t count = 0;
      for (int64_t q = row * block; q < (row + 1) * block; ++q)
        count += q / patches == query && k / patches == key && mask.contains(mask.program().contains, q, k);
      seen += count > 0;
      dense += double(count) / double(block) > 1.0 / 3.0;
    }
    return seen > 0 && float(dense) / float(seen) > 0.6f;
  };
  for (int64_t query = 0; query < frames; ++query)
    for (int64_t key = 0; key < frames; ++key)
      for (int64_t i = 0; i < span; ++i)
        for (int64_t j = 0; j < span; ++j) {
          int64_t row = query * patches / block + i, column = key * patches / block + j;
          if (row < size && column < size && keeps(query, key, row, column))
            blocks[row][column] = true;
        }
  return blocks;
}

Blocks blocksOf(const runtime::RowTable &table, int64_t size) {
  Blocks blocks(size, std::vector<bool>(size));
  for (int64_t row = 0; row < table.rows(); ++row)
    for (uint32_t at = table.rowStart[row]; at < table.rowStart[row + 1]; ++at) {
      EXPECT_TRUE(table.runs[at].isFull());
      for (uint32_t tile = table.runs[at].first(); tile < table.runs[at].last(); ++tile)
        blocks[row][tile] = true;
    }
  return blocks;
}

void expectCounts(const BoundMask &mask, const Blocks &blocks, int64_t block, const runtime::RowTable &table) {
  int64_t kept = 0, computed = 0;
  for (int64_t q = 0; q < int64_t(blocks.size()) * block; ++q)
    for (int64_t k = 0; k < int64_t(blocks.size()) * block; ++k)
      if (blocks[q / block][k / block]) {
        ++computed;
        kept += mask.contains(mask.program().contains, q, k);
      }
  EXPECT_EQ(table.pairsComputed, computed);
  EXPECT_EQ(table.pairsIssued, computed);
  EXPECT_EQ(table.pairsInMask, mask.pairs(mask.program().contains));
  EXPECT_EQ(table.pairsLost, table.pairsInMask - kept);
}

TEST(ReferenceBlocksTest, followsTheRuleForAnySets) {
  mlir::MLIRContext context;
  context.loadDialect<mask::MaskDialect>();
  int planned = 0, refused = 0;
  for (int seed = 0; seed < 400 && !HasFailure(); ++seed) {
    std::string text = test::RandomPattern(seed, /*longest=*/0).write();
    if (size_t only = text.rfind(" only "); only != std::string::npos)
      text.erase(only, text.rfind("\n}") - only);
    std::optional<BoundMask> mask = bound(context, text);
    if (!mask)
      continue;
    ScheduleOptions options;
    options.grid = runtime::GridKind::Flat;
    options.rounding.kind = Rounding::RadialReference;
    options.block = 2 + seed % 7;
    SCOPED_TRACE("seed " + std::to_string(seed) + ", block " + std::to_string(*options.block) + "\n" + text);
    std::optional<Blocks> expected = naiveBlocks(*mask, *options.block);
    llvm::Expected<runtime::Plan> plan = makePlan({*mask}, {0}, options);
    ASSERT_EQ(bool(plan), expected && !expected->empty());
    if (!plan) {
      llvm::consumeError(plan.takeError());
      ++refused;
      continue;
    }
    ASSERT_EQ(blocksOf(plan->tables[0], plan->grid.queryTiles), *expected);
    expectCounts(*mask, *expected, *options.block, plan->tables[0]);
    ++planned;
  }
  EXPECT_GT(planned, 100);
  EXPECT_GT(refused, 10);
}

} // namespace
