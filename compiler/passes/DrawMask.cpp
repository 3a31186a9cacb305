// SPDX-License-Identifier: Apache-2.0
//
// `draw-mask`: prints patterns as pictures, for tests of meaning to read.
#include "compiler/passes/Linker.h"
#include "compiler/passes/Passes.h"
#include "compiler/passes/Pipelines.h"
#include "compiler/reference/Draw.h"
#include "compiler/reference/Reference.h"
#include "llvm/Support/raw_ostream.h"

namespace falloff {
#define GEN_PASS_DEF_DRAWMASK
#include "compiler/passes/Passes.h.inc"
} // namespace falloff

using namespace mlir;
using namespace falloff;
using mask::PatternOp;

/// Draws the part that option `part` names; false if there is no such part.
static bool drawPart(Reference &reference, llvm::StringRef part, llvm::raw_ostream &os) {
  auto draw = [&](ContainsFn contains) {
    drawText(reference.tokens(), contains, os);
    return true;
  };
  if (part == "contains")
    return draw([&](int64_t q, int64_t k) { return reference.contains(q, k); });
  if (part == "keep")
    return draw([&](int64_t q, int64_t k) { return reference.keepContains(q, k); });
  if (part == "only")
    return draw([&](int64_t q, int64_t k) { return reference.onlyContains(q, k); });
  if (part != "allowed")
    return false;
  for (unsigned about = 0; about < reference.abouts(); ++about) {
    os << "around " << about << '\n';
    draw([&](int64_t q, int64_t k) { return reference.allowed(about, q, k); });
  }
  return true;
}

namespace {
struct DrawMask : public falloff::impl::DrawMaskBase<DrawMask> {
  using DrawMaskBase::DrawMaskBase;

  LogicalResult draw(PatternOp linked) {
    llvm::Expected<Binding> binding = parseBinding(linked, extents, values, order);
    if (!binding)
      return emitError(linked.getLoc()) << llvm::toString(binding.takeError());
    FailureOr<SpecialisedPattern> bound = specialisePattern(linked, *binding);
    if (failed(bound))
      return failure();
    for (PatternOp pattern : bound->patterns) {
      llvm::outs() << "@" << pattern.getSymName() << '\n';
      Reference reference(pattern);
      if (!drawPart(reference, part, llvm::outs()))
        return emitError(linked.getLoc())
               << "expects part to be contains, keep, only or allowed, but got '" << part << "'";
    }
    return success();
  }

  void runOnOperation() override {
    OwningOpRef<ModuleOp> copy(getOperation().clone());
    Linker linker(&getContext(), library);
    linker.files.adopt(*copy);
    for (PatternOp pattern : copy->getOps<PatternOp>())
      if (failed(linker.link(pattern)) || failed(draw(pattern)))
        return signalPassFailure();
  }
};
} // namespace
