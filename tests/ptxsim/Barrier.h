// SPDX-License-Identifier: Apache-2.0
//
// The 16 named barriers of a CTA. Whole warps arrive, `bar.sync` ones wait until as many threads as the barrier asks
// for have come. What threads did before they arrived comes before what those that waited do afterwards.
#ifndef FALLOFF_TESTS_PTXSIM_BARRIER_H
#define FALLOFF_TESTS_PTXSIM_BARRIER_H

#include "tests/ptxsim/Ordering.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace ptxsim {

class Cta;
struct Instruction;
struct Warp;

class Barriers {
public:
  static constexpr uint32_t count = 16;

  /// A warp's arrival. `threads`: how many the barrier waits for, 0: all of the CTA. `predicate` is what bar.red
  /// reduces over, `reduction` how, 0: not at all. Throws Problem.
  void arrive(Cta &cta, Warp &warp, uint32_t barrier, uint32_t threads, bool waits, uint32_t predicate = 0,
              int reduction = 0);
  std::string describe(uint32_t barrier) const;

private:
  struct Barrier {
    uint32_t expected = 0, arrived = 0; ///< threads; 0 expected: nobody is there
    int reduction = 0;
    Ordering::Join join;
    std::vector<Warp *> waiting;
    std::vector<uint32_t> warps;   ///< that arrived
    uint32_t set = 0, members = 0; ///< lanes of bar.red: with the predicate set, in all
  };
  void complete(Cta &cta, Barrier &barrier);

  std::array<Barrier, count> barriers;
};

/// What `bar.red` gives a warp: `set` of `members` threads had the predicate set.
void finishReduction(Warp &warp, const Instruction &instruction, uint32_t set, uint32_t members);

} // namespace ptxsim

#endif
