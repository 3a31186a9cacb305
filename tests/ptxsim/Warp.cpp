// SPDX-License-Identifier: Apache-2.0
//
// Instruction by instruction; paths and frames.
#include "tests/ptxsim/Warp.h"

#include "tests/ptxsim/Cta.h"

#include <algorithm>
#include <cstring>

namespace ptxsim {

Warp::Warp(Cta &cta, uint32_t index, uint32_t existing) : cta(cta), index(index), existing(existing) {}

void Warp::start(const FunctionCode &function) {
  exited = carryKnown = 0;
  copies = {};
  if (spare.function != &function)
    return pushFrame(function, existing, 0);
  // Of the CTA before: the same rows, in which nothing but constants is initialised.
  spare.path = {0, noTarget, existing};
  spare.waiting.clear();
  std::fill(spare.initialised.begin(), spare.initialised.end(), 0);
  std::fill(localWritten.begin(), localWritten.end(), 0);
  fillRows(spare);
  frames.push_back(std::move(spare));
  spare.function = nullptr;
  enterFrame();
}

// ---- frames

void Warp::pushFrame(const FunctionCode &function, uint32_t mask, int64_t localBase) {
  Frame frame;
  frame.function = &function;
  frame.counts = cta.grid.counts[static_cast<size_t>(&function - cta.grid.module.functions.data())].data();
  frame.storage.resize(static_cast<size_t>(function.rowCount) * 32 + 32);
  frame.initialised.resize(function.rowCount);
  auto begin = reinterpret_cast<uintptr_t>(frame.storage.data());
  frame.rows = reinterpret_cast<uint32_t *>((begin + 127) / 128 * 128);
  frame.path = {0, noTarget, mask};
  frame.localBase = localBase;
  int64_t needed = localBase + function.localBytes;
  if (needed > localBytes) { // each lane's memory is in one piece
    std::vector<uint8_t> data(static_cast<size_t>(needed) * 32), written(static_cast<size_t>(needed) * 32);
    for (int64_t lane = 0; lane < 32 && localBytes; ++lane) {
      std::memcpy(&data[lane * needed], &localData[lane * localBytes], localBytes);
      std::memcpy(&written[lane * needed], &localWritten[lane * localBytes], localBytes);
    }
    localData = std::move(data);
    localWritten = std::move(written);
    localBytes = needed;
  }
  for (int64_t lane = 0; lane < 32 && function.localBytes; ++lane) // what an earlier call left is nobody's
    std::memset(&localWritten[lane * localBytes + localBase], 0, function.localBytes);
  fillRows(frame);
  frames.push_back(std::move(frame));
  enterFrame();
}

void Warp::enterFrame() {
  Frame &frame = frames.back();
  rows = frame.rows;
  frameInitialised = frame.initialised.data();
  code = frame.function->code.data();
}

void Warp::fillRows(Frame &frame) {
  bool again = frame.filled;
  frame.filled = true;
  auto wordsOf = [&](uint32_t row) { return frame.rows + static_cast<size_t>(row) * 32; };
  for (const FunctionCode::Constant &constant : frame.function->constants) {
    frame.initialised[constant.row] = allLanes;
    if (again)
      continue;
    uint64_t value = constant.value;
    if (constant.variable >= 0)
      value += cta.grid.variables[constant.variable];
    else if (constant.variable == frameVariable)
      value += static_cast<uint64_t>(frame.localBase);
    uint32_t *words = wordsOf(constant.row);
    if (constant.bytes == 8)
      std::fill_n(reinterpret_cast<uint64_t *>(words), 32, value);
    else
      std::fill_n(words, constant.bytes ? 32 : 1, static_cast<uint32_t>(value));
  }
  for (const auto &[row, special] : frame.function->specials) {
    fillSpecial(wordsOf(row), special);
    frame.initialised[row] = allLanes;
  }
}

void Warp::fillSpecial(uint32_t *row, Special special) {
  const Launch &launch = cta.grid.launch;
  for (uint32_t lane = 0; lane < 32; ++lane) {
    uint32_t thread = index * 32 + lane, below = (1u << lane) - 1, bit = 1u << lane;
    uint32_t plane = launch.block[0] * launch.block[1];
    const uint32_t values[] = {
        thread % launch.block[0],
        thread % plane / launch.block[0],
        thread / plane,
        launch.block[0],
        launch.block[1],
        launch.block[2],
        cta.index[0],
        cta.index[1],
        cta.index[2],
        launch.grid[0],
        launch.grid[1],
        launch.grid[2],
        lane,
        index,
        bit,
        below,
        below | bit,
        ~(below | bit),
        ~below,
        launch.dynamicSharedBytes,
        (static_cast<uint32_t>(cta.grid.entry.staticSharedBytes) + launch.dynamicSharedBytes + 127) / 128 *
            128}; // in the units that it is given out in
    row[lane] = values[static_cast<int>(special)];
  }
}

/// .param variables lie in the frames of local memory: those of the caller's call are copied to the function's own.
void Warp::call(const CallCode &call) {
  const FunctionCode &function = cta.grid.module.functions[call.function];
  int64_t callerBase = frames.back().localBase, base = localTop();
  Frame &caller = frames.back();
  caller.path.next = at; // comes back to the call itself, which then takes the results
  uint32_t lanes = mask;
  caller.callMask = lanes;
  pushFrame(function, lanes, base);
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    const ParameterCode &parameter = function.parameters[i];
    forLanes(lanes, [&](int lane) {
      int64_t from = lane * localBytes + callerBase + call.arguments[i],
              to = lane * localBytes + base + parameter.offset;
      std::memcpy(&localData[to], &localData[from], parameter.bytes);
      std::memcpy(&localWritten[to], &localWritten[from], parameter.bytes);
    });
  }
}

void Warp::finishCall() {
  Frame callee = std::move(frames.back());
  frames.pop_back();
  enterFrame();
  Frame &caller = frames.back();
  const Instruction &instruction = caller.function->code[caller.path.next];
  const CallCode &call = caller.function->calls[instruction.table];
  for (size_t i = 0; i < call.results.size(); ++i) {
    const ParameterCode &result = callee.function->results[i];
    forLanes(caller.callMask, [&](int lane) {
      int64_t from = lane * localBytes + callee.localBase + result.offset,
              to = lane * localBytes + caller.localBase + call.results[i];
      std::memcpy(&localData[to], &localData[from], result.bytes);
      std::memcpy(&localWritten[to], &localWritten[from], result.bytes);
    });
  }
  ++caller.path.next;
  if (caller.path.next == caller.path.reconvergence)
    nextPath();
}

// ---- paths

void Warp::branch(uint32_t target, uint32_t reconvergence) {
  Path &path = frames.back().path;
  if (mask == path.mask)
    path.next = target;
  else
    branch(std::map<uint32_t, uint32_t>{{target, mask}}, reconvergence);
}

void Warp::branch(const std::map<uint32_t, uint32_t> &targets, uint32_t reconvergence) {
  Frame &frame = frames.back();
  std::map<uint32_t, uint32_t> sides = targets;
  if (uint32_t others = frame.path.mask & ~mask)
    sides[at + 1] |= others;
  if (sides.size() == 1) {
    frame.path.next = sides.begin()->first;
    return;
  }
  if (reconvergence != noTarget && reconvergence != frame.path.reconvergence)
    frame.waiting.push_back({reconvergence, frame.path.reconvergence, frame.path.mask});
  for (const auto &[target, lanes] : sides)
    if (target != reconvergence)
      frame.waiting.push_back({target, reconvergence, lanes});
  nextPath();
}

/// The path has come to its end, or has no lanes left.
void Warp::nextPath() {
  Frame &frame = frames.back();
  do {
    if (frame.waiting.empty()) {
      frame.path.mask = 0;
      return;
    }
    frame.path = frame.waiting.back();
    frame.waiting.pop_back();
  } while (frame.path.mask == 0 || frame.path.next == frame.path.reconvergence);
}

void Warp::leave(bool everything) {
  uint32_t lanes = mask;
  size_t frameIndex = everything ? 0 : frames.size() - 1;
  if (everything || frames.size() == 1)
    exited |= lanes;
  for (; frameIndex < frames.size(); ++frameIndex) {
    frames[frameIndex].path.mask &= ~lanes;
    for (Path &path : frames[frameIndex].waiting)
      path.mask &= ~lanes;
  }
  if (exited & lanes)
    forLanes(lanes, [&](int each) {
      lane = each;
      if (const CopyGroups::Copy *copy = copies.unfinished(each))
        throw Problem{FaultKind::Pending,
                      "the thread ends without having waited for its cp.async at line " + std::to_string(copy->line),
                      copy->address};
    });
  lane = -1;
}

void Warp::wait(const Instruction &instruction, uint32_t number) {
  waitingAt = &instruction;
  barrier = number;
}

// ---- instructions

void Warp::checkSources(const Instruction &instruction) {
  int begin = instruction.destinations, end = begin + instruction.sources;
  for (int i = begin; i < end; ++i) {
    uint32_t missing = mask & ~frameInitialised[instruction.rows[i]];
    if (missing) {
      lane = __builtin_ctz(missing);
      throw Problem{FaultKind::Uninitialised,
                    "source operand " + std::to_string(i - begin + 1) + " is a register that was never written",
                    {}};
    }
  }
}

void Warp::step() {
  Frame &frame = frames.back();
  at = frame.path.next;
  lane = -1;
  const Instruction &instruction = code[at];
  mask = frame.path.mask;
  counts = frame.counts + at;
  if (instruction.guard != noRow) {
    uint32_t missing = mask & ~frameInitialised[instruction.guard];
    if (missing) {
      lane = __builtin_ctz(missing);
      throw Problem{FaultKind::Uninitialised, "the predicate is a register that was never written", {}};
    }
    uint32_t guard = predicate(instruction.guard);
    mask &= instruction.guardNegated ? ~guard : guard;
  }
  ++counts->instructions;
  ++cta.ordering.now;
  frame.path.next = at + 1;
  if (mask) {
    counts->lanes += static_cast<uint64_t>(__builtin_popcount(mask));
    if (instruction.collective && mask != existing)
      throw Problem{FaultKind::Divergence,
                    "the whole warp has to execute this together, but some of its lanes are missing (mask 0x" +
                        hexadecimal(mask) + " of 0x" + hexadecimal(existing) + ")",
                    {}};
    if (!instruction.passesOn)
      checkSources(instruction);
    uint32_t lanes = mask;
    uint32_t *written = frameInitialised;
    instruction.execute(*this, instruction);
    if (!instruction.passesOn)
      for (int i = 0; i < instruction.destinations; ++i)
        written[instruction.rows[i]] |= lanes;
  }
  // A branch or a call may have put another path or frame in place.
  Path &path = frames.back().path;
  if (path.mask == 0 || path.next == path.reconvergence)
    nextPath();
  while (!frames.empty() && frames.back().path.mask == 0) {
    if (frames.size() > 1) {
      finishCall();
      continue;
    }
    spare = std::move(frames.back());
    frames.pop_back();
  }
}

void Warp::run() {
  uint64_t limit = cta.grid.launch.options.maxWarpInstructions;
  try {
    while (!waitingAt && !frames.empty()) {
      if (++cta.grid.warpInstructions > limit)
        throw Problem{FaultKind::Limit, "more than " + std::to_string(limit) + " instructions of warps", {}};
      step();
    }
  } catch (const Problem &problem) {
    fault(problem);
  }
}

void Warp::fault(const Problem &problem) {
  FaultPlace place;
  const FunctionCode::Place &where = frames.back().function->places[at];
  place.line = where.line;
  place.instruction = where.text;
  place.cta = {static_cast<int>(cta.index[0]), static_cast<int>(cta.index[1]), static_cast<int>(cta.index[2])};
  place.warp = static_cast<int>(index);
  place.lane = lane;
  place.address = problem.address;
  throw Fault(problem.kind, problem.what, place);
}

// ---- local memory

uint8_t *Warp::local(int lane, uint64_t address, uint32_t bytes, bool write) {
  if (address + bytes > static_cast<uint64_t>(localTop()) || address + bytes < address)
    throw Problem{FaultKind::OutOfBounds,
                  "an access of " + std::to_string(bytes) + " bytes in " + std::to_string(localTop()) +
                      " bytes of local memory",
                  address};
  size_t at = static_cast<size_t>(lane) * static_cast<size_t>(localBytes) + address;
  if (write)
    std::memset(&localWritten[at], 1, bytes);
  else if (std::memchr(&localWritten[at], 0, bytes))
    throw Problem{FaultKind::Uninitialised, "a read of local memory that nobody wrote", address};
  return &localData[at];
}

} // namespace ptxsim
