// SPDX-License-Identifier: Apache-2.0
//
// Vector clocks. Threads that left one barrier together share one vector until they learn more.
#include "tests/ptxsim/Ordering.h"

#include <algorithm>

namespace ptxsim {

void Ordering::Join::arrive(const Ordering &ordering, uint32_t thread) {
  joined.resize(ordering.known.size());
  const std::shared_ptr<const Knowledge> &known = ordering.known[thread];
  if (known && std::find(merged.begin(), merged.end(), known) == merged.end()) {
    for (size_t i = 0; i < joined.size(); ++i)
      joined[i] = std::max(joined[i], (*known)[i]);
    merged.push_back(known);
  }
  joined[thread] = std::max(joined[thread], ordering.now);
}

void Ordering::leave(const Join &join, const std::vector<uint32_t> &threads) {
  auto shared = std::make_shared<const Knowledge>(join.joined);
  for (uint32_t thread : threads) {
    const std::shared_ptr<const Knowledge> &own = known[thread];
    bool covered = !own || std::find(join.merged.begin(), join.merged.end(), own) != join.merged.end();
    if (covered) {
      known[thread] = shared;
      continue;
    }
    Knowledge both = *own; // it learnt more between its arrival and now
    for (size_t i = 0; i < both.size(); ++i)
      both[i] = std::max(both[i], join.joined[i]);
    known[thread] = std::make_shared<const Knowledge>(std::move(both));
  }
}

void Ordering::meetAll() {
  std::fill(known.begin(), known.end(), nullptr);
  everyone = now;
}

} // namespace ptxsim
