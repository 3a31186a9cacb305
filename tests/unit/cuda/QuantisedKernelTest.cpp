// SPDX-License-Identifier: Apache-2.0
//
// The recipes int8 and int8-fp8 on a CUDA device, in the simulator: what is rounded, to the bit, against the functions
// that processors run; scores and outputs against float64 over the rounded tensors; and both against the tensors as
// they are.
#include "tests/unit/cuda/KernelCase.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace falloff::cuda {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
constexpr Arithmetic recipes[] = {Arithmetic::Int8, Arithmetic::Int8Fp8};

KernelCase caseOf(Arithmetic arithmetic, int headDim = 64, int valueDim = 64, bool aligned = true, int queryTile = 128,
                  int keyTile = 64, int32_t architecture = 89, Element element = Element::BF16) {
  return caseOf(KernelRequest{architecture, element, arithmetic, aligned, headDim, valueDim, queryTile, keyTile});
}

/// Against rounded tensors: with 16-bit weights, as KernelTest. A weight in e4m3 is off by 2^-4 of itself at most, or
/// by 2^-10 / 112 of the largest where it is subnormal.
KernelResult expectRight(const KernelCase &test) {
  const KernelResult result = runCase(test);
  const double unit = unitOf(test);
  const bool fp8 = test.shape.arithmetic == Arithmetic::Int8Fp8;
  EXPECT_EQ(result.wrong, "");
  EXPECT_LT(result.outputError, 1.5 * unit + (fp8 ? std::ldexp(1, -4) : 0));
  EXPECT_LT(result.lseError, 2e-5);
  return result;
}

TEST(Quantised, AgreesWithTheModel) {
  for (Arithmetic recipe : recipes) {
    KernelCase test = caseOf(recipe, 128, 128);
    test.tested = true;
    test.kept = 0.7;
    expectRight(test);
  }
}

TEST(Quantised, IsNearToAttention) {
  // Normal numbers: docs/int8.md has the errors of longer sequences. In e4m3 half a unit is up to 6 % of a number and 2
  // % on average, of a weight and of a value.
  KernelCase test = caseOf(Arithmetic::Int8, 128, 128);
  test.keys = 500;
  EXPECT_LT(expectRight(test).exactError, 0.02);
  test = caseOf(Arithmetic::Int8Fp8, 128, 128);
  test.keys = 500;
  EXPECT_LT(expectRight(test).exactError, 0.05);
}

TEST(Quantised, SmoothsKeysWithAnOffset) {
  for (Arithmetic recipe : recipes) {
    KernelCase test = caseOf(recipe, 128, 128, true, 128, 64, 89, Element::F16);
    test.keyOffset = 8;
    const KernelResult result = runCase(test);
    EXPECT_EQ(result.wrong, "");
    EXPECT_LT(result.outputError, recipe == Arithmetic::Int8 ? 0.001 : 0.0635);
    EXPECT_LT(result.lseError, 1e-4); // of some 100, which q . mean is
    EXPECT_LT(result.exactError, recipe == Arithmetic::Int8 ? 0.02 : 0.05);
  }
}

TEST(Quantised, TakesEveryHeadDimension) {
  for (int dim = 32; dim <= 256; dim += 32)
    for (Arithmetic recipe : recipes) {
      KernelCase test = caseOf(recipe, dim, dim);
      test.queries = 70;
      test.keys = 150;
      const KernelResult result = expectRight(test);
      const auto [first, last] = result.counts.mainLoop();
      EXPECT_GT(result.counts.total(first, last).wavefronts, 0u);
      EXPECT_EQ(result.counts.total(first, last).conflicts, 0u) << "head dimension " << dim;
      EXPECT_EQ(result.counts.total(first, last).localBytes, 0u);
    }
}

TEST(Quantised, PadsHeadDimensionsAndTakesAnyStrides) {
  for (Arithmetic recipe : recipes) {
    expectRight(caseOf(recipe, 104, 72));
    expectRight(caseOf(recipe, 100, 70, false));
    expectRight(caseOf(recipe, 7, 1, false));
    KernelCase strided = caseOf(recipe, 40, 24, false);
    strided.dimStride = 3;
    expectRight(strided);
    expectRight(caseOf(recipe, 32, 256));
    expectRight(caseOf(recipe, 255, 17, false));
  }
}

TEST(Quantised, TakesEveryBlock) {
  for (int queryTile : {64, 128, 300})
    for (int keyTile : {20, 64, 100}) {
      KernelCase test = caseOf(keyTile == 64 ? Arithmetic::Int8 : Arithmetic::Int8Fp8, 64, 64, true, queryTile, keyTile,
                               queryTile == 64 ? 90 : 120);
      test.tested = keyTile == 100;
      test.queries = 330;
      expectRight(test);
    }
}

TEST(Quantised, SharesKeyHeadsMergesSplitRowsAndLeavesRowsEmpty) {
  for (Arithmetic recipe : recipes) {
    KernelCase test = caseOf(recipe);
    test.batches = 2;
    test.heads = 4;
    test.keyHeads = 2;
    test.tables = 3;
    test.kept = 0.3;
    test.keys = 600;
    test.queries = 70;
    test.queryTile = 30;
    test.splitTiles = 2;
    test.tested = true;
    test.keyOffset = 4;
    const KernelResult result = runCase(test);
    EXPECT_EQ(result.wrong, "");
    EXPECT_LT(result.outputError, recipe == Arithmetic::Int8 ? 0.006 : 0.068);
    EXPECT_LT(result.lseError, 5e-5);
  }
}

TEST(Quantised, LeavesOutTextPastItsLength) {
  for (Arithmetic recipe : recipes) {
    KernelCase test = caseOf(recipe);
    test.batches = 3;
    test.textTokens = 60;
    test.textLengths = {0, 17, 60};
    test.tested = true;
    for (int token = 20; token < 60; ++token) // what lies past a length reaches no one, means included
      for (char tensor : {'q', 'k', 'v'})
        test.poison.push_back({tensor, 1, token, 0, token % 64, token % 2 ? nan : infinity});
    expectRight(test);
  }
}

TEST(Quantised, TakesSlicesAndScales) {
  for (Arithmetic recipe : recipes) {
    KernelCase test = caseOf(recipe);
    test.firstQuery = 1000;
    test.firstKey = 37;
    for (float scale : {-0.3f, 1e-3f, 1.5f}) {
      test.scale = scale;
      expectRight(test);
    }
  }
}

TEST(Quantised, NaNAndInfinityReachWhoSeesThem) {
  for (Arithmetic recipe : recipes)
    for (float poison : {nan, infinity, -infinity})
      for (char tensor : {'q', 'k', 'v'}) {
        if (tensor == 'v' && recipe == Arithmetic::Int8)
          continue; // as in 16 bits
        KernelCase test = caseOf(recipe);
        test.heads = test.keyHeads = 2;
        test.queries = 100;
        test.kept = 0.4;
        test.tested = true;
        test.poison = {{tensor, 0, 19, 1, 3, poison}, {tensor, 0, 77, 0, 60, poison}};
        expectRight(test);
        test.splitTiles = 1;
        test.seed = 4;
        expectRight(test);
      }
}

TEST(Quantised, TinyAndHugeNumbers) {
  for (Arithmetic recipe : recipes) {
    KernelCase test = caseOf(recipe);
    for (int token = 0; token < test.keys; ++token)
      test.poison.push_back({'k', 0, token, 0, 5, token % 3 ? 3e30f : -3e30f});
    for (int token = 0; token < test.queries; ++token)
      test.poison.push_back({'q', 0, token, 0, 5, 1e-36f});
    for (int d = 0; d < 64; ++d)
      test.poison.push_back({'q', 0, 7, 0, d, 1e-35f}); // a row that counts as 0
    const KernelResult result = runCase(test);
    EXPECT_EQ(result.wrong, "");
  }
}

/// Weights of e4m3 are up to 448: sums of these values times those would be infinite, in whole rows and in pieces.
TEST(Quantised, HugeValues) {
  for (int splitTiles : {0, 2}) {
    KernelCase test = caseOf(Arithmetic::Int8Fp8);
    test.splitTiles = splitTiles;
    for (int token = 0; token < test.keys; ++token)
      test.poison.push_back({'v', 0, token, 0, 3, 5e35f});
    const KernelResult result = runCase(test);
    EXPECT_EQ(result.wrong, "");
    EXPECT_LT(result.outputError, 0.068);
  }
}

} // namespace
} // namespace falloff::cuda
