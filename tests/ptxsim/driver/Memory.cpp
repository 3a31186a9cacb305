// SPDX-License-Identifier: Apache-2.0
//
// Functions of cuda.h about memory, and what tests may do to it besides.
#include "tests/ptxsim/driver/SimulatedDriver.h"
#include "tests/ptxsim/driver/State.h"

#include <vector>

using namespace ptxsim::driver;

namespace {

constexpr int64_t memoryBytes = int64_t(8) << 30;

/// The memory that holds an address, of whichever device.
ptxsim::Device &memoryOf(State &state, uint64_t address) {
  Device *device = state.deviceOf(address);
  require(device);
  return device->memory;
}

void upload(State &state, uint64_t to, const void *from, size_t bytes) {
  if (bytes)
    memoryOf(state, to).write(to, from, bytes);
}

/// Bytes that nobody wrote are refused.
void download(State &state, void *to, uint64_t from, size_t bytes) {
  if (bytes)
    memoryOf(state, from).read(from, to, bytes);
}

void copyWithin(State &state, uint64_t to, uint64_t from, size_t bytes) {
  if (!bytes)
    return;
  ptxsim::Device &source = memoryOf(state, from), &target = memoryOf(state, to);
  if (&source == &target)
    return target.copy(to, from, bytes);
  std::vector<uint8_t> between(bytes);
  source.read(from, between.data(), bytes);
  target.write(to, between.data(), bytes);
}

void fill(State &state, uint64_t to, uint8_t value, size_t bytes) {
  if (bytes)
    memoryOf(state, to).fill(to, value, bytes);
}

} // namespace

extern "C" {

int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  return answer([&](State &state) {
    Context &context = state.current();
    state.refuseInCapture(context);
    require(address && bytes);
    Device &device = *context.device;
    auto limit = uint64_t(setting("PTXSIM_MEMORY_BYTES", memoryBytes));
    require(bytes <= limit && device.used <= limit - bytes, Status::outOfMemory);
    *address = device.memory.allocate(bytes);
    device.allocations[*address] = bytes;
    device.used += bytes;
  });
}

int cuMemFree_v2(uint64_t address) {
  return answer([&](State &state) {
    Context &context = state.current();
    state.refuseInCapture(context);
    if (!address)
      return;
    Device *device = state.deviceOf(address);
    require(device && device->allocations.count(address));
    device->memory.free(address);
    device->used -= device->allocations[address];
    device->allocations.erase(address);
  });
}

int cuMemGetInfo_v2(size_t *free, size_t *total) {
  return answer([&](State &state) {
    auto limit = uint64_t(setting("PTXSIM_MEMORY_BYTES", memoryBytes));
    *total = limit;
    *free = limit - std::min(limit, state.current().device->used);
  });
}

int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  return answer([&](State &state) {
    state.refuseInCapture(state.current());
    upload(state, to, from, bytes);
  });
}

int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  return answer([&](State &state) {
    state.refuseInCapture(state.current());
    download(state, to, from, bytes);
  });
}

int cuMemcpyDtoD_v2(uint64_t to, uint64_t from, size_t bytes) {
  return answer([&](State &state) {
    state.refuseInCapture(state.current());
    copyWithin(state, to, from, bytes);
  });
}

int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
  return answer(
      [&](State &state) { state.submit(stream, state.current(), [=, &state] { upload(state, to, from, bytes); }); });
}

int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
  return answer(
      [&](State &state) { state.submit(stream, state.current(), [=, &state] { download(state, to, from, bytes); }); });
}

int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *stream) {
  return answer([&](State &state) {
    state.submit(stream, state.current(), [=, &state] { copyWithin(state, to, from, bytes); });
  });
}

int cuMemsetD8_v2(uint64_t to, unsigned char value, size_t bytes) {
  return answer([&](State &state) {
    state.refuseInCapture(state.current());
    fill(state, to, value, bytes);
  });
}

int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *stream) {
  return answer(
      [&](State &state) { state.submit(stream, state.current(), [=, &state] { fill(state, to, value, bytes); }); });
}

/// CU_POINTER_ATTRIBUTE_MEMORY_TYPE (2), _DEVICE_ORDINAL (9).
int cuPointerGetAttribute(void *value, int attribute, uint64_t address) {
  return answer([&](State &state) {
    Device *device = state.deviceOf(address);
    require(device && (attribute == 2 || attribute == 9));
    *static_cast<int *>(value) = attribute == 2 ? 2 : device->ordinal; // CU_MEMORYTYPE_DEVICE
  });
}

int ptxsimReadAny(void *to, uint64_t from, size_t bytes, uint8_t unwritten) {
  return answer([&](State &state) {
    if (bytes)
      memoryOf(state, from).readAny(from, to, bytes, unwritten);
  });
}

int ptxsimForget(uint64_t address, size_t bytes) {
  return answer([&](State &state) {
    if (bytes)
      memoryOf(state, address).forget(address, bytes);
  });
}

int64_t ptxsimAllocations() {
  int64_t count = 0;
  answer([&](State &state) {
    for (auto &device : state.devices)
      count += int64_t(device->allocations.size());
  });
  return count;
}
}
