// SPDX-License-Identifier: Apache-2.0
//
// Devices of the environment, streams that run or record, and faults that stay.
#include "tests/ptxsim/driver/State.h"
#include "tests/ptxsim/GlobalMemory.h"

#include <cstdlib>
#include <sstream>

namespace ptxsim::driver {

State &State::get() {
  static auto *state = new State(); // never deleted: a program may free memory while it ends
  return *state;
}

std::vector<Context *> &contextStack() {
  thread_local std::vector<Context *> stack;
  return stack;
}

void require(bool holds, int status) {
  if (!holds)
    throw Refusal{status};
}

int64_t setting(const char *name, int64_t otherwise) {
  const char *text = std::getenv(name);
  return text && *text ? std::strtoll(text, nullptr, 10) : otherwise;
}

int answer(const std::function<void(State &)> &body) {
  State &state = State::get();
  std::lock_guard<std::mutex> lock(state.mutex);
  try {
    body(state);
    return Status::success;
  } catch (const Refusal &refusal) {
    return refusal.status;
  } catch (const Fault &fault) {
    state.lastFault = fault.what();
    return Status::invalidValue;
  } catch (const std::bad_alloc &) {
    return Status::outOfMemory;
  }
}

/// Shared memory that a CTA may have, of the CUDA programming guide's table of compute capabilities.
static int64_t sharedBytesOf(int capability) {
  switch (capability) {
  case 75:
    return 64 * 1024;
  case 80:
  case 87:
    return 163 * 1024;
  case 90:
  case 100:
  case 103:
  case 110:
    return 227 * 1024;
  default:
    return 99 * 1024;
  }
}

void State::start() {
  if (isStarted)
    return;
  int64_t count = setting("PTXSIM_DEVICES", 1);
  require(count > 0, Status::noDevice);
  const char *given = std::getenv("PTXSIM_ARCHITECTURE");
  std::stringstream list(given && *given ? given : "90");
  int capability = 90;
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    if (std::string word; std::getline(list, word, ','))
      capability = std::atoi(word.c_str());
    auto device = std::make_unique<Device>();
    device->ordinal = ordinal;
    device->capability = capability;
    // Addresses of one device are no other's: each begins 64 GiB behind the one before.
    for (int before = 0; before <= ordinal; ++before)
      device->memory.memory().allocate(0, uint64_t(1) << 36);
    device->memory.sharedBytesPerBlock = sharedBytesOf(capability);
    auto context = std::make_unique<Context>();
    context->device = device.get();
    devices.push_back(std::move(device));
    primary.push_back(std::move(context));
  }
  isStarted = true;
}

Device &State::device(int ordinal) {
  require(isStarted, Status::notInitialised);
  require(ordinal >= 0 && ordinal < int(devices.size()), Status::invalidDevice);
  return *devices[size_t(ordinal)];
}

Context &State::current() {
  require(isStarted, Status::notInitialised);
  require(!contextStack().empty() && contextStack().back(), Status::invalidContext);
  Context &context = *contextStack().back();
  require(context.fault == Status::success, context.fault);
  return context;
}

Device *State::deviceOf(uint64_t address) {
  for (auto &device : devices) {
    auto next = device->allocations.upper_bound(address);
    if (next == device->allocations.begin())
      continue;
    auto [base, bytes] = *std::prev(next);
    if (address < base + bytes)
      return device.get();
  }
  return nullptr;
}

Stream *State::find(void *handle) {
  if (reinterpret_cast<uintptr_t>(handle) <= 2) // default, CU_STREAM_LEGACY, CU_STREAM_PER_THREAD
    return nullptr;
  auto found = streams.find(handle);
  require(found != streams.end(), Status::invalidHandle);
  return found->second.get();
}

void State::submit(void *handle, Context &context, Work work) {
  Stream *stream = find(handle);
  if (!stream) {
    for (auto &[other, candidate] : streams)
      if (candidate->capture && candidate->waitsForLegacy && candidate->context == &context) {
        candidate->invalidated = true;
        throw Refusal{Status::captureImplicit};
      }
    work();
    return;
  }
  require(stream->context == &context, Status::invalidHandle);
  require(!stream->invalidated, Status::captureInvalidated);
  if (stream->capture)
    stream->capture->nodes.push_back(std::move(work));
  else
    work();
}

int &captureMode() {
  thread_local int mode = 0;
  return mode;
}

void State::refuseInCapture(const Context &context) {
  bool captures = false;
  if (captureMode() == 2)
    return;
  for (auto &[handle, stream] : streams)
    if (stream->capture && stream->context == &context)
      captures = stream->invalidated = true;
  require(!captures, Status::captureUnsupported);
}

static int statusOf(FaultKind kind) {
  switch (kind) {
  case FaultKind::OutOfBounds:
    return Status::illegalAddress;
  case FaultKind::Misaligned:
    return Status::misalignedAddress;
  case FaultKind::Launch:
    return Status::invalidValue;
  default:
    return Status::launchFailed;
  }
}

void State::run(Function &function, const Launch &launch) {
  Context &context = *function.module->context;
  try {
    Counts counts = ptxsim::run(context.device->memory, function.module->code, launch);
    Counted &entry = counted[{launch.kernel, function.module->code.code().identity}];
    ++entry.launches;
    entry.counts.add(counts);
  } catch (const Fault &fault) {
    lastFault = launch.kernel + ": " + fault.what();
    int status = statusOf(fault.kind);
    if (fault.kind != FaultKind::Launch)
      context.fault = status;
    throw Refusal{status};
  }
}

} // namespace ptxsim::driver
