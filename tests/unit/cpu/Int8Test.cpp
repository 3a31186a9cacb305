// SPDX-License-Identifier: Apache-2.0
//
// The recipe int8 below attention: sums of whole numbers at every level, instructions, and shapes of groups.
#include "compiler/cpu/Attention.h"
#include "compiler/cpu/EmitKernel.h"
#include "compiler/cpu/JitEngine.h"
#include "compiler/cpu/Quantise.h"
#include "compiler/cpu/Target.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace falloff;
using namespace falloff::cpu;
using runtime::BackEnd;
using runtime::DType;
using runtime::Recipe;
using runtime::Tensor;

namespace {

Tensor view(std::vector<float> &memory, int64_t tokens, int64_t dim) {
  Tensor tensor;
  tensor.data = memory.data();
  tensor.sizes = {1, tokens, 1, dim};
  tensor.strides = {tokens * dim, dim, dim, 1};
  return tensor;
}

/// Rows of whole numbers, each with 127 in it, so that they are their own rounding and scales are 1.
std::vector<float> wholeNumbers(int64_t rows, int64_t dim, std::mt19937 &random) {
  std::uniform_int_distribution<int> number(-127, 127);
  std::vector<float> values(rows * dim);
  for (float &value : values)
    value = float(number(random));
  for (int64_t row = 0; row < rows; ++row)
    values[row * dim + row % dim] = row % 2 ? 127 : -127;
  return values;
}

/// One step of a block of 12 queries; what stands in the scratch memory of scores are the sums.
void expectSums(const KernelSpec &spec, Step step, int64_t dim, bool largest) {
  std::mt19937 random(unsigned(dim) + 1);
  int64_t keys = spec.panel(), queries = spec.group(), depth = (dim + spec.scoreUnit() - 1) / spec.scoreUnit();
  std::vector<float> q = wholeNumbers(queries, dim, random), k = wholeNumbers(keys, dim, random);
  if (largest) { // the sums of largest magnitude, of either sign
    std::fill(q.begin(), q.end(), 127.0f);
    for (size_t i = 0; i < k.size(); ++i)
      k[i] = i / size_t(dim) % 2 ? 127 : -127;
  }
  std::vector<float> mean(dim), keyScales(keys), queryScales(queries), scores(queries * KernelSpec::stepKeys),
      weights(scores.size()), output(queries * spec.panel()), maxima(queries, KernelSpec::lowest),
      sums(queries * spec.lanes()), values(spec.panel() * spec.panel());
  std::vector<uint32_t> packedQ(queries * depth), packedK(keys * depth);
  std::vector<int32_t> tokens(std::max(queries, keys)), corrections(queries);
  std::vector<uint8_t> poisoned(queries);
  for (size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = int32_t(i);
  packInt8Keys(spec, Recipe(), Rows(view(k, keys, dim), 0, 0, 0), mean.data(), tokens.data(), depth, packedK.data(),
               keyScales.data());
  packInt8Queries(spec, Recipe(), Rows(view(q, queries, dim), 0, 0, 0), tokens.data(), queries, queries, depth, false,
                  1, packedQ.data(), {queryScales.data(), corrections.data(), poisoned.data()});
  StepArguments arguments;
  arguments.q = packedQ.data();
  arguments.k = packedK.data();
  arguments.v = values.data();
  arguments.scores = scores.data();
  arguments.weights = weights.data();
  arguments.output = output.data();
  arguments.maxima = maxima.data();
  arguments.sums = sums.data();
  arguments.rows = queries;
  arguments.panels = arguments.valuePanels = 1;
  arguments.depth = depth;
  arguments.keyScales = keyScales.data();
  arguments.queryScales = queryScales.data();
  arguments.corrections = corrections.data();
  step(&arguments);
  for (int64_t i = 0; i < queries; ++i) {
    EXPECT_EQ(queryScales[i], 1);
    for (int64_t j = 0; j < keys; ++j) {
      int64_t sum = 0;
      for (int64_t d = 0; d < dim; ++d)
        sum += int64_t(q[i * dim + d]) * int64_t(k[j * dim + d]);
      EXPECT_EQ(keyScales[j], 1);
      ASSERT_EQ(scores[i * KernelSpec::stepKeys + j], float(sum))
          << nameOf(spec.level) << " dim " << dim << ": " << i << ", " << j;
    }
  }
}

TEST(Int8, SumsAreExactAtEveryLevel) {
  for (Level level : {Level::Generic, Level::Avx2, Level::Avx512, Level::Avx512Vnni, Level::Avx512Bf16}) {
    if (level > hostLevel())
      continue;
    KernelSpec spec = specFor(level, DType::F32, true);
    auto code = loadObject(compileObject(level, [&](mlir::MLIRContext &c) { return emitKernel(c, spec); }));
    Step step = reinterpret_cast<Step>(code->find("step"));
    for (int64_t dim : {1, 2, 3, 4, 5, 63, 64, 128, 255, 256}) {
      expectSums(spec, step, dim, false);
      expectSums(spec, step, dim, true);
    }
  }
}

TEST(Int8, KernelUsesTheInstructionsOfItsLevel) {
#if defined(__x86_64__)
  auto has = [](Level level, const char *word) {
    auto make = [&](mlir::MLIRContext &context) { return emitKernel(context, specFor(level, DType::BF16, true)); };
    return print(level, make, Listing::Assembly).find(word) != std::string::npos;
  };
  EXPECT_TRUE(has(Level::Avx512Bf16, "vpdpbusd") && has(Level::Avx512Bf16, "vdpbf16ps"));
  EXPECT_TRUE(has(Level::Avx512Vnni, "vpdpbusd") && !has(Level::Avx512Vnni, "vdpbf16ps"));
  EXPECT_TRUE(has(Level::Avx512, "vfmadd") && !has(Level::Avx512, "vpdpbusd"));
  EXPECT_TRUE(has(Level::Avx2, "ymm") && !has(Level::Avx2, "zmm"));
#endif
}

/// Rows of `tokens` whose largest magnitudes are 1, 2, 3, ...: a group's scale is that of its last row.
TEST(Int8, GroupsShareTheScaleOfTheirLargest) {
  KernelSpec spec = specFor(hostLevel(), DType::F32, true);
  int64_t panel = spec.panel(), dim = 4, depth = (dim + spec.scoreUnit() - 1) / spec.scoreUnit();
  std::vector<float> rows(panel * dim), mean(dim);
  std::vector<int32_t> tokens(panel);
  for (int64_t i = 0; i < panel; ++i) {
    rows[i * dim + i % dim] = float(i + 1);
    tokens[i] = int32_t(i);
  }
  for (int64_t group : {1, 2, 4, 8, 16}) {
    Recipe recipe;
    recipe.keys.rows = recipe.queries.rows = group;
    std::vector<float> scales(panel), queryScales(panel);
    std::vector<int32_t> corrections(panel);
    std::vector<uint8_t> poisoned(panel);
    std::vector<uint32_t> packed(panel * depth);
    packInt8Keys(spec, recipe, Rows(view(rows, panel, dim), 0, 0, 0), mean.data(), tokens.data(), depth, packed.data(),
                 scales.data());
    int64_t count = panel - 3; // the last group is shorter
    packInt8Queries(spec, recipe, Rows(view(rows, panel, dim), 0, 0, 0), tokens.data(), count, panel, depth, true, 2,
                    packed.data(), {queryScales.data(), corrections.data(), poisoned.data()});
    for (int64_t i = 0; i < panel; ++i) {
      float largest = float(i / group * group + group);
      EXPECT_EQ(scales[i], largest / 127) << "groups of " << group << ", key " << i;
      if (i >= count)
        continue;
      largest = std::min(largest, float(count));
      EXPECT_EQ(queryScales[i], 2 * (largest / 127)) << "groups of " << group << ", query " << i;
      EXPECT_EQ(corrections[i], 128 * int32_t(std::nearbyint(float(i + 1) * (127 / largest))));
      EXPECT_EQ(poisoned[i], 0);
    }
  }
}

TEST(Int8, OddShapesOfGroupsAreRefused) {
  for (int64_t rows : {0, -1, 3, 32}) {
    Recipe recipe;
    recipe.keys.rows = rows;
    EXPECT_EQ(validate(recipe),
              "expects groups of 1, 2, 4, 8 or 16 rows for recipe int8, but got " + std::to_string(rows));
    std::swap(recipe.keys, recipe.queries);
    EXPECT_NE(validate(recipe), "");
  }
  EXPECT_EQ(validate(*runtime::findRecipe("int8", BackEnd::Cpu)), "");
  Recipe recipe = *runtime::findRecipe("int8", BackEnd::Cuda);
  recipe.keys.rows = 16;
  EXPECT_EQ(validate(recipe),
            "expects groups of neighbouring rows for recipe int8, but got 4 groups to a block of rows");
}

TEST(Int8, BackEndsHaveTheirOwnRecipes) {
  EXPECT_EQ(runtime::findRecipe("int4", BackEnd::Cuda), nullptr);
  EXPECT_EQ(runtime::findRecipe("int8-fp8", BackEnd::Cpu), nullptr);
  EXPECT_EQ(runtime::recipeFault("int8", BackEnd::Cpu), "");
  EXPECT_EQ(runtime::recipeFault("int8-fp8", BackEnd::Cuda), "");
  EXPECT_EQ(runtime::recipeFault("int4", BackEnd::Cpu), "expects recipe int8 or none, but got 'int4'");
  EXPECT_EQ(runtime::recipeFault("int4", BackEnd::Cuda), "expects recipe int8, int8-fp8 or none, but got 'int4'");
  EXPECT_EQ(runtime::recipeFault("int8-fp8", BackEnd::Cpu),
            "expects recipe int8 or none on a processor, but got 'int8-fp8', which takes a CUDA device");
}

/// The groups of a GPU are the columns of scores that one of four threads holds.
TEST(Int8, StridedGroupsAreColumnsOfAThread) {
  runtime::RowGroups groups = runtime::findRecipe("int8", BackEnd::Cuda)->keys;
  EXPECT_EQ(groups.perBlock(), 4);
  for (int64_t row = 0; row < 128; ++row)
    EXPECT_EQ(groups.groupOf(row), row / 2 % 4);
}

TEST(Int8, MeansSkipWhatIsMissing) {
  std::vector<float> rows;
  for (int64_t token = 0; token < 3000; ++token)
    rows.insert(rows.end(), {token % 2 ? 1.0f : 2.0f, token >= 10 && token < 2000 ? NAN : 4.0f, INFINITY});
  Tensor k = view(rows, 3000, 3);
  std::vector<runtime::TokenRange> none(1);
  std::vector<float> means = keyMeans(k, {0, 3000}, {{10, 2000}}, 2);
  EXPECT_EQ(means, (std::vector<float>{1.5, 4, 0})); // 0 where a mean is not finite
  EXPECT_EQ(keyMeans(k, {0, 3000}, {{0, 3000}}, 1), (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(keyMeans(k, {0, 3000}, none, 1), keyMeans(k, {0, 3000}, none, 7));
}

} // namespace
