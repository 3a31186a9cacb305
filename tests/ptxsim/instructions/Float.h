// SPDX-License-Identifier: Apache-2.0
//
// Floating-point instructions whose opcode integers have as well.
#ifndef FALLOFF_TESTS_PTXSIM_INSTRUCTIONS_FLOAT_H
#define FALLOFF_TESTS_PTXSIM_INSTRUCTIONS_FLOAT_H

#include "tests/ptxsim/Decoder.h"

namespace ptxsim {

void decodeFloat(Decoder &decoder, Suffixes &suffixes, Instruction &out, Type type);

/// f16 and bf16, alone or in pairs.
void decodeHalf(Decoder &decoder, Suffixes &suffixes, Instruction &out, Type type);

} // namespace ptxsim

#endif
