// SPDX-License-Identifier: Apache-2.0
//
// What instructions that a whole warp executes together exchange between lanes: shuffles, votes, matches, reductions. A
// register is 32 words, one a lane. Masks hold bit l for lane l. `members` are the lanes that execute the instruction:
// those of its mask operand, all of them present; that a warp comes together so is for the caller to see to.
#ifndef FALLOFF_TESTS_PTXSIM_LANES_H
#define FALLOFF_TESTS_PTXSIM_LANES_H

#include <cstdint>

namespace ptxsim {

constexpr int laneCount = 32;

enum class Shuffle { up, down, bfly, idx };

struct ShuffleResult {
  uint32_t inRange; ///< the predicate operand
  uint32_t
      foreign; ///< members that were to read a lane which is no member: their result is undefined, and left as it was
};

/// `shfl.sync`: d and a may be one register; b and c are read lane by lane. Lanes outside `members` keep their d.
ShuffleResult shuffle(Shuffle mode, uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c,
                      uint32_t members);

enum class Vote { all, any, uni };
/// `vote.sync` over the predicate's lanes; `ballot` is predicate & members.
bool vote(Vote mode, uint32_t predicate, uint32_t members);

/// `match.any.sync.b32` or `.b64` (high words, null for b32): for each member the members that hold its value.
void matchAny(uint32_t *d, const uint32_t *low, const uint32_t *high, uint32_t members);
/// `match.all.sync`: members if they all hold one value, else 0.
uint32_t matchAll(const uint32_t *low, const uint32_t *high, uint32_t members);

enum class Reduction { add, minUnsigned, maxUnsigned, minSigned, maxSigned, bitAnd, bitOr, bitXor };
/// `redux.sync` of 32-bit integers.
uint32_t reduce(Reduction operation, const uint32_t *a, uint32_t members);

} // namespace ptxsim

#endif
