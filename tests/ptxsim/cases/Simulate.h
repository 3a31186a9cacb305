// SPDX-License-Identifier: Apache-2.0
//
// An instruction case in the simulator.
#ifndef FALLOFF_TESTS_PTXSIM_CASES_SIMULATE_H
#define FALLOFF_TESTS_PTXSIM_CASES_SIMULATE_H

#include "tests/ptxsim/cases/Case.h"

namespace ptxsim {

/// Runs the case's module and returns what it left, [column][thread] as compareOutputs takes it. Outputs are zeros
/// before. Throws Fault.
std::vector<uint64_t> simulate(const Case &test);

} // namespace ptxsim

#endif
