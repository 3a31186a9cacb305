// SPDX-License-Identifier: Apache-2.0
//
// Attention over plans made by hand against softmax attention in float64, written here from its definition. Outputs are
// poisoned with NaN first, so that what is not written is seen.
//
// Tolerances, for values within [-1, 1]: float32 5e-6, from sums of a few thousand products, and 2^-22 of the highest
// score, whose rounding is a relative error of its weight; bf16 6e-3, from one rounding of the weights and one of the
// output (2^-9 each) and their sums.
#include "compiler/cpu/Attention.h"
#include "compiler/cpu/Pack.h"
#include "compiler/cpu/Target.h"
#include "gtest/gtest.h"
#include <cmath>
#include <functional>
#include <limits>
#include <random>

using namespace falloff;
using namespace falloff::cpu;
using runtime::DType;
using KeyRun = runtime::Run; // tests have a Run of their own
using runtime::Tensor;

namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// Memory of a tensor whose dimensions lie in `order` (outermost first), with `gap` unused elements after each row of
/// the innermost one.
struct Owned {
  std::vector<char> memory;
  Tensor tensor;

  Owned(DType dtype, std::array<int64_t, 4> sizes, std::array<int, 4> order = {0, 1, 2, 3}, int64_t gap = 0) {
    tensor.dtype = dtype;
    tensor.sizes = sizes;
    int64_t stride = 1;
    for (int at = 3; at >= 0; --at) {
      tensor.strides[order[at]] = stride;
      stride *= sizes[order[at]] + (at == 3 ? gap : 0);
    }
    memory.resize(std::max<int64_t>(stride, 1) * runtime::sizeOf(dtype));
    tensor.data = memory.data();
    for (int64_t i = 0; i < stride; ++i)
      write(i, nan);
  }
  void write(int64_t element, float value) {
    if (tensor.dtype == DType::F32)
      reinterpret_cast<float *>(tensor.data)[element] = value;
    else
      reinterpret_cast<uint16_t *>(tensor.data)[element] = toBf16(value);
  }
  int64_t at(int64_t a, int64_t b, int64_t c, int64_t d) const {
    const auto &s = tensor.strides;
    return a * s[0] + b * s[1] + c * s[2] + d * s[3];
  }
  void set(int64_t a, int64_t b, int64_t c, int64_t d, float value) { write(at(a, b, c, d), value); }
  double get(int64_t a, int64_t b, int64_t c, int64_t d) const {
    int64_t element = at(a, b, c, d);
    return tensor.dtype == DType::F32 ? reinterpret_cast<const float *>(tensor.data)[element]
                                      : fromBf16(reinterpret_cast<const uint16_t *>(tensor.data)[element]);
  }
  void randomise(std::mt19937 &random) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (int64_t a = 0; a < tensor.sizes[0]; ++a)
      for (int64_t b = 0; b < tensor.sizes[1]; ++b)
        for (int64_t c = 0; c < tensor.sizes[2]; ++c)
          for (int64_t d = 0; d < tensor.sizes[3]; ++d)
            set(a, b, c, d, uniform(random));
  }
};

/// Whether head h of batch entry b computes a pair.
using Kept = std::function<bool(int64_t b, int64_t h, int64_t query, int64_t key)>;

struct Shape {
  int64_t batch = 1, heads = 1, keyHeads = 1, dim = 64, valueDim = 64;
  std::array<int, 4> order = {0, 1, 2, 3};
  int64_t gap = 0;
};

struct Tensors {
  Owned q, k, v, out, lse;
  Tensors(DType dtype, const Shape &s, int64_t queries, int64_t keys)
      : q(dtype, {s.batch, queries, s.heads, s.dim}, s.order, s.gap),
        k(dtype, {s.batch, keys, s.keyHeads, s.dim}, s.order, s.gap),
        v(dtype, {s.batch, keys, s.keyHeads, s.valueDim}, s.order, s.gap),
        out(dtype, {s.batch, queries, s.heads, s.valueDim}, s.order, s.gap),
        lse(DType::F32, {s.batch, s.heads, queries, 1}) {
    std::mt19937 random(std::random_device{}());
    q.randomise(random);
    k.randomise(random);
    v.randomise(random);
  }
  void run(const runtime::Plan &plan, const SetProgram *program, const Options &options) {
    attention(plan, program, q.tensor, k.tensor, v.tensor, out.tensor, lse.tensor, options);
  }
};

/// Softmax attention of one query, from its definition.
void expectQuery(const Tensors &t, int64_t b, int64_t h, int64_t query, double scale, const Kept &kept) {
  int64_t keys = t.k.tensor.sizes[1], dim = t.q.tensor.sizes[3], valueDim = t.v.tensor.sizes[3];
  int64_t keyHead = h / (t.q.tensor.sizes[2] / t.k.tensor.sizes[2]);
  std::vector<double> scores(keys, -std::numeric_limits<double>::infinity());
  double highest = scores.empty() ? 0 : scores[0];
  for (int64_t key = 0; key < keys; ++key) {
    if (!kept(b, h, query, key))
      continue;
    double product = 0;
    for (int64_t d = 0; d < dim; ++d)
      product += t.q.get(b, query, h, d) * t.k.get(b, key, keyHead, d);
    scores[key] = scale * product;
    highest = std::max(highest, scores[key]);
  }
  double sum = 0;
  std::vector<double> expected(valueDim);
  for (int64_t key = 0; key < keys && highest > -1e300; ++key) {
    double weight = std::exp(scores[key] - highest);
    sum += weight;
    for (int64_t d = 0; d < valueDim && weight > 0; ++d)
      expected[d] += weight * t.v.get(b, key, keyHead, d);
  }
  double tolerance = t.q.tensor.dtype == DType::F32 ? 5e-6 + std::fabs(highest) * 0x1p-22 : 6e-3;
  if (sum == 0)
    tolerance = 0;
  for (int64_t d = 0; d < valueDim; ++d)
    ASSERT_NEAR(t.out.get(b, query, h, d), sum > 0 ? expected[d] / sum : 0, tolerance)
        << "batch " << b << " head " << h << " query " << query << " column " << d;
  double lse = t.lse.get(b, h, query, 0);
  if (sum == 0)
    ASSERT_EQ(lse, -std::numeric_limits<double>::infinity());
  else
    ASSERT_NEAR(lse, highest + std::log(sum), 1e-5 * std::max(1.0, std::fabs(highest)));
}

void expectAttention(const Tensors &t, const Kept &kept, double scale = 0) {
  int64_t queries = t.q.tensor.sizes[1];
  if (scale == 0)
    scale = 1 / std::sqrt(double(t.q.tensor.sizes[3]));
  for (int64_t b = 0; b < t.q.tensor.sizes[0]; ++b)
    for (int64_t h = 0; h < t.q.tensor.sizes[2]; ++h)
      for (int64_t query = 0; query < queries; query += queries > 300 ? 7 : 1)
        ASSERT_NO_FATAL_FAILURE(expectQuery(t, b, h, query, scale, kept));
}

bool all(int64_t, int64_t, int64_t, int64_t) { return true; }

//===--- plans by hand ------------------------------------------------------------------------------------------===//

runtime::Plan flatPlan(int64_t tokens, int64_t queryTile, int64_t keyTile) {
  runtime::Plan plan;
  runtime::Grid &grid = plan.grid;
  grid.kind = runtime::GridKind::Flat;
  grid.segments.push_back({"tokens", {"token"}, {tokens}, {}, {}, 0, 0, 0});
  grid.flatQueryTile = grid.queryCapacity = queryTile;
  grid.flatKeyTile = grid.keyCapacity = keyTile;
  grid.tokens = tokens;
  grid.queryTiles = (tokens + queryTile - 1) / queryTile;
  grid.keyTiles = (tokens + keyTile - 1) / keyTile;
  grid.queries = grid.keys = {0, tokens};
  plan.tableOf = {0};
  plan.segmentIds = {0};
  plan.tables.resize(1);
  plan.masks.resize(1);
  return plan;
}

/// Segments text(token) and video(frame, patch), each with boxes of its own.
runtime::Plan boxPlan(int64_t text, int64_t frames, int64_t patches, std::array<int64_t, 2> videoBox, int64_t textBox) {
  auto up = [](int64_t n, int64_t by) { return (n + by - 1) / by; };
  int64_t textTiles = up(text, textBox), videoTiles = up(frames, videoBox[0]) * up(patches, videoBox[1]);
  runtime::Plan plan = flatPlan(text + frames * patches, 1, 1);
  runtime::Grid &grid = plan.grid;
  grid.kind = runtime::GridKind::Box;
  grid.segments = {{"text", {"token"}, {text}, {textBox}, {textBox}, 0, 0, 0},
                   {"video",
                    {"frame", "patch"},
                    {frames, patches},
                    {videoBox[0], videoBox[1]},
                    {videoBox[0], videoBox[1]},
                    text,
                    textTiles,
                    textTiles}};
  grid.queryTiles = grid.keyTiles = textTiles + videoTiles;
  grid.queryCapacity = grid.keyCapacity = std::max(textBox, videoBox[0] * videoBox[1]);
  plan.segmentIds = {0, 1};
  return plan;
}

void addRow(runtime::RowTable &table, const std::vector<KeyRun> &runs) {
  if (table.rowStart.empty())
    table.rowStart.push_back(0);
  table.runs.insert(table.runs.end(), runs.begin(), runs.end());
  table.rowOrder.push_back(uint32_t(table.rowStart.size() - 1));
  table.rowStart.push_back(uint32_t(table.runs.size()));
}

runtime::Plan dense(runtime::Plan plan) {
  for (int64_t row = 0; row < plan.grid.queryTiles; ++row)
    addRow(plan.tables[0], {KeyRun(0, plan.grid.keyTiles, KeyRun::full)});
  return plan;
}

/// lo[q] <= k < hi[q] over the tokens of a flat plan: a window of `left` tokens before the query and itself.
SetProgram windowProgram() {
  SetProgram program;
  program.segments = {{"tokens", {"token"}}};
  program.coordinates = {{0, 0, -1}};
  SetNode window;
  window.kind = SetKind::Interval;
  window.segment = window.coordinate = window.query = 0;
  window.table = 1;
  window.high = 2;
  program.nodes = {window, SetNode()};
  program.contains = 0;
  program.abouts = {{0, 1}};
  program.extentTable = 0;
  program.tables = 3;
  return program;
}

runtime::Plan windowPlan(int64_t tokens, int64_t tile, int64_t left, uint32_t test) {
  runtime::Plan plan = flatPlan(tokens, tile, tile);
  plan.coordinates = {{0, 0, -1}};
  std::vector<int32_t> lo(tokens), hi(tokens);
  for (int64_t x = 0; x < tokens; ++x) {
    lo[x] = int32_t(std::max<int64_t>(x - left, 0));
    hi[x] = int32_t(x + 1);
  }
  plan.masks[0].tables = {{int32_t(tokens)}, lo, hi};
  for (uint32_t row = 0; row < plan.grid.queryTiles; ++row) {
    uint32_t first = uint32_t(std::max<int64_t>(row * tile - left, 0) / tile);
    addRow(plan.tables[0], {KeyRun(first, row + 1, test)});
  }
  return plan;
}

std::vector<std::string> levels() {
  std::vector<std::string> names;
  for (Level level : {Level::Generic, Level::Avx2, Level::Avx512, Level::Avx512Bf16})
    if (level <= hostLevel())
      names.push_back(nameOf(level));
  return names;
}

//===--- tests --------------------------------------------------------------------------------------------------===//

TEST(Attention, DenseOnEveryLevelAndType) {
  for (const std::string &level : levels())
    for (DType dtype : {DType::F32, DType::BF16}) {
      SCOPED_TRACE(level + (dtype == DType::F32 ? " float32" : " bfloat16"));
      runtime::Plan plan = dense(flatPlan(333, 128, 96));
      Tensors t(dtype, {}, 333, 333);
      Options options;
      options.features = level;
      t.run(plan, nullptr, options);
      expectAttention(t, all);
    }
}

TEST(Attention, HeadDimensionsOfEverySize) {
  int64_t sizes[][2] = {{1, 1},    {2, 3},  {7, 33},   {16, 80},   {33, 7},
                        {65, 128}, {96, 1}, {128, 64}, {255, 256}, {256, 255}};
  for (const std::string &level : levels())
    for (auto [dim, valueDim] : sizes)
      for (DType dtype : {DType::F32, DType::BF16}) {
        SCOPED_TRACE(level + " " + std::to_string(dim) + " x " + std::to_string(valueDim));
        Shape shape;
        shape.dim = dim;
        shape.valueDim = valueDim;
        Tensors t(dtype, shape, 77, 77);
        Options options;
        options.features = level;
        t.run(dense(flatPlan(77, 64, 64)), nullptr, options);
        expectAttention(t, all);
      }
}

TEST(Attention, LengthsFromOne) {
  for (int64_t tokens : {1, 2, 3, 4, 5, 11, 12, 13, 31, 32, 33, 129, 240, 241, 500})
    for (int64_t tile : {1, 24, 128, 600}) {
      SCOPED_TRACE(std::to_string(tokens) + " tokens in tiles of " + std::to_string(tile));
      Tensors t(DType::BF16, {}, tokens, tokens);
      t.run(dense(flatPlan(tokens, tile, tile)), nullptr, {});
      expectAttention(t, all);
    }
}

TEST(Attention, BatchesGroupsOfHeadsAndStrides) {
  for (std::array<int, 4> order : {std::array<int, 4>{0, 1, 2, 3}, {0, 2, 1, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}})
    for (DType dtype : {DType::F32, DType::BF16}) {
      Shape shape{2, 6, 2, 40, 24, order, 5};
      Tensors t(dtype, shape, 70, 70);
      t.run(dense(flatPlan(70, 32, 32)), nullptr, {});
      expectAttention(t, all);
    }
}

TEST(Attention, NegativeAndZeroStrides) {
  Tensors t(DType::F32, {1, 2, 2, 16, 16, {0, 1, 2, 3}, 0}, 50, 50);
  // Keys read backwards; one value row for all tokens.
  Owned &k = t.k, &v = t.v;
  k.tensor.data = reinterpret_cast<float *>(k.tensor.data) + 49 * k.tensor.strides[1];
  k.tensor.strides[1] = -k.tensor.strides[1];
  v.tensor.strides[1] = 0;
  t.run(dense(flatPlan(50, 16, 16)), nullptr, {});
  expectAttention(t, all);
}

TEST(Attention, ScalesOfEitherSign) {
  for (float scale : {0.5f, -0.5f, 3.0f, 1e-6f}) {
    Tensors t(DType::BF16, {}, 100, 100);
    Options options;
    options.scale = scale;
    t.run(dense(flatPlan(100, 64, 64)), nullptr, options);
    expectAttention(t, all, scale);
  }
}

TEST(Attention, MaximumThatKeepsRising) {
  // Scores grow along the keys by far more than the slack of the running maximum, then fall.
  for (DType dtype : {DType::F32, DType::BF16}) {
    Tensors t(dtype, {1, 1, 1, 32, 32, {0, 1, 2, 3}, 0}, 900, 900);
    for (int64_t key = 0; key < 900; ++key)
      for (int64_t d = 0; d < 32; ++d)
        t.k.set(0, key, 0, d, float(t.k.get(0, key, 0, d) * (450 - std::abs(450 - key)) * 0.2));
    t.run(dense(flatPlan(900, 128, 64)), nullptr, {});
    expectAttention(t, all);
  }
}

TEST(Attention, PartialTiles) {
  for (const std::string &level : levels())
    for (int64_t left : {0, 3, 100, 1000}) {
      SCOPED_TRACE(level + " window of " + std::to_string(left));
      SetProgram program = windowProgram();
      Tensors t(DType::BF16, {}, 410, 410);
      Options options;
      options.features = level;
      t.run(windowPlan(410, 96, left, KeyRun::partial), &program, options);
      expectAttention(t, [&](int64_t, int64_t, int64_t q, int64_t k) { return k <= q && k >= q - left; });
    }
}

TEST(Attention, LimitedTilesKeepTheirLimit) {
  // Test 2 fills group 0, whose limit is every pair: tiles met become whole.
  SetProgram program = windowProgram();
  Tensors t(DType::F32, {}, 300, 300);
  t.run(windowPlan(300, 64, 80, 2), &program, {});
  expectAttention(t, [](int64_t, int64_t, int64_t q, int64_t k) {
    return k / 64 <= q / 64 && k / 64 >= std::max<int64_t>(q / 64 * 64 - 80, 0) / 64;
  });
}

TEST(Attention, EmptyRowsGiveZeroAndMinusInfinity) {
  runtime::Plan plan = flatPlan(200, 64, 64);
  addRow(plan.tables[0], {KeyRun(0, 1, KeyRun::full), KeyRun(3, 4, KeyRun::full)});
  addRow(plan.tables[0], {});
  addRow(plan.tables[0], {KeyRun(2, 3, KeyRun::full)});
  addRow(plan.tables[0], {});
  Tensors t(DType::BF16, {}, 200, 200);
  t.run(plan, nullptr, {});
  expectAttention(t, [](int64_t, int64_t, int64_t q, int64_t k) {
    return q < 64 ? k < 64 || k >= 192 : q >= 128 && q < 192 && k >= 128 && k < 192;
  });
}

TEST(Attention, QueriesWithoutAKeyInTheirPartialTiles) {
  SetProgram program = windowProgram();
  runtime::Plan plan = windowPlan(150, 32, 10, KeyRun::partial);
  for (int64_t query = 40; query < 60; ++query)
    plan.masks[0].tables[2][query] = 0;
  Tensors t(DType::F32, {}, 150, 150);
  t.run(plan, &program, {});
  expectAttention(t,
                  [](int64_t, int64_t, int64_t q, int64_t k) { return (q < 40 || q >= 60) && k <= q && k >= q - 10; });
}

TEST(Attention, BoxTilesAreGathered) {
  runtime::Plan plan = boxPlan(11, 5, 45, {2, 16}, 8);
  // Tiles of the grid: 2 of text, then 3 x 3 boxes of 2 frames x 16 patches.
  for (uint32_t row = 0; row < 11; ++row)
    addRow(plan.tables[0], row < 2
                               ? std::vector<KeyRun>{KeyRun(0, 11, KeyRun::full)}
                               : std::vector<KeyRun>{KeyRun(0, 2, KeyRun::full), KeyRun(row, row + 1, KeyRun::full)});
  int64_t tokens = plan.grid.tokens;
  auto box = [](int64_t token) { return (token - 11) / 45 / 2 * 3 + (token - 11) % 45 / 16; };
  for (DType dtype : {DType::F32, DType::BF16}) {
    Tensors t(dtype, {1, 2, 1, 48, 32, {0, 2, 1, 3}, 0}, tokens, tokens);
    t.run(plan, nullptr, {});
    expectAttention(t, [&](int64_t, int64_t, int64_t q, int64_t k) { return q < 11 || k < 11 || box(q) == box(k); });
  }
}

TEST(Attention, TextLengths) {
  runtime::Plan plan = dense(boxPlan(21, 4, 30, {1, 16}, 16));
  std::vector<int64_t> lengths = {0, 7, 21};
  for (DType dtype : {DType::F32, DType::BF16}) {
    Tensors t(dtype, {3, 1, 1, 64, 64, {0, 1, 2, 3}, 0}, plan.grid.tokens, plan.grid.tokens);
    // What lies past a text is never read into a result.
    for (int64_t b = 0; b < 3; ++b)
      for (int64_t token = lengths[b]; token < 21; ++token)
        for (int64_t d = 0; d < 64; ++d) {
          t.k.set(b, token, 0, d, nan);
          t.v.set(b, token, 0, d, nan);
        }
    Options options;
    options.textLengths = lengths;
    t.run(plan, nullptr, options);
    expectAttention(t, [&](int64_t b, int64_t, int64_t q, int64_t k) {
      return !(q >= lengths[b] && q < 21) && !(k >= lengths[b] && k < 21);
    });
  }
}

TEST(Attention, TextLengthsInTestedTiles) {
  SetProgram program = windowProgram();
  Tensors t(DType::BF16, {2, 1, 1, 32, 32, {0, 1, 2, 3}, 0}, 200, 200);
  std::vector<int64_t> lengths = {133, 200};
  for (int64_t token = 133; token < 200; ++token)
    t.v.set(0, token, 0, 3, nan);
  Options options;
  options.textLengths = lengths;
  t.run(windowPlan(200, 64, 50, KeyRun::partial), &program, options);
  expectAttention(t, [&](int64_t b, int64_t, int64_t q, int64_t k) {
    return q < lengths[b] && k < lengths[b] && k <= q && k >= q - 50;
  });
}

TEST(Attention, KeyMajorPlansGiveTheSame) {
  SetProgram program = windowProgram();
  runtime::Plan plan = windowPlan(300, 64, 70, KeyRun::partial);
  plan.major = runtime::Major::Key;
  plan.tables[0] = runtime::RowTable();
  for (uint32_t key = 0; key < 5; ++key) // queries that see key tile: this one, and those up to 70 tokens later
    addRow(plan.tables[0], {KeyRun(key, std::min(5u, key + 3), KeyRun::partial)});
  Tensors t(DType::F32, {}, 300, 300);
  t.run(plan, &program, {});
  expectAttention(t, [](int64_t, int64_t, int64_t q, int64_t k) { return k <= q && k >= q - 70; });
}

TEST(Attention, SlicesReadGlobalTokens) {
  SetProgram program = windowProgram();
  runtime::Plan plan = windowPlan(300, 64, 299, KeyRun::partial);
  plan.grid.queries = {70, 210};
  plan.grid.keys = {33, 300};
  Tensors t(DType::F32, {}, 140, 267);
  t.run(plan, &program, {});
  expectAttention(t, [](int64_t, int64_t, int64_t q, int64_t k) { return k + 33 <= q + 70; });
}

runtime::Plan splitPlan() {
  runtime::Plan plan = dense(flatPlan(700, 128, 64));
  plan.tables[0].splits = {{1, {2, 7}}, {3, {5}}};
  return plan;
}

TEST(Attention, SplitRowsMerge) {
  Tensors t(DType::BF16, {2, 2, 1, 64, 48, {0, 1, 2, 3}, 0}, 700, 700);
  t.run(splitPlan(), nullptr, {});
  expectAttention(t, all);
}

TEST(Attention, SameBitsOnAnyNumberOfThreads) {
  SetProgram program = windowProgram();
  runtime::Plan window = windowPlan(700, 128, 200, KeyRun::partial), split = splitPlan();
  for (const runtime::Plan *plan : {&window, &split}) {
    Tensors t(DType::BF16, {2, 3, 1, 64, 64, {0, 1, 2, 3}, 0}, 700, 700);
    std::vector<char> first;
    for (int threads : {1, 2, 3, 8}) {
      Options options;
      options.threads = threads;
      t.run(*plan, &program, options);
      if (first.empty())
        first = t.out.memory;
      EXPECT_EQ(first, t.out.memory) << threads << " threads";
    }
  }
}

TEST(Attention, NotANumberReachesThoseWhoSeeIt) {
  for (DType dtype : {DType::F32, DType::BF16})
    for (bool inKey : {false, true}) {
      runtime::Plan plan = flatPlan(128, 64, 64);
      addRow(plan.tables[0], {KeyRun(0, 1, KeyRun::full)});
      addRow(plan.tables[0], {KeyRun(0, 2, KeyRun::full)});
      Tensors t(dtype, {}, 128, 128);
      (inKey ? t.k : t.v).set(0, 100, 0, 5, nan);
      t.run(plan, nullptr, {});
      for (int64_t query = 0; query < 128; ++query)
        for (int64_t d = 0; d < 64; ++d)
          EXPECT_EQ(std::isnan(t.out.get(0, query, 0, d)), query >= 64 && (inKey || d == 5)) << query << " " << d;
    }
}

TEST(Attention, InfinityInAQueryStaysThere) {
  Tensors t(DType::F32, {}, 64, 64);
  t.q.set(0, 17, 0, 0, std::numeric_limits<float>::infinity());
  t.run(dense(flatPlan(64, 64, 64)), nullptr, {});
  for (int64_t query = 0; query < 64; ++query)
    EXPECT_EQ(std::isnan(t.out.get(0, query, 0, 0)), query == 17);
}

TEST(Attention, RefusesWhatDoesNotFit) {
  runtime::Plan plan = dense(flatPlan(64, 32, 32));
  auto message = [&](const std::function<void(Tensors &, Options &)> &change) {
    Tensors t(DType::F32, {1, 4, 2, 64, 64, {0, 1, 2, 3}, 0}, 64, 64);
    Options options;
    change(t, options);
    return validate(plan, t.q.tensor, t.k.tensor, t.v.tensor, t.out.tensor, t.lse.tensor, options);
  };
  EXPECT_EQ(message([](Tensors &, Options &) {}), "");
  EXPECT_EQ(message([](Tensors &t, Options &) { t.k.tensor.dtype = DType::BF16; }),
            "expects k of float32, as q is, but got bfloat16");
  EXPECT_EQ(message([](Tensors &t, Options &) { t.q.tensor.dtype = DType::F16; }),
            "expects tensors of float32 or bfloat16 on the CPU, but got float16");
  EXPECT_EQ(message([](Tensors &t, Options &) { t.q.tensor.device = 0; }), "expects q on the CPU, but got cuda:0");
  EXPECT_EQ(message([](Tensors &t, Options &) { t.v.tensor.device = 1; }),
            "expects v on the CPU, where q lies, but got cuda:1");
  EXPECT_EQ(message([](Tensors &t, Options &) { t.lse.tensor.device = 2; }),
            "expects lse on the CPU, where q lies, but got cuda:2");
  EXPECT_EQ(message([](Tensors &t, Options &) { t.q.tensor.sizes[1] = 63; }),
            "expects q with 64 tokens, as the plan has (tokens: token 64), but got 63");
  EXPECT_EQ(message([](Tensors &t, Options &) { t.q.tensor.sizes[2] = t.out.tensor.sizes[2] = 3; }),
            "expects heads of q to be a multiple of those of k, but got 3 and 2");
  EXPECT_EQ(message([](Tensors &t, Options &) { t.q.tensor.sizes[3] = 257; }),
            "expects a head dimension of q from 1 to 256, but got 257");
  EXPECT_EQ(message([](Tensors &t, Options &) { t.k.tensor.sizes[3] = 32; }),
            "expects k with head dimension 64, as q has, but got 32");
  EXPECT_EQ(message([](Tensors &t, Options &) { t.v.tensor.sizes[0] = 2; }),
            "expects v with batch 1, as q has, but got 2");
  EXPECT_EQ(message([](Tensors &, Options &o) { o.textLengths = {65}; }),
            "expects text lengths from 0 to 64, the tokens of segment 'tokens', but got 65");
  EXPECT_EQ(message([](Tensors &, Options &o) { o.textLengths = {1, 2}; }),
            "expects one text length a batch entry, 1, but got 2");
  plan.tableOf = {0, 0, 0};
  EXPECT_EQ(message([](Tensors &, Options &) {}), "expects q with 3 heads, as the plan has tables for, but got 4");
}

TEST(Attention, RefusesUnknownFeatures) {
  EXPECT_THROW(parseLevel("sse9"), std::invalid_argument);
  EXPECT_EQ(parseLevel(""), hostLevel());
  if (hostLevel() < Level::Avx512Bf16)
    EXPECT_THROW(parseLevel("avx512bf16"), std::invalid_argument);
}

} // namespace
