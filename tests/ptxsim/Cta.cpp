// SPDX-License-Identifier: Apache-2.0
//
// The round of warps, and launches.
#include "tests/ptxsim/Cta.h"

#include <algorithm>

namespace ptxsim {

Cta::Cta(Grid &grid)
    : grid(grid), threads(grid.launch.block[0] * grid.launch.block[1] * grid.launch.block[2]),
      ordering((threads + 31) / 32 * 32),
      shared(ordering, grid.entry.sharedEnd - grid.entry.staticSharedBytes, grid.entry.sharedEnd,
             grid.module.dynamicSharedBegin, grid.launch.dynamicSharedBytes) {
  for (uint32_t begin = 0; begin < threads; begin += 32) {
    uint32_t lanes = std::min<uint32_t>(threads - begin, 32);
    warps.push_back(std::make_unique<Warp>(*this, begin / 32, allLanes >> (32 - lanes)));
  }
}

void Cta::run(std::array<uint32_t, 3> which) {
  index = which;
  number = (which[2] * grid.launch.grid[1] + which[1]) * grid.launch.grid[0] + which[0];
  ordering.meetAll();
  shared.reset();
  barriers = {};
  for (const std::unique_ptr<Warp> &warp : warps)
    warp->start(grid.entry);
  while (true) {
    bool ran = false, all = true;
    for (size_t i = 0; i < warps.size(); ++i) {
      Warp *warp = warps[(i + grid.launch.options.firstWarp) % warps.size()].get();
      if (!warp->done() && !warp->waitingAt) {
        warp->run();
        ran = true;
      }
      all &= warp->done();
    }
    if (all)
      return;
    if (!ran)
      deadlock();
  }
}

void Cta::deadlock() {
  std::string text = "no warp can go on:";
  const Warp *first = nullptr;
  for (const std::unique_ptr<Warp> &warp : warps) {
    text += (warp == warps.front() ? " warp " : ", warp ") + std::to_string(warp->index);
    if (warp->done()) {
      text += " has ended";
      continue;
    }
    first = first ? first : warp.get();
    text += " waits at line " + std::to_string(warp->line()) + " for " + barriers.describe(warp->barrier);
  }
  FaultPlace place;
  place.line = first->line();
  place.instruction = first->function().places[first->at].text;
  place.cta = {static_cast<int>(index[0]), static_cast<int>(index[1]), static_cast<int>(index[2])};
  place.warp = static_cast<int>(first->index);
  throw Fault(FaultKind::Deadlock, text, place);
}

} // namespace ptxsim
