// SPDX-License-Identifier: Apache-2.0
//
// Arrivals and completions.
#include "tests/ptxsim/Barrier.h"

#include "tests/ptxsim/Cta.h"

#include <algorithm>

namespace ptxsim {

void Barriers::arrive(Cta &cta, Warp &warp, uint32_t number, uint32_t threads, bool waits, uint32_t predicate,
                      int reduction) {
  if (number >= count)
    throw Problem{FaultKind::Barrier, "expects a barrier below 16, but got " + std::to_string(number), {}};
  uint32_t whole = static_cast<uint32_t>(cta.warps.size()) * 32;
  if (threads % 32 || threads > whole)
    throw Problem{FaultKind::Barrier,
                  "expects whole warps of the CTA's " + std::to_string(cta.threads) + " threads at barrier " +
                      std::to_string(number) + ", but got " + std::to_string(threads),
                  {}};
  Barrier &barrier = barriers[number];
  uint32_t expected = threads ? threads : whole;
  if (barrier.expected && barrier.expected != expected)
    throw Problem{FaultKind::Barrier,
                  "expects " + std::to_string(barrier.expected) + " threads at barrier " + std::to_string(number) +
                      " like the warps before, but got " + std::to_string(expected),
                  {}};
  if (std::find(barrier.warps.begin(), barrier.warps.end(), warp.index) != barrier.warps.end())
    throw Problem{
        FaultKind::Barrier, "arrives at barrier " + std::to_string(number) + " twice before it completes", {}};
  if (barrier.expected && barrier.reduction != reduction)
    throw Problem{FaultKind::Barrier,
                  "expects one kind of barrier at barrier " + std::to_string(number) +
                      ", but got a reduction where warps before did not reduce, or otherwise, or the reverse",
                  {}};
  barrier.expected = expected;
  barrier.reduction = reduction;
  barrier.arrived += 32;
  barrier.warps.push_back(warp.index);
  barrier.set += static_cast<uint32_t>(__builtin_popcount(predicate & warp.existing));
  barrier.members += static_cast<uint32_t>(__builtin_popcount(warp.existing));
  for (uint32_t lane = 0; lane < 32; ++lane)
    if (warp.existing >> lane & 1)
      barrier.join.arrive(cta.ordering, warp.thread(static_cast<int>(lane)));
  if (waits)
    barrier.waiting.push_back(&warp);
  if (barrier.arrived == barrier.expected)
    complete(cta, barrier);
}

void Barriers::complete(Cta &cta, Barrier &barrier) {
  if (barrier.waiting.size() == cta.warps.size()) {
    cta.ordering.meetAll();
    cta.shared.forgetRecords();
  } else {
    std::vector<uint32_t> threads;
    for (const Warp *warp : barrier.waiting)
      for (uint32_t lane = 0; lane < 32; ++lane)
        if (warp->existing >> lane & 1)
          threads.push_back(warp->thread(static_cast<int>(lane)));
    cta.ordering.leave(barrier.join, threads);
  }
  for (Warp *warp : barrier.waiting) {
    finishReduction(*warp, *warp->waitingAt, barrier.set, barrier.members);
    warp->waitingAt = nullptr;
  }
  barrier = {};
}

std::string Barriers::describe(uint32_t number) const {
  const Barrier &barrier = barriers[number];
  return "barrier " + std::to_string(number) + ", where " + std::to_string(barrier.arrived) + " of " +
         std::to_string(barrier.expected) + " threads are";
}

} // namespace ptxsim
