// SPDX-License-Identifier: Apache-2.0
//
// What stops a simulated kernel, or keeps a module from being read: the message names the instruction (its line in the
// PTX and its text), the CTA, the warp, the lane and the address, as far as there are any.
#ifndef FALLOFF_TESTS_PTXSIM_FAULT_H
#define FALLOFF_TESTS_PTXSIM_FAULT_H

#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

namespace ptxsim {

enum class FaultKind {
  Syntax,        ///< the text is not PTX as this simulator reads it
  Unsupported,   ///< an instruction, a suffix or a directive that it does not know
  Launch,        ///< a kernel that is not there, wrong sizes of blocks, parameters or shared memory
  OutOfBounds,   ///< an access outside of every allocation
  Misaligned,    ///< an address that is no multiple of the access's size
  Uninitialised, ///< bytes or a register that nobody has written
  Pending,       ///< bytes that an asynchronous copy may still write
  Race,          ///< two threads at one byte of shared memory, one of them writing, with nothing that orders them
  Divergence,    ///< a warp's collective instruction without all of its lanes, or with different operands
  Barrier,       ///< wrong counts at a barrier
  Deadlock,      ///< nobody can go on
  Undefined,     ///< operands for which the manual leaves the result open: division by zero and the like
  Trap,          ///< the kernel's own trap
  Limit          ///< more instructions than the launch allows
};

const char *name(FaultKind kind);

/// Where in a launch a fault happened; members below 0 say nothing.
struct FaultPlace {
  int line = -1;
  std::string instruction;
  std::array<int, 3> cta = {-1, -1, -1};
  int warp = -1, lane = -1;
  std::optional<uint64_t> address;
};

class Fault : public std::runtime_error {
public:
  Fault(FaultKind kind, const std::string &what, FaultPlace place = {});

  FaultKind kind;
  std::string problem; ///< the message without the place
  FaultPlace place;
};

} // namespace ptxsim

#endif
