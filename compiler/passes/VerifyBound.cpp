// SPDX-License-Identifier: Apache-2.0
//
// What only a bound pattern can be checked for. A number may have no value at
// some distances only, so those parts of an expression that can fail (divisors,
// roots) are evaluated at all values that their own axes take: few, because
// they name few axes.
#include "compiler/passes/VerifyBound.h"
#include "compiler/reference/Evaluate.h"
#include "compiler/reference/Places.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <set>

using namespace mlir;
using namespace falloff;
using namespace falloff::mask;

namespace {
/// What an expression asks of an axis: its distance, or a place on it.
using AxisLeaf = std::pair<Value, ExprKind>;

/// Evaluates parts of an op's expressions wherever they can be asked.
class ExpressionCheck {
public:
  explicit ExpressionCheck(Operation *op) : op(op) {}
  LogicalResult check(ExprAttr expr, OperandRange args);

private:
  using Tuples = std::vector<std::vector<int32_t>>;

  LogicalResult checkEverywhere(ExprAttr expr, OperandRange args);
  void collect(ExprAttr expr, OperandRange args);
  LogicalResult collectTuples();
  double valueAt(ExprAttr expr, OperandRange args, const char *&error);
  std::string where() const;

  /// Most combinations of values that are tried.
  static constexpr int64_t maxCombinations = int64_t(1) << 22;

  Operation *op;
  /// The leaves at hand, by the axis of the pattern that they come from, and
  /// the values that they take together.
  llvm::MapVector<BlockArgument, SmallVector<AxisLeaf>> leaves;
  std::vector<Tuples> tuples;
  llvm::DenseMap<AxisLeaf, int32_t> values;
};
} // namespace

void ExpressionCheck::collect(ExprAttr expr, OperandRange args) {
  expr.walk([&](ExprAttr node) {
    if (node.getKind() == ExprKind::Operand) {
      if (auto let = args[node.getIndex()].getDefiningOp<LetOp>())
        collect(let.getExpr(), let.getArgs());
      return;
    }
    if (!node.isOfAxis() || node.getKind() == ExprKind::Extent)
      return;
    Value axis = args[node.getIndex()];
    SmallVector<AxisLeaf> &ofBase = leaves[baseAxis(axis)];
    AxisLeaf leaf(axis, node.getKind());
    if (!llvm::is_contained(ofBase, leaf))
      ofBase.push_back(leaf);
  });
}

/// Places on `axis` of the places along its base axis.
static std::vector<int32_t> placesAlongBase(Value axis) {
  auto split = axis.getDefiningOp<SplitOp>();
  if (!split) {
    std::vector<int32_t> places(*extentOf(axis));
    for (size_t i = 0; i < places.size(); ++i)
      places[i] = int32_t(i);
    return places;
  }
  Parts parts = *partsOf(split, *extentOf(split.getAxis()));
  std::vector<int32_t> places = placesAlongBase(split.getAxis());
  for (int32_t &place : places)
    place = (axis == split.getPart() ? parts.part : parts.offset)[place];
  return places;
}

/// The values that the leaves of each base axis take, together.
LogicalResult ExpressionCheck::collectTuples() {
  tuples.clear();
  int64_t combinations = 1;
  for (auto &[base, ofBase] : leaves) {
    std::set<std::vector<int32_t>> seen;
    SmallVector<std::vector<int32_t>> places;
    for (auto [axis, kind] : ofBase)
      places.push_back(placesAlongBase(axis));
    int64_t extent = *extentOf(base);
    bool isOneDistance = ofBase.size() == 1 && ofBase[0].first == base && ofBase[0].second == ExprKind::Distance;
    bool hasQuery = false, hasKey = false;
    for (auto [axis, kind] : ofBase) {
      hasQuery |= kind != ExprKind::Key;
      hasKey |= kind != ExprKind::Query;
    }
    // All distances of an axis are met by the query at 0.
    int64_t queries = hasQuery && !isOneDistance ? extent : std::min<int64_t>(extent, 1);
    int64_t keys = hasKey ? extent : std::min<int64_t>(extent, 1);
    if (queries * keys > maxCombinations)
      return op->emitError() << "divides by a number that depends on more than " << maxCombinations
                             << " pairs of places";
    for (int64_t q = 0; q < queries; ++q)
      for (int64_t k = 0; k < keys; ++k) {
        std::vector<int32_t> tuple;
        for (auto [leaf, along] : llvm::zip(ofBase, places))
          tuple.push_back(leaf.second == ExprKind::Query ? along[q]
                          : leaf.second == ExprKind::Key ? along[k]
                                                         : std::abs(along[k] - along[q]));
        seen.insert(tuple);
      }
    combinations *= int64_t(seen.size());
    if (combinations > maxCombinations)
      return op->emitError() << "divides by a number that depends on more than " << maxCombinations
                             << " combinations of distances";
    tuples.emplace_back(seen.begin(), seen.end());
  }
  return success();
}

double ExpressionCheck::valueAt(ExprAttr expr, OperandRange args, const char *&error) {
  return evaluate(
      expr,
      [&](ExprAttr leaf) -> double {
        Value operand = args[leaf.getIndex()];
        if (leaf.getKind() == ExprKind::Extent)
          return double(*extentOf(operand));
        if (leaf.getKind() != ExprKind::Operand)
          return values.lookup({operand, leaf.getKind()});
        auto let = operand.getDefiningOp<LetOp>();
        return valueAt(let.getExpr(), let.getArgs(), error);
      },
      error);
}

/// The author's name of an axis. A split one has it from its op's location, as results of the dialect's ops do.
static std::string nameOfAxis(Value axis) {
  auto split = axis.getDefiningOp<SplitOp>();
  auto names = split ? dyn_cast<NameLoc>(split.getLoc()) : NameLoc();
  if (!names)
    return nameOf(axis).str();
  auto [part, offset] = names.getName().getValue().split(", ");
  return (axis == split.getPart() ? part : offset).str();
}

/// " at distance(frame) = 3", of the values at hand.
std::string ExpressionCheck::where() const {
  std::string text;
  for (auto &[base, ofBase] : leaves)
    for (AxisLeaf leaf : ofBase) {
      text += text.empty() ? " at " : ", ";
      text += stringifyExprKind(leaf.second).str() + "(" + nameOfAxis(leaf.first) +
              ") = " + std::to_string(values.lookup(leaf));
    }
  return text;
}

LogicalResult ExpressionCheck::checkEverywhere(ExprAttr expr, OperandRange args) {
  leaves.clear();
  values.clear();
  collect(expr, args);
  if (failed(collectTuples()))
    return failure();
  if (llvm::any_of(tuples, [](const Tuples &t) { return t.empty(); }))
    return success(); // an axis without places is never asked
  std::vector<size_t> at(tuples.size(), 0);
  for (;;) {
    for (auto [index, entry] : llvm::enumerate(leaves))
      for (auto [leaf, value] : llvm::zip(entry.second, tuples[index][at[index]]))
        values[leaf] = value;
    const char *error = nullptr;
    valueAt(expr, args, error);
    if (error)
      return op->emitError() << error << where();
    size_t next = 0;
    while (next < at.size() && ++at[next] == tuples[next].size())
      at[next++] = 0;
    if (next == at.size())
      return success();
  }
}

LogicalResult ExpressionCheck::check(ExprAttr expr, OperandRange args) {
  bool fine = true;
  expr.walk([&](ExprAttr node) {
    ExprKind kind = node.getKind();
    if (!fine || (kind != ExprKind::Divide && kind != ExprKind::Mod && kind != ExprKind::Sqrt))
      return;
    // The node fails only through its last operand: 1 / x in place of y / x.
    ExprAttr risk = node.getChildren().back();
    MLIRContext *context = expr.getContext();
    if (kind == ExprKind::Sqrt)
      risk = ExprAttr::get(context, kind, {risk});
    else
      risk = ExprAttr::get(context, kind, {ExprAttr::get(context, 1.0), risk});
    fine = succeeded(checkEverywhere(risk, args));
  });
  return success(fine);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

static LogicalResult verifyOp(LetOp op) { return ExpressionCheck(op).check(op.getExpr(), op.getArgs()); }

static LogicalResult verifyOp(WhereOp op) {
  ExpressionCheck check(op);
  return success(succeeded(check.check(op.getLeft(), op.getArgs())) &&
                 succeeded(check.check(op.getRight(), op.getArgs())));
}

/// "2.5", or nothing where it depends on a distance.
static std::string textOf(Value number) {
  std::optional<double> value = constantOf(number);
  if (!value)
    return "one that depends on a distance";
  std::string text;
  llvm::raw_string_ostream os(text);
  mask::printNumber(os, *value);
  return text;
}

/// The value of a size that has to be whole and at least 1.
static FailureOr<int64_t> sizeOf(Operation *op, const char *noun, Value value, int64_t literal) {
  std::optional<int64_t> size = value ? wholeOf(value) : literal;
  if (size && *size >= 1)
    return *size;
  return op->emitError() << "expects a " << noun << " that is a whole number of at least 1, but got "
                         << (value ? textOf(value) : std::to_string(literal));
}

static LogicalResult verifyOp(SplitOp op) {
  if (op.getTable() || op.getCuts())
    return success();
  return sizeOf(op, "size of parts", op.getSize(), op.getStaticSize().value_or(0));
}

static LogicalResult verifyOp(WindowOp op) {
  for (unsigned i = 0; i < op.getAxes().size(); ++i) {
    WindowOp::Size size = op.getSize(i), stride = op.getStride(i), dilation = op.getDilation(i);
    FailureOr<int64_t> K = sizeOf(op, "size", size.value, size.literal);
    if (failed(K))
      return failure();
    FailureOr<int64_t> s = sizeOf(op, "stride", stride.value, stride.literal);
    if (failed(s) || failed(sizeOf(op, "dilation", dilation.value, dilation.literal)))
      return failure();
    if (*s > *K)
      return op->emitError() << "expects a stride of at most the size, " << *K
                             << ", so that windows leave no gap, but got " << *s;
  }
  return success();
}

static LogicalResult verifyOp(FirstOp op) {
  if (op.getCount() && !constantOf(op.getCount()))
    return op->emitError() << "expects a number, but got " << textOf(op.getCount());
  return success();
}

static LogicalResult verifyOp(LinkedOp op) {
  auto relation = op.getRelation().getDefiningOp<RelationOp>();
  int64_t indices = 1;
  std::string axes;
  for (Value axis : op.getAxes()) {
    int64_t extent = *extentOf(axis);
    if (llvm::MulOverflow(indices, extent, indices))
      indices = std::numeric_limits<int64_t>::max();
    axes += (axes.empty() ? "" : " x ") + std::to_string(extent);
  }
  if (relation.getSize() == indices)
    return success();
  return op->emitError() << "expects a relation of " << indices << " rows"
                         << (op.getAxes().size() > 1 ? " (" + axes + ")" : "") << ", one for each place of its "
                         << (op.getAxes().size() > 1 ? "axes" : "axis") << ", but got " << relation.getSize();
}

LogicalResult falloff::verifyBound(PatternOp pattern) {
  for (Operation &op : pattern.getBody().front()) {
    LogicalResult fits =
        llvm::TypeSwitch<Operation *, LogicalResult>(&op)
            .Case<LetOp, WhereOp, SplitOp, WindowOp, FirstOp, LinkedOp>([](auto op) { return verifyOp(op); })
            .Default([](Operation *) { return success(); });
    if (failed(fits))
      return failure();
  }
  return success();
}
