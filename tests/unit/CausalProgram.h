// SPDX-License-Identifier: Apache-2.0
//
// The smallest set program that has something to test: tables 1 and 2 hold the bounds of an interval.
#ifndef FALLOFF_TESTS_UNIT_CAUSALPROGRAM_H
#define FALLOFF_TESTS_UNIT_CAUSALPROGRAM_H

#include "compiler/passes/SetProgram.h"
#include <string>

namespace falloff {

/// Causal over one axis.
inline SetProgram causal(const std::string &axis = "token") {
  SetProgram program;
  program.segments = {{"", {axis}}};
  program.coordinates = {{0, 0, -1}};
  program.extentTable = 0;
  SetNode past;
  past.kind = SetKind::Interval;
  past.segment = past.coordinate = past.query = 0;
  past.table = 1;
  past.high = 2;
  program.nodes = {past};
  program.contains = 0;
  return program;
}

} // namespace falloff

#endif
