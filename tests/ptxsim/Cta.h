// SPDX-License-Identifier: Apache-2.0
//
// One CTA: its warps, its shared memory and its barriers. Warps run one after the other, each as far as it can; what
// they do to each other between barriers does not depend on that order, or is a fault.
#ifndef FALLOFF_TESTS_PTXSIM_CTA_H
#define FALLOFF_TESTS_PTXSIM_CTA_H

#include "tests/ptxsim/Barrier.h"
#include "tests/ptxsim/GlobalMemory.h"
#include "tests/ptxsim/SharedMemory.h"
#include "tests/ptxsim/Simulator.h"
#include "tests/ptxsim/Warp.h"

#include <array>
#include <memory>
#include <vector>

namespace ptxsim {

/// What all CTAs of a launch share.
struct Grid {
  GlobalMemory &memory;
  const ModuleCode &module;
  const FunctionCode &entry;
  const Launch &launch;
  const std::vector<uint64_t> &variables;
  std::vector<std::vector<LineCounts>> counts; ///< by function and instruction
  uint64_t warpInstructions = 0;
};

class Cta {
public:
  explicit Cta(Grid &grid);
  /// One CTA after the other, in one set of buffers.
  void run(std::array<uint32_t, 3> which);

  Grid &grid;
  std::array<uint32_t, 3> index = {};
  uint32_t number = 0; ///< in the launch
  uint32_t threads;
  Ordering ordering;
  SharedMemory shared;
  Barriers barriers;
  std::vector<std::unique_ptr<Warp>> warps;

private:
  [[noreturn]] void deadlock();
};

} // namespace ptxsim

#endif
