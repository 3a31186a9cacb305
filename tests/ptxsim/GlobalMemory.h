// SPDX-License-Identifier: Apache-2.0
//
// Global memory: allocations exact to the byte, and for each byte whether anyone has written it.
#ifndef FALLOFF_TESTS_PTXSIM_GLOBALMEMORY_H
#define FALLOFF_TESTS_PTXSIM_GLOBALMEMORY_H

#include "tests/ptxsim/Module.h"

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

  /// CTAs of one launch are ordered by nothing: what one of them writes, no other may read or write, but by atomic
  /// operations. `cta` is its number in the launch.
  void beginLaunch() { ++launch; }

  /// Where the bytes lie, for an access of a kernel. Throws Problem.
  /// `constant` reads may not meet what this launch wrote, be it by the same thread.
  const uint8_t *load(uint64_t address, uint32_t bytes, uint32_t cta, bool constant = false);
  uint8_t *store(uint64_t address, uint32_t bytes, uint32_t cta);
  uint8_t *exchange(uint64_t address, uint32_t bytes, uint32_t cta);

  void write(uint64_t address, const void *data, uint64_t bytes);
  void read(uint64_t address, void *data, uint64_t bytes);
  void readAny(uint64_t address, void *data, uint64_t bytes, uint8_t unwritten);
  void copy(uint64_t to, uint64_t from, uint64_t bytes);
  void forget(uint64_t address, uint64_t bytes);
  bool initialised(uint64_t address, uint64_t bytes);

  /// Addresses of a module's variables, which are placed the first time.
  const std::vector<uint64_t> &variables(const ModuleCode &module);

private:
  struct Allocation {
    uint64_t base = 0, bytes = 0;
    bool readOnly = false, freed = false;
    std::vector<uint8_t> data;
    std::vector<uint8_t> written;  ///< 1: somebody wrote the byte
    uint64_t launch = 0;           ///< of `writers`
    std::vector<uint32_t> writers; ///< of each byte: the CTA that wrote it in this launch plus 1, or 0; and how
  };
  static constexpr uint32_t atomically = 1u << 31, atomicallyByMany = ~0u;
  Allocation &find(uint64_t address, uint64_t bytes, const char *what);
  uint8_t *change(uint64_t address, uint32_t bytes, uint32_t cta, bool atomic);
  static void checkWritten(const Allocation &found, uint64_t address, uint32_t bytes);

  std::map<uint64_t, std::unique_ptr<Allocation>> allocations;
  std::unordered_map<uint64_t, std::vector<uint64_t>> placed; ///< by ModuleCode::identity
  Allocation *last = nullptr;
  uint64_t launch = 0;
  uint64_t end = globalBegin;
};

} // namespace ptxsim

#endif
