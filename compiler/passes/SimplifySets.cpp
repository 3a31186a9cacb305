// SPDX-License-Identifier: Apache-2.0
//
// `simplify-sets`: rewrites until nothing changes, merging equal ops between
// rounds so that rewrites see equal sets as one.
#include "compiler/passes/Passes.h"
#include "compiler/passes/Pipelines.h"
#include "compiler/passes/Simplify.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace falloff {
#define GEN_PASS_DEF_SIMPLIFYSETS
#include "compiler/passes/Passes.h.inc"
} // namespace falloff

using namespace mlir;
using namespace falloff;

void falloff::simplifyPatterns(ModuleOp module) {
  RewritePatternSet rewrites(module.getContext());
  addNumberRewrites(rewrites);
  addLeafRewrites(rewrites);
  addAlgebraRewrites(rewrites);
  FrozenRewritePatternSet frozen(std::move(rewrites));
  for (auto pattern : module.getOps<mask::PatternOp>()) {
    bool merged = true;
    while (merged) {
      (void)applyPatternsGreedily(pattern, frozen);
      IRRewriter rewriter(module.getContext());
      DominanceInfo dominance(pattern);
      merged = false;
      eliminateCommonSubExpressions(rewriter, dominance, pattern, &merged);
    }
  }
}

namespace {
struct SimplifySets : public falloff::impl::SimplifySetsBase<SimplifySets> {
  void runOnOperation() override { simplifyPatterns(getOperation()); }
};
} // namespace
