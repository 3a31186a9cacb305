// SPDX-License-Identifier: Apache-2.0
//
// Draws a plan, lays it out as KernelArguments.h says, runs it, and works out what should have come.
#include "tests/unit/cuda/KernelCase.h"
#include "compiler/cuda/EmitSource.h"
#include "runtime/Plan.h"
#include "runtime/cuda/KernelArguments.h"
#include "runtime/cuda/Nvrtc.h"
#include "runtime/cuda/QuantiseGrid.h"
#include "tests/unit/cuda/QuantisedModel.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <stdexcept>

namespace falloff::cuda {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr int modulus = 3; ///< of the test functor
constexpr uint16_t untouched = 0x3a5c;

/// contains: an irregular set; allowed: causal for group 0, a band for group 1.
const char *const testFunctor = R"(
constexpr bool functorTests = true;
struct FunctorQuery { int at, segment; };
struct FunctorKey { int at, segment; };
__device__ inline FunctorQuery functorQuery(const PlanTable &, const int *at, int stride) {
  return {__ldg(at), __ldg(at + stride)};
}
__device__ inline FunctorKey functorKey(const PlanTable &, const int *at, int stride) {
  return {__ldg(at), __ldg(at + stride)};
}
__device__ inline bool contains(const PlanTable &plan, const FunctorQuery &q, const FunctorKey &k) {
  return q.segment >= 0 && k.segment >= 0 && (7 * q.at + 13 * k.at) % __ldg(plan.tables[0]) == 0;
}
__device__ inline bool allowed(const PlanTable &, unsigned fills, const FunctorQuery &q, const FunctorKey &k) {
  return (fills & 1 && k.at <= q.at) || (fills & 2 && abs(q.at - k.at) < 9);
}
)";

bool keepsPair(int test, int query, int key) {
  if (test == 0)
    return true;
  const int fills = test - 1;
  return (7 * query + 13 * key) % modulus == 0 || (fills & 1 && key <= query) ||
         (fills & 2 && std::abs(query - key) < 9);
}

float fromBits(Element element, uint16_t bits) {
  if (element == Element::BF16) {
    uint32_t wide = uint32_t(bits) << 16;
    float x;
    std::memcpy(&x, &wide, 4);
    return x;
  }
  _Float16 x;
  std::memcpy(&x, &bits, 2);
  return float(x);
}

uint16_t toBits(Element element, float x) {
  if (element == Element::BF16) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    return uint16_t(bits >> 16); // any value will do
  }
  _Float16 half = _Float16(x);
  uint16_t bits;
  std::memcpy(&bits, &half, 2);
  return bits;
}

int roundedUp(int value, int unit) { return (value + unit - 1) / unit * unit; }

using Tiles = std::vector<std::vector<int>>;

/// Tokens from `first` on, shuffled, in tiles of at most `capacity`; about half of them are full.
Tiles drawTiles(int first, int tokens, int capacity, std::mt19937 &random) {
  std::vector<int> order(tokens);
  std::iota(order.begin(), order.end(), first);
  std::shuffle(order.begin(), order.end(), random);
  Tiles tiles;
  for (size_t at = 0; at < order.size();) {
    int count = random() % 2 ? capacity : 1 + int(random() % capacity);
    count = std::min<int>(count, int(order.size() - at));
    tiles.emplace_back(order.begin() + at, order.begin() + at + count);
    at += count;
  }
  return tiles;
}

/// Tiles as lanes, each padded to whole blocks: query tiles to as many as they need, key tiles all to `stride`.
std::vector<int32_t> lanesOf(const Tiles &tiles, int stride) {
  std::vector<int32_t> lanes;
  for (const std::vector<int> &tile : tiles) {
    lanes.insert(lanes.end(), tile.begin(), tile.end());
    lanes.resize(roundedUp(int(lanes.size()), stride), -1);
  }
  return lanes;
}

struct Table {
  std::vector<RowPiece> pieces;
  std::vector<uint64_t> runs;
  std::vector<SplitBlock> splits;
  int slots = 0;
  std::vector<std::vector<int>> testOf; ///< [query tile][key tile]; -1: not kept
};

/// A tensor in rows, [batch][token][head], with gaps that no one may touch.
struct Rows {
  int tokens = 0, heads = 0, dim = 0;
  long long headStride = 0, tokenStride = 0, batchStride = 0, dimStride = 1;
  uint64_t address = 0;
  std::vector<uint16_t> data;
  long long elements(int batches) const { return batchStride * batches; }
  long long at(int batch, int token, int head, int d) const {
    return batch * batchStride + token * tokenStride + head * headStride + d * dimStride;
  }
};

struct ExpectedRow {
  std::vector<double> out, size; ///< size: the sums of |weight x value|
  double lse = 0;
};

class Case {
public:
  explicit Case(const KernelCase &test)
      : test(test), shape(test.shape), random(test.seed),
        queryTiles(drawTiles(test.firstQuery, test.queries, test.queryTile, random)),
        keyTiles(drawTiles(test.firstKey, test.keys, test.keyTile, random)) {}
  KernelResult run();

private:
  const KernelCase &test;
  const KernelShape &shape;
  std::mt19937 random;
  ptxsim::Device device;
  Tiles queryTiles, keyTiles;
  std::vector<int32_t> queryTokens, keyTokens, tableOf;
  std::vector<Table> tables;
  std::map<int, int> tileOfQuery, tileOfKey;
  Rows q, k, v, out;
  std::vector<float> lse;
  uint64_t lseAddress = 0;
  AttentionArguments arguments{};
  QuantisedModel model;
  double errors = 0, outputs = 0; ///< sums, against the tensors as they are
  KernelResult result;

  Table drawTable();
  void drawRow(Table &table, int row, std::vector<int> &kept);
  void cutRow(Table &table, int row, int firstRun, const std::vector<int> &kept);
  template <typename T>
  uint64_t upload(const std::vector<T> &data);
  Rows drawRows(int tokens, int heads, int dim);
  TensorView place(Rows &rows);
  void placeTables();
  void placeOutputs();
  ptxsim::Counts launch(const char *kernel, int64_t shared, size_t x, int y, int threads);
  bool isMissing(int batch, int token) const {
    return !test.textLengths.empty() && token < test.textTokens && token >= test.textLengths[batch];
  }
  void offsetKeys();
  void placeQuantised();
  void quantise();
  std::vector<int> keysOf(int batch, int head, int query) const;
  double element(const Rows &rows, int batch, int token, int head, int d) const;
  ExpectedRow attend(int batch, int head, int token, const std::vector<int> &keys, bool rounded) const;
  void compareRow(int batch, int head, int query);
  void compare();
  void fail(const std::string &what, int batch, int head, int query) {
    if (result.wrong.empty())
      result.wrong = what + " of batch " + std::to_string(batch) + ", head " + std::to_string(head) + ", query " +
                     std::to_string(query);
  }
};

/// Runs of one row; some key tiles kept, each tested in its way.
void Case::drawRow(Table &table, int row, std::vector<int> &kept) {
  std::vector<int> &tests = table.testOf[row];
  tests.assign(keyTiles.size(), -1);
  for (size_t tile = 0; tile < keyTiles.size(); ++tile)
    if (random() % 1000 < test.kept * 1000) {
      tests[tile] = test.tested && random() % 2 ? 1 + int(random() % 4) : 0;
      kept.push_back(int(tile));
    }
  for (size_t tile = 0; tile < tests.size();) {
    size_t last = tile + 1;
    while (last < tests.size() && tests[last] == tests[tile])
      ++last;
    if (tests[tile] >= 0)
      table.runs.push_back(runtime::Run(tile, last, tests[tile]).bits);
    tile = last;
  }
}

/// The pieces of a row, one for each block of its queries and each range of key tiles.
void Case::cutRow(Table &table, int row, int firstRun, const std::vector<int> &kept) {
  int lane = 0;
  for (int before = 0; before < row; ++before)
    lane += roundedUp(int(queryTiles[before].size()), shape.queryBlock);
  std::vector<int> cuts = {0};
  if (test.splitTiles)
    for (size_t at = test.splitTiles; at < kept.size(); at += test.splitTiles)
      cuts.push_back(kept[at]);
  cuts.push_back(int(keyTiles.size()));
  const int blocks = (int(queryTiles[row].size()) + shape.queryBlock - 1) / shape.queryBlock;
  for (int block = 0; block < blocks; ++block, lane += shape.queryBlock) {
    const bool split = cuts.size() > 2;
    if (split)
      table.splits.push_back({lane, table.slots, int(cuts.size()) - 1});
    for (size_t cut = 0; cut + 1 < cuts.size(); ++cut)
      table.pieces.push_back(
          {lane, firstRun, int(table.runs.size()), cuts[cut], cuts[cut + 1], split ? table.slots++ : -1});
  }
}

Table Case::drawTable() {
  Table table;
  table.testOf.resize(queryTiles.size());
  for (size_t row = 0; row < queryTiles.size(); ++row) {
    const int firstRun = int(table.runs.size());
    std::vector<int> kept;
    drawRow(table, int(row), kept);
    cutRow(table, int(row), firstRun, kept);
  }
  return table;
}

template <typename T>
uint64_t Case::upload(const std::vector<T> &data) {
  const uint64_t address = device.allocate(std::max<size_t>(data.size() * sizeof(T), 1));
  if (!data.empty())
    device.write(address, data.data(), data.size() * sizeof(T));
  return address;
}

Rows Case::drawRows(int tokens, int heads, int dim) {
  Rows rows;
  rows.tokens = tokens;
  rows.heads = heads;
  rows.dim = dim;
  rows.dimStride = test.dimStride;
  rows.headStride = shape.aligned ? roundedUp(dim, 8) + 8 : dim * test.dimStride + 1;
  rows.tokenStride = rows.headStride * heads + (shape.aligned ? 8 : 3);
  rows.batchStride = rows.tokenStride * tokens;
  std::normal_distribution<float> normal;
  rows.data.assign(rows.elements(test.batches), 0);
  for (uint16_t &x : rows.data)
    x = toBits(shape.element, normal(random));
  return rows;
}

void Case::offsetKeys() {
  std::normal_distribution<float> normal(0, test.keyOffset > 0 ? test.keyOffset : 1);
  std::vector<float> offset(test.headDim * test.keyHeads);
  for (float &x : offset)
    x = test.keyOffset > 0 ? normal(random) : 0;
  for (int batch = 0; batch < test.batches && test.keyOffset > 0; ++batch)
    for (int token = 0; token < k.tokens; ++token)
      for (int head = 0; head < k.heads; ++head)
        for (int d = 0; d < k.dim; ++d)
          k.data[k.at(batch, token, head, d)] =
              toBits(shape.element, float(element(k, batch, token, head, d)) + offset[head * k.dim + d]);
}

/// Puts a tensor on the device, its gaps unwritten.
TensorView Case::place(Rows &rows) {
  rows.address = device.allocate(rows.data.size() * 2);
  for (int batch = 0; batch < test.batches; ++batch)
    for (int token = 0; token < rows.tokens; ++token)
      for (int head = 0; head < rows.heads; ++head)
        for (int d = 0; d < rows.dim; ++d) {
          const long long at = rows.at(batch, token, head, d);
          device.write(rows.address + 2 * at, &rows.data[at], 2);
        }
  return {reinterpret_cast<void *>(rows.address), rows.batchStride, rows.tokenStride, rows.headStride, rows.dimStride};
}

template <typename T>
T *pointer(uint64_t address) {
  return reinterpret_cast<T *>(address);
}

void Case::placeTables() {
  const int keyStride = roundedUp(test.keyTile, shape.keyBlock);
  queryTokens = lanesOf(queryTiles, shape.queryBlock);
  keyTokens.clear();
  for (const std::vector<int> &tile : keyTiles) {
    keyTokens.insert(keyTokens.end(), tile.begin(), tile.end());
    keyTokens.resize(roundedUp(int(keyTokens.size()), keyStride), -1);
  }
  auto coordinates = [&](const std::vector<int32_t> &tokens) {
    std::vector<int32_t> rows;
    for (int32_t token : tokens)
      rows.push_back(std::max(token, 0));
    for (int32_t token : tokens)
      rows.push_back(token < 0 ? -1 : 0);
    return upload(rows);
  };
  const uint64_t queryCoordinates = coordinates(queryTokens), keyCoordinates = coordinates(keyTokens);
  const uint64_t masks = upload(std::vector<uint64_t>{upload(std::vector<int32_t>{modulus})});
  std::vector<PlanTable> rows;
  for (int i = 0; i < test.tables; ++i) {
    tables.push_back(drawTable());
    const Table &table = tables.back();
    rows.push_back({pointer<RowPiece>(upload(table.pieces)), pointer<unsigned long long>(upload(table.runs)),
                    pointer<SplitBlock>(upload(table.splits)), pointer<int>(queryCoordinates),
                    pointer<int>(keyCoordinates), pointer<const int *>(masks), nullptr, int(table.pieces.size()),
                    int(table.splits.size())});
    arguments.slots = std::max(arguments.slots, table.slots);
  }
  for (int i = 0; i < (test.tables > 1 ? test.batches * test.heads : 1); ++i)
    tableOf.push_back(int(random() % test.tables));
  arguments.tables = pointer<PlanTable>(upload(rows));
  arguments.tableOf = pointer<int>(upload(tableOf));
  arguments.tableBatches = test.tables > 1 ? test.batches : 1;
  arguments.tableHeads = test.tables > 1 ? test.heads : 1;
  arguments.queryTokens = pointer<int>(upload(queryTokens));
  arguments.keyTokens = pointer<int>(upload(keyTokens));
  arguments.queryLanes = int(queryTokens.size());
  arguments.keyLanes = int(keyTokens.size());
  arguments.keyStride = keyStride;
}

void Case::placeOutputs() {
  out = drawRows(test.queries, test.heads, test.valueDim);
  std::fill(out.data.begin(), out.data.end(), untouched);
  out.address = upload(out.data);
  for (int batch = 0; batch < test.batches; ++batch)
    for (int token = 0; token < out.tokens; ++token)
      for (int head = 0; head < out.heads; ++head)
        for (int d = 0; d < out.dim; ++d)
          device.forget(out.address + 2 * out.at(batch, token, head, d), 2);
  arguments.out = {reinterpret_cast<void *>(out.address), out.batchStride, out.tokenStride, out.headStride,
                   out.dimStride};
  if (test.lse) {
    lse.resize(size_t(test.batches) * test.heads * test.queries);
    lseAddress = device.allocate(lse.size() * 4);
    arguments.lse = pointer<float>(lseAddress);
    arguments.lseToken = 1;
    arguments.lseHead = test.queries;
    arguments.lseBatch = (long long)(test.queries) * test.heads;
  }
  const uint64_t rows = uint64_t(test.batches) * test.heads * arguments.slots * shape.queryBlock;
  arguments.partialValues = pointer<float>(device.allocate(rows * shape.valueDim * 4 + 1));
  arguments.partialMaxima = pointer<float>(device.allocate(rows * 4 + 1));
  arguments.partialSums = pointer<float>(device.allocate(rows * 4 + 1));
}

ptxsim::Counts Case::launch(const char *kernel, int64_t shared, size_t x, int y, int threads) {
  static std::map<const std::string *, ptxsim::Module> modules;
  const std::string &ptx = kernelPtx(shape, test.architecture, test.tested);
  auto found = modules.find(&ptx);
  if (test.edit)
    found = modules.insert_or_assign(nullptr, ptxsim::Module::parse(test.edit(ptx))).first;
  else if (found == modules.end())
    found = modules.emplace(&ptx, ptxsim::Module::parse(ptx)).first;
  ptxsim::Launch launch;
  launch.kernel = kernel;
  launch.grid = {uint32_t(x), uint32_t(y), uint32_t(test.batches)};
  launch.block = {uint32_t(threads), 1, 1};
  launch.dynamicSharedBytes = uint32_t(shared);
  launch.parameters.resize(sizeof arguments);
  std::memcpy(launch.parameters.data(), &arguments, sizeof arguments);
  return ptxsim::run(device, found->second, launch);
}

/// Keys that a query sees, counted from the first that the tensor holds.
std::vector<int> Case::keysOf(int batch, int head, int query) const {
  const Table &table = tables[tableOf[tableOf.size() > 1 ? batch * test.heads + head : 0]];
  const std::vector<int> &tests = table.testOf[tileOfQuery.at(query)];
  std::vector<int> keys;
  for (int key = test.firstKey; key < test.firstKey + test.keys && !isMissing(batch, query); ++key) {
    const int kind = tests[tileOfKey.at(key)];
    if (kind >= 0 && !isMissing(batch, key) && keepsPair(kind, query, key))
      keys.push_back(key - test.firstKey);
  }
  return keys;
}

double Case::element(const Rows &rows, int batch, int token, int head, int d) const {
  return fromBits(shape.element, rows.data[rows.at(batch, token, head, d)]);
}

/// Attention of one query in float64, over the tensors as they are or as the recipe rounds them.
ExpectedRow Case::attend(int batch, int head, int token, const std::vector<int> &keys, bool rounded) const {
  const int keyHead = head / (test.heads / test.keyHeads);
  ExpectedRow row;
  std::vector<double> query(test.headDim), scores;
  for (int d = 0; d < test.headDim; ++d)
    query[d] = rounded ? model.query(batch, token, head, d) : element(q, batch, token, head, d);
  double most = -infinity, sum = 0;
  for (int key : keys) {
    double score = 0;
    for (int d = 0; d < test.headDim; ++d)
      score += query[d] * (rounded ? model.key(batch, key, keyHead, d) : element(k, batch, key, keyHead, d));
    scores.push_back(score * test.scale);
    most = std::max(most, scores.back());
  }
  for (double &score : scores)
    sum += score = std::exp(score - (most == -infinity ? 0 : most));
  row.out.resize(test.valueDim);
  row.size.resize(test.valueDim);
  for (int d = 0; d < test.valueDim; ++d)
    for (size_t i = 0; i < keys.size(); ++i) {
      const double x = scores[i] / sum *
                       (rounded ? model.value(batch, keys[i], keyHead, d) : element(v, batch, keys[i], keyHead, d));
      row.out[d] += x;
      row.size[d] += std::abs(x);
    }
  row.lse = most + std::log(sum) + (rounded ? test.scale * model.restored(batch, token, head) : 0);
  return row;
}

void Case::compareRow(int batch, int head, int query) {
  const bool rounded = shape.arithmetic != Arithmetic::Plain;
  const int token = query - test.firstQuery;
  const std::vector<int> keys = keysOf(batch, head, query);
  const ExpectedRow expected = attend(batch, head, token, keys, rounded);
  const ExpectedRow exact = rounded ? attend(batch, head, token, keys, false) : expected;
  for (int d = 0; d < test.valueDim; ++d) {
    const double got = element(out, batch, token, head, d);
    if (keys.empty() ? got != 0 : std::isnan(got) != std::isnan(expected.out[d]))
      fail("output " + std::to_string(got), batch, head, query);
    else if (!keys.empty() && !std::isnan(got))
      result.outputError = std::max(result.outputError, std::abs(got - expected.out[d]) / expected.size[d]);
    errors += std::abs(got - exact.out[d]);
    outputs += std::abs(exact.out[d]);
  }
  if (!test.lse)
    return;
  const float got = lse[(size_t(batch) * test.heads + head) * test.queries + token];
  if (keys.empty() ? got != -infinity : std::isnan(got) != std::isnan(expected.lse))
    fail("log-sum-exp " + std::to_string(got), batch, head, query);
  else if (!keys.empty() && !std::isnan(got))
    result.lseError = std::max(result.lseError, std::abs(got - expected.lse));
}

/// Workspace of a quantised recipe, unwritten.
void Case::placeQuantised() {
  const size_t pairs = size_t(test.batches) * test.keyHeads, lanes = pairs * arguments.keyLanes;
  const size_t queries = size_t(test.batches) * test.heads * arguments.queryLanes;
  const bool fp8 = shape.arithmetic == Arithmetic::Int8Fp8;
  arguments.queryNumbers = pointer<signed char>(device.allocate(queries * shape.headDim));
  arguments.queryScales = pointer<float>(device.allocate(queries * 4));
  arguments.queryShifts = pointer<float>(device.allocate(queries * 4));
  arguments.keyMeans = pointer<float>(device.allocate(pairs * shape.headDim * 4));
  arguments.keyNumbers = pointer<signed char>(device.allocate(lanes * shape.headDim));
  arguments.keyScales = pointer<float>(device.allocate(lanes / shape.keyBlock * keyBlockNumbers * 4));
  arguments.sums = pointer<double>(
      device.allocate(pairs * sumParts(arguments.keyLanes) * sumColumns(shape.headDim, shape.valueDim, fp8) * 8));
  if (fp8) {
    arguments.valueScales = pointer<float>(device.allocate(pairs * shape.valueDim * 4));
    arguments.valueNumbers = pointer<unsigned char>(device.allocate(lanes * shape.valueDim));
  }
}

/// Runs what comes before attention, and holds what it wrote against the model.
void Case::quantise() {
  placeQuantised();
  const bool fp8 = shape.arithmetic == Arithmetic::Int8Fp8;
  launch("falloff_sums", 0, sumParts(arguments.keyLanes), test.keyHeads, quantiseThreads);
  launch("falloff_means", 0, meanBlocks(shape.headDim, shape.valueDim, fp8), test.keyHeads, quantiseThreads);
  launch("falloff_quantise", 0, arguments.keyLanes / shape.keyBlock, test.keyHeads, quantiseThreads);
  launch("falloff_queries", 0, queryParts(arguments.queryLanes), test.heads, quantiseThreads);
  auto view = [this](const Rows &rows) -> ModelRows {
    return {rows.tokens, rows.heads, rows.dim, [this, &rows](int batch, int token, int head, int d) {
              return float(element(rows, batch, token, head, d));
            }};
  };
  model.q = view(q);
  model.k = view(k);
  model.v = view(v);
  model.batches = test.batches;
  model.firstQuery = test.firstQuery;
  model.firstKey = test.firstKey;
  model.queryTokens = queryTokens;
  model.keyTokens = keyTokens;
  model.isMissing = [this](int batch, int token) { return isMissing(batch, token); };
  model.round(shape);
  result.wrong = model.compare(shape, device, arguments);
}

void Case::compare() {
  for (size_t tile = 0; tile < queryTiles.size(); ++tile)
    for (int token : queryTiles[tile])
      tileOfQuery[token] = int(tile);
  for (size_t tile = 0; tile < keyTiles.size(); ++tile)
    for (int token : keyTiles[tile])
      tileOfKey[token] = int(tile);
  std::vector<uint16_t> gaps = out.data;
  device.read(out.address, out.data.data(), out.data.size() * 2); // all of it was written
  if (test.lse)
    device.read(lseAddress, lse.data(), lse.size() * 4);
  for (int batch = 0; batch < test.batches; ++batch)
    for (int head = 0; head < test.heads; ++head)
      for (int query = test.firstQuery; query < test.firstQuery + test.queries; ++query) {
        compareRow(batch, head, query);
        for (int d = 0; d < test.valueDim; ++d)
          gaps[out.at(batch, query - test.firstQuery, head, d)] =
              out.data[out.at(batch, query - test.firstQuery, head, d)];
      }
  result.exactError = errors / outputs;
  if (gaps != out.data && result.wrong.empty())
    result.wrong = "a gap between rows of the output was written";
}

KernelResult Case::run() {
  q = drawRows(test.queries, test.heads, test.headDim);
  k = drawRows(test.keys, test.keyHeads, test.headDim);
  v = drawRows(test.keys, test.keyHeads, test.valueDim);
  offsetKeys();
  for (const Poison &poison : test.poison) {
    Rows &rows = poison.tensor == 'q' ? q : poison.tensor == 'k' ? k : v;
    rows.data[rows.at(poison.batch, poison.token, poison.head, poison.dim)] = toBits(shape.element, poison.value);
  }
  arguments.q = place(q);
  arguments.k = place(k);
  arguments.v = place(v);
  placeTables();
  placeOutputs();
  arguments.firstQuery = test.firstQuery;
  arguments.firstKey = test.firstKey;
  arguments.batches = test.batches;
  arguments.heads = test.heads;
  arguments.keyHeads = test.keyHeads;
  arguments.headDim = test.headDim;
  arguments.valueDim = test.valueDim;
  arguments.scale = std::abs(test.scale) * 1.44269504088896340736f;
  arguments.scaleNatural = test.scale;
  arguments.negate = test.scale < 0;
  if (!test.textLengths.empty()) {
    arguments.textLast = test.textTokens;
    std::copy(test.textLengths.begin(), test.textLengths.end(), arguments.textLengths);
  }
  size_t pieces = 0, splits = 0;
  for (const Table &table : tables) {
    pieces = std::max(pieces, table.pieces.size());
    splits = std::max(splits, table.splits.size());
  }
  if (shape.arithmetic != Arithmetic::Plain)
    quantise();
  result.counts = launch("falloff_attention", shape.sharedBytes, pieces, test.heads, shape.threads);
  if (splits > 0)
    launch("falloff_merge", 0, splits * (shape.valueDim / mergeColumns), test.heads, shape.threads);
  compare();
  return result;
}

} // namespace

const std::string &kernelPtx(const KernelShape &shape, int32_t architecture, bool tested) {
  static std::map<std::string, std::string> known;
  std::string source = emitSource(shape, nullptr);
  if (tested) {
    const std::string begin = "//===--- functor ---===//\n", end = "\n//===---";
    const size_t from = source.find(begin) + begin.size(), to = source.find(end, from);
    if (from < begin.size() || to == std::string::npos)
      throw std::logic_error("expects a source with a functor, but got none");
    source.replace(from, to - from, testFunctor);
  }
  std::string &ptx = known[std::to_string(architecture) + source];
  if (ptx.empty())
    ptx = compile(source, "kernel.cu", architecture, true).image;
  return ptx;
}

KernelResult runCase(const KernelCase &test) { return Case(test).run(); }

KernelCase caseOf(const KernelRequest &request) {
  KernelCase test;
  test.architecture = request.architecture;
  test.shape = kernelShape(request);
  test.headDim = int(request.headDim);
  test.valueDim = int(request.valueDim);
  test.queryTile = int(request.queryCapacity);
  test.keyTile = int(request.keyCapacity);
  test.queries = 150;
  test.keys = 230;
  test.scale = 1 / std::sqrt(float(request.headDim));
  return test;
}

double unitOf(const KernelCase &test) { return std::ldexp(1, test.shape.element == Element::BF16 ? -8 : -11); }

} // namespace falloff::cuda
