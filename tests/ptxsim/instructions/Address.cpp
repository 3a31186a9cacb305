// SPDX-License-Identifier: Apache-2.0
//
// Spaces, alignment and banks.
#include "tests/ptxsim/instructions/Address.h"

#include <algorithm>

namespace ptxsim {

Place placeOf(uint64_t generic) {
  if (generic - sharedWindow < windowBytes)
    return {Space::Shared, generic - sharedWindow};
  if (generic - localWindow < windowBytes)
    return {Space::Local, generic - localWindow};
  if (generic - parameterWindow < windowBytes)
    return {Space::Parameter, generic - parameterWindow};
  return {Space::Global, generic};
}

Place addressOf(Warp &warp, const Instruction &instruction, int operand, int lane, uint32_t bytes) {
  uint64_t base = warp.value(instruction, operand, lane);
  uint64_t address = base + static_cast<uint64_t>(instruction.immediate);
  if (!(instruction.widths >> operand & 1))
    address &= 0xffffffff; // spaces of 32 bits
  warp.lane = lane;
  if (address & (bytes - 1))
    throw Problem{FaultKind::Misaligned, "expects an address that is a multiple of " + std::to_string(bytes), address};
  return instruction.space == Space::Generic ? placeOf(address) : Place{instruction.space, address};
}

void countWavefronts(LineCounts &counts, const LaneAddresses &addresses, uint32_t mask, uint32_t bytes) {
  int lanesAtOnce = bytes <= 4 ? 32 : bytes == 8 ? 16 : 8;
  for (int first = 0; first < 32; first += lanesAtOnce) {
    std::array<uint64_t, 32> words; // distinct ones
    std::array<uint8_t, 32> perBank{};
    size_t count = 0;
    for (int lane = first; lane < first + lanesAtOnce; ++lane) {
      if (!(mask >> lane & 1))
        continue;
      for (uint64_t word = addresses[lane] / 4; word <= (addresses[lane] + bytes - 1) / 4; ++word) {
        if (std::find(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(count), word) !=
            words.begin() + static_cast<std::ptrdiff_t>(count))
          continue;
        words[count++] = word;
        ++perBank[word % 32];
      }
    }
    if (!count)
      continue;
    uint64_t most = *std::max_element(perBank.begin(), perBank.end());
    counts.wavefronts += most;
    counts.conflicts += most - 1;
  }
}

} // namespace ptxsim
