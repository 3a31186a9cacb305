// SPDX-License-Identifier: Apache-2.0
//
// Kernels that NVRTC compiled from planted/, right ones and each with one bug. The simulator has to find every bug, by
// the fault that belongs to it or in the counts, and nothing in the right ones.
#include "tests/ptxsim/Numbers.h"
#include "tests/ptxsim/Run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <random>
#include <sstream>

using namespace ptxsim;

static std::string fileText(const std::string &name) {
  std::ifstream file(std::string(PTXSIM_SOURCE) + "/planted/" + name + ".ptx");
  EXPECT_TRUE(file) << name << ": python tests/ptxsim/planted/regenerate.py makes it";
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Matrices {
  static constexpr int rows = 100, columns = 128, depth = 320; // an incomplete last block of rows; five steps
  std::vector<uint16_t> a, b;
  std::vector<double> wanted;

  Matrices() : a(rows * depth), b(columns * depth), wanted(rows * columns) {
    std::mt19937 generator(1);
    std::uniform_real_distribution<float> values(-1, 1);
    auto bf16 = [&] { return static_cast<uint16_t>(asBits(values(generator)) >> 16); };
    std::generate(a.begin(), a.end(), bf16);
    std::generate(b.begin(), b.end(), bf16);
    auto value = [](uint16_t bits) { return double(asFloat(uint32_t(bits) << 16)); };
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j)
        for (int k = 0; k < depth; ++k)
          wanted[i * columns + j] += value(a[i * depth + k]) * value(b[j * depth + k]);
  }
};

/// Runs a variant of Product; `worst` gets the largest error.
static Counts runProduct(const std::string &name, double &worst, uint32_t firstWarp = 0) {
  static const Matrices matrices;
  Module module = Module::parse(fileText(name));
  Device device;
  uint64_t a = upload(device, matrices.a), b = upload(device, matrices.b);
  uint64_t c = device.allocate(matrices.wanted.size() * 4);
  Launch launch;
  launch.kernel = "product";
  launch.grid = {2, 2, 1};
  launch.block = {128, 1, 1};
  launch.parameters = parameters(a, b, c, Matrices::rows, Matrices::columns, Matrices::depth);
  launch.options.maxWarpInstructions = 1'000'000;
  launch.options.firstWarp = firstWarp;
  Counts counts = run(device, module, launch);
  std::vector<float> got = download<float>(device, c, matrices.wanted.size());
  worst = 0;
  for (size_t i = 0; i < got.size(); ++i)
    worst = std::max(worst, std::fabs(got[i] - matrices.wanted[i]));
  return counts;
}

constexpr double tolerance = 1e-4; // of sums of 320 products below 1 in fp32

TEST(Planted, TheRightProduct) {
  double worst = 0;
  Counts counts = runProduct("Product", worst);
  EXPECT_LT(worst, tolerance);
  auto [first, last] = counts.mainLoop();
  LineCounts loop = counts.total(first, last);
  EXPECT_EQ(counts.total().conflicts, 0u);
  // 4 CTAs x 4 warps x 5 steps x 4 k x (8 mma, 5 ldmatrix of 4 wavefronts, 512 bytes each).
  EXPECT_EQ(counts.matrix().at("m16n8k16.row.col.f32.bf16.bf16.f32"), 4u * 4 * 5 * 4 * 8);
  EXPECT_EQ(counts.kinds(first, last).at(Kind::LoadMatrix), 4u * 4 * 5 * 4 * 5);
  EXPECT_EQ(loop.conflicts, 0u);
  // A and B of all CTAs, rows that are there: 100 + 100 of A, 128 + 128 of B.
  EXPECT_EQ(counts.total().globalBytes, (2u * 100 + 2 * 128) * 320 * 2 + 100 * 128 * 4);
}

TEST(Planted, TheOrderOfWarpsChangesNothing) {
  double first = 0, worst = 0;
  uint64_t instructions = runProduct("Product", first).total().instructions;
  for (uint32_t warp = 1; warp < 4; ++warp) {
    EXPECT_EQ(runProduct("Product", worst, warp).total().instructions, instructions);
    EXPECT_EQ(worst, first);
  }
}

struct Bug {
  const char *name;
  FaultKind kind;
  const char *words; ///< that the message has to hold
};

/// For GoogleTest, which prints it.
void PrintTo(const Bug &bug, std::ostream *out) { *out << bug.name; }

class PlantedBug : public testing::TestWithParam<Bug> {};

TEST_P(PlantedBug, IsFound) {
  double worst = 0;
  FaultKind kind{};
  std::string message = faultOf([&] { runProduct(std::string("Product.") + GetParam().name, worst); }, &kind);
  ASSERT_FALSE(message.empty()) << "no fault";
  EXPECT_EQ(name(kind), std::string(name(GetParam().kind))) << message;
  EXPECT_NE(message.find(GetParam().words), std::string::npos) << message;
  EXPECT_NE(message.find("CTA ("), std::string::npos) << message;
  EXPECT_NE(message.find("line "), std::string::npos) << message;
}

TEST_P(PlantedBug, IsFoundWhicheverWarpGoesFirst) {
  double worst = 0;
  for (uint32_t warp = 1; warp < 4; ++warp)
    EXPECT_NE(faultOf([&] { runProduct(std::string("Product.") + GetParam().name, worst, warp); }), "") << warp;
}

INSTANTIATE_TEST_SUITE_P(
    Product, PlantedBug,
    testing::Values(Bug{"no_wait", FaultKind::Pending, "has not waited"},
                    Bug{"short_wait", FaultKind::Pending, "has not waited"},
                    Bug{"no_commit", FaultKind::Pending, "has not waited"},
                    Bug{"no_barrier", FaultKind::Race, "no barrier is between the two"},
                    Bug{"no_second_barrier", FaultKind::Race, "no barrier is between the two"},
                    Bug{"tail", FaultKind::OutOfBounds, "a read of 16 bytes at offset 64000 of an allocation of 64000"},
                    Bug{"store_tail", FaultKind::OutOfBounds, "a write of 4 bytes at offset 51200"},
                    Bug{"no_fill", FaultKind::Uninitialised, "nobody wrote"},
                    // Warp 3 runs ahead and meets copies of others first.
                    Bug{"missing_warp", FaultKind::Pending, "has not waited"},
                    Bug{"missing_lanes", FaultKind::Divergence, "some of its lanes are missing (mask 0xffff"}),
    [](const testing::TestParamInfo<Bug> &info) { return std::string(info.param.name); });

TEST(Planted, AWrongSwizzleGivesWrongSums) {
  double worst = 0;
  runProduct("Product.wrong_swizzle", worst);
  EXPECT_GT(worst, 1);
}

TEST(Planted, NoSwizzleIsRightButConflicts) {
  double worst = 0;
  Counts counts = runProduct("Product.no_swizzle", worst);
  EXPECT_LT(worst, tolerance);
  auto [first, last] = counts.mainLoop();
  // Eight rows of 128 bytes begin in one bank: each ldmatrix.x4 needs 4 x 8 wavefronts instead of 4.
  uint64_t loads = counts.kinds(first, last).at(Kind::LoadMatrix);
  uint64_t conflicts = 0;
  for (const LineCounts &line : counts.lines)
    if (line.kind == Kind::LoadMatrix)
      conflicts += line.conflicts;
  EXPECT_EQ(conflicts, loads * 28);
}

static std::string runExchange(const std::string &name, std::vector<int> &got, FaultKind &kind) {
  return faultOf(
      [&] {
        Module module = Module::parse(fileText(name));
        Device device;
        std::vector<int> in(64);
        for (int i = 0; i < 64; ++i)
          in[i] = i;
        uint64_t from = upload(device, in), to = device.allocate(256);
        run(device, module, {"exchange", {1, 1, 1}, {64, 1, 1}, 0, parameters(from, to), {}});
        got = download<int>(device, to, 64);
      },
      &kind);
}

TEST(Planted, TheRightExchange) {
  std::vector<int> got;
  FaultKind kind{};
  EXPECT_EQ(runExchange("Exchange", got, kind), "");
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(got[i], (i ^ 1) * (i ^ 1));
}

TEST(Planted, ExchangesWithoutOrder) {
  std::vector<int> got;
  for (const char *bug : {"no_syncwarp", "same_place"}) {
    FaultKind kind{};
    std::string message = runExchange(std::string("Exchange.") + bug, got, kind);
    EXPECT_EQ(name(kind), std::string("race")) << bug << ": " << message;
  }
  FaultKind kind{};
  std::string message = runExchange("Exchange.other_warp", got, kind);
  EXPECT_EQ(kind, FaultKind::Uninitialised) << message; // the first warp reads before the second has run at all
}

TEST(Planted, AWarpThatDoesNotComeToTheBarrier) {
  std::vector<int> got;
  FaultKind kind{};
  std::string message = runExchange("Exchange.early_return", got, kind);
  EXPECT_EQ(kind, FaultKind::Deadlock) << message;
  EXPECT_NE(message.find("barrier 0, where 32 of 64 threads are, warp 1 has ended"), std::string::npos) << message;
}

TEST(Planted, AShuffleWithoutAllItsLanes) {
  std::vector<int> got;
  FaultKind kind{};
  std::string message = runExchange("Exchange.divergent_shuffle", got, kind);
  EXPECT_EQ(kind, FaultKind::Divergence) << message;
  EXPECT_NE(message.find("0xffffffff"), std::string::npos) << message;
}
