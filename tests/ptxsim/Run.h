// SPDX-License-Identifier: Apache-2.0
//
// For tests: parameters from values, vectors to a device and back.
#ifndef FALLOFF_TESTS_PTXSIM_RUN_H
#define FALLOFF_TESTS_PTXSIM_RUN_H

#include "tests/ptxsim/Simulator.h"

#include <cstring>
#include <string>
#include <vector>

namespace ptxsim {

/// The values one after the other, each aligned to its size, as a kernel's .param list of scalars lies.
template <class... T>
std::vector<uint8_t> parameters(T... values) {
  std::vector<uint8_t> bytes;
  auto append = [&](auto value) {
    size_t at = (bytes.size() + sizeof value - 1) / sizeof value * sizeof value;
    bytes.resize(at + sizeof value);
    std::memcpy(bytes.data() + at, &value, sizeof value);
  };
  (append(values), ...);
  return bytes;
}

template <class T>
uint64_t upload(Device &device, const std::vector<T> &values) {
  uint64_t address = device.allocate(values.size() * sizeof(T));
  device.write(address, values.data(), values.size() * sizeof(T));
  return address;
}

template <class T>
std::vector<T> download(const Device &device, uint64_t address, size_t count) {
  std::vector<T> values(count);
  device.read(address, values.data(), count * sizeof(T));
  return values;
}

/// A module of one kernel `k` with the given parameters and body.
inline std::string kernelText(const std::string &parameters, const std::string &body) {
  return ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(" + parameters + ")\n{\n" + body + "\n}\n";
}

/// The message of the Fault that `function` ends in, or nothing; `kind` gets its kind.
template <class F>
std::string faultOf(F function, FaultKind *kind = nullptr) {
  try {
    function();
  } catch (const Fault &fault) {
    if (kind)
      *kind = fault.kind;
    return fault.what();
  }
  return "";
}

} // namespace ptxsim

#endif
