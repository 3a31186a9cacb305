// SPDX-License-Identifier: Apache-2.0
//
// Modules, devices and launches, as hosts see them.
#include "tests/ptxsim/Simulator.h"

#include "tests/ptxsim/Cta.h"
#include "tests/ptxsim/Syntax.h"

namespace ptxsim {

Module Module::parse(const std::string &text) {
  Module module;
  module.shared = std::make_shared<const ModuleCode>(decodeModule(parseModule(text)));
  return module;
}

static EntryInfo infoOf(const FunctionCode &function) {
  EntryInfo info;
  info.name = function.name;
  info.parameterBytes = function.parameterBytes;
  info.staticSharedBytes = function.staticSharedBytes;
  info.localBytes = function.localBytes;
  info.maxThreads = function.maxThreads;
  return info;
}

std::vector<EntryInfo> Module::entries() const {
  std::vector<EntryInfo> out;
  for (const FunctionCode &function : shared->functions)
    if (function.entry)
      out.push_back(infoOf(function));
  return out;
}

static const FunctionCode &findEntry(const ModuleCode &module, const std::string &name) {
  for (const FunctionCode &function : module.functions)
    if (function.entry && function.name == name)
      return function;
  throw Fault(FaultKind::Launch, "expects the name of an entry point, but got '" + name + "'");
}

EntryInfo Module::entry(const std::string &name) const { return infoOf(findEntry(*shared, name)); }
const std::string &Module::target() const { return shared->target; }

Device::Device() : state(std::make_unique<GlobalMemory>()) {}
Device::~Device() = default;
Device::Device(Device &&) noexcept = default;
Device &Device::operator=(Device &&) noexcept = default;

uint64_t Device::allocate(uint64_t bytes) { return state->allocate(bytes); }
void Device::free(uint64_t address) { state->free(address); }
void Device::write(uint64_t address, const void *data, uint64_t bytes) { state->write(address, data, bytes); }
void Device::read(uint64_t address, void *data, uint64_t bytes) const { state->read(address, data, bytes); }
void Device::readAny(uint64_t address, void *data, uint64_t bytes, uint8_t unwritten) const {
  state->readAny(address, data, bytes, unwritten);
}
void Device::fill(uint64_t address, uint8_t value, uint64_t bytes) {
  std::vector<uint8_t> data(bytes, value);
  state->write(address, data.data(), bytes);
}
void Device::copy(uint64_t to, uint64_t from, uint64_t bytes) { state->copy(to, from, bytes); }
void Device::forget(uint64_t address, uint64_t bytes) { state->forget(address, bytes); }
bool Device::initialised(uint64_t address, uint64_t bytes) const { return state->initialised(address, bytes); }

uint64_t Device::variable(const Module &module, const std::string &name, uint64_t *bytes) {
  const std::vector<VariableCode> &variables = module.code().variables;
  for (size_t i = 0; i < variables.size(); ++i)
    if (variables[i].name == name) {
      if (bytes)
        *bytes = static_cast<uint64_t>(variables[i].bytes);
      return state->variables(module.code())[i];
    }
  throw Fault(FaultKind::Launch, "expects the name of a variable, but got '" + name + "'");
}

static void checkLaunch(const Device &device, const FunctionCode &entry, const Launch &launch) {
  auto refuse = [&](const std::string &what) {
    throw Fault(FaultKind::Launch, "kernel '" + entry.name + "' expects " + what);
  };
  uint64_t threads = uint64_t(launch.block[0]) * launch.block[1] * launch.block[2];
  if (!threads || threads > static_cast<uint64_t>(std::min(entry.maxThreads, 1024)))
    refuse("1 to " + std::to_string(std::min(entry.maxThreads, 1024)) + " threads a CTA, but got " +
           std::to_string(threads));
  if (!launch.grid[0] || !launch.grid[1] || !launch.grid[2] || launch.grid[1] > 65535 || launch.grid[2] > 65535)
    refuse("a grid of at least one CTA, and at most 65535 along y and z");
  if (launch.parameters.size() != static_cast<size_t>(entry.parameterBytes))
    refuse(std::to_string(entry.parameterBytes) + " bytes of parameters, but got " +
           std::to_string(launch.parameters.size()));
  int64_t shared = entry.staticSharedBytes + launch.dynamicSharedBytes;
  if (shared > device.sharedBytesPerBlock)
    refuse("at most " + std::to_string(device.sharedBytesPerBlock) + " bytes of shared memory, but got " +
           std::to_string(shared));
}

Counts run(Device &device, const Module &module, const Launch &launch) {
  const ModuleCode &code = module.code();
  const FunctionCode &entry = findEntry(code, launch.kernel);
  checkLaunch(device, entry, launch);
  Grid grid{device.memory(), code, entry, launch, device.memory().variables(code), {}, 0};
  for (const FunctionCode &function : code.functions)
    grid.counts.emplace_back(function.code.size());
  device.memory().beginLaunch();
  Counts counts;
  Cta cta(grid);
  for (uint32_t z = 0; z < launch.grid[2]; ++z)
    for (uint32_t y = 0; y < launch.grid[1]; ++y)
      for (uint32_t x = 0; x < launch.grid[0]; ++x) {
        cta.run({x, y, z});
        ++counts.ctas;
        counts.warps += cta.warps.size();
      }
  for (size_t f = 0; f < code.functions.size(); ++f) {
    const FunctionCode &function = code.functions[f];
    if (function.entry && &function != &entry)
      continue;
    for (size_t i = 0; i < function.code.size(); ++i) {
      LineCounts line = grid.counts[f][i];
      line.line = function.places[i].line;
      line.text = function.places[i].text;
      line.kind = function.code[i].kind;
      counts.lines.push_back(std::move(line));
    }
    counts.loops.insert(counts.loops.end(), function.loops.begin(), function.loops.end());
  }
  return counts;
}

} // namespace ptxsim
