// SPDX-License-Identifier: Apache-2.0
//
// `link-includes`: finds the pattern that each include names, links it first,
// and inlines it.
#include "compiler/passes/InlinePattern.h"
#include "compiler/passes/Limits.h"
#include "compiler/passes/Linker.h"
#include "compiler/passes/Passes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace falloff {
#define GEN_PASS_DEF_LINKINCLUDES
#include "compiler/passes/Passes.h.inc"
} // namespace falloff

using namespace mlir;
using namespace falloff;
using mask::IncludeOp;
using mask::PatternOp;

LogicalResult Linker::link(PatternOp pattern) {
  if (linked.contains(pattern))
    return success();
  if (linking.size() > maxIncludeDepth)
    return pattern.emitError() << "expects includes at most " << maxIncludeDepth << " deep, but @"
                               << pattern.getSymName() << " is included deeper";
  if (failed(verifyWrittenOut(pattern)))
    return failure();
  linking.push_back(pattern);
  auto module = pattern->getParentOfType<ModuleOp>();
  for (IncludeOp include : llvm::make_early_inc_range(pattern.getBody().getOps<IncludeOp>())) {
    FailureOr<PatternOp> callee = files.find(include.getPattern(), module, include.getLoc());
    if (failed(callee))
      return failure();
    if (llvm::is_contained(linking, *callee))
      return emitCycle(include, *callee);
    if (failed(link(*callee)) || failed(inlinePattern(include, *callee)) || failed(verifyWrittenOut(pattern)))
      return failure();
  }
  linking.pop_back();
  linked.insert(pattern);
  return success();
}

LogicalResult Linker::emitCycle(IncludeOp include, PatternOp callee) {
  std::vector<std::string> names;
  for (PatternOp pattern : llvm::make_range(llvm::find(linking, callee), linking.end()))
    names.push_back("@" + pattern.getSymName().str());
  names.push_back("@" + callee.getSymName().str());
  return include.emitError() << "expects includes without a cycle, but got " << llvm::join(names, " including ");
}

namespace {
struct LinkIncludes : public falloff::impl::LinkIncludesBase<LinkIncludes> {
  using LinkIncludesBase::LinkIncludesBase;

  void runOnOperation() override {
    Linker linker(&getContext(), library);
    linker.files.adopt(getOperation());
    for (PatternOp pattern : getOperation().getOps<PatternOp>())
      if (failed(linker.link(pattern)))
        return signalPassFailure();
  }
};
} // namespace
