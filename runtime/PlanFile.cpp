// SPDX-License-Identifier: Apache-2.0
//
// Writer and reader, field by field in the order that the header gives.
#include "runtime/PlanFile.h"
#include "runtime/Bytes.h"

namespace falloff::runtime {
namespace {

constexpr std::string_view magic("FLPLAN\0\0", 8);

//===-- Writing ---------------------------------------------------------------------------------------------------===//

// Each `auto &[...]` names every field, so that a new one cannot be forgotten here.

void write(ByteWriter &writer, const Segment &segment) {
  const auto &[name, axes, extents, queryTile, keyTile, firstToken, firstQueryTile, firstKeyTile] = segment;
  writer.text(name);
  writer.number(uint64_t(axes.size()));
  for (const std::string &axis : axes)
    writer.text(axis);
  for (const std::vector<int64_t> *sizes : {&extents, &queryTile, &keyTile})
    writer.array(*sizes);
  for (int64_t number : {firstToken, firstQueryTile, firstKeyTile})
    writer.number(number);
}

void write(ByteWriter &writer, const Grid &grid) {
  const auto &[kind, segments, flatQueryTile, flatKeyTile, tokens, queryTiles, keyTiles, queryCapacity, keyCapacity,
               queries, keys] = grid;
  writer.number(uint64_t(kind));
  writer.number(uint64_t(segments.size()));
  for (const Segment &segment : segments)
    write(writer, segment);
  for (int64_t number : {flatQueryTile, flatKeyTile, tokens, queryTiles, keyTiles, queryCapacity, keyCapacity,
                         queries.first, queries.last, keys.first, keys.last})
    writer.number(number);
}

void write(ByteWriter &writer, const RowTable &table) {
  const auto &[rowStart, runs, rowOrder, splits, pairsInMask, pairsComputed, pairsIssued, pairsLost] = table;
  writer.array(rowStart);
  writer.array(runs);
  writer.array(rowOrder);
  writer.number(uint64_t(splits.size()));
  for (const auto &[row, firstTiles] : splits) {
    std::vector<uint32_t> words{row};
    words.insert(words.end(), firstTiles.begin(), firstTiles.end());
    writer.array(words);
  }
  for (int64_t number : {pairsInMask, pairsComputed, pairsIssued, pairsLost})
    writer.number(number);
}

void write(ByteWriter &writer, const MaskData &mask) {
  const auto &[tables, numbers] = mask;
  writer.number(uint64_t(tables.size()));
  for (const std::vector<int32_t> &table : tables)
    writer.array(table);
  writer.array(numbers);
}

void write(ByteWriter &writer, const std::vector<Coordinate> &coordinates) {
  std::vector<int32_t> words;
  for (const auto &[segment, axis, table] : coordinates)
    words.insert(words.end(), {segment, axis, table});
  writer.array(words);
}

//===-- Reading ---------------------------------------------------------------------------------------------------===//

/// An enumeration of two values; others are refused.
template <typename T>
T choice(ByteReader &reader) {
  uint64_t value = reader.number<uint64_t>();
  reader.failed |= value > 1;
  return T(value & 1);
}

Segment readSegment(ByteReader &reader) {
  Segment segment;
  segment.name = reader.text();
  segment.axes.resize(reader.count(8));
  for (std::string &axis : segment.axes)
    axis = reader.text();
  for (std::vector<int64_t> *sizes : {&segment.extents, &segment.queryTile, &segment.keyTile})
    *sizes = reader.array<int64_t>();
  for (int64_t *number : {&segment.firstToken, &segment.firstQueryTile, &segment.firstKeyTile})
    *number = reader.number<int64_t>();
  return segment;
}

Grid readGrid(ByteReader &reader) {
  Grid grid;
  grid.kind = choice<GridKind>(reader);
  constexpr size_t leastSegment = 64;
  for (uint64_t count = reader.count(leastSegment); count > 0 && !reader.failed; --count)
    grid.segments.push_back(readSegment(reader));
  for (int64_t *number :
       {&grid.flatQueryTile, &grid.flatKeyTile, &grid.tokens, &grid.queryTiles, &grid.keyTiles, &grid.queryCapacity,
        &grid.keyCapacity, &grid.queries.first, &grid.queries.last, &grid.keys.first, &grid.keys.last})
    *number = reader.number<int64_t>();
  return grid;
}

RowTable readTable(ByteReader &reader) {
  RowTable table;
  table.rowStart = reader.array<uint32_t>();
  table.runs = reader.array<Run>();
  table.rowOrder = reader.array<uint32_t>();
  for (uint64_t count = reader.count(8); count > 0 && !reader.failed; --count) {
    std::vector<uint32_t> words = reader.array<uint32_t>();
    if (words.empty()) {
      reader.failed = true;
      break;
    }
    table.splits.push_back({words[0], {words.begin() + 1, words.end()}});
  }
  for (int64_t *number : {&table.pairsInMask, &table.pairsComputed, &table.pairsIssued, &table.pairsLost})
    *number = reader.number<int64_t>();
  return table;
}

MaskData readMask(ByteReader &reader) {
  MaskData mask;
  mask.tables.resize(reader.count(8));
  for (std::vector<int32_t> &table : mask.tables)
    table = reader.array<int32_t>();
  mask.numbers = reader.array<double>();
  return mask;
}

std::vector<Coordinate> readCoordinates(ByteReader &reader) {
  std::vector<int32_t> words = reader.array<int32_t>();
  reader.failed |= words.size() % 3 != 0;
  std::vector<Coordinate> coordinates;
  for (size_t at = 0; at + 3 <= words.size(); at += 3)
    coordinates.push_back({words[at], words[at + 1], words[at + 2]});
  return coordinates;
}

} // namespace

std::string writePlan(const Plan &plan) {
  const auto &[pattern, parameters, rounding, major, grid, tables, batches, tableOf, coordinates, segmentIds, masks,
               density] = plan;
  ByteWriter writer;
  writer.bytes.reserve(size_t(bytesOf(plan)) + 4096);
  writer.bytes = magic;
  writer.number(planFileVersion);
  for (const std::string *text : {&pattern, &parameters, &rounding})
    writer.text(*text);
  writer.number(uint64_t(major));
  write(writer, grid);
  writer.number(uint64_t(tables.size()));
  for (const RowTable &table : tables)
    write(writer, table);
  writer.number(batches);
  writer.array(tableOf);
  write(writer, coordinates);
  writer.array(segmentIds);
  writer.number(uint64_t(masks.size()));
  for (const MaskData &mask : masks)
    write(writer, mask);
  writer.number(density);
  return std::move(writer.bytes);
}

std::optional<Plan> readPlan(std::string_view bytes) {
  if (bytes.substr(0, magic.size()) != magic)
    return std::nullopt;
  ByteReader reader(bytes.substr(magic.size()));
  if (reader.number<uint64_t>() != planFileVersion)
    return std::nullopt;
  Plan plan;
  for (std::string *text : {&plan.pattern, &plan.parameters, &plan.rounding})
    *text = reader.text();
  plan.major = choice<Major>(reader);
  plan.grid = readGrid(reader);
  constexpr size_t leastTable = 64, leastMask = 16;
  for (uint64_t count = reader.count(leastTable); count > 0 && !reader.failed; --count)
    plan.tables.push_back(readTable(reader));
  plan.batches = reader.number<int64_t>();
  plan.tableOf = reader.array<uint32_t>();
  plan.coordinates = readCoordinates(reader);
  plan.segmentIds = reader.array<int32_t>();
  for (uint64_t count = reader.count(leastMask); count > 0 && !reader.failed; --count)
    plan.masks.push_back(readMask(reader));
  plan.density = reader.number<double>();
  if (reader.failed || !reader.isAtEnd() || !findFault(plan).empty())
    return std::nullopt;
  return plan;
}

} // namespace falloff::runtime
