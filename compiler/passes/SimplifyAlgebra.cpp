// SPDX-License-Identifier: Apache-2.0
//
// Set algebra: what unions, intersections and complements come to, and what
// `keep` makes of them.
#include "compiler/passes/Simplify.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace falloff;
using namespace falloff::mask;

bool falloff::isEmptySet(Value set) {
  auto op = set.getDefiningOp<AnyOfOp>();
  return op && op.getSets().empty();
}

bool falloff::isEverything(Value set) {
  auto op = set.getDefiningOp<AllOfOp>();
  return op && op.getSets().empty();
}

using Sets = llvm::SmallSetVector<Value, 8>;

/// The sets, with those that are an `Op` replaced by its operands, in order of
/// definition and each once.
template <typename Op>
static Sets flatten(ValueRange sets) {
  Sets flat;
  for (Value set : sets) {
    auto nested = set.getDefiningOp<Op>();
    if (!nested)
      flat.insert(set);
    else
      for (Value inner : nested.getSets())
        flat.insert(inner);
  }
  SmallVector<Value> sorted = flat.takeVector();
  llvm::sort(sorted, [](Value left, Value right) {
    return left != right && left.getDefiningOp()->isBeforeInBlock(right.getDefiningOp());
  });
  return Sets(sorted.begin(), sorted.end());
}

/// Whether the sets hold one and its complement, so that they share nothing and
/// together are everything.
static bool holdComplements(const Sets &sets) {
  return llvm::any_of(sets, [&](Value set) {
    auto none = set.getDefiningOp<NoneOfOp>();
    return none && none.getSets().size() == 1 && sets.contains(none.getSets().front());
  });
}

/// x with (x and y) around it, or with (x or y) within it.
template <typename Dual>
static bool isAbsorbed(Value set, const Sets &sets) {
  auto dual = set.getDefiningOp<Dual>();
  return dual && llvm::any_of(dual.getSets(), [&](Value inner) { return sets.contains(inner); });
}

/// What remains of the sets that `Op` joins, where `Dual` joins the other way: `any_of` and `all_of`, or the other way
/// round. Null if the join is the dual of nothing, whatever the other sets: one of them is, or two are complements.
template <typename Op, typename Dual>
static std::optional<SmallVector<Value>> join(ValueRange operands) {
  Sets sets = flatten<Op>(operands);
  bool isDecided = holdComplements(sets) || llvm::any_of(sets, [](Value set) {
                     auto dual = set.getDefiningOp<Dual>();
                     return dual && dual.getSets().empty();
                   });
  if (isDecided)
    return std::nullopt;
  SmallVector<Value> kept;
  for (Value set : sets)
    if (!isAbsorbed<Dual>(set, sets))
      kept.push_back(set);
  return kept;
}

namespace {
template <typename Op, typename Dual>
struct SimplifyJoin : public OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    std::optional<SmallVector<Value>> sets = join<Op, Dual>(op.getSets());
    if (!sets) {
      rewriter.replaceOpWithNewOp<Dual>(op, op.getType(), ValueRange());
      return success();
    }
    if (sets->size() == 1) {
      rewriter.replaceOp(op, sets->front());
      return success();
    }
    if (llvm::equal(*sets, op.getSets()))
      return rewriter.notifyMatchFailure(op, "is simple");
    rewriter.replaceOpWithNewOp<Op>(op, op.getType(), *sets);
    return success();
  }
};

struct SimplifyNoneOf : public OpRewritePattern<NoneOfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(NoneOfOp op, PatternRewriter &rewriter) const override {
    Sets sets = flatten<AnyOfOp>(op.getSets());
    if (sets.empty()) {
      rewriter.replaceOpWithNewOp<AllOfOp>(op, op.getType(), ValueRange());
      return success();
    }
    if (llvm::any_of(sets, isEverything) || holdComplements(sets)) {
      rewriter.replaceOpWithNewOp<AnyOfOp>(op, op.getType(), ValueRange());
      return success();
    }
    if (sets.size() == 1)
      if (auto inner = sets.front().getDefiningOp<NoneOfOp>()) {
        rewriter.replaceOpWithNewOp<AnyOfOp>(op, op.getType(), inner.getSets());
        return success();
      }
    if (llvm::equal(sets, op.getSets()))
      return rewriter.notifyMatchFailure(op, "is simple");
    rewriter.replaceOpWithNewOp<NoneOfOp>(op, op.getType(), sets.getArrayRef());
    return success();
  }
};

struct SimplifyBounded : public OpRewritePattern<BoundedOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BoundedOp op, PatternRewriter &rewriter) const override {
    Value inner = op.getInner(), limit = op.getLimit();
    if (isEmptySet(inner) || isEverything(limit)) {
      rewriter.replaceOp(op, inner);
      return success();
    }
    if (isEmptySet(limit)) {
      rewriter.replaceOp(op, limit);
      return success();
    }
    if (auto nested = inner.getDefiningOp<BoundedOp>()) {
      Value both = AllOfOp::create(rewriter, op.getLoc(), op.getType(), ValueRange{nested.getLimit(), limit});
      rewriter.replaceOpWithNewOp<BoundedOp>(op, op.getType(), nested.getInner(), both);
      return success();
    }
    // Only a rounding knows more of a bounded set than that it is limited.
    if (llvm::any_of(op->getUsers(), [](Operation *user) { return isa<KeepOp>(user); }))
      return rewriter.notifyMatchFailure(op, "its limit counts in `keep`");
    rewriter.replaceOpWithNewOp<AllOfOp>(op, op.getType(), ValueRange{inner, limit});
    return success();
  }
};

struct SimplifyKeep : public OpRewritePattern<KeepOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(KeepOp op, PatternRewriter &rewriter) const override {
    auto sets = join<AnyOfOp, AllOfOp>(op.getSets());
    auto about = join<AnyOfOp, AllOfOp>(op.getAbout());
    auto limits = join<AllOfOp, AnyOfOp>(op.getLimits());
    if (!about)
      about = {find<AllOfOp>(op, op.getAbout(), rewriter)};
    if (!sets) {
      // Every pair is kept, so that nothing is left to fill around.
      sets = {find<AllOfOp>(op, op.getSets(), rewriter)};
      about->clear();
    }
    if (!limits) {
      // Nothing is kept within the empty set.
      sets = {find<AnyOfOp>(op, op.getLimits(), rewriter)};
      about->clear();
      limits.emplace();
    }
    // A pattern keeps at least one set, if only the empty one.
    if (sets->empty() && about->empty())
      sets = {find<AnyOfOp>(op, op.getSets(), rewriter)};
    if (llvm::equal(*sets, op.getSets()) && llvm::equal(*about, op.getAbout()) && llvm::equal(*limits, op.getLimits()))
      return rewriter.notifyMatchFailure(op, "is simple");
    rewriter.modifyOpInPlace(op, [&] {
      op.getSetsMutable().assign(*sets);
      op.getAboutMutable().assign(*about);
      op.getLimitsMutable().assign(*limits);
    });
    return success();
  }

private:
  /// `Op` of nothing: the one among `sets`, or a new one.
  template <typename Op>
  static Value find(KeepOp op, ValueRange sets, PatternRewriter &rewriter) {
    for (Value set : sets)
      if (auto found = set.getDefiningOp<Op>(); found && found.getSets().empty())
        return set;
    return Op::create(rewriter, op.getLoc(), SetType::get(op.getContext()), ValueRange());
  }
};
} // namespace

void falloff::addAlgebraRewrites(RewritePatternSet &patterns) {
  patterns.add<SimplifyJoin<AnyOfOp, AllOfOp>, SimplifyJoin<AllOfOp, AnyOfOp>, SimplifyNoneOf, SimplifyBounded,
               SimplifyKeep>(patterns.getContext());
}
