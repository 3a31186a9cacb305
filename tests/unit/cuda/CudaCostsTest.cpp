// SPDX-License-Identifier: Apache-2.0
//
// What plans are searched for is what kernels there are: the menu of each architecture against the table of kernels.
#include "compiler/cuda/KernelTable.h"
#include "compiler/passes/Costs.h"
#include "gtest/gtest.h"

using namespace falloff;
using namespace falloff::cuda;

namespace {

TEST(CudaCosts, MenusAreOfBlocksThatKernelsHave) {
  for (int32_t architecture : architectures())
    for (int64_t headDim : {1, 32, 64, 80, 96, 128, 129, 192, 256}) {
      std::string target = "sm_" + std::to_string(architecture);
      llvm::Expected<std::vector<TileCost>> costs = tileCosts(target, "fp16", headDim);
      ASSERT_TRUE(bool(costs)) << llvm::toString(costs.takeError());
      for (const TileCost &cost : *costs) {
        KernelRequest request;
        request.architecture = architecture;
        request.headDim = request.valueDim = headDim;
        request.queryCapacity = cost.queryCapacity;
        request.keyCapacity = cost.keyCapacity;
        KernelShape shape = kernelShape(request);
        EXPECT_EQ(shape.queryBlock, cost.queryMultiple) << target << ", D " << headDim;
        EXPECT_LE(shape.keyBlock, cost.keyMultiple) << target << ", D " << headDim;
        EXPECT_EQ(cost.keyMultiple % shape.keyBlock, 0) << target << ", D " << headDim;
        EXPECT_EQ(cost.keyCapacity % cost.keyMultiple, 0);
      }
    }
}

TEST(CudaCosts, TargetsTakeTheirOwnTypes) {
  auto error = [](llvm::StringRef target, llvm::StringRef dtype) {
    return llvm::toString(tileCosts(target, dtype, 64).takeError());
  };
  EXPECT_EQ(error("sm_90", "fp32"), "expects a dtype of bf16 or fp16 for sm_90, but got 'fp32'");
  EXPECT_EQ(error("cpu", "fp16"), "expects a dtype of bf16 or fp32 for cpu, but got 'fp16'");
  EXPECT_EQ(error("sm_75", "bf16"),
            "expects a target of cpu, sm_80, sm_86, sm_89, sm_90, sm_100, sm_103 or sm_120, but got 'sm_75'");
}

} // namespace
