// SPDX-License-Identifier: Apache-2.0
//
// 32 lanes that execute one instruction after the other together. Where a branch parts them, one side runs up to the
// place where both meet again (the branch's immediate post-dominator), then the other, as a compiler places a device's
// reconvergence points.
#ifndef FALLOFF_TESTS_PTXSIM_WARP_H
#define FALLOFF_TESTS_PTXSIM_WARP_H

#include "tests/ptxsim/CopyGroups.h"
#include "tests/ptxsim/Module.h"
#include "tests/ptxsim/Problem.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ptxsim {

class Cta;

constexpr uint32_t allLanes = ~0u;

/// Lanes that run on together, from `next` to where the path ends.
struct Path {
  uint32_t next, reconvergence, mask;
};

/// One function's registers and paths.
struct Frame {
  const FunctionCode *function = nullptr;
  LineCounts *counts = nullptr; ///< by instruction
  std::vector<uint32_t> storage, initialised;
  uint32_t *rows = nullptr; ///< storage, aligned to a row
  std::vector<Path> waiting;
  Path path = {};
  int64_t localBase = 0;
  uint32_t callMask = 0; ///< lanes of the call that it waits for
  bool filled = false;   ///< with constants
};

struct Warp {
  Warp(Cta &cta, uint32_t index, uint32_t existing);

  void start(const FunctionCode &function);
  /// Until it waits at a barrier or has ended.
  void run();

  // ---- for instructions

  Cta &cta;
  uint32_t index;
  uint32_t existing; ///< lanes that are threads of the CTA
  uint32_t exited = 0;
  uint32_t mask = 0; ///< lanes that the instruction is executed for
  /// Whether those are all that run on together.
  bool isWhole() const { return mask == frames.back().path.mask; }
  uint32_t *rows = nullptr;
  LineCounts *counts = nullptr; ///< of the instruction
  uint32_t carry = 0, carryKnown = 0;
  int lane = -1; ///< at work, for messages
  CopyGroups copies;
  const Instruction *waitingAt = nullptr; ///< a barrier
  uint32_t barrier = 0;

  uint32_t *row(uint32_t number) { return rows + static_cast<size_t>(number) * 32; }
  uint64_t *wideRow(uint32_t number) { return reinterpret_cast<uint64_t *>(row(number)); }
  template <class S>
  S *as(uint32_t number) {
    return reinterpret_cast<S *>(row(number));
  }
  uint32_t &predicate(uint32_t number) { return *row(number); }
  /// Operand `operand` of a lane, zero-extended from 32 bits where its register has no more.
  uint64_t value(const Instruction &instruction, int operand, int lane) {
    return instruction.widths >> operand & 1 ? wideRow(instruction.rows[operand])[lane]
                                             : row(instruction.rows[operand])[lane];
  }
  void setValue(const Instruction &instruction, int operand, int lane, uint64_t value) {
    if (instruction.widths >> operand & 1)
      wideRow(instruction.rows[operand])[lane] = value;
    else
      row(instruction.rows[operand])[lane] = static_cast<uint32_t>(value);
  }
  /// Lanes in which a register holds something.
  uint32_t &initialised(uint32_t number) { return frames.back().initialised[number]; }
  uint32_t thread(int lane) const { return index * 32 + static_cast<uint32_t>(lane); }
  int line() const { return frames.back().function->places[at].line; }
  const FunctionCode &function() const { return *frames.back().function; }

  void branch(uint32_t target, uint32_t reconvergence);
  /// Lanes by where they go; those of the path that are not among them go on.
  void branch(const std::map<uint32_t, uint32_t> &targets, uint32_t reconvergence);
  /// `ret` or `exit` of the lanes of `mask`.
  void leave(bool everything);
  void call(const CallCode &call);
  /// To go on only when a barrier lets it.
  void wait(const Instruction &instruction, uint32_t barrier);
  bool done() const { return frames.empty(); }
  uint32_t at = 0; ///< the instruction executed

  uint8_t *local(int lane, uint64_t address, uint32_t bytes, bool write);
  int64_t localTop() const { return frames.back().localBase + frames.back().function->localBytes; }

private:
  void pushFrame(const FunctionCode &function, uint32_t mask, int64_t localBase);
  void enterFrame();
  void finishCall();
  void fillRows(Frame &frame);
  void fillSpecial(uint32_t *row, Special special);
  void step();
  void checkSources(const Instruction &instruction);
  void nextPath();
  [[noreturn]] void fault(const Problem &problem);

  std::vector<Frame> frames;
  Frame spare;                                  ///< of the CTA that this warp was part of before
  std::vector<uint8_t> localData, localWritten; ///< of each lane
  int64_t localBytes = 0;
  uint32_t *frameInitialised = nullptr;
  const Instruction *code = nullptr;
};

/// f(lane) for each lane of the mask.
template <class F>
inline void forLanes(uint32_t mask, F f) {
  if (mask == allLanes) {
    for (int lane = 0; lane < 32; ++lane)
      f(lane);
    return;
  }
  for (uint32_t rest = mask; rest; rest &= rest - 1)
    f(__builtin_ctz(rest));
}

} // namespace ptxsim

#endif
