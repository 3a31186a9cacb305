// SPDX-License-Identifier: Apache-2.0
//
// `lower-to-schedule`: replaces bound patterns by their schedules, through the same planner that makes plans for
// kernels.
#include "compiler/passes/LowerToSchedule.h"
#include "compiler/passes/BuildProgram.h"
#include "compiler/passes/Passes.h"
#include "compiler/passes/Planner.h"

namespace falloff {
#define GEN_PASS_DEF_LOWERTOSCHEDULE
#include "compiler/passes/Passes.h.inc"
} // namespace falloff

using namespace mlir;
using namespace falloff;
using mask::PatternOp;
using runtime::Side;

//===-- Plans as IR -----------------------------------------------------------------------------------------------===//

static void buildSegment(OpBuilder &builder, Location loc, const runtime::Segment &segment, bool isBox) {
  SmallVector<StringRef> axes(segment.axes.begin(), segment.axes.end());
  auto tile = [&](Side side) { return isBox ? builder.getDenseI64ArrayAttr(segment.tile(side)) : DenseI64ArrayAttr(); };
  auto first = [&](Side side) { return builder.getI64IntegerAttr(isBox ? segment.firstTile(side) : 0); };
  schedule::SegmentOp::create(builder, loc, builder.getStringAttr(segment.name), builder.getStrArrayAttr(axes),
                              builder.getDenseI64ArrayAttr(segment.extents), tile(Side::Query), first(Side::Query),
                              tile(Side::Key), first(Side::Key));
}

static DenseI64ArrayAttr numbers(OpBuilder &builder, const std::vector<uint32_t> &values) {
  return builder.getDenseI64ArrayAttr(SmallVector<int64_t>(values.begin(), values.end()));
}

static void buildTable(OpBuilder &builder, Location loc, const runtime::Plan &plan, size_t number) {
  const runtime::RowTable &table = plan.tables[number];
  SmallVector<int64_t> heads;
  for (size_t head = 0; head < plan.tableOf.size(); ++head)
    if (plan.tableOf[head] == number)
      heads.push_back(int64_t(head));
  auto op = schedule::TableOp::create(builder, loc, heads, table.pairsInMask, table.pairsComputed, table.pairsIssued,
                                      table.pairsLost, numbers(builder, table.rowOrder));
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&op.getBody());
  for (int64_t row = 0; row < table.rows(); ++row) {
    SmallVector<int64_t> runs;
    for (uint32_t at = table.rowStart[row]; at < table.rowStart[row + 1]; ++at)
      runs.append({table.runs[at].first(), table.runs[at].last(), table.runs[at].test()});
    schedule::RowOp::create(builder, loc, row, runs);
  }
  for (const runtime::Split &split : table.splits)
    schedule::SplitOp::create(builder, loc, builder.getI64IntegerAttr(split.row), numbers(builder, split.firstTiles));
}

schedule::PlanOp falloff::buildSchedule(OpBuilder &builder, Location loc, const runtime::Plan &plan, StringRef target) {
  const runtime::Grid &grid = plan.grid;
  bool isBox = grid.kind == runtime::GridKind::Box;
  auto op = schedule::PlanOp::create(
      builder, loc, plan.pattern, isBox ? schedule::Grid::Box : schedule::Grid::Flat, grid.queryCapacity,
      grid.keyCapacity, plan.rounding,
      plan.major == runtime::Major::Query ? schedule::Major::Query : schedule::Major::Key, target);
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&op.getBody());
  for (const runtime::Segment &segment : grid.segments)
    buildSegment(builder, loc, segment, isBox);
  for (size_t table = 0; table < plan.tables.size(); ++table)
    buildTable(builder, loc, plan, table);
  return op;
}

//===-- The pass --------------------------------------------------------------------------------------------------===//

namespace {

/// Patterns that were specialised from one, one a class of heads.
struct PatternClasses {
  std::string name;
  SmallVector<PatternOp> patterns;
};

struct LowerToSchedule : public falloff::impl::LowerToScheduleBase<LowerToSchedule> {
  using LowerToScheduleBase::LowerToScheduleBase;

  void runOnOperation() override {
    for (PatternClasses &classes : collect())
      if (failed(lower(classes)))
        return signalPassFailure();
  }

  /// Specialised classes of one pattern follow each other as @name_0, @name_1 and so on.
  SmallVector<PatternClasses> collect() {
    SmallVector<PatternClasses> all;
    for (PatternOp pattern : getOperation().getOps<PatternOp>()) {
      StringRef name = pattern.getSymName();
      bool isClass = pattern.getHeads().has_value() && name.contains('_');
      std::string whole = isClass ? name.rsplit('_').first.str() : name.str();
      bool continues = isClass && !all.empty() && all.back().name == whole &&
                       name == whole + "_" + std::to_string(all.back().patterns.size());
      if (!continues)
        all.push_back({isClass && name.ends_with("_0") ? whole : name.str(), {}});
      all.back().patterns.push_back(pattern);
    }
    return all;
  }

  LogicalResult lower(PatternClasses &classes) {
    Location loc = classes.patterns.front().getLoc();
    ScheduleText text{grid, tileQuery, tileKey, rounding, major, target, dtype, headDim};
    llvm::Expected<ScheduleOptions> options = parseSchedule(text);
    if (!options)
      return emitError(loc) << llvm::toString(options.takeError());
    std::vector<BoundMask> masks;
    std::vector<uint32_t> tableOf;
    for (auto [number, pattern] : llvm::enumerate(classes.patterns)) {
      if (failed(bind(pattern, masks)))
        return failure();
      SmallVector<int64_t> heads = {0};
      if (pattern.getHeads())
        heads.assign(pattern.getHeads()->begin(), pattern.getHeads()->end());
      for (int64_t head : heads) {
        tableOf.resize(std::max<size_t>(tableOf.size(), head + 1));
        tableOf[head] = uint32_t(number);
      }
    }
    llvm::Expected<runtime::Plan> plan = makePlan(masks, std::move(tableOf), *options);
    if (!plan)
      return emitError(loc) << llvm::toString(plan.takeError());
    plan->pattern = classes.name;
    OpBuilder builder(classes.patterns.front());
    buildSchedule(builder, loc, *plan, target);
    for (PatternOp pattern : classes.patterns)
      pattern.erase();
    return success();
  }

  LogicalResult bind(PatternOp pattern, std::vector<BoundMask> &masks) {
    bool isBound = pattern.getParams().empty();
    for (unsigned segment = 0; segment < pattern.getNumSegments(); ++segment)
      isBound &= !llvm::is_contained(pattern.getSegment(segment).getExtents().asArrayRef(), ShapedType::kDynamic);
    if (!isBound)
      return emitError(pattern.getLoc()) << "expects a pattern without parameters and without '?', but got @"
                                         << pattern.getSymName() << "; specialise it first";
    FailureOr<LinkedProgram> program = buildProgram(pattern);
    if (failed(program))
      return failure();
    FailureOr<BoundMask> mask = bindMask(*program, inputsOf(pattern));
    if (succeeded(mask))
      masks.push_back(*mask);
    return success(succeeded(mask));
  }
};

} // namespace
