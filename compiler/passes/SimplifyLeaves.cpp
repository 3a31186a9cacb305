// SPDX-License-Identifier: Apache-2.0
//
// Leaves that hold no pair of the domain, or every pair of it. A leaf asks that
// both ends lie in its segment, so it can hold every pair only where no other
// segment has tokens.
#include "compiler/passes/Simplify.h"
#include "compiler/reference/Evaluate.h"
#include "compiler/reference/Places.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace falloff;
using namespace falloff::mask;

/// Tokens of a segment; null if an extent is not known.
static std::optional<int64_t> tokensOf(SegmentAttr segment) {
  int64_t tokens = 1;
  for (int64_t extent : segment.getExtents().asArrayRef()) {
    if (ShapedType::isDynamic(extent))
      return std::nullopt;
    tokens *= extent;
  }
  return tokens;
}

static bool isSegmentEmpty(Value axis) {
  SegmentAttr segment = patternOf(axis).getSegment(segmentOf(axis));
  return tokensOf(segment) == 0;
}

/// Whether no other segment has tokens.
static bool isSegmentAlone(Value axis) {
  PatternOp pattern = patternOf(axis);
  for (unsigned i = 0; i < pattern.getNumSegments(); ++i)
    if (i != segmentOf(axis) && tokensOf(pattern.getSegment(i)) != 0)
      return false;
  return true;
}

namespace {
/// What a leaf holds of the pairs that its segments allow.
enum class Share { None, Some, All };
} // namespace

template <typename CountOp>
static std::optional<double> countOf(CountOp op) {
  if (op.getStaticCount())
    return double(int64_t(*op.getStaticCount()));
  return constantOf(op.getCount());
}

static Share shareOf(FirstOp op) {
  std::optional<double> count = countOf(op);
  std::optional<int64_t> extent = extentOf(op.getAxis());
  if (count && *count <= 0)
    return Share::None;
  return count && extent && *count >= double(*extent) ? Share::All : Share::Some;
}

static Share shareOf(WithinOp op) {
  std::optional<double> width = countOf(op);
  std::optional<int64_t> extent = extentOf(op.getAxis());
  if (width && *width < 0)
    return Share::None;
  return width && extent && *width >= double(*extent - 1) ? Share::All : Share::Some;
}

static Share shareOf(WhereOp op) {
  if (!op.getLeft().isNumber() || !op.getRight().isNumber())
    return Share::Some;
  return compare(op.getComparison(), op.getLeft().getValue(), op.getRight().getValue()) ? Share::All : Share::None;
}

static Share shareOf(WindowOp op) {
  for (auto [index, axis] : llvm::enumerate(op.getAxes())) {
    std::optional<int64_t> extent = extentOf(axis);
    WindowOp::Size size = op.getSize(index), dilation = op.getDilation(index);
    if (!extent || op.isCausal(index) || size.value || dilation.value || dilation.literal != 1 ||
        size.literal < *extent)
      return Share::Some;
  }
  return Share::All;
}

/// `same` and `causal`.
static Share shareOfOnePlace(Value axis) {
  std::optional<int64_t> extent = extentOf(axis);
  return extent && *extent <= 1 ? Share::All : Share::Some;
}

static Share shareOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, Share>(op)
      .Case<FirstOp, WithinOp, WhereOp, WindowOp>([](auto leaf) { return shareOf(leaf); })
      .Case<SameOp, CausalOp>([](auto leaf) { return shareOfOnePlace(leaf.getAxis()); })
      .Case<KeysOp, QueriesOp, EitherOp>([](auto) { return Share::All; })
      .Default(Share::Some);
}

/// Axes whose segments the leaf's ends have to lie in.
static SmallVector<Value> axesOf(Operation *op) {
  SmallVector<Value> axes;
  if (auto where = dyn_cast<WhereOp>(op)) {
    NamedEnds ends = namedEnds(where);
    llvm::append_range(axes, ends.queries);
    llvm::append_range(axes, ends.keys);
    return axes;
  }
  for (Value operand : op->getOperands())
    if (isa<AxisType>(operand.getType()))
      axes.push_back(operand);
  return axes;
}

namespace {
template <typename LeafOp>
struct FoldLeaf : public OpRewritePattern<LeafOp> {
  using OpRewritePattern<LeafOp>::OpRewritePattern;
  LogicalResult matchAndRewrite(LeafOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> axes = axesOf(op);
    Share share = shareOf(op);
    Type type = op.getType();
    if (share == Share::None || llvm::any_of(axes, isSegmentEmpty)) {
      rewriter.replaceOpWithNewOp<AnyOfOp>(op, type, ValueRange());
      return success();
    }
    if (share == Share::Some || !llvm::all_of(axes, isSegmentAlone))
      return rewriter.notifyMatchFailure(op, "holds some pairs");
    rewriter.replaceOpWithNewOp<AllOfOp>(op, type, ValueRange());
    return success();
  }
};
} // namespace

void falloff::addLeafRewrites(RewritePatternSet &patterns) {
  patterns.add<FoldLeaf<FirstOp>, FoldLeaf<WithinOp>, FoldLeaf<WhereOp>, FoldLeaf<WindowOp>, FoldLeaf<SameOp>,
               FoldLeaf<CausalOp>, FoldLeaf<LinkedOp>, FoldLeaf<KeysOp>, FoldLeaf<QueriesOp>, FoldLeaf<EitherOp>>(
      patterns.getContext());
}
