// SPDX-License-Identifier: Apache-2.0
//
// Shared memory of one CTA. For each byte: whether it was written, whether an asynchronous copy may still write it, and
// who last wrote and read it, so that two accesses that nothing orders are found whichever of them happened to run
// first.
#ifndef FALLOFF_TESTS_PTXSIM_SHAREDMEMORY_H
#define FALLOFF_TESTS_PTXSIM_SHAREDMEMORY_H

#include "tests/ptxsim/Ordering.h"

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace ptxsim {

/// Who accesses, for the record.
struct Access {
  uint32_t thread; ///< of the CTA
  int line;
};

class SharedMemory {
public:
  /// Memory is at [staticBegin, staticEnd) and at [dynamicBegin, dynamicBegin + dynamicBytes), from sharedBegin on.
  SharedMemory(Ordering &ordering, int64_t staticBegin, int64_t staticEnd, int64_t dynamicBegin, int64_t dynamicBytes);

  /// For another CTA: nothing is written, and everyone met everyone.
  void reset();

  // All throw Problem. Addresses are aligned by the caller.
  void load(uint64_t address, uint32_t bytes, Access access, void *out);
  /// A load of a warp together: what `access.thread` points at goes to `receiver` as well.
  void loadFor(uint64_t address, uint32_t bytes, Access access, uint32_t receiver, void *out);
  void store(uint64_t address, uint32_t bytes, Access access, const void *in);
  /// Bytes to be changed in place by an atomic operation, which races with everything but others of its kind.
  uint8_t *exchange(uint64_t address, uint32_t bytes, Access access);

  /// From here on nobody may touch the bytes, until the copy is over: then they are its thread's write of that moment.
  void beginCopy(uint64_t address, uint32_t bytes, Access access, const void *in);
  void endCopy(uint64_t address, uint32_t bytes, Access access);

  /// After every thread met every other.
  void forgetRecords();

private:
  enum State : uint8_t { nothing = 0, unwritten = 1, pending = 2, written = 3 };

  struct Reader {
    uint32_t thread = 0;
    Tick tick = 0; ///< 0: none
    int line = 0;
    bool atomic = false; ///< it changed the byte, but does not conflict with others of its kind
  };
  /// What a byte, or 16 bytes alike, has to remember.
  struct Record {
    Reader writer, reader;
    int32_t more = -1; ///< further readers
  };
  struct Chunk {
    Record record;
    int32_t split = -1; ///< its bytes' own records
    Tick splitAt = 0;
  };
  static constexpr uint32_t chunkBytes = 16;

  void check(uint64_t address, uint32_t bytes, const char *what);
  [[noreturn]] void refuse(uint64_t address, uint32_t bytes, const char *what);
  bool live(const Reader &reader) const { return reader.tick > ordering.everyoneKnows(); }
  /// A read, or an atomic operation.
  void read(Record &record, uint64_t address, Access access, bool atomic = false);
  /// `same`: the bytes hold what is written already.
  void write(Record &record, uint64_t address, Access access, bool same, const char *what);
  [[noreturn]] void race(const Reader &before, const char *earlier, const char *later, uint64_t address, Access access);
  template <class F>
  void forRecords(uint64_t address, uint32_t bytes, F function);

  Ordering &ordering;
  uint64_t begin;
  int64_t staticOffset, staticEnd, dynamicOffset; ///< from `begin`
  std::vector<uint8_t> data, states;
  std::vector<uint32_t> copier; ///< thread of a pending byte
  std::vector<int> copiedAt;    ///< line of a pending byte
  std::vector<Chunk> chunks;
  std::vector<std::array<Record, chunkBytes>> splits;
  std::vector<std::vector<Reader>> readers;
};

} // namespace ptxsim

#endif
