// SPDX-License-Identifier: Apache-2.0
//
// Where an access goes: lanes' addresses, spaces behind generic ones, banks.
#ifndef FALLOFF_TESTS_PTXSIM_INSTRUCTIONS_ADDRESS_H
#define FALLOFF_TESTS_PTXSIM_INSTRUCTIONS_ADDRESS_H

#include "tests/ptxsim/Cta.h"
#include "tests/ptxsim/Module.h"
#include "tests/ptxsim/Warp.h"

#include <array>
#include <cstdint>

namespace ptxsim {

struct Place {
  Space space; ///< never Generic
  uint64_t address;
};

/// The space of a generic address, and the address in it.
Place placeOf(uint64_t generic);

/// The address that operand `operand` and the immediate of an instruction make in a lane, which becomes the warp's
/// `lane`. Throws Problem (Misaligned) if it is no multiple of `bytes`.
Place addressOf(Warp &warp, const Instruction &instruction, int operand, int lane, uint32_t bytes);

/// A lane of the warp, for the records of global memory.
inline GlobalMemory::Accessor accessorOf(const Warp &warp, int lane) {
  return {warp.cta.number, warp.thread(lane), warp.cta.ordering};
}

using LaneAddresses = std::array<uint64_t, 32>;

/// Adds to the instruction's counts what an access of shared memory takes: `bytes` of each lane of `mask`.
void countWavefronts(LineCounts &counts, const LaneAddresses &addresses, uint32_t mask, uint32_t bytes);

} // namespace ptxsim

#endif
