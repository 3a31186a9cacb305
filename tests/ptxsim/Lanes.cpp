// SPDX-License-Identifier: Apache-2.0
//
// Lanes.h.
#include "tests/ptxsim/Lanes.h"
#include <algorithm>

namespace ptxsim {
namespace {

struct Source {
  int lane;
  bool inRange;
};

/// The lane that `lane` reads, by operands b (lane or distance) and c (clamp in bits 0-4, segment mask in bits 8-12).
Source shuffleSource(Shuffle mode, int lane, uint32_t b, uint32_t c) {
  int distance = b & 31, clamp = c & 31, segment = c >> 8 & 31;
  int last = (lane & segment) | (clamp & ~segment), source = lane;
  bool inRange = false;
  switch (mode) {
  case Shuffle::up:
    source = lane - distance;
    inRange = source >= last;
    break;
  case Shuffle::down:
    source = lane + distance;
    inRange = source <= last;
    break;
  case Shuffle::bfly:
    source = lane ^ distance;
    inRange = source <= last;
    break;
  case Shuffle::idx:
    source = (lane & segment) | (distance & ~segment);
    inRange = source <= last;
    break;
  }
  return {inRange ? source : lane, inRange};
}

bool isMember(uint32_t members, int lane) { return members >> lane & 1; }

uint32_t combine(Reduction operation, uint32_t a, uint32_t b) {
  switch (operation) {
  case Reduction::add:
    return a + b;
  case Reduction::minUnsigned:
    return std::min(a, b);
  case Reduction::maxUnsigned:
    return std::max(a, b);
  case Reduction::minSigned:
    return int32_t(a) < int32_t(b) ? a : b;
  case Reduction::maxSigned:
    return int32_t(a) > int32_t(b) ? a : b;
  case Reduction::bitAnd:
    return a & b;
  case Reduction::bitOr:
    return a | b;
  case Reduction::bitXor:
    return a ^ b;
  }
  return 0;
}

} // namespace

ShuffleResult shuffle(Shuffle mode, uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c,
                      uint32_t members) {
  uint32_t before[laneCount];
  std::copy_n(a, laneCount, before);
  ShuffleResult result{0, 0};
  // b or c may be d: each lane's are read before its result is written, and no lane reads another's.
  for (int lane = 0; lane < laneCount; ++lane) {
    if (!isMember(members, lane))
      continue;
    Source source = shuffleSource(mode, lane, b[lane], c[lane]);
    result.inRange |= uint32_t(source.inRange) << lane;
    if (isMember(members, source.lane))
      d[lane] = before[source.lane];
    else
      result.foreign |= 1u << lane;
  }
  return result;
}

bool vote(Vote mode, uint32_t predicate, uint32_t members) {
  uint32_t set = predicate & members;
  return mode == Vote::all ? set == members : mode == Vote::any ? set != 0 : set == 0 || set == members;
}

void matchAny(uint32_t *d, const uint32_t *low, const uint32_t *high, uint32_t members) {
  uint32_t equal[laneCount] = {};
  for (int lane = 0; lane < laneCount; ++lane)
    for (int other = 0; other < laneCount; ++other)
      if (isMember(members, other) && low[lane] == low[other] && (!high || high[lane] == high[other]))
        equal[lane] |= 1u << other;
  for (int lane = 0; lane < laneCount; ++lane)
    if (isMember(members, lane))
      d[lane] = equal[lane];
}

uint32_t matchAll(const uint32_t *low, const uint32_t *high, uint32_t members) {
  int first = -1;
  for (int lane = 0; lane < laneCount; ++lane) {
    if (!isMember(members, lane))
      continue;
    first = first < 0 ? lane : first;
    if (low[lane] != low[first] || (high && high[lane] != high[first]))
      return 0;
  }
  return members;
}

uint32_t reduce(Reduction operation, const uint32_t *a, uint32_t members) {
  bool any = false;
  uint32_t result = 0;
  for (int lane = 0; lane < laneCount; ++lane) {
    if (!isMember(members, lane))
      continue;
    result = any ? combine(operation, result, a[lane]) : a[lane];
    any = true;
  }
  return result;
}

} // namespace ptxsim
