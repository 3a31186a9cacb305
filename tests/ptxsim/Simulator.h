// SPDX-License-Identifier: Apache-2.0
//
// The front of the simulator: read a module, fill memory, launch a grid, read what it left and what it counted.
//
//   ptxsim::Module module = ptxsim::Module::parse(ptx);
//   ptxsim::Device device;
//   uint64_t out = device.allocate(4 * 256);
//   ptxsim::Launch launch;
//   launch.kernel = "fill";
//   launch.grid = {2, 1, 1};
//   launch.block = {128, 1, 1};
//   launch.parameters.resize(8);
//   std::memcpy(launch.parameters.data(), &out, 8);
//   ptxsim::Counts counts = ptxsim::run(device, module, launch);
//
// Everything that goes wrong is thrown as a Fault.
#ifndef FALLOFF_TESTS_PTXSIM_SIMULATOR_H
#define FALLOFF_TESTS_PTXSIM_SIMULATOR_H

#include "tests/ptxsim/Counts.h"
#include "tests/ptxsim/Fault.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ptxsim {

struct ModuleCode;
class GlobalMemory;

/// What a host may ask of an entry point.
struct EntryInfo {
  std::string name;
  int64_t parameterBytes = 0, staticSharedBytes = 0, localBytes = 0;
  int maxThreads = 1024; ///< of .maxntid
};

class Module {
public:
  /// Reads PTX as NVRTC writes it. Whatever is not known is a Fault that names it.
  static Module parse(const std::string &text);

  std::vector<EntryInfo> entries() const;
  /// A Fault (Launch) where there is no such entry point.
  EntryInfo entry(const std::string &name) const;
  const std::string &target() const; ///< as "sm_80"
  const ModuleCode &code() const { return *shared; }

private:
  std::shared_ptr<const ModuleCode> shared;
};

/// The memory of one device. Allocations are exact to the byte, lie apart from each other, are aligned to 256 bytes,
/// and are uninitialised until someone writes them; addresses are not used again.
class Device {
public:
  Device();
  ~Device();
  Device(Device &&) noexcept;
  Device &operator=(Device &&) noexcept;

  uint64_t allocate(uint64_t bytes);
  /// A Fault (OutOfBounds) where nothing begins at `address`.
  void free(uint64_t address);

  void write(uint64_t address, const void *data, uint64_t bytes);
  /// A Fault (Uninitialised) where the kernel left a byte unwritten.
  void read(uint64_t address, void *data, uint64_t bytes) const;
  /// Bytes that nobody wrote read as `unwritten`; what a real copy to the host does.
  void readAny(uint64_t address, void *data, uint64_t bytes, uint8_t unwritten = 0xcd) const;
  void fill(uint64_t address, uint8_t value, uint64_t bytes);
  /// Within the device; unwritten bytes stay unwritten.
  void copy(uint64_t to, uint64_t from, uint64_t bytes);
  /// Takes back what was written: for outputs that a kernel has to write again.
  void forget(uint64_t address, uint64_t bytes);
  bool initialised(uint64_t address, uint64_t bytes) const;

  /// Address and bytes of a module's .global or .const variable, which the module's first use on this device places.
  uint64_t variable(const Module &module, const std::string &name, uint64_t *bytes = nullptr);

  GlobalMemory &memory() { return *state; }

  int64_t sharedBytesPerBlock = 232448; ///< more is a Fault (Launch); that of sm_90

private:
  std::unique_ptr<GlobalMemory> state;
};

struct LaunchOptions {
  /// A Fault (Limit) beyond: a loop that does not end.
  uint64_t maxWarpInstructions = 4'000'000'000;
  /// The warp of each CTA that goes first. Another one may make the same bug another fault, but changes nothing else.
  uint32_t firstWarp = 0;
};

struct Launch {
  std::string kernel;
  std::array<uint32_t, 3> grid = {1, 1, 1}, block = {1, 1, 1};
  uint32_t dynamicSharedBytes = 0;
  std::vector<uint8_t> parameters; ///< as the kernel's .param list lays them out
  LaunchOptions options;
};

/// Runs the whole grid, CTA by CTA in the order of their indices (x fastest); the same launch gives the same bits and
/// the same counts each time.
Counts run(Device &device, const Module &module, const Launch &launch);

/// First words of the opcodes that modules may use, such as "add": the instruction cases hold at least one of each.
std::vector<std::string> implementedOpcodes();

} // namespace ptxsim

#endif
