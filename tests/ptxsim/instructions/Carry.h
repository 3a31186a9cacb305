// SPDX-License-Identifier: Apache-2.0
//
// `.cc` of opcodes that Integer.cpp decodes.
#ifndef FALLOFF_TESTS_PTXSIM_INSTRUCTIONS_CARRY_H
#define FALLOFF_TESTS_PTXSIM_INSTRUCTIONS_CARRY_H

#include "tests/ptxsim/Decoder.h"

namespace ptxsim {

/// add, sub or mad, whose suffix .cc was taken.
void decodeCarry(Decoder &decoder, Suffixes &suffixes, Instruction &out, Type type);

} // namespace ptxsim

#endif
