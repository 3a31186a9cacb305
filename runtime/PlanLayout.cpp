// SPDX-License-Identifier: Apache-2.0
//
// Reads a plan once a call: integer work in proportion to tokens and runs, none of it a pair's.
#include "runtime/PlanLayout.h"
#include <algorithm>

namespace falloff::runtime {

static TokenRange rangeOr(TokenRange range, int64_t tokens) {
  return range.first == 0 && range.last == 0 ? TokenRange{0, tokens} : range;
}

bool hasTestedTile(const Plan &plan) {
  return std::any_of(plan.tables.begin(), plan.tables.end(), [](const RowTable &table) {
    return std::any_of(table.runs.begin(), table.runs.end(), [](const Run &run) { return !run.isFull(); });
  });
}

TokenRange queryRange(const Grid &grid) { return rangeOr(grid.queries, grid.tokens); }
TokenRange keyRange(const Grid &grid) { return rangeOr(grid.keys, grid.tokens); }

const Segment *textSegment(const Grid &grid) {
  for (const Segment &segment : grid.segments)
    if (std::find(segment.axes.begin(), segment.axes.end(), "token") != segment.axes.end())
      return &segment;
  return nullptr;
}

TokenRange missingTokens(const Grid &grid, const std::vector<int64_t> &textLengths, int64_t batch) {
  const Segment *text = textSegment(grid);
  if (textLengths.empty() || !text)
    return {};
  return {text->firstToken + textLengths[batch], text->firstToken + text->tokens()};
}

KeyLayout::KeyLayout(const Grid &grid, int64_t panel) : panel(panel) {
  std::vector<int32_t> tile(std::max<int64_t>(grid.keyCapacity, 1));
  firstPanel.reserve(grid.keyTiles + 1);
  firstPanel.push_back(0);
  for (int64_t number = 0; number < grid.keyTiles; ++number) {
    int64_t count = grid.tileTokens(Side::Key, number, tile.data());
    int64_t panels = (count + panel - 1) / panel;
    firstPanel.push_back(firstPanel.back() + panels);
    tokens.insert(tokens.end(), tile.begin(), tile.begin() + count);
    tokens.resize(firstPanel.back() * panel, -1);
  }
}

std::vector<uint32_t> KeyLayout::lanes(TokenRange missing) const {
  std::vector<uint32_t> masks(panels());
  for (int64_t number = 0; number < panels(); ++number)
    for (int64_t lane = 0; lane < panel; ++lane) {
      int32_t token = tokens[number * panel + lane];
      masks[number] |= uint32_t(token >= 0 && !holds(missing, token)) << lane;
    }
  return masks;
}

QueryRows::QueryRows(const Plan &plan, const RowTable &given) : table(&given) {
  uint32_t keyTiles = uint32_t(plan.grid.keyTiles), queryTiles = uint32_t(plan.grid.queryTiles);
  if (plan.major == Major::Key) {
    turned = std::make_unique<RowTable>();
    transposeRows(given, queryTiles, *turned);
    orderRows(plan.grid, Major::Query, *turned);
    table = turned.get();
  }
  std::vector<const Split *> splitOf(queryTiles);
  for (const Split &split : table->splits)
    splitOf[split.row] = &split;
  // Rows that the plan's order leaves out come last: each query that the tensors hold gets a result.
  std::vector<uint32_t> order = table->rowOrder;
  std::vector<bool> ordered(queryTiles);
  for (uint32_t row : order)
    ordered[row] = true;
  for (uint32_t row = 0; row < queryTiles; ++row)
    if (!ordered[row])
      order.push_back(row);
  for (uint32_t row : order) {
    if (!splitOf[row]) {
      pieces.push_back({row, 0, keyTiles, -1});
      continue;
    }
    const std::vector<uint32_t> &cuts = splitOf[row]->firstTiles;
    splitRows.push_back({row, slots, int32_t(cuts.size()) + 1});
    for (size_t piece = 0; piece <= cuts.size(); ++piece)
      pieces.push_back({row, piece ? cuts[piece - 1] : 0, piece < cuts.size() ? cuts[piece] : keyTiles, slots++});
  }
  tested = std::any_of(table->runs.begin(), table->runs.end(), [](const Run &run) { return !run.isFull(); });
}

CoordinateReader::CoordinateReader(const Plan &plan, const MaskData &mask) : plan(plan) {
  for (size_t number = 0; number < plan.grid.segments.size(); ++number) {
    const Segment &segment = plan.grid.segments[number];
    Part part;
    part.range = {segment.firstToken, segment.firstToken + segment.tokens()};
    part.id = number < plan.segmentIds.size() ? plan.segmentIds[number] : int32_t(number);
    part.extents = segment.extents;
    for (size_t c = 0; c < plan.coordinates.size(); ++c) {
      const Coordinate &coordinate = plan.coordinates[c];
      if (coordinate.segment == part.id)
        part.axes.push_back(
            {int32_t(c), coordinate.axis, coordinate.table < 0 ? nullptr : mask.tables[coordinate.table].data()});
    }
    parts.push_back(std::move(part));
  }
}

void CoordinateReader::read(const int32_t *tokens, int64_t count, TokenRange missing, int32_t *coordinates,
                            int64_t stride, int32_t *segments) const {
  for (int64_t c = 0; c < int64_t(plan.coordinates.size()); ++c)
    std::fill_n(coordinates + c * stride, count, 0);
  const Part *part = nullptr;
  for (int64_t lane = 0; lane < count; ++lane) {
    int32_t token = tokens[lane];
    segments[lane] = -1;
    if (token < 0 || holds(missing, token))
      continue;
    if (!part || !holds(part->range, token))
      for (const Part &candidate : parts)
        if (holds(candidate.range, token))
          part = &candidate;
    segments[lane] = part->id;
    uint32_t rest = uint32_t(token - part->range.first), position[8];
    for (size_t axis = part->extents.size(); axis-- > 0;) {
      uint32_t extent = uint32_t(part->extents[axis]);
      position[axis] = axis ? rest % extent : rest;
      rest = axis ? rest / extent : 0;
    }
    for (const Part::Axis &axis : part->axes) {
      int32_t x = int32_t(position[axis.axis]);
      coordinates[axis.coordinate * stride + lane] = axis.table ? axis.table[x] : x;
    }
  }
}

} // namespace falloff::runtime
