// SPDX-License-Identifier: Apache-2.0
//
// Full tiles go to the kernel in steps of as many panels as it takes; tested tiles gather until a step is full, their
// bits beside them. Steps follow the plan's order, so results do not depend on who runs them.
#include "compiler/cpu/RowRunner.h"
#include <algorithm>
#include <cstring>
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

/// Bytes of the bits of one query in a step.
static constexpr int64_t maskStride = KernelSpec::stepKeys / 8;

RowRunner::RowRunner(const CallShape &shape, const KeyLayout &keys, int64_t coordinates)
    : shape(shape), layout(keys), q(shape.blockRows * shape.depth * 4),
      scores(shape.spec.group() * KernelSpec::stepKeys * 4), weights(shape.spec.group() * KernelSpec::stepKeys * 4),
      output(shape.blockRows * shape.valuePanels * shape.spec.panel() * 4), maxima(shape.blockRows * 4),
      sums(shape.blockRows * shape.spec.lanes() * 4), mask(shape.blockRows * maskStride) {
  if (!shape.functor)
    return;
  queryCoordinates.resize(coordinates * shape.blockRows);
  querySegments.resize(shape.blockRows);
}

void RowRunner::begin(const Rows &from, const int32_t *tokens, int64_t count, const TableData &data,
                      runtime::TokenRange absent) {
  int64_t multiple = shape.spec.rowMultiple();
  queries = count;
  rows = (count + multiple - 1) / multiple * multiple;
  packQueries(shape.spec, from, tokens, count, rows, shape.depth, shape.negate, q.data());
  std::fill_n(maxima.as<float>(), rows, KernelSpec::lowest);
  std::fill_n(sums.as<float>(), rows * shape.spec.lanes(), 0.0f);
  std::fill_n(output.as<float>(), rows * shape.valuePanels * shape.spec.panel(), 0.0f);
  if (shape.functor && data.coordinates) {
    data.coordinates->read(tokens, count, absent, queryCoordinates.data(), shape.blockRows, querySegments.data());
    std::memset(mask.data(), 0, rows * maskStride); // of the rows that pad the last group
  }
}

float RowRunner::sum(int64_t query) const {
  const float *lanesOf = sums.as<float>() + query * shape.spec.lanes();
  float total = 0;
  for (int64_t lane = 0; lane < shape.spec.lanes(); ++lane)
    total += lanesOf[lane];
  return total;
}

void RowRunner::walk(const PackedHead &packed, const TableData &data, const BatchLanes &batch, uint32_t row,
                     uint32_t firstTile, uint32_t lastTile) {
  head = packed;
  table = &data;
  lanes = &batch;
  pendingCount = 0;
  const runtime::RowTable &plan = *data.rows->table;
  for (uint32_t at = plan.rowStart[row]; at < plan.rowStart[row + 1]; ++at) {
    const runtime::Run &run = plan.runs[at];
    uint32_t first = std::max(run.first(), firstTile), last = std::min(run.last(), lastTile);
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
  arguments.v = head.values + firstPanel * panel * panel * shape.spec.elementBytes();
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
  shape.step(&arguments);
}

void RowRunner::walkFull(int64_t firstPanel, int64_t lastPanel) {
  flush();
  int64_t most = KernelSpec::stepKeys / layout.panel, bytes = layout.panel / 8;
  const uint32_t *present = lanes->present.data();
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
    FunctorArguments arguments;
    arguments.queries = queryCoordinates.data();
    arguments.keys = table->keyCoordinates.data() + at * panel;
    arguments.querySegments = querySegments.data();
    arguments.keySegments = lanes->segments.data() + at * panel;
    arguments.queryStride = shape.blockRows;
    arguments.keyStride = layout.panels() * panel;
    arguments.tables = table->tables.data();
    arguments.numbers = table->numbers;
    arguments.bits = mask.as<uint8_t>() + pendingCount * panel / 8;
    arguments.bitsStride = maskStride;
    arguments.queryCount = queries;
    arguments.keyCount = count * panel;
    arguments.fills = test - 1;
    shape.functor(&arguments);
    pendingCount += count;
    at += count;
  }
}

void RowRunner::flush() {
  if (pendingCount)
    stepPanels(pendingFirst, pendingCount, mask.as<uint8_t>(), maskStride);
  pendingCount = 0;
}

} // namespace falloff::cpu
