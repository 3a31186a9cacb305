// SPDX-License-Identifier: Apache-2.0
//
// The tables. Relative times, dense attention over tiles of each capacity on one core.
#include "compiler/passes/Costs.h"
#include "llvm/ADT/Twine.h"

using namespace falloff;

namespace {

/// Costs for head dimensions up to a limit.
struct CostTable {
  llvm::StringRef target, dtype;
  int64_t headDim;
  std::vector<TileCost> costs;
};

} // namespace

// Kernels of the CPU pad queries to 4 and keys to a panel of 32. Measured on Zen 4, steps of so many keys against 256
//: the number of queries makes no difference; 128, 64 and 32 keys cost 1.01, 1.03 and
// 1.06, and consecutive full tiles share a step.
static const std::vector<CostTable> &costTables() {
  static const std::vector<CostTable> tables = {
      {"cpu",
       "bf16",
       256,
       {{128, 128, 1.01, 300, 4, 32},
        {128, 256, 1.00, 300, 4, 32},
        {128, 64, 1.03, 300, 4, 32},
        {64, 128, 1.01, 300, 4, 32},
        {64, 64, 1.03, 300, 4, 32}}},
      {"cpu",
       "fp32",
       256,
       {{128, 128, 1.01, 300, 4, 32},
        {128, 256, 1.00, 300, 4, 32},
        {128, 64, 1.02, 300, 4, 32},
        {64, 128, 1.01, 300, 4, 32},
        {64, 64, 1.02, 300, 4, 32}}},
  };
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
  bool knowsTarget = false;
  for (const CostTable &table : costTables()) {
    knowsTarget |= table.target == target;
    if (table.target == target && table.dtype == dtype && headDim <= table.headDim)
      return table.costs;
  }
  if (!knowsTarget)
    return fail("expects the target cpu, but got '" + target + "'");
  return fail("expects a dtype of bf16 or fp32, but got '" + dtype + "'");
}
