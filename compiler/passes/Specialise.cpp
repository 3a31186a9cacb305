// SPDX-License-Identifier: Apache-2.0
//
// `specialise`: a linked pattern and what it is bound with, into a pattern
// without parameters for each class of heads.
#include "compiler/passes/Actuals.h"
#include "compiler/passes/Passes.h"
#include "compiler/passes/Pipelines.h"
#include "compiler/passes/VerifyBound.h"
#include "llvm/ADT/STLExtras.h"

namespace falloff {
#define GEN_PASS_DEF_SPECIALISE
#include "compiler/passes/Passes.h.inc"
} // namespace falloff

using namespace mlir;
using namespace falloff;
using namespace falloff::mask;

/// Heads that see the same values, by class in order of their first head.
static std::vector<std::vector<int64_t>> classesOf(const BoundPattern &bound) {
  std::vector<std::vector<int64_t>> classes;
  std::vector<std::string> seen;
  for (int64_t head = 0; head < std::max<int64_t>(bound.heads, 1); ++head) {
    std::string values;
    for (size_t i = 0; i < bound.parameters.size(); ++i)
      if (bound.isPerHead[i])
        values += printValue(bound.valueOf(i, head)) + ";";
    size_t index = llvm::find(seen, values) - seen.begin();
    if (index == seen.size()) {
      seen.push_back(values);
      classes.emplace_back();
    }
    classes[index].push_back(head);
  }
  return classes;
}

/// The constant that a value of a parameter becomes.
static Attribute attributeOf(Builder &builder, const ParameterValue &value) {
  if (const auto *number = std::get_if<double>(&value))
    return builder.getF64FloatAttr(*number);
  if (const auto *numbers = std::get_if<std::vector<double>>(&value))
    return builder.getDenseI64ArrayAttr(SmallVector<int64_t>(numbers->begin(), numbers->end()));
  SmallVector<bool> links;
  for (const std::vector<bool> &row : std::get<std::vector<std::vector<bool>>>(value))
    links.append(row.begin(), row.end());
  return builder.getDenseBoolArrayAttr(links);
}

/// A `when` becomes its set if the head's word is its own, else the empty set.
static void foldChoice(Value choice, StringRef word) {
  OpBuilder builder(choice.getContext());
  for (Operation *user : llvm::make_early_inc_range(choice.getUsers())) {
    auto when = cast<WhenOp>(user);
    Value set = when.getThen();
    if (when.getWord() != word) {
      builder.setInsertionPoint(when);
      set = AnyOfOp::create(builder, when.getLoc(), set.getType(), ValueRange());
    }
    when.getSet().replaceAllUsesWith(set);
    when.erase();
  }
}

static void bindParameters(PatternOp pattern, const BoundPattern &bound, int64_t head) {
  auto builder = OpBuilder::atBlockBegin(&pattern.getBody().front());
  for (auto [index, argument] : llvm::enumerate(pattern.getParamArguments())) {
    ParameterValue value = bound.valueOf(index, head);
    if (const auto *word = std::get_if<std::string>(&value)) {
      foldChoice(argument, *word);
      continue;
    }
    if (argument.use_empty())
      continue;
    Operation *constant =
        createConstant(builder, pattern.getLoc(), pattern.getParam(index), attributeOf(builder, value));
    argument.replaceAllUsesWith(constant->getResult(0));
  }
  pattern.getBody().front().eraseArguments(0, pattern.getParams().size());
  pattern.setParamsAttr(builder.getArrayAttr({}));
}

/// Makes extents static and puts the segments in bound order.
static void bindDomain(PatternOp pattern, const BoundPattern &bound) {
  Builder builder(pattern.getContext());
  Block &body = pattern.getBody().front();
  SmallVector<BlockArgument> old(body.getArguments());
  SmallVector<unsigned> firstAxis;
  unsigned axes = 0;
  for (unsigned segment = 0; segment < pattern.getNumSegments(); ++segment) {
    firstAxis.push_back(axes);
    axes += pattern.getSegment(segment).getNumAxes();
  }
  SmallVector<Attribute> domain;
  for (unsigned segment : bound.order) {
    SegmentAttr was = pattern.getSegment(segment);
    domain.push_back(SegmentAttr::get(pattern.getContext(), was.getName(), was.getAxes(),
                                      builder.getDenseI64ArrayAttr(bound.extents[segment])));
    for (unsigned axis = 0; axis < was.getNumAxes(); ++axis) {
      BlockArgument from = old[firstAxis[segment] + axis];
      BlockArgument to = body.addArgument(from.getType(), from.getLoc());
      from.replaceAllUsesWith(to);
    }
  }
  body.eraseArguments(0, axes);
  pattern.setDomainAttr(builder.getArrayAttr(domain));
}

FailureOr<SpecialisedPattern> falloff::specialisePattern(PatternOp linked, const Binding &binding) {
  for (IncludeOp include : linked.getBody().getOps<IncludeOp>())
    return include.emitError() << "expects a linked pattern";
  FailureOr<BoundPattern> bound = resolveBinding(linked, binding);
  if (failed(bound))
    return failure();
  SpecialisedPattern result;
  result.module = ModuleOp::create(linked.getLoc());
  result.patternOfHead.resize(bound->heads);
  std::vector<std::vector<int64_t>> classes = classesOf(*bound);
  for (auto [index, heads] : llvm::enumerate(classes)) {
    auto pattern = cast<PatternOp>(linked->clone());
    result.module->push_back(pattern);
    bindParameters(pattern, *bound, heads.front());
    bindDomain(pattern, *bound);
    if (classes.size() > 1)
      pattern.setSymName((linked.getSymName() + "_" + llvm::Twine(index)).str());
    if (bound->heads > 0)
      pattern.setHeads(heads);
    for (int64_t head : heads)
      if (bound->heads > 0)
        result.patternOfHead[head] = index;
    if (failed(verifyBound(pattern)))
      return failure();
    result.patterns.push_back(pattern);
  }
  result.bound = std::move(*bound);
  return result;
}

namespace {
struct Specialise : public falloff::impl::SpecialiseBase<Specialise> {
  using SpecialiseBase::SpecialiseBase;

  void runOnOperation() override {
    SmallVector<PatternOp> patterns(getOperation().getOps<PatternOp>());
    for (PatternOp pattern : patterns) {
      llvm::Expected<Binding> binding = parseBinding(pattern, extents, values, order);
      if (!binding) {
        emitError(pattern.getLoc()) << llvm::toString(binding.takeError());
        return signalPassFailure();
      }
      FailureOr<SpecialisedPattern> bound = specialisePattern(pattern, *binding);
      if (failed(bound))
        return signalPassFailure();
      for (PatternOp one : bound->patterns) {
        one->remove();
        getOperation().insert(pattern, one);
      }
      pattern.erase();
    }
  }
};
} // namespace
