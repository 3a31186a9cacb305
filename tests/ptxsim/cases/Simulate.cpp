// SPDX-License-Identifier: Apache-2.0
//
// Simulate.h.
#include "tests/ptxsim/cases/Simulate.h"
#include "tests/ptxsim/Simulator.h"
#include <cstring>

namespace ptxsim {

std::vector<uint64_t> simulate(const Case &test) {
  Module module = Module::parse(moduleText(test));
  Device device;
  std::vector<uint64_t> inputs = inputWords(test), outputs(test.outputs.size() * size_t(test.threads), 0);
  std::vector<uint8_t> memory;
  for (int i = 0; i < test.memoryBytes; ++i)
    memory.push_back(memoryByte(i));
  std::vector<uint64_t> addresses;
  auto upload = [&](const void *data, size_t bytes) {
    addresses.push_back(device.allocate(bytes ? bytes : 8));
    if (bytes)
      device.write(addresses.back(), data, bytes);
  };
  upload(inputs.data(), 8 * inputs.size());
  upload(outputs.data(), 8 * outputs.size());
  upload(memory.data(), memory.size());
  Launch launch;
  launch.kernel = "run";
  launch.block = {uint32_t(test.threads), 1, 1};
  launch.parameters.resize(8 * addresses.size());
  std::memcpy(launch.parameters.data(), addresses.data(), launch.parameters.size());
  launch.options.maxWarpInstructions = 100000;
  run(device, module, launch);
  if (!outputs.empty())
    device.read(addresses[1], outputs.data(), 8 * outputs.size());
  return outputs;
}

} // namespace ptxsim
