// SPDX-License-Identifier: Apache-2.0
//
// One include, inlined. The callee's sets are subsets of the square of its own
// domain, which may be smaller than the caller's. For every op, the callee's
// meaning is the caller's meaning of the same op intersected with that square
// (by induction: it holds for leaves, and passes through each op of the
// algebra), so it is enough to intersect what the callee's `keep` names.
#include "compiler/passes/InlinePattern.h"
#include "compiler/passes/Actuals.h"
#include "compiler/reference/Places.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace falloff;
using namespace falloff::mask;

namespace {
/// The callee's parts, in the caller.
class InlinedPattern {
public:
  InlinedPattern(IncludeOp include, PatternOp callee)
      : include(include), callee(callee), caller(patternOf(include.getSet())), builder(include) {}

  LogicalResult run();

private:
  void cloneBody();
  bool isWholeDomain() { return callee.getNumSegments() == caller.getNumSegments(); }
  /// The square of the callee's domain.
  Value domain();
  /// Intersection, which takes its name and place from `loc`.
  Value meet(llvm::ArrayRef<Value> sets, Location loc);
  /// Where the include stands, for a set that is called `name`; without one, for a set that has no name.
  Location at(llvm::StringRef name = {});
  /// What limits a set of the callee: its `only`, and its domain unless `set`
  /// or a limit is within it anyhow.
  SmallVector<Value> limitsOf(Value set);
  Value limited(Value set);
  Value bounded(Value set);
  Value plain();
  void expandInKeep(KeepOp keep);
  void eraseDead();

  IncludeOp include;
  PatternOp callee, caller;
  OpBuilder builder;
  IRMapping mapping;
  ActualValues actuals;
  SmallVector<Value> sets, about, limits;
  SmallVector<Operation *> made;
  Value domainSet;
};
} // namespace

/// Whether a set of the callee holds only pairs of which both ends lie in the
/// callee's domain, whatever the domain around it.
static bool isConfined(Value set) {
  auto confined = [](Value operand) { return isConfined(operand); };
  return llvm::TypeSwitch<Operation *, bool>(set.getDefiningOp())
      .Case<FirstOp, WithinOp, SameOp, CausalOp, WindowOp, LinkedOp>([](Operation *) { return true; })
      .Case([&](AnyOfOp op) { return llvm::all_of(op.getSets(), confined); })
      .Case([&](AllOfOp op) { return llvm::any_of(op.getSets(), confined); })
      .Case([&](WhenOp op) { return isConfined(op.getThen()); })
      .Case([&](BoundedOp op) { return isConfined(op.getInner()) || isConfined(op.getLimit()); })
      .Case([](WhereOp op) {
        NamedEnds ends = namedEnds(op);
        return !ends.queries.empty() && !ends.keys.empty();
      })
      // One end may lie anywhere.
      .Case<KeysOp, QueriesOp, EitherOp, NoneOfOp>([](Operation *) { return false; });
}

void InlinedPattern::cloneBody() {
  for (auto [argument, axis] : llvm::zip(callee.getAxisArguments(), include.getAxes()))
    mapping.map(argument, axis);
  actuals.materialise(builder, callee, mapping, made);
  for (Operation &op : callee.getBody().front().without_terminator()) {
    if (auto when = dyn_cast<WhenOp>(op))
      if (StringAttr word = actuals.wordOf(when.getChoice())) {
        // The word is known: the set, or the empty set.
        Value set = mapping.lookup(when.getThen());
        if (word.getValue() != when.getWord()) {
          set = AnyOfOp::create(builder, op.getLoc(), set.getType(), ValueRange());
          made.push_back(set.getDefiningOp());
        }
        mapping.map(when.getSet(), set);
        continue;
      }
    made.push_back(builder.clone(op, mapping));
  }
  KeepOp keep = callee.getKeep();
  auto mapped = [&](OperandRange values) {
    return llvm::to_vector(llvm::map_range(values, [&](Value value) { return mapping.lookup(value); }));
  };
  sets = mapped(keep.getSets());
  about = mapped(keep.getAbout());
  limits = mapped(keep.getLimits());
}

Value InlinedPattern::domain() {
  if (domainSet)
    return domainSet;
  Type setType = include.getSet().getType();
  SmallVector<Value> queries, keys;
  unsigned axis = 0;
  for (unsigned segment = 0; segment < callee.getNumSegments(); ++segment) {
    Value first = include.getAxes()[axis];
    queries.push_back(QueriesOp::create(builder, at(), setType, first));
    keys.push_back(KeysOp::create(builder, at(), setType, first));
    axis += callee.getSegment(segment).getNumAxes();
  }
  auto join = [&](llvm::ArrayRef<Value> ends) -> Value {
    if (ends.size() == 1)
      return ends.front();
    return AnyOfOp::create(builder, at(), setType, ends);
  };
  return domainSet = meet({join(queries), join(keys)}, at("domain"));
}

Location InlinedPattern::at(llvm::StringRef name) {
  Location loc = include.getLoc();
  if (auto named = dyn_cast<NameLoc>(loc))
    loc = named.getChildLoc();
  return name.empty() ? loc : NameLoc::get(builder.getStringAttr(name), loc);
}

Value InlinedPattern::meet(llvm::ArrayRef<Value> sets, Location loc) {
  if (sets.size() == 1)
    return sets.front();
  return AllOfOp::create(builder, loc, include.getSet().getType(), sets);
}

SmallVector<Value> InlinedPattern::limitsOf(Value set) {
  SmallVector<Value> all(limits);
  if (!isWholeDomain() && !(set && isConfined(set)) && llvm::none_of(limits, isConfined))
    all.push_back(domain());
  return all;
}

Value InlinedPattern::limited(Value set) {
  SmallVector<Value> all{set};
  llvm::append_range(all, limitsOf(set));
  return meet(all, set.getLoc());
}

Value InlinedPattern::bounded(Value set) {
  SmallVector<Value> all;
  if (auto inner = set.getDefiningOp<BoundedOp>()) {
    // The callee had it from an include of its own.
    all.push_back(inner.getLimit());
    set = inner.getInner();
  }
  llvm::append_range(all, limitsOf(Value()));
  if (all.empty())
    return set;
  return BoundedOp::create(builder, set.getLoc(), set.getType(), set, meet(all, at("limit")));
}

Value InlinedPattern::plain() {
  SmallVector<Value> all(sets);
  llvm::append_range(all, about);
  Value joined = all.size() == 1 ? all.front()
                                 : AnyOfOp::create(builder, include.getLoc(), include.getSet().getType(), all).getSet();
  return limited(joined);
}

void InlinedPattern::expandInKeep(KeepOp keep) {
  SmallVector<Value> newSets, newAbout;
  for (Value set : keep.getSets()) {
    if (set != include.getSet()) {
      newSets.push_back(set);
      continue;
    }
    for (Value part : sets)
      newSets.push_back(limited(part));
  }
  // What stood around the include stays in its place.
  if (llvm::is_contained(keep.getSets(), include.getSet()))
    for (Value part : about)
      newAbout.push_back(bounded(part));
  for (Value set : keep.getAbout()) {
    if (set != include.getSet()) {
      newAbout.push_back(set);
      continue;
    }
    for (Value part : llvm::concat<Value>(sets, about))
      newAbout.push_back(bounded(part));
  }
  keep.getSetsMutable().assign(newSets);
  keep.getAboutMutable().assign(newAbout);
}

void InlinedPattern::eraseDead() {
  for (Operation *op : llvm::reverse(made))
    if (op->use_empty())
      op->erase();
}

LogicalResult InlinedPattern::run() {
  FailureOr<ActualValues> values = ActualValues::of(include, callee);
  if (failed(verifyAxes(include, callee)) || failed(values))
    return failure();
  actuals = std::move(*values);
  cloneBody();
  expandInKeep(caller.getKeep());
  if (!include.getSet().use_empty())
    include.getSet().replaceAllUsesWith(plain());
  eraseDead();
  include.erase();
  return success();
}

LogicalResult falloff::inlinePattern(IncludeOp include, PatternOp callee) {
  return InlinedPattern(include, callee).run();
}
