// SPDX-License-Identifier: Apache-2.0
//
// The tables. Relative times, dense attention over tiles of each capacity on one core or multiprocessor.
#include "compiler/passes/Costs.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"

using namespace falloff;

namespace {

/// Costs of some targets for head dimensions up to a limit.
struct CostTable {
  std::vector<llvm::StringRef> targets, dtypes;
  int64_t headDim;
  std::vector<TileCost> costs;
};

} // namespace

// Kernels of the CPU pad queries to 4 and keys to a panel of 32. Measured on Zen 4, steps of so many keys against 256
//: the number of queries makes no difference; 128, 64 and 32 keys cost 1.01, 1.03 and
// 1.06, and consecutive full tiles share a step.
static const std::vector<CostTable> cpuTables = {
    {{"cpu"},
     {"bf16"},
     256,
     {{128, 128, 1.01, 300, 4, 32},
      {128, 256, 1.00, 300, 4, 32},
      {128, 64, 1.03, 300, 4, 32},
      {64, 128, 1.01, 300, 4, 32},
      {64, 64, 1.03, 300, 4, 32}}},
    {{"cpu"},
     {"fp32"},
     256,
     {{128, 128, 1.01, 300, 4, 32},
      {128, 256, 1.00, 300, 4, 32},
      {128, 64, 1.02, 300, 4, 32},
      {64, 128, 1.01, 300, 4, 32},
      {64, 64, 1.02, 300, 4, 32}}},
};

// Kernels of CUDA devices pad queries to a block of 64 or 128 and keys to one of 64 (compiler/cuda/KernelTable.h).
// These costs were not measured: they are the bound of each block on paper, in clocks of a multiprocessor for a pair of
// head dimension D.
//   multiply-adds     2 D / 1024 on sm_80, 90, 100 and 103, where mma.sync does 1,024 a clock; 2 D / 256 on the others,
//                     which do 256 with sums in float32
//   shared memory     at 128 bytes a clock: 4 D / (queries of a warp) read, 4 D / (queries of a block) written
// A warp has 32 queries in blocks of 128 up to D = 128, and 16 else. So 64 queries cost 1.25 times what 128 do up to
// D = 128 and 1.1 times above on the first machines, where shared memory then bounds them, and the same on the others.
// A tile costs 200 pairs besides: some 50 clocks for the walk to it and a step that begins cold.
static std::vector<CostTable> cudaTables() {
  auto costs = [](double ofSmallBlocks) -> std::vector<TileCost> {
    return {{128, 128, 1.00, 200, 128, 64},
            {128, 64, 1.00, 200, 128, 64},
            {64, 128, ofSmallBlocks, 200, 64, 64},
            {64, 64, ofSmallBlocks, 200, 64, 64}};
  };
  std::vector<llvm::StringRef> fast = {"sm_80", "sm_90", "sm_100", "sm_103"}, slow = {"sm_86", "sm_89", "sm_120"};
  std::vector<llvm::StringRef> dtypes = {"bf16", "fp16"};
  return {{fast, dtypes, 128, costs(1.25)}, {fast, dtypes, 256, costs(1.1)}, {slow, dtypes, 256, costs(1.0)}};
}

static const std::vector<CostTable> &costTables() {
  static const std::vector<CostTable> tables = [] {
    std::vector<CostTable> all = cpuTables;
    llvm::append_range(all, cudaTables());
    return all;
  }();
  return tables;
}

double falloff::costOfTile(const TileCost &cost, double paddedQueries, double paddedKeys) {
  return paddedQueries * paddedKeys * cost.pair + cost.tile;
}

llvm::Expected<std::vector<TileCost>> falloff::tileCosts(llvm::StringRef target, llvm::StringRef dtype,
                                                         int64_t headDim) {
  auto fail = [](const llvm::Twine &message) {
    return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
  };
  if (headDim < 1 || headDim > 256)
    return fail("expects a head dimension from 1 to 256, but got " + llvm::Twine(headDim));
  std::vector<llvm::StringRef> dtypes;
  for (const CostTable &table : costTables()) {
    if (!llvm::is_contained(table.targets, target))
      continue;
    if (llvm::is_contained(table.dtypes, dtype) && headDim <= table.headDim)
      return table.costs;
    for (llvm::StringRef known : table.dtypes)
      if (!llvm::is_contained(dtypes, known))
        dtypes.push_back(known);
  }
  if (dtypes.empty())
    return fail("expects a target of cpu, sm_80, sm_86, sm_89, sm_90, sm_100, sm_103 or sm_120, but got '" + target +
                "'");
  return fail("expects a dtype of " + llvm::join(dtypes, " or ") + " for " + target + ", but got '" + dtype + "'");
}
