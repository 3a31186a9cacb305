// SPDX-License-Identifier: Apache-2.0
//
// Chooses the grid, puts the rows together, and cuts, transposes and orders them.
#include "compiler/passes/Planner.h"
#include "compiler/passes/CutRows.h"
#include "compiler/passes/ReferenceBlocks.h"
#include "compiler/passes/TileSearch.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>

using namespace falloff;
using llvm::Twine;
using runtime::Segment;
using runtime::Side;

static llvm::Error fail(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

llvm::Expected<ScheduleOptions> falloff::parseSchedule(const ScheduleText &text) {
  ScheduleOptions options;
  if (!text.grid.empty() && text.grid != "box" && text.grid != "flat")
    return fail("expects a grid of box or flat, but got '" + text.grid + "'");
  if (text.major != "query" && text.major != "key")
    return fail("expects a major of query or key, but got '" + text.major + "'");
  options.major = text.major == "query" ? runtime::Major::Query : runtime::Major::Key;
  for (bool isQuery : {true, false}) {
    const std::string &tile = isQuery ? text.tileQuery : text.tileKey;
    if (tile.empty())
      continue;
    llvm::Expected<TileSpec> spec = parseTile(tile);
    if (!spec)
      return spec.takeError();
    (isQuery ? options.tileQuery : options.tileKey) = std::move(*spec);
  }
  llvm::Expected<Rounding> rounding = parseRounding(text.rounding);
  if (!rounding)
    return rounding.takeError();
  options.rounding = *rounding;
  bool isReference = options.rounding.kind == Rounding::RadialReference;
  if (isReference && text.grid == "box")
    return fail("expects the grid flat with rounding radial-reference, but got 'box'");
  options.grid = text.grid == "flat" || isReference ? runtime::GridKind::Flat : runtime::GridKind::Box;
  options.target = text.target;
  options.dtype = text.dtype;
  options.headDim = text.headDim;
  return options;
}

//===-- The grid --------------------------------------------------------------------------------------------------===//

static std::vector<Segment> segmentsOf(const BoundMask &mask) {
  std::vector<Segment> segments;
  for (const BoundMask::Segment &bound : mask.segments()) {
    const SetProgram::SegmentInfo &info = mask.program().segments[bound.id];
    Segment &segment = segments.emplace_back();
    segment.name = info.name.empty() ? "tokens" : info.name;
    segment.axes = info.axes;
    segment.extents = bound.extents;
  }
  return segments;
}

/// Tokens of a tile of a grid `flat`: one number.
static llvm::Expected<int64_t> flatTile(const std::optional<TileSpec> &spec) {
  constexpr int64_t unsearched = 128;
  if (!spec)
    return unsearched;
  if (spec->parts.size() != 1 || !spec->parts[0].first.empty() || spec->parts[0].second.size() != 1)
    return fail("expects a tile of one number on a flat grid, such as 128, but got '" + spec->text + "'");
  return spec->parts[0].second[0];
}

/// The block of radial-reference: the pattern's, and tiles that are given agree with it and with each other.
static llvm::Expected<int64_t> referenceBlock(const ScheduleOptions &options) {
  std::optional<int64_t> block = options.block;
  for (const std::optional<TileSpec> *spec : {&options.tileQuery, &options.tileKey}) {
    if (!*spec)
      continue;
    llvm::Expected<int64_t> tile = flatTile(*spec);
    if (!tile)
      return tile.takeError();
    if (block && *tile != *block)
      return fail("expects tiles of " + Twine(*block) + (options.block ? ", the pattern's block," : "") +
                  " with rounding radial-reference, but got '" + (*spec)->text + "'");
    block = *tile;
  }
  if (!block)
    return fail("expects the block of rounding radial-reference as a tile, such as 128, but got none");
  return *block;
}

static llvm::Expected<runtime::Grid> chooseGrid(PlannedMasks &masks, const ScheduleOptions &options) {
  std::vector<Segment> segments = segmentsOf(masks.masks.front());
  llvm::Expected<std::vector<TileCost>> costs = tileCosts(options.target, options.dtype, options.headDim);
  if (!costs)
    return costs.takeError();
  if (options.rounding.kind == Rounding::RadialReference) {
    llvm::Expected<int64_t> block = referenceBlock(options);
    if (!block)
      return block.takeError();
    return referenceGrid(masks.masks, std::move(segments), *block);
  }
  if (options.grid == runtime::GridKind::Flat) {
    llvm::Expected<int64_t> query = flatTile(options.tileQuery);
    if (!query)
      return query.takeError();
    llvm::Expected<int64_t> key = flatTile(options.tileKey);
    if (!key)
      return key.takeError();
    return flatGrid(std::move(segments), *query, *key);
  }
  for (Side side : {Side::Query, Side::Key}) {
    const std::optional<TileSpec> &spec = side == Side::Query ? options.tileQuery : options.tileKey;
    if (!spec)
      continue;
    llvm::Expected<std::vector<Shape>> shapes = tilesOf(*spec, segments);
    if (!shapes)
      return shapes.takeError();
    for (size_t i = 0; i < segments.size(); ++i)
      (side == Side::Query ? segments[i].queryTile : segments[i].keyTile) = (*shapes)[i];
  }
  return searchTiles(masks, std::move(segments), *costs);
}

//===-- The plan --------------------------------------------------------------------------------------------------===//

static llvm::Error checkRange(const std::optional<runtime::TokenRange> &range, int64_t tokens, const char *what) {
  if (range && (range->first < 0 || range->last > tokens || range->first > range->last))
    return fail(Twine("expects ") + what + " from 0 to " + Twine(tokens) + ", but got [" + Twine(range->first) + ", " +
                Twine(range->last) + ")");
  return llvm::Error::success();
}

static runtime::RowTable makeTable(PlannedMasks &masks, size_t number, const runtime::Grid &grid,
                                   runtime::Major major) {
  const BoundMask &mask = masks.masks[number];
  runtime::RowTable table = masks.rounding.kind == Rounding::RadialReference
                                ? referenceRows(mask, grid)
                                : SolvedGrid(mask, masks.rounding, grid, masks.signatures[number]).assembleRows();
  if (grid.isSliced())
    cutRows(mask, grid, table);
  if (major == runtime::Major::Key) {
    runtime::RowTable turned;
    turned.pairsInMask = table.pairsInMask;
    turned.pairsComputed = table.pairsComputed;
    turned.pairsIssued = table.pairsIssued;
    turned.pairsLost = table.pairsLost;
    transposeRows(table, grid.keyTiles, turned);
    table = std::move(turned);
  }
  orderRows(grid, major, table);
  return table;
}

static double meanDensity(const runtime::Plan &plan) {
  double pairs = double(plan.grid.queries.size()) * double(plan.grid.keys.size()), density = 0;
  for (uint32_t table : plan.tableOf)
    density += pairs > 0 ? double(plan.tables[table].pairsInMask) / pairs : 0;
  return density / double(plan.tableOf.size());
}

static bool isTested(const runtime::RowTable &table) {
  return std::any_of(table.runs.begin(), table.runs.end(), [](const runtime::Run &run) { return !run.isFull(); });
}

llvm::Expected<runtime::Plan> falloff::makePlan(const std::vector<BoundMask> &classes, std::vector<uint32_t> tableOf,
                                                const ScheduleOptions &options) {
  if (llvm::Error error = checkRange(options.queries, classes.front().tokens(), "queries"))
    return std::move(error);
  if (llvm::Error error = checkRange(options.keys, classes.front().tokens(), "keys"))
    return std::move(error);
  PlannedMasks masks{classes, std::vector<double>(classes.size()), options.rounding, {}};
  for (uint32_t table : tableOf)
    masks.heads[table] += 1;
  for (const BoundMask &mask : classes)
    masks.signatures.emplace_back(mask);
  llvm::Expected<runtime::Grid> grid = chooseGrid(masks, options);
  if (!grid)
    return grid.takeError();
  runtime::Plan plan;
  const SetProgram &program = classes.front().program();
  plan.pattern = program.name;
  plan.parameters = options.parameters;
  plan.rounding = options.rounding.text();
  plan.major = options.major;
  grid->queries = options.queries.value_or(grid->queries);
  grid->keys = options.keys.value_or(grid->keys);
  for (size_t i = 0; i < classes.size(); ++i)
    plan.tables.push_back(makeTable(masks, i, *grid, options.major));
  plan.grid = std::move(*grid);
  plan.tableOf = std::move(tableOf);
  plan.density = meanDensity(plan);
  plan.coordinates = program.coordinates;
  for (const BoundMask::Segment &segment : classes.front().segments())
    plan.segmentIds.push_back(segment.id);
  if (std::any_of(plan.tables.begin(), plan.tables.end(), isTested))
    for (const BoundMask &mask : classes)
      plan.masks.push_back(mask.data());
  return plan;
}

std::vector<uint8_t> falloff::densePairs(const runtime::Plan &plan, size_t number, const BoundMask *mask) {
  const runtime::Grid &grid = plan.grid;
  const runtime::RowTable &table = plan.tables[number];
  Side rows = plan.major == runtime::Major::Query ? Side::Query : Side::Key;
  Side columns = rows == Side::Query ? Side::Key : Side::Query;
  std::vector<uint8_t> pairs(grid.queries.size() * grid.keys.size());
  std::vector<int32_t> rowTokens(grid.capacity(rows)), columnTokens(grid.capacity(columns));
  for (int64_t row = 0; row < table.rows(); ++row) {
    int64_t rowCount = grid.tileTokens(rows, row, rowTokens.data());
    for (uint32_t at = table.rowStart[row]; at < table.rowStart[row + 1]; ++at)
      for (uint32_t tile = table.runs[at].first(); tile < table.runs[at].last(); ++tile) {
        int64_t columnCount = grid.tileTokens(columns, tile, columnTokens.data());
        uint32_t test = table.runs[at].test();
        for (int64_t i = 0; i < rowCount * columnCount; ++i) {
          int64_t query = rowTokens[i / columnCount], key = columnTokens[i % columnCount];
          if (rows == Side::Key)
            std::swap(query, key);
          bool isKept = test == runtime::Run::full;
          if (!isKept)
            isKept =
                mask->contains(test == runtime::Run::partial ? mask->program().contains
                                                             : mask->program().filled[test - runtime::Run::partial - 1],
                               query, key);
          pairs[(query - grid.queries.first) * grid.keys.size() + key - grid.keys.first] = isKept;
        }
      }
  }
  return pairs;
}
