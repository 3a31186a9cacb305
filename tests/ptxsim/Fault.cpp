// SPDX-License-Identifier: Apache-2.0
//
// The text of faults.
#include "tests/ptxsim/Fault.h"

#include <sstream>

namespace ptxsim {

const char *name(FaultKind kind) {
  switch (kind) {
  case FaultKind::Syntax:
    return "syntax";
  case FaultKind::Unsupported:
    return "unsupported";
  case FaultKind::Launch:
    return "launch";
  case FaultKind::OutOfBounds:
    return "out of bounds";
  case FaultKind::Misaligned:
    return "misaligned";
  case FaultKind::Uninitialised:
    return "uninitialised";
  case FaultKind::Pending:
    return "pending";
  case FaultKind::Race:
    return "race";
  case FaultKind::Divergence:
    return "divergence";
  case FaultKind::Barrier:
    return "barrier";
  case FaultKind::Deadlock:
    return "deadlock";
  case FaultKind::Undefined:
    return "undefined";
  case FaultKind::Trap:
    return "trap";
  case FaultKind::Limit:
    return "limit";
  }
  return "";
}

static std::string message(FaultKind kind, const std::string &what, const FaultPlace &place) {
  std::ostringstream text;
  text << name(kind) << ": " << what;
  const char *separator = " [";
  auto part = [&]() -> std::ostream & {
    text << separator;
    separator = ", ";
    return text;
  };
  if (place.line >= 0)
    part() << "line " << place.line << (place.instruction.empty() ? "" : ": `" + place.instruction + "`");
  if (place.cta[0] >= 0)
    part() << "CTA (" << place.cta[0] << ", " << place.cta[1] << ", " << place.cta[2] << ")";
  if (place.warp >= 0)
    part() << "warp " << place.warp;
  if (place.lane >= 0)
    part() << "lane " << place.lane;
  if (place.address)
    part() << "address 0x" << std::hex << *place.address << std::dec;
  if (*separator == ',')
    text << "]";
  return text.str();
}

Fault::Fault(FaultKind kind, const std::string &what, FaultPlace place)
    : std::runtime_error(message(kind, what, place)), kind(kind), problem(what), place(std::move(place)) {}

} // namespace ptxsim
