// SPDX-License-Identifier: Apache-2.0
//
// A fault before its place is known: thrown where memory or an instruction finds it, made a Fault by the warp, which
// knows instruction, CTA and lane.
#ifndef FALLOFF_TESTS_PTXSIM_PROBLEM_H
#define FALLOFF_TESTS_PTXSIM_PROBLEM_H

#include "tests/ptxsim/Fault.h"

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

namespace ptxsim {

struct Problem {
  FaultKind kind;
  std::string what;
  std::optional<uint64_t> address;
};

inline std::string hexadecimal(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(value));
  return text;
}

} // namespace ptxsim

#endif
