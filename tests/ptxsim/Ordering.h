// SPDX-License-Identifier: Apache-2.0
//
// Which accesses of one thread come before those of another. The CTA counts its warp instructions (ticks); an access is
// its thread and its tick. A thread knows of another thread's accesses up to some tick: that at which the other arrived
// at a barrier whose completion this one saw, directly or through third ones (a vector clock).
#ifndef FALLOFF_TESTS_PTXSIM_ORDERING_H
#define FALLOFF_TESTS_PTXSIM_ORDERING_H

#include <cstdint>
#include <memory>
#include <vector>

namespace ptxsim {

using Tick = uint32_t;
using Knowledge = std::vector<Tick>; ///< by thread

class Ordering {
public:
  explicit Ordering(size_t threads) : known(threads) {}

  Tick now = 1;

  /// Whether what `thread` did at `tick` is over for `other`, and its memory effects are seen.
  bool before(uint32_t thread, Tick tick, uint32_t other) const {
    return thread == other || tick <= everyone || (known[other] && tick <= (*known[other])[thread]);
  }
  /// No access up to this tick needs to be remembered.
  Tick everyoneKnows() const { return everyone; }

  /// What arrivals at a barrier bring, before anyone leaves it.
  class Join {
  public:
    void arrive(const Ordering &ordering, uint32_t thread);

  private:
    friend class Ordering;
    Knowledge joined;
    std::vector<std::shared_ptr<const Knowledge>> merged; ///< most threads share one
  };
  void leave(const Join &join, const std::vector<uint32_t> &threads);
  /// Every thread of the CTA meets every other.
  void meetAll();

private:
  std::vector<std::shared_ptr<const Knowledge>> known; ///< null: no more than everyone
  Tick everyone = 0;
};

} // namespace ptxsim

#endif
