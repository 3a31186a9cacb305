// SPDX-License-Identifier: Apache-2.0
//
// Bugs planted into the PTX of the attention kernel, one at a time: each barrier, wait and commit that it executes
// taken out, each wait allowed one group more, fragments read 16 bytes beside its place. The simulator has to
// refuse the kernel or its results have to be wrong: what nobody would notice is not tested by anything.
#include "tests/unit/cuda/KernelCase.h"
#include <gtest/gtest.h>
#include <regex>
#include <set>
#include <sstream>

namespace falloff::cuda {
namespace {

/// Outputs are wider than queries and keys, so that they reach into what other warps read last; and the blocks are of a
/// number with which the last one lies there.
KernelCase bigCase() {
  KernelCase test;
  test.shape = kernelShape({80, Element::BF16, Arithmetic::Plain, true, 32, 128, 128, 64});
  test.headDim = 32;
  test.valueDim = 128;
  test.queryTile = 128;
  test.keyTile = 64;
  test.queries = 200;
  test.keys = 450;
  return test;
}

/// Whether the case's results are those of the right kernel.
bool isRight(const KernelCase &test) {
  const KernelResult result = runCase(test);
  return result.wrong.empty() && result.outputError < 1.5 / 256 && result.lseError < 2e-5;
}

using Edit = std::function<std::string(const std::string &)>; ///< of one line

std::string editedLine(const std::string &text, int line, const Edit &edit) {
  std::istringstream in(text);
  std::string out;
  int number = 0;
  for (std::string each; std::getline(in, each);)
    out += (++number == line ? edit(each) : each) + "\n";
  return out;
}

struct Planted {
  int bugs = 0;
  std::multiset<std::string> faults;  ///< by kind
  std::vector<std::string> unnoticed; ///< instructions
};

/// Edits instructions of falloff_attention that hold `what` and are executed, one at a time: each `every`-th.
Planted plant(const std::string &what, const Edit &edit, int every = 1) {
  KernelCase test = bigCase();
  const ptxsim::Counts counts = runCase(test).counts;
  const std::regex pattern(what);
  Planted planted;
  int found = 0;
  for (const ptxsim::LineCounts &line : counts.lines) {
    if (!line.instructions || !std::regex_search(line.text, pattern) || found++ % every)
      continue;
    ++planted.bugs;
    test.edit = [&](const std::string &ptx) { return editedLine(ptx, line.line, edit); };
    try {
      if (isRight(test))
        planted.unnoticed.push_back(line.text);
    } catch (const ptxsim::Fault &fault) {
      planted.faults.insert(ptxsim::name(fault.kind));
    }
  }
  return planted;
}

std::string takenOut(const std::string &) { return ""; }

TEST(PlantedKernel, IsRightWithoutABug) { EXPECT_TRUE(isRight(bigCase())); }

TEST(PlantedKernel, NeedsEachBarrier) {
  const Planted planted = plant("bar\\.(warp\\.)?sync", takenOut);
  EXPECT_EQ(planted.bugs, 4); // two of a step, the last, and that of a warp which stores its rows
  EXPECT_EQ(planted.unnoticed, std::vector<std::string>());
  EXPECT_EQ(planted.faults.count("race"), 4u); // of a step, the first is that for the next step's place
}

TEST(PlantedKernel, NeedsEachWaitAndCommit) {
  const Planted waits = plant("cp\\.async\\.wait_group", takenOut);
  EXPECT_EQ(waits.bugs, 3);
  EXPECT_EQ(waits.faults.count("pending"), 2u);
  // All groups that the last one waits for are empty; it is there for who reads the kernel.
  EXPECT_EQ(waits.unnoticed, std::vector<std::string>{"cp.async.wait_group 0;"});

  const Planted commits = plant("cp\\.async\\.commit_group", takenOut);
  EXPECT_EQ(commits.bugs, 2);
  EXPECT_EQ(commits.faults.count("pending"), 2u);
}

TEST(PlantedKernel, WaitsForEnough) {
  const Planted planted =
      plant("cp\\.async\\.wait_group 2", [](const std::string &) { return "cp.async.wait_group 3;"; });
  EXPECT_EQ(planted.bugs, 2);
  EXPECT_EQ(planted.faults.count("pending"), 2u);
}

TEST(PlantedKernel, ReadsFragmentsWhereTheyLie) {
  const Planted planted = plant(
      "ldmatrix",
      [](const std::string &line) { // 16 bytes beside: another column
        const size_t end = line.find(']'), plus = line.find('+');
        const int offset = plus == std::string::npos ? 0 : std::stoi(line.substr(plus + 1));
        return line.substr(0, std::min(plus, end)) + "+" + std::to_string(offset ^ 16) + "];";
      },
      3);
  EXPECT_GT(planted.bugs, 8);
  EXPECT_EQ(planted.unnoticed, std::vector<std::string>());
}

} // namespace
} // namespace falloff::cuda
