// SPDX-License-Identifier: Apache-2.0
//
// One call of attention: compile what is missing, then for a few key heads at a time pack their keys and values, run
// all rows of the query heads that read them, and merge the pieces of split rows. Each row or piece is one thread's
// from first to last, and pieces merge in key order.
#include "compiler/cpu/Attention.h"
#include "compiler/cpu/EmitKernel.h"
#include "compiler/cpu/KernelCache.h"
#include "compiler/cpu/Quantise.h"
#include "compiler/cpu/RowRunner.h"
#include "compiler/cpu/Target.h"
#include "runtime/TensorCheck.h"
#include "runtime/ThreadPool.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace falloff::cpu {

using runtime::DType;
using runtime::Tensor;
using runtime::ThreadPool;
using runtime::TokenRange;

namespace {

/// Numbers too small for a normal float count as 0 while this lives: weights far below the largest would else take the
/// processor's slow path.
class FlushSmall {
#if defined(__x86_64__)
public:
  FlushSmall() : before(_mm_getcsr()) { _mm_setcsr(before | 0x8040); }
  ~FlushSmall() { _mm_setcsr(before); }

private:
  unsigned before;
#endif
};

struct Kernels {
  std::shared_ptr<const Code> step, functor;
};

ModuleMaker stepMaker(const KernelSpec &spec) {
  return [spec](mlir::MLIRContext &context) { return emitKernel(context, spec); };
}

ModuleMaker functorMaker(const SetProgram &program) {
  return [&program](mlir::MLIRContext &context) { return emitFunctor(context, program); };
}

Kernels compile(const runtime::Plan &plan, const SetProgram *program, const KernelSpec &spec) {
  Kernels kernels;
  std::string name =
      std::string(spec.quantised ? "step of int8 and " : "step of ") + (spec.pairs ? "bf16 pairs" : "float32");
  kernels.step = compileOnce(name, spec.level, stepMaker(spec));
  if (!runtime::hasTestedTile(plan))
    return kernels;
  if (!program)
    throw std::invalid_argument("expects a set program for a plan with tested tiles, but got none");
  kernels.functor = compileOnce("functor " + program->key(), spec.level, functorMaker(*program));
  return kernels;
}

/// Results of the pieces of split rows of one query head, and where they merge.
struct PieceResult {
  std::vector<float> maxima, sums, values; ///< [query], [query], [query][column]
};

class Call {
public:
  Call(const runtime::Plan &plan, const SetProgram *program, const Tensor &q, const Tensor &k, const Tensor &v,
       const Tensor &out, const Tensor &lse, const Options &options);
  void run();

private:
  void shapeCall(const SetProgram *program);
  void prepareTables();
  void packChunk(int64_t first, int64_t count);
  void packPanel(int64_t pair, int64_t number, char *head);
  PackedHead packedHead(const char *head) const;
  double smoothedLogSum(int64_t batch, int64_t head, int64_t token) const;
  void runChunk(int64_t first, int64_t count);
  struct Item;
  std::vector<Item> itemsOf(int64_t first, int64_t count, std::vector<std::vector<PieceResult>> &results);
  void runPiece(const Item &item, RowRunner &runner);
  void finish(int64_t batch, int64_t head, int64_t token, float maximum, float sum, const float *values);
  void merge(int64_t batch, int64_t head, uint32_t row, const PieceResult *pieces, int64_t count);
  std::vector<int32_t> queriesOf(uint32_t row) const;
  const BatchLanes &lanesOf(int64_t batch) const { return lanes[lanes.size() > 1 ? batch : 0]; }
  // Of query head `index` of a chunk that begins at the pair `first`.
  int64_t batchOf(int64_t first, int64_t index) const { return (first + index / group) / keyHeads; }
  int64_t headOf(int64_t first, int64_t index) const {
    return (first + index / group) % keyHeads * group + index % group;
  }

  const runtime::Plan &plan;
  const Tensor &q, &k, &v, &out, &lse;
  const Options &options;
  const TokenRange queryTokens, keyTokens;
  const int64_t batches, heads, keyHeads, group;
  int threads;
  CallShape shape;
  Kernels kernels;
  KeyLayout layout;
  std::vector<BatchLanes> lanes; ///< by batch entry; one where text is whole
  std::vector<QueryRows> rows;   ///< by table
  std::vector<CoordinateReader> readers;
  std::vector<TableData> tables;
  // A packed head: panels of values, of keys, and the scales of keys.
  int64_t valueStride = 0, firstKey = 0, firstScale = 0, headBytes = 0;
  double scale = 0;         ///< of natural exponents, with its sign
  std::vector<float> means; ///< of keys, with a recipe: [batch][key head][dim]
  Buffer packed;
};

Call::Call(const runtime::Plan &plan, const SetProgram *program, const Tensor &q, const Tensor &k, const Tensor &v,
           const Tensor &out, const Tensor &lse, const Options &options)
    : plan(plan), q(q), k(k), v(v), out(out), lse(lse), options(options), queryTokens(queryRange(plan.grid)),
      keyTokens(keyRange(plan.grid)), batches(q.sizes[0]), heads(q.sizes[2]), keyHeads(k.sizes[2]),
      group(heads / keyHeads), threads(options.threads > 0 ? options.threads : ThreadPool::processors()),
      layout(plan.grid, specFor(parseLevel(options.features), q.dtype).panel()) {
  shapeCall(program);
  prepareTables();
}

void Call::shapeCall(const SetProgram *program) {
  shape.spec = specFor(parseLevel(options.features), q.dtype, options.recipe.has_value());
  shape.recipe = options.recipe.value_or(runtime::Recipe());
  kernels = compile(plan, program, shape.spec);
  shape.step = reinterpret_cast<Step>(kernels.step->find("step"));
  if (kernels.functor)
    shape.functor = reinterpret_cast<Functor>(kernels.functor->find("pairs"));
  int64_t panel = shape.spec.panel(), unit = shape.spec.scoreUnit();
  shape.depth = (q.sizes[3] + unit - 1) / unit;
  shape.valueDim = v.sizes[3];
  shape.valuePanels = (shape.valueDim + panel - 1) / panel;
  scale = options.scale ? double(*options.scale) : 1 / std::sqrt(double(q.sizes[3]));
  // A scale of 0 would make NaN of a masked score, -inf; the least above it gives the same weights.
  shape.scale = std::max(float(std::fabs(scale) * 1.4426950408889634), std::numeric_limits<float>::min());
  shape.negate = scale < 0;
  // Blocks of whole groups, large enough for K and V to be read from the second-level cache, not from memory.
  int64_t multiple = shape.spec.rowMultiple(), capacity = std::max<int64_t>(plan.grid.queryCapacity, 1);
  shape.blockRows = std::min<int64_t>((capacity + multiple - 1) / multiple * multiple, 240);
  // Some lines more than a power of two, so that value panels of one step do not fall in the same cache sets.
  valueStride = layout.panels() * panel * panel * shape.spec.valueBytes() + 9 * 64;
  firstKey = valueStride * shape.valuePanels;
  firstScale = firstKey + layout.panels() * panel * shape.depth * 4;
  headBytes = firstScale + (shape.spec.quantised ? layout.panels() * panel * 4 : 0);
}

void Call::prepareTables() {
  for (const runtime::RowTable &table : plan.tables)
    rows.emplace_back(plan, table);
  static const int32_t empty = 0;
  int64_t count = int64_t(layout.tokens.size());
  std::vector<int32_t> segments; // of the layout's lanes, the same for every table
  readers.reserve(plan.tables.size());
  for (size_t number = 0; number < plan.tables.size(); ++number) {
    TableData data;
    data.rows = &rows[number];
    if (rows[number].tested) {
      const runtime::MaskData &mask = plan.masks.at(number);
      readers.emplace_back(plan, mask);
      data.coordinates = &readers.back();
      for (const std::vector<int32_t> &table : mask.tables)
        data.tables.push_back(table.empty() ? &empty : table.data());
      data.numbers = mask.numbers.data();
      data.keyCoordinates.resize(readers.back().count() * count);
      segments.resize(count);
      readers.back().read(layout.tokens.data(), count, {}, data.keyCoordinates.data(), count, segments.data());
    }
    tables.push_back(std::move(data));
  }
  for (int64_t batch = 0; batch < (options.textLengths.empty() ? 1 : batches); ++batch) {
    TokenRange missing = missingTokens(plan.grid, options.textLengths, batch);
    lanes.push_back({missing, layout.lanes(missing), segments});
    for (size_t lane = 0; lane < segments.size(); ++lane)
      if (holds(missing, layout.tokens[lane]))
        lanes.back().segments[lane] = -1;
  }
}

void Call::run() {
  int64_t pairs = batches * keyHeads; // of a batch entry and a key head
  constexpr int64_t budget = int64_t(512) << 20;
  int64_t chunk = std::clamp<int64_t>(budget / std::max<int64_t>(headBytes, 1), 1, std::max<int64_t>(pairs, 1));
  if (pairs == 0)
    return;
  if (shape.spec.quantised) {
    std::vector<TokenRange> missing;
    for (const BatchLanes &lane : lanes)
      missing.push_back(lane.missing);
    means = keyMeans(k, keyTokens, missing, threads);
  }
  packed = Buffer(chunk * headBytes);
  for (int64_t first = 0; first < pairs; first += chunk) {
    int64_t count = std::min(chunk, pairs - first);
    packChunk(first, count);
    runChunk(first, count);
  }
}

void Call::packChunk(int64_t first, int64_t count) {
  constexpr int64_t panelsAtOnce = 16;
  int64_t pieces = (layout.panels() + panelsAtOnce - 1) / panelsAtOnce;
  ThreadPool::shared().run(threads, count * pieces, [&](int64_t index, int) {
    int64_t begin = index % pieces * panelsAtOnce, end = std::min(begin + panelsAtOnce, layout.panels());
    for (int64_t number = begin; number < end; ++number)
      packPanel(first + index / pieces, number, packed.data() + (index / pieces) * headBytes);
  });
}

void Call::packPanel(int64_t pair, int64_t number, char *to) {
  int64_t batch = pair / keyHeads, head = pair % keyHeads, panel = layout.panel;
  Rows keyRows(k, batch, head, keyTokens.first), valueRows(v, batch, head, keyTokens.first);
  uint32_t present = lanesOf(batch).present[number];
  int32_t tokens[64];
  for (int64_t i = 0; i < panel; ++i)
    tokens[i] = present >> i & 1 ? layout.tokens[number * panel + i] : -1;
  char *keys = to + firstKey + number * panel * shape.depth * 4;
  if (shape.spec.quantised)
    packInt8Keys(shape.spec, shape.recipe, keyRows, means.data() + pair * q.sizes[3], tokens, shape.depth, keys,
                 reinterpret_cast<float *>(to + firstScale) + number * panel);
  else
    packKeys(shape.spec, keyRows, tokens, panel, shape.depth, keys);
  packValues(shape.spec, valueRows, tokens, panel, shape.valuePanels, valueStride,
             to + number * panel * panel * shape.spec.valueBytes());
}

PackedHead Call::packedHead(const char *head) const {
  return {head + firstKey, head, valueStride, reinterpret_cast<const float *>(head + firstScale)};
}

/// A piece of a row for a query head of the chunk.
struct Call::Item {
  int64_t batch, head;
  const PackedHead packed;
  const RowPiece *piece;
  PieceResult *result; ///< null for a whole row
};

/// Heads that share a table take each of its pieces one after the other: so a thread tests the piece's pairs once.
std::vector<Call::Item> Call::itemsOf(int64_t first, int64_t count, std::vector<std::vector<PieceResult>> &results) {
  std::vector<Item> items;
  auto tableAt = [&](int64_t index) { return plan.tableFor(batchOf(first, index), headOf(first, index)); };
  for (int64_t begin = 0, end; begin < count * group; begin = end) {
    const QueryRows &table = rows[tableAt(begin)];
    for (end = begin;
         end < count * group && batchOf(first, end) == batchOf(first, begin) && tableAt(end) == tableAt(begin);)
      results[end++].resize(table.slots);
    for (const RowPiece &piece : table.pieces)
      for (int64_t index = begin; index < end; ++index)
        items.push_back({batchOf(first, index), headOf(first, index),
                         packedHead(packed.data() + index / group * headBytes), &piece,
                         piece.slot < 0 ? nullptr : &results[index][piece.slot]});
  }
  return items;
}

void Call::runChunk(int64_t first, int64_t count) {
  std::vector<std::vector<PieceResult>> results(count * group); // by query head of the chunk
  std::vector<Item> items = itemsOf(first, count, results);
  std::vector<std::unique_ptr<RowRunner>> runners(threads);
  ThreadPool::shared().run(threads, int64_t(items.size()), [&](int64_t number, int worker) {
    FlushSmall flush;
    if (!runners[worker])
      runners[worker] = std::make_unique<RowRunner>(shape, layout, int64_t(plan.coordinates.size()));
    runPiece(items[number], *runners[worker]);
  });
  ThreadPool::shared().run(threads, count * group, [&](int64_t index, int) {
    int64_t batch = batchOf(first, index), head = headOf(first, index);
    for (const QueryRows::SplitRow &split : rows[plan.tableFor(batch, head)].splitRows)
      merge(batch, head, split.row, &results[index][split.firstSlot], split.slots);
  });
}

std::vector<int32_t> Call::queriesOf(uint32_t row) const {
  std::vector<int32_t> tokens(std::max<int64_t>(plan.grid.queryCapacity, 1));
  tokens.resize(plan.grid.tileTokens(runtime::Side::Query, row, tokens.data()));
  return tokens;
}

void Call::runPiece(const Item &item, RowRunner &runner) {
  auto [batch, head] = std::pair(item.batch, item.head);
  const RowPiece &piece = *item.piece;
  PieceResult *result = item.result;
  const TableData &table = tables[plan.tableFor(batch, head)];
  const BatchLanes &lane = lanesOf(batch);
  std::vector<int32_t> tokens = queriesOf(piece.row);
  std::vector<float> values(shape.valuePanels * layout.panel);
  Rows queries(q, batch, head, queryTokens.first);
  for (int64_t first = 0, total = int64_t(tokens.size()); first < total; first += shape.blockRows) {
    int64_t count = std::min(shape.blockRows, total - first);
    runner.begin(queries, tokens.data() + first, count, table, lane, piece);
    runner.walk(item.packed);
    for (int64_t query = 0; query < count; ++query) {
      for (int64_t panel = 0; panel < shape.valuePanels; ++panel)
        std::copy_n(runner.valuePanel(query, panel), layout.panel, values.data() + panel * layout.panel);
      if (!result) {
        finish(batch, head, tokens[first + query], runner.maximum(query), runner.sum(query), values.data());
        continue;
      }
      result->maxima.push_back(runner.maximum(query));
      result->sums.push_back(runner.sum(query));
      result->values.insert(result->values.end(), values.begin(), values.begin() + shape.valueDim);
    }
  }
}

/// Writes one query's output: values / sum, and the log of the sum.
void Call::finish(int64_t batch, int64_t head, int64_t token, float maximum, float sum, const float *values) {
  bool empty = sum == 0 || holds(lanesOf(batch).missing, token);
  float inverse = empty ? 0 : 1 / sum;
  int64_t row = token - queryTokens.first, bytes = runtime::sizeOf(out.dtype);
  char *to =
      static_cast<char *>(out.data) + (batch * out.strides[0] + row * out.strides[1] + head * out.strides[2]) * bytes;
  for (int64_t column = 0; column < shape.valueDim; ++column) {
    float value = empty ? 0 : values[column] * inverse;
    char *at = to + column * out.strides[3] * bytes;
    if (out.dtype == DType::F32) {
      std::memcpy(at, &value, 4);
    } else {
      uint16_t narrow = toBf16(value);
      std::memcpy(at, &narrow, 2);
    }
  }
  if (!lse.data)
    return;
  float log =
      empty
          ? -std::numeric_limits<float>::infinity()
          : float((double(maximum) + std::log2(double(sum))) * 0.6931471805599453 + smoothedLogSum(batch, head, token));
  std::memcpy(static_cast<char *>(lse.data) +
                  (batch * lse.strides[0] + head * lse.strides[1] + row * lse.strides[2]) * 4,
              &log, 4);
}

/// What the log-sum-exp over smoothed keys lacks.
double Call::smoothedLogSum(int64_t batch, int64_t head, int64_t token) const {
  if (!shape.spec.quantised)
    return 0;
  float query[runtime::maxHeadDimension];
  readRow(Rows(q, batch, head, queryTokens.first), token, query);
  return runtime::smoothedLogSum(query, means.data() + (batch * keyHeads + head / group) * q.sizes[3], q.sizes[3],
                                 scale);
}

/// Brings the pieces of a row to one maximum and adds them, in key order.
void Call::merge(int64_t batch, int64_t head, uint32_t row, const PieceResult *pieces, int64_t count) {
  std::vector<int32_t> tokens = queriesOf(row);
  std::vector<float> values(shape.valueDim);
  for (size_t query = 0; query < tokens.size(); ++query) {
    float maximum = KernelSpec::lowest, sum = 0;
    for (int64_t piece = 0; piece < count; ++piece)
      maximum = std::max(maximum, pieces[piece].maxima[query]);
    std::fill(values.begin(), values.end(), 0.0f);
    for (int64_t piece = 0; piece < count; ++piece) {
      float weight = std::exp2(pieces[piece].maxima[query] - maximum);
      sum += weight * pieces[piece].sums[query];
      const float *from = pieces[piece].values.data() + query * shape.valueDim;
      for (int64_t column = 0; column < shape.valueDim; ++column)
        values[column] += weight * from[column];
    }
    finish(batch, head, tokens[query], maximum, sum, values.data());
  }
}

} // namespace

static std::string checkPlace(const Tensor &q) {
  if (q.device != runtime::hostDevice)
    return "expects q on the CPU, but got " + runtime::nameOfDevice(q.device);
  if (q.dtype == DType::F16)
    return "expects tensors of float32 or bfloat16 on the CPU, but got float16";
  return "";
}

std::string validate(const runtime::Plan &plan, const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &out,
                     const Tensor &lse, const Options &options) {
  std::string error = checkPlace(q);
  if (error.empty())
    error = checkInputs(plan, q, k, v, options.textLengths);
  return error.empty() ? checkOutputs(plan, q, v, out, lse) : error;
}

void attention(const runtime::Plan &plan, const SetProgram *program, const Tensor &q, const Tensor &k, const Tensor &v,
               const Tensor &out, const Tensor &lse, const Options &options) {
  std::string error = validate(plan, q, k, v, out, lse, options);
  if (error.empty() && options.recipe)
    error = validate(*options.recipe);
  if (!error.empty())
    throw std::invalid_argument(error);
  Call(plan, program, q, k, v, out, lse, options).run();
}

void prepare(const runtime::Plan &plan, const SetProgram *program, const Tensor &q, const Tensor &k, const Tensor &v,
             const Options &options) {
  std::string error = checkPlace(q);
  if (error.empty())
    error = checkInputs(plan, q, k, v, options.textLengths);
  if (!error.empty())
    throw std::invalid_argument(error);
  Kernels kernels = compile(plan, program, specFor(parseLevel(options.features), q.dtype, options.recipe.has_value()));
  kernels.step->find("step");
  if (kernels.functor)
    kernels.functor->find("pairs");
}

std::string printKernel(const runtime::Plan &plan, const SetProgram *program, DType dtype, const std::string &stage,
                        const std::string &features, bool quantised) {
  Listing listing;
  if (stage == "mlir")
    listing = Listing::Mlir;
  else if (stage == "llvm")
    listing = Listing::Llvm;
  else if (stage == "asm")
    listing = Listing::Assembly;
  else
    throw std::invalid_argument("expects a stage mlir, llvm or asm, but got '" + stage + "'");
  Level level = parseLevel(features);
  std::string text;
  if (program && runtime::hasTestedTile(plan))
    text = print(level, functorMaker(*program), listing);
  return text + print(level, stepMaker(specFor(level, dtype, quantised)), listing);
}

} // namespace falloff::cpu
