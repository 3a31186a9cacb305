// SPDX-License-Identifier: Apache-2.0
//
// Registers the schedule dialect, and reads and writes what its formats do not say: capacities, axes, boxes and runs.
#include "compiler/dialect/schedule/Schedule.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace falloff::schedule;

//===-- Reading and writing ---------------------------------------------------------------------------------------===//

/// 128x64
static ParseResult parseSizes(OpAsmParser &parser, DenseI64ArrayAttr &attribute) {
  SmallVector<int64_t> sizes;
  if (parser.parseDimensionList(sizes, /*allowDynamic=*/false, /*withTrailingX=*/false))
    return failure();
  attribute = parser.getBuilder().getDenseI64ArrayAttr(sizes);
  return success();
}

static void printSizes(OpAsmPrinter &printer, Operation *, DenseI64ArrayAttr sizes) {
  llvm::interleave(sizes.asArrayRef(), printer, "x");
}

static ParseResult parseCapacity(OpAsmParser &parser, IntegerAttr &query, IntegerAttr &key) {
  DenseI64ArrayAttr sizes;
  SMLoc loc = parser.getCurrentLocation();
  if (parseSizes(parser, sizes))
    return failure();
  if (sizes.size() != 2)
    return parser.emitError(loc, "expects two capacities, as in 128x64, but got ") << sizes.size();
  query = parser.getBuilder().getI64IntegerAttr(sizes[0]);
  key = parser.getBuilder().getI64IntegerAttr(sizes[1]);
  return success();
}

static void printCapacity(OpAsmPrinter &printer, Operation *, IntegerAttr query, IntegerAttr key) {
  printer << query.getInt() << "x" << key.getInt();
}

/// (frame: 3, patch: 8)
static ParseResult parseAxes(OpAsmParser &parser, ArrayAttr &names, DenseI64ArrayAttr &extents) {
  SmallVector<Attribute> axes;
  SmallVector<int64_t> sizes;
  auto axis = [&]() -> ParseResult {
    std::string name;
    if (parser.parseKeywordOrString(&name) || parser.parseColon() || parser.parseInteger(sizes.emplace_back()))
      return failure();
    axes.push_back(parser.getBuilder().getStringAttr(name));
    return success();
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, axis))
    return failure();
  names = parser.getBuilder().getArrayAttr(axes);
  extents = parser.getBuilder().getDenseI64ArrayAttr(sizes);
  return success();
}

static void printAxes(OpAsmPrinter &printer, Operation *, ArrayAttr names, DenseI64ArrayAttr extents) {
  printer << "(";
  llvm::interleaveComma(llvm::zip(names, extents.asArrayRef()), printer, [&](auto axis) {
    printer.printKeywordOrString(cast<StringAttr>(std::get<0>(axis)).getValue());
    printer << ": " << std::get<1>(axis);
  });
  printer << ")";
}

/// The groups of `limited(0 2)`, as bits.
static ParseResult parseFills(OpAsmParser &parser, int64_t &fills) {
  if (parser.parseLParen())
    return failure();
  while (failed(parser.parseOptionalRParen())) {
    int64_t group = 0;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseInteger(group))
      return failure();
    if (group < 0 || group > 6)
      return parser.emitError(loc, "expects a group from 0 to 6, but got ") << group;
    fills |= int64_t(1) << group;
  }
  return success();
}

/// full 0 to 3, limited(0) 3 to 4, partial 7 to 8
static ParseResult parseRuns(OpAsmParser &parser, DenseI64ArrayAttr &runs) {
  SmallVector<int64_t> numbers;
  bool isFirst = true;
  for (;;) {
    if (!isFirst && failed(parser.parseOptionalComma()))
      break;
    StringRef word;
    SMLoc loc = parser.getCurrentLocation();
    if (failed(parser.parseOptionalKeyword(&word, {"full", "limited", "partial"}))) {
      if (!isFirst)
        return parser.emitError(loc, "expects full, limited or partial");
      break;
    }
    isFirst = false;
    Run run;
    run.test = word == "full" ? Run::full : Run::partial;
    int64_t fills = 0;
    if ((word == "limited" && parseFills(parser, fills)) || parser.parseInteger(run.first) ||
        parser.parseKeyword("to") || parser.parseInteger(run.last))
      return failure();
    if (word == "limited" && fills == 0)
      return parser.emitError(loc, "expects the groups whose limits fill the tiles, as in limited(0)");
    numbers.append({run.first, run.last, run.test + fills});
  }
  runs = parser.getBuilder().getDenseI64ArrayAttr(numbers);
  return success();
}

static void printRuns(OpAsmPrinter &printer, Operation *, DenseI64ArrayAttr runs) {
  llvm::interleaveComma(runsOf(runs.asArrayRef()), printer, [&](const Run &run) {
    if (run.test > Run::partial) {
      SmallVector<int64_t> groups;
      for (int64_t group = 0; group < 7; ++group)
        if ((run.test - Run::partial) >> group & 1)
          groups.push_back(group);
      printer << "limited(";
      llvm::interleave(groups, printer, " ");
      printer << ")";
    } else {
      printer << (run.test == Run::full ? "full" : "partial");
    }
    printer << " " << run.first << " to " << run.last;
  });
}

//===-- Verifiers -------------------------------------------------------------------------------------------------===//

llvm::SmallVector<Run> falloff::schedule::runsOf(llvm::ArrayRef<int64_t> numbers) {
  llvm::SmallVector<Run> runs;
  for (size_t i = 0; i + 2 < numbers.size(); i += 3)
    runs.push_back({numbers[i], numbers[i + 1], numbers[i + 2]});
  return runs;
}

LogicalResult PlanOp::verify() {
  if (getQueryCapacity() < 1 || getKeyCapacity() < 1)
    return emitOpError("expects tiles of at least one token, but got ")
           << getQueryCapacity() << "x" << getKeyCapacity();
  for (Operation &op : getBody().front())
    if (!isa<SegmentOp, TableOp>(op))
      return op.emitOpError("expects to stand elsewhere; a plan holds segments and tables");
  return success();
}

LogicalResult SegmentOp::verify() {
  if (getAxes().size() != getExtents().size())
    return emitOpError("expects an extent for each of ")
           << getAxes().size() << " axes, but got " << getExtents().size();
  bool isBox = cast<PlanOp>((*this)->getParentOp()).getGrid() == Grid::Box;
  for (std::optional<ArrayRef<int64_t>> tile : {getQueryTile(), getKeyTile()}) {
    if (tile.has_value() != isBox)
      return emitOpError() << (isBox ? "expects tiles of queries and of keys on a grid 'box'"
                                     : "expects no tiles of its own on a grid 'flat'");
    if (tile && tile->size() != getAxes().size())
      return emitOpError("expects a tile with a size for each of ")
             << getAxes().size() << " axes, but got " << tile->size();
  }
  return success();
}

LogicalResult TableOp::verify() {
  int64_t rows = 0;
  for (Operation &op : getBody().front()) {
    if (!isa<RowOp, SplitOp>(op))
      return op.emitOpError("expects to stand elsewhere; a table holds rows and splits");
    if (auto row = dyn_cast<RowOp>(op); row && row.getNumber() != uint64_t(rows++))
      return row.emitOpError("expects rows in order; row ") << rows - 1 << " is missing before " << row.getNumber();
  }
  SmallVector<bool> seen(rows);
  for (int64_t row : getOrder()) {
    if (row < 0 || row >= rows || seen[row])
      return emitOpError("expects an order of different rows from 0 to ") << rows - 1 << ", but got " << row;
    seen[row] = true;
  }
  return success();
}

LogicalResult RowOp::verify() {
  if (getRuns().size() % 3 != 0)
    return emitOpError("expects runs of three numbers, but got ") << getRuns().size() << " numbers";
  int64_t end = 0;
  for (const Run &run : runsOf(getRuns())) {
    if (run.first < end || run.last <= run.first)
      return emitOpError("expects ascending runs of at least one tile, but got ") << run.first << " to " << run.last;
    if (run.test < 0 || run.test > Run::maxTest)
      return emitOpError("expects a test from 0 to ") << Run::maxTest << ", but got " << run.test;
    end = run.last;
  }
  return success();
}

//===-- Registration ----------------------------------------------------------------------------------------------===//

#include "compiler/dialect/schedule/ScheduleDialect.cpp.inc"
#include "compiler/dialect/schedule/ScheduleEnums.cpp.inc"
#define GET_OP_CLASSES
#include "compiler/dialect/schedule/ScheduleOps.cpp.inc"

void ScheduleDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "compiler/dialect/schedule/ScheduleOps.cpp.inc"
      >();
}
