// SPDX-License-Identifier: Apache-2.0
//
// Global memory: allocations exact to the byte, and for each byte whether anyone has written it.
#ifndef FALLOFF_TESTS_PTXSIM_GLOBALMEMORY_H
#define FALLOFF_TESTS_PTXSIM_GLOBALMEMORY_H

#include "tests/ptxsim/Module.h"
#include "tests/ptxsim/Ordering.h"

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

namespace ptxsim {

class GlobalMemory {
public:
  uint64_t allocate(uint64_t bytes, uint64_t alignment = 256, bool readOnly = false);
  void free(uint64_t address);

  /// Who accesses: a thread of a CTA, by its number in the launch. CTAs of one launch are ordered by nothing, threads
  /// of one CTA as their barriers say; what one of them wrote, another may not read or write, but by atomic operations.
  struct Accessor {
    uint32_t cta, thread;
    const Ordering &ordering;
  };
  void beginLaunch() { ++launch; }

  // Accesses of a kernel; they throw Problem.
  /// `constant` reads may not meet what this launch wrote, be it by the same thread.
  void load(uint64_t address, uint32_t bytes, Accessor accessor, bool constant, void *out);
  void store(uint64_t address, uint32_t bytes, Accessor accessor, const void *in);
  /// Bytes to be changed in place by an atomic operation.
  uint8_t *exchange(uint64_t address, uint32_t bytes, Accessor accessor);

  void write(uint64_t address, const void *data, uint64_t bytes);
  void read(uint64_t address, void *data, uint64_t bytes);
  void readAny(uint64_t address, void *data, uint64_t bytes, uint8_t unwritten);
  void copy(uint64_t to, uint64_t from, uint64_t bytes);
  void forget(uint64_t address, uint64_t bytes);
  bool initialised(uint64_t address, uint64_t bytes);

  /// Addresses of a module's variables, which are placed the first time.
  const std::vector<uint64_t> &variables(const ModuleCode &module);

private:
  static constexpr uint32_t nobody = ~0u, several = ~0u - 1; ///< several CTAs, by atomic operations
  /// Of a byte, in this launch.
  struct Writer {
    uint32_t cta = nobody;
    uint32_t thread = 0;
    Tick tick = 0;
    bool atomic = false;
    bool together = false; ///< lanes of its warp wrote one value in one instruction
  };
  struct Allocation {
    uint64_t base = 0, bytes = 0;
    bool readOnly = false, freed = false;
    std::vector<uint8_t> data;
    std::vector<uint8_t> written; ///< 1: somebody wrote the byte
    uint64_t launch = 0;          ///< of `writers`
    std::vector<Writer> writers;
  };
  Allocation &find(uint64_t address, uint64_t bytes, const char *what);
  Allocation &findWritable(uint64_t address, uint32_t bytes);
  static void checkOrder(const Writer &writer, const Accessor &accessor, const char *what, uint64_t address);
  static void checkWritten(const Allocation &found, uint64_t address, uint32_t bytes);

  std::map<uint64_t, std::unique_ptr<Allocation>> allocations;
  std::unordered_map<uint64_t, std::vector<uint64_t>> placed; ///< by ModuleCode::identity
  Allocation *last = nullptr;
  uint64_t launch = 0;
  uint64_t end = globalBegin;
};

} // namespace ptxsim

#endif
