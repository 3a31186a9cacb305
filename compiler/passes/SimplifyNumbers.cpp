// SPDX-License-Identifier: Apache-2.0
//
// Numbers that do not depend on a distance become literals, where they are
// named and where they are used. Values are those that the expression itself
// evaluates to, bit for bit.
#include "compiler/passes/Simplify.h"
#include "compiler/reference/Evaluate.h"
#include "compiler/reference/Places.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace mlir;
using namespace falloff;
using namespace falloff::mask;

/// `expr` with every part that has a constant value replaced by it.
static ExprAttr foldExpr(ExprAttr expr, OperandRange args) {
  MLIRContext *context = expr.getContext();
  if (expr.isNumber())
    return expr;
  if (expr.getChildren().empty()) {
    std::optional<double> value;
    if (expr.getKind() == ExprKind::Operand)
      value = constantOf(args[expr.getIndex()]);
    else if (expr.getKind() == ExprKind::Extent)
      value = extentOf(args[expr.getIndex()]);
    return value ? ExprAttr::get(context, *value) : expr;
  }
  SmallVector<ExprAttr> children;
  SmallVector<double> values;
  for (ExprAttr child : expr.getChildren()) {
    children.push_back(foldExpr(child, args));
    if (children.back().isNumber())
      values.push_back(children.back().getValue());
  }
  if (values.size() == children.size()) {
    const char *error = nullptr;
    double value = apply(expr.getKind(), values, error);
    // What has no value is left for the message about it.
    if (!error && std::isfinite(value))
      return ExprAttr::get(context, value);
  }
  return ExprAttr::get(context, expr.getKind(), children);
}

/// Drops the operands that no expression names any more.
static SmallVector<Value> dropUnused(llvm::MutableArrayRef<ExprAttr> exprs, OperandRange args) {
  SmallVector<bool> used(args.size(), false);
  for (ExprAttr expr : exprs)
    expr.walk([&](ExprAttr node) {
      if (node.getKind() == ExprKind::Operand || node.isOfAxis())
        used[node.getIndex()] = true;
    });
  SmallVector<Value> kept;
  SmallVector<unsigned> indices;
  for (auto [isUsed, arg] : llvm::zip(used, args)) {
    indices.push_back(kept.size());
    if (isUsed)
      kept.push_back(arg);
  }
  for (ExprAttr &expr : exprs)
    expr = expr.renumber(indices);
  return kept;
}

namespace {
struct FoldLet : public OpRewritePattern<LetOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LetOp op, PatternRewriter &rewriter) const override {
    ExprAttr expr = foldExpr(op.getExpr(), op.getArgs());
    if (expr == op.getExpr())
      return rewriter.notifyMatchFailure(op, "depends on distances or names");
    SmallVector<Value> args = dropUnused(expr, op.getArgs());
    rewriter.replaceOpWithNewOp<LetOp>(op, op.getType(), expr, args);
    return success();
  }
};

struct FoldWhere : public OpRewritePattern<WhereOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(WhereOp op, PatternRewriter &rewriter) const override {
    ExprAttr sides[] = {foldExpr(op.getLeft(), op.getArgs()), foldExpr(op.getRight(), op.getArgs())};
    if (sides[0] == op.getLeft() && sides[1] == op.getRight())
      return rewriter.notifyMatchFailure(op, "depends on the pair or on names");
    SmallVector<Value> args = dropUnused(sides, op.getArgs());
    rewriter.replaceOpWithNewOp<WhereOp>(op, op.getType(), op.getComparison(), sides[0], sides[1], args);
    return success();
  }
};

/// `first`, `within`: a number that is whole becomes a literal.
template <typename CountOp>
struct InlineCount : public OpRewritePattern<CountOp> {
  using OpRewritePattern<CountOp>::OpRewritePattern;
  LogicalResult matchAndRewrite(CountOp op, PatternRewriter &rewriter) const override {
    std::optional<int64_t> count = op.getCount() ? wholeOf(op.getCount()) : std::nullopt;
    if (!count)
      return rewriter.notifyMatchFailure(op, "has no whole number to inline");
    rewriter.replaceOpWithNewOp<CountOp>(op, op.getType(), Value(), rewriter.getI64IntegerAttr(*count), op.getAxis());
    return success();
  }
};

/// The size or the table of a split becomes a literal.
struct InlineSplit : public OpRewritePattern<SplitOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SplitOp op, PatternRewriter &rewriter) const override {
    std::optional<int64_t> size = op.getSize() ? wholeOf(op.getSize()) : std::nullopt;
    TableOp table = op.getTable() ? op.getTable().getDefiningOp<TableOp>() : TableOp();
    // A size below 1 is left for the message about it.
    if (!table && (!size || *size < 1))
      return rewriter.notifyMatchFailure(op, "has no constant to inline");
    rewriter.replaceOpWithNewOp<SplitOp>(op, op.getPart().getType(), op.getOffset().getType(), op.getAxis(), Value(),
                                         size ? rewriter.getI64IntegerAttr(*size) : IntegerAttr(), Value(),
                                         table ? table.getValuesAttr() : DenseI64ArrayAttr());
    return success();
  }
};

struct InlineWindow : public OpRewritePattern<WindowOp> {
  using OpRewritePattern::OpRewritePattern;

  /// Literals for the constant ones among `values`; true if there are any.
  static bool inlineSizes(OperandRange values, llvm::ArrayRef<int64_t> literals, SmallVector<Value> &newValues,
                          SmallVector<int64_t> &newLiterals) {
    auto value = values.begin();
    bool changed = false;
    for (int64_t literal : literals) {
      newLiterals.push_back(literal);
      if (!ShapedType::isDynamic(literal))
        continue;
      std::optional<int64_t> size = wholeOf(*value);
      if (size && *size >= 1) {
        newLiterals.back() = *size;
        changed = true;
      } else {
        newValues.push_back(*value);
      }
      ++value;
    }
    return changed;
  }

  LogicalResult matchAndRewrite(WindowOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> sizes, strides, dilations;
    SmallVector<int64_t> staticSizes, staticStrides, staticDilations;
    bool changed = inlineSizes(op.getSizes(), op.getStaticSizes(), sizes, staticSizes);
    if (op.getStaticStrides())
      changed |= inlineSizes(op.getStrides(), *op.getStaticStrides(), strides, staticStrides);
    if (op.getStaticDilations())
      changed |= inlineSizes(op.getDilations(), *op.getStaticDilations(), dilations, staticDilations);
    if (!changed)
      return rewriter.notifyMatchFailure(op, "has no constant to inline");
    auto array = [&](bool given, llvm::ArrayRef<int64_t> literals) {
      return given ? rewriter.getDenseI64ArrayAttr(literals) : DenseI64ArrayAttr();
    };
    rewriter.replaceOpWithNewOp<WindowOp>(op, op.getType(), sizes, array(true, staticSizes), op.getAxes(), strides,
                                          array(op.getStaticStrides().has_value(), staticStrides), dilations,
                                          array(op.getStaticDilations().has_value(), staticDilations), op.getCausal());
    return success();
  }
};
} // namespace

void falloff::addNumberRewrites(RewritePatternSet &patterns) {
  patterns.add<FoldLet, FoldWhere, InlineCount<FirstOp>, InlineCount<WithinOp>, InlineSplit, InlineWindow>(
      patterns.getContext());
}
