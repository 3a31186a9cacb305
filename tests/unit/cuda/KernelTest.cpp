// SPDX-License-Identifier: Apache-2.0
//
// The hand-written kernel against float64, in the simulator: each of what it promises in a case of its own.
#include "runtime/cuda/KernelArguments.h"
#include "tests/unit/cuda/KernelCase.h"
#include <cmath>
#include <gtest/gtest.h>
#include <stdexcept>

namespace falloff::cuda {
namespace {

/// Two tiles of queries by four of keys at head dimension 64, nothing special.
KernelCase plainCase(int headDim = 64, int valueDim = 64, bool aligned = true, int queryTile = 128, int keyTile = 64,
                     int32_t architecture = 80, Element element = Element::BF16) {
  KernelCase test = caseOf({architecture, element, Arithmetic::Plain, aligned, headDim, valueDim, queryTile, keyTile});
  test.queries = 200;
  return test;
}

/// Weights and outputs round once each to the tensors' type.
void expectRight(const KernelCase &test) {
  const KernelResult result = runCase(test);
  EXPECT_EQ(result.wrong, "");
  EXPECT_LT(result.outputError, 1.5 * unitOf(test));
  EXPECT_LT(result.lseError, 2e-5);
}

TEST(Kernel, IsAttention) { expectRight(plainCase()); }

TEST(Kernel, SpansManyTiles) {
  KernelCase test = plainCase();
  test.keys = 900;
  test.queries = 64;
  expectRight(test);
}

TEST(Kernel, TestsPairsOfTestedTiles) {
  for (uint32_t seed = 1; seed < 4; ++seed) {
    KernelCase test = plainCase();
    test.tested = true;
    test.kept = 0.7;
    test.seed = seed;
    expectRight(test);
  }
}

TEST(Kernel, LeavesRowsWithoutKeysEmpty) {
  KernelCase test = plainCase();
  test.kept = 0.15;
  test.queryTile = 30;
  test.seed = 3;
  expectRight(test);
}

TEST(Kernel, SharesKeyHeadsAndTables) {
  KernelCase test = plainCase();
  test.queries = 70;
  test.batches = 2;
  test.heads = 4;
  test.keyHeads = 2;
  test.tables = 3;
  test.kept = 0.6;
  expectRight(test);
}

TEST(Kernel, MergesSplitRows) {
  KernelCase test = plainCase();
  test.keys = 800;
  test.splitTiles = 3;
  test.kept = 0.6;
  test.tested = true;
  expectRight(test);
}

TEST(Kernel, LeavesOutTextPastItsLength) {
  KernelCase test = plainCase();
  test.batches = 3;
  test.textTokens = 60;
  test.textLengths = {0, 17, 60};
  test.tested = true;
  expectRight(test);
  test.splitTiles = 2;
  expectRight(test);
}

TEST(Kernel, TakesSlices) {
  KernelCase test = plainCase();
  test.firstQuery = 1000;
  test.firstKey = 37;
  expectRight(test);
}

TEST(Kernel, TakesScalesBelowZero) {
  KernelCase test = plainCase();
  test.scale = -0.3f;
  expectRight(test);
}

TEST(Kernel, TakesLargeScores) {
  KernelCase test = plainCase();
  test.scale = 3;
  test.keys = 500;
  expectRight(test);
}

TEST(Kernel, TakesAnyStrides) {
  KernelCase test = plainCase(40, 24, false);
  test.dimStride = 3;
  expectRight(test);
}

TEST(Kernel, PadsHeadDimensions) {
  expectRight(plainCase(104, 72));
  expectRight(plainCase(100, 70));
  expectRight(plainCase(7, 1));
}

TEST(Kernel, TakesEveryHeadDimension) {
  for (int dim = 32; dim <= 256; dim += 32) {
    KernelCase test = plainCase(dim, dim);
    test.queries = 130;
    test.keys = 150;
    expectRight(test);
  }
  KernelCase wide = plainCase(32, 256), narrow = plainCase(256, 32);
  expectRight(wide);
  expectRight(narrow);
}

TEST(Kernel, TakesEveryBlock) {
  for (int queryTile : {64, 128, 300})
    for (int keyTile : {32, 64, 100}) {
      KernelCase test = plainCase(128, 128, true, queryTile, keyTile, queryTile == 64 ? 90 : 89);
      test.queries = 330;
      test.keys = 250;
      test.tested = keyTile == 100;
      expectRight(test);
    }
}

TEST(Kernel, ComputesInHalfPrecision) {
  expectRight(plainCase(128, 128, true, 128, 64, 80, Element::F16));
  expectRight(plainCase(64, 64, true, 128, 64, 120, Element::F16));
}

TEST(Kernel, MainLoopHasNoBankConflicts) {
  for (int dim = 32; dim <= 256; dim += 32) {
    KernelCase test = plainCase(dim, dim);
    test.queries = 128;
    test.keys = 300;
    const ptxsim::Counts counts = runCase(test).counts;
    const auto [first, last] = counts.mainLoop();
    EXPECT_GT(counts.total(first, last).wavefronts, 0u);
    EXPECT_EQ(counts.total(first, last).conflicts, 0u) << "head dimension " << dim;
    EXPECT_EQ(counts.total(first, last).localBytes, 0u);
  }
}

TEST(KernelTable, FitsInSharedMemory) {
  for (int32_t architecture : architectures())
    for (Arithmetic arithmetic : {Arithmetic::Plain, Arithmetic::Int8, Arithmetic::Int8Fp8})
      for (int headDim : {1, 18, 32, 56, 80, 100, 128, 160, 184, 200, 231, 256})
        for (int valueDim : {1, 18, 32, 56, 80, 100, 128, 160, 184, 200, 231, 256})
          for (int queries : {64, 128})
            for (int keys : {32, 64, 128}) {
              if (arithmetic == Arithmetic::Int8Fp8 && architecture < 89)
                continue;
              const KernelShape shape =
                  kernelShape({architecture, Element::F16, arithmetic, true, headDim, valueDim, queries, keys});
              EXPECT_LE(shape.sharedBytes + cornerBytes, sharedBytesOf(architecture));
              EXPECT_EQ(shape.queryBlock, queries);
              EXPECT_GE(shape.headDim, headDim);
              EXPECT_GE(shape.stages, 1);
            }
}

TEST(KernelTable, RowsOfPartsOfWordsAreOfAnyStrides) {
  for (auto [headDim, valueDim] : {std::pair(100, 64), std::pair(64, 30)})
    EXPECT_FALSE(kernelShape({80, Element::BF16, Arithmetic::Plain, true, headDim, valueDim, 128, 64}).aligned);
}

TEST(KernelTable, RefusesWhatNoKernelServes) {
  auto messageOf = [](KernelRequest request) -> std::string {
    try {
      kernelShape(request);
    } catch (const std::invalid_argument &error) {
      return error.what();
    }
    return "";
  };
  KernelRequest request{80, Element::BF16, Arithmetic::Plain, true, 64, 64, 128, 64};
  EXPECT_EQ(messageOf(request), "");
  request.architecture = 75;
  EXPECT_EQ(messageOf(request), "expects an architecture of sm_80, sm_86, sm_89, sm_90, sm_100, sm_103, sm_120, but "
                                "got sm_75");
  request.architecture = 80;
  request.arithmetic = Arithmetic::Int8Fp8;
  EXPECT_EQ(messageOf(request), "expects sm_89 or later for the recipe int8-fp8, but got sm_80; the recipe int8 runs "
                                "there");
  request.arithmetic = Arithmetic::Plain;
  request.headDim = 257;
  EXPECT_EQ(messageOf(request), "expects a head dimension from 1 to 256, but got 257");
  request.headDim = 64;
  request.keyCapacity = 0;
  EXPECT_EQ(messageOf(request), "expects tiles of at least one token, but got 128 queries and 0 keys");
}

} // namespace
} // namespace falloff::cuda
