// SPDX-License-Identifier: Apache-2.0
//
// Full tiles go to the kernel in steps of as many panels as it takes; tested tiles gather until a step is full, their
// bits beside them. Steps follow the plan's order, so results do not depend on who runs them.
#include "compiler/cpu/RowRunner.h"
#include "compiler/cpu/Quantise.h"
#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#ifdef __linux__
#include <sys/mman.h>
#endif

namespace falloff::cpu {

Buffer::Buffer(size_t bytes) {
  constexpr size_t page = 2 << 20; // a large page, where the system gives them: fewer misses while panels stream by
  size_t alignment = bytes >= page ? page : 64;
  bytes = (std::max<size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  memory.reset(static_cast<char *>(std::aligned_alloc(alignment, bytes)));
  if (!memory)
    throw std::bad_alloc();
#ifdef __linux__
  if (alignment == page)
    madvise(memory.get(), bytes, MADV_HUGEPAGE);
#endif
}

/// Bytes of the bits of one query in a step, and of all steps whose bits a runner keeps.
static constexpr int64_t maskStride = KernelSpec::stepKeys / 8, keptBytes = 4 << 20;

RowRunner::RowRunner(const CallShape &shape, const KeyLayout &keys, int64_t coordinates)
    : shape(shape), layout(keys), q(shape.blockRows * shape.depth * 4),
      scores(shape.spec.group() * KernelSpec::stepKeys * 4), weights(shape.spec.group() * KernelSpec::stepKeys * 4),
      output(shape.blockRows * shape.valuePanels * shape.spec.panel() * 4), maxima(shape.blockRows * 4),
      sums(shape.blockRows * shape.spec.lanes() * 4) {
  if (shape.spec.quantised) {
    queryScales.resize(shape.blockRows);
    corrections.resize(shape.blockRows);
    poisoned.resize(shape.blockRows);
  }
  if (!shape.functor)
    return;
  slots = keptBytes / (shape.blockRows * maskStride) + 1;
  bits = Buffer(slots * shape.blockRows * maskStride);
  queryCoordinates.resize(coordinates * shape.blockRows);
  querySegments.resize(shape.blockRows);
}

void RowRunner::begin(const Rows &from, const int32_t *tokens, int64_t count, const TableData &table,
                      const BatchLanes &lanes, const RowPiece &piece) {
  int64_t multiple = shape.spec.rowMultiple();
  queries = count;
  rows = (count + multiple - 1) / multiple * multiple;
  packBlock(from, tokens, count);
  std::fill_n(maxima.as<float>(), rows, KernelSpec::lowest);
  std::fill_n(sums.as<float>(), rows * shape.spec.lanes(), 0.0f);
  std::fill_n(output.as<float>(), rows * shape.valuePanels * shape.spec.panel(), 0.0f);
  Block next{&table, &lanes, &piece, count ? tokens[0] : -1};
  if (next == block)
    return;
  block = next;
  keptSteps = 0;
  if (table.coordinates)
    table.coordinates->read(tokens, count, lanes.missing, queryCoordinates.data(), shape.blockRows,
                            querySegments.data());
}

void RowRunner::packBlock(const Rows &from, const int32_t *tokens, int64_t count) {
  if (shape.spec.quantised)
    packInt8Queries(shape.spec, shape.recipe, from, tokens, count, rows, shape.depth, shape.negate, shape.scale,
                    q.data(), {queryScales.data(), corrections.data(), poisoned.data()});
  else
    packQueries(shape.spec, from, tokens, count, rows, shape.depth, shape.negate, q.data());
}

float RowRunner::sum(int64_t query) const {
  const float *lanesOf = sums.as<float>() + query * shape.spec.lanes();
  float total = 0;
  for (int64_t lane = 0; lane < shape.spec.lanes(); ++lane)
    total += lanesOf[lane];
  if (shape.spec.quantised && poisoned[query] && total != 0)
    return std::numeric_limits<float>::quiet_NaN();
  return total;
}

void RowRunner::walk(const PackedHead &packed) {
  head = packed;
  testedSteps = pendingCount = 0;
  const RowPiece &piece = *block.piece;
  const runtime::RowTable &plan = *block.table->rows->table;
  for (uint32_t at = plan.rowStart[piece.row]; at < plan.rowStart[piece.row + 1]; ++at) {
    const runtime::Run &run = plan.runs[at];
    uint32_t first = std::max(run.first(), piece.firstTile), last = std::min(run.last(), piece.lastTile);
    if (first >= last)
      continue;
    if (run.isFull()) {
      walkFull(layout.firstPanel[first], layout.firstPanel[last]);
      continue;
    }
    for (uint32_t tile = first; tile < last; ++tile)
      walkTested(tile, run.test());
  }
  flush();
}

void RowRunner::stepPanels(int64_t firstPanel, int64_t count, const uint8_t *bits, int64_t bitsStride) {
  int64_t panel = layout.panel;
  StepArguments arguments;
  arguments.q = q.data();
  arguments.k = head.keys + firstPanel * panel * shape.depth * 4;
  arguments.v = head.values + firstPanel * panel * panel * shape.spec.valueBytes();
  arguments.valueStride = head.valueStride;
  arguments.scores = scores.as<float>();
  arguments.weights = weights.data();
  arguments.output = output.as<float>();
  arguments.maxima = maxima.as<float>();
  arguments.sums = sums.as<float>();
  arguments.mask = bits;
  arguments.maskStride = bitsStride;
  arguments.rows = rows;
  arguments.panels = count;
  arguments.depth = shape.depth;
  arguments.valuePanels = shape.valuePanels;
  arguments.scale = shape.scale;
  if (shape.spec.quantised) {
    arguments.keyScales = head.keyScales + firstPanel * panel;
    arguments.queryScales = queryScales.data();
    arguments.corrections = corrections.data();
  }
  shape.step(&arguments);
}

void RowRunner::walkFull(int64_t firstPanel, int64_t lastPanel) {
  flush();
  int64_t most = KernelSpec::stepKeys / layout.panel, bytes = layout.panel / 8;
  const uint32_t *present = block.lanes->present.data();
  uint32_t whole = layout.panel == 32 ? ~0u : (1u << layout.panel) - 1;
  for (int64_t first = firstPanel; first < lastPanel; first += most) {
    int64_t count = std::min(most, lastPanel - first);
    if (std::all_of(present + first, present + first + count, [&](uint32_t lane) { return lane == whole; })) {
      stepPanels(first, count, nullptr, 0);
      continue;
    }
    uint8_t shared[maskStride]; // one row of bits serves every query
    for (int64_t number = 0; number < count; ++number)
      std::memcpy(shared + number * bytes, present + first + number, bytes);
    stepPanels(first, count, shared, 0);
  }
}

/// Where the bits of the next step of tested tiles stand.
uint8_t *RowRunner::bitsOfStep() const {
  return bits.as<uint8_t>() + std::min(testedSteps, slots - 1) * shape.blockRows * maskStride;
}

void RowRunner::walkTested(uint32_t tile, uint32_t test) {
  int64_t panel = layout.panel, first = layout.firstPanel[tile], last = layout.firstPanel[tile + 1];
  int64_t most = KernelSpec::stepKeys / panel;
  if (pendingCount && pendingFirst + pendingCount != first)
    flush();
  for (int64_t at = first; at < last;) {
    if (pendingCount == most)
      flush();
    if (!pendingCount)
      pendingFirst = at;
    int64_t count = std::min(last - at, most - pendingCount);
    if (testedSteps >= keptSteps)
      makeBits(at, count, test);
    pendingCount += count;
    at += count;
  }
}

/// Writes the bits of some panels behind those of the step that are there.
void RowRunner::makeBits(int64_t firstPanel, int64_t count, uint32_t test) {
  int64_t panel = layout.panel;
  const TableData &table = *block.table;
  if (!pendingCount) // of the rows that pad the last group
    std::memset(bitsOfStep() + queries * maskStride, 0, (rows - queries) * maskStride);
  FunctorArguments arguments;
  arguments.queries = queryCoordinates.data();
  arguments.keys = table.keyCoordinates.data() + firstPanel * panel;
  arguments.querySegments = querySegments.data();
  arguments.keySegments = block.lanes->segments.data() + firstPanel * panel;
  arguments.queryStride = shape.blockRows;
  arguments.keyStride = layout.panels() * panel;
  arguments.tables = table.tables.data();
  arguments.numbers = table.numbers;
  arguments.bits = bitsOfStep() + pendingCount * panel / 8;
  arguments.bitsStride = maskStride;
  arguments.queryCount = queries;
  arguments.keyCount = count * panel;
  arguments.fills = test - 1;
  shape.functor(&arguments);
}

void RowRunner::flush() {
  if (!pendingCount)
    return;
  stepPanels(pendingFirst, pendingCount, bitsOfStep(), maskStride);
  pendingCount = 0;
  ++testedSteps;
  keptSteps = std::max(keptSteps, std::min(testedSteps, slots - 1));
}

} // namespace falloff::cpu
