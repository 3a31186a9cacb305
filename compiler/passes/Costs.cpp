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

// Kernels of the CPU pad queries to 4 and keys to a panel of 32.
static const std::vector<CostTable> &costTables() {
  static const std::vector<CostTable> tables = {
      {"cpu",
       "bf16",
       256,
       {{128, 128, 1.00, 300, 4, 32},
        {128, 256, 1.00, 300, 4, 32},
        {128, 64, 1.06, 300, 4, 32},
        {64, 128, 1.10, 300, 4, 32},
        {64, 64, 1.16, 300, 4, 32}}},
      {"cpu",
       "fp32",
       256,
       {{128, 128, 1.00, 300, 4, 32},
        {128, 256, 1.00, 300, 4, 32},
        {128, 64, 1.04, 300, 4, 32},
        {64, 128, 1.06, 300, 4, 32},
        {64, 64, 1.10, 300, 4, 32}}},
  };
  return tables;
}

double falloff::costOfTile(const TileCost &cost, int64_t queryTokens, int64_t keyTokens) {
  auto pad = [](int64_t tokens, int64_t multiple) { return double((tokens + multiple - 1) / multiple * multiple); };
  return pad(queryTokens, cost.queryMultiple) * pad(keyTokens, cost.keyMultiple) * cost.pair + cost.tile;
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
