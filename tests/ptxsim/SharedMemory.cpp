// SPDX-License-Identifier: Apache-2.0
//
// Records are kept for 16 bytes at once as long as accesses cover those whole (ldmatrix, cp.async, 128-bit loads), and
// for each byte once one does not.
#include "tests/ptxsim/SharedMemory.h"

#include "tests/ptxsim/Module.h"
#include "tests/ptxsim/Problem.h"

#include <algorithm>
#include <cstring>

namespace ptxsim {

SharedMemory::SharedMemory(Ordering &ordering, int64_t staticBegin, int64_t end, int64_t dynamicBegin,
                           int64_t dynamicBytes)
    : ordering(ordering), begin(sharedBegin), staticOffset(staticBegin - sharedBegin), staticEnd(end - sharedBegin),
      dynamicOffset(dynamicBegin - sharedBegin) {
  size_t size = static_cast<size_t>(dynamicBytes ? dynamicOffset + dynamicBytes : staticEnd);
  data.resize(size);
  states.resize(size, nothing);
  copier.resize(size);
  copiedAt.resize(size);
  chunks.resize(size / chunkBytes + 1);
  reset();
}

void SharedMemory::reset() {
  std::fill(states.begin() + staticOffset, states.begin() + staticEnd, unwritten);
  if (dynamicOffset < static_cast<int64_t>(states.size()))
    std::fill(states.begin() + dynamicOffset, states.end(), unwritten);
  forgetRecords();
}

void SharedMemory::refuse(uint64_t address, uint32_t bytes, const char *what) {
  std::string text = std::string(what) + " of " + std::to_string(bytes) + " bytes of shared memory";
  uint64_t offset = address - begin;
  for (uint32_t i = 0; i < bytes; ++i) {
    if (address < begin || offset + i >= states.size() || states[offset + i] == nothing)
      throw Problem{FaultKind::OutOfBounds,
                    text + ", where no variable is (there are " + std::to_string(states.size()) + " bytes from " +
                        std::to_string(begin) + " on)",
                    address + i};
    if (states[offset + i] == pending)
      throw Problem{FaultKind::Pending,
                    text + " that the cp.async of thread " + std::to_string(copier[offset + i]) + " at line " +
                        std::to_string(copiedAt[offset + i]) +
                        " may still write: its thread has not waited for the copy's group",
                    address + i};
    if (states[offset + i] == unwritten)
      throw Problem{FaultKind::Uninitialised, text + " that nobody wrote", address + i};
  }
  throw Problem{FaultKind::OutOfBounds, text, address};
}

/// Every byte has to be there and not pending; for reads, written.
void SharedMemory::check(uint64_t address, uint32_t bytes, const char *what) {
  uint64_t offset = address - begin;
  bool reads = what[2] == 'r';
  if (address < begin || offset + bytes > states.size())
    refuse(address, bytes, what);
  for (uint32_t i = 0; i < bytes; ++i) {
    uint8_t state = states[offset + i];
    if (state != written && (reads || state != unwritten))
      refuse(address + i, bytes - i, what);
  }
}

void SharedMemory::race(const Reader &before, const char *earlier, const char *later, uint64_t address, Access access) {
  throw Problem{FaultKind::Race,
                "thread " + std::to_string(access.thread) + " " + later + " what thread " +
                    std::to_string(before.thread) + " " + earlier + " at line " + std::to_string(before.line) +
                    ", and no barrier is between the two",
                address};
}

void SharedMemory::read(Record &record, uint64_t address, Access access, bool atomic) {
  const char *later = atomic ? "changes" : "reads";
  if (live(record.writer) && !ordering.before(record.writer.thread, record.writer.tick, access.thread))
    race(record.writer, "wrote", later, address, access);
  auto check = [&](const Reader &other) {
    if (live(other) && other.atomic != atomic && !ordering.before(other.thread, other.tick, access.thread))
      race(other, other.atomic ? "changed" : "read", later, address, access);
  };
  // Whoever comes after this access comes after one of its kind that came before it, too.
  auto covers = [&](const Reader &other) {
    return !live(other) || (other.atomic == atomic && ordering.before(other.thread, other.tick, access.thread));
  };
  Reader now{access.thread, ordering.now, access.line, atomic};
  check(record.reader);
  bool placed = covers(record.reader);
  if (placed)
    record.reader = now;
  if (record.more >= 0)
    for (Reader &other : readers[record.more]) {
      check(other);
      if (!placed && covers(other)) {
        other = now;
        placed = true;
      }
    }
  if (placed)
    return;
  if (record.more < 0) {
    record.more = static_cast<int32_t>(readers.size());
    readers.emplace_back();
  }
  readers[record.more].push_back(now);
}

void SharedMemory::write(Record &record, uint64_t address, Access access, bool same, const char *what) {
  const Reader &writer = record.writer;
  bool together = writer.tick == ordering.now && same; // lanes of one instruction that agree
  if (live(writer) && !together && !ordering.before(writer.thread, writer.tick, access.thread))
    race(writer, "wrote", what, address, access);
  auto check = [&](const Reader &other) {
    if (live(other) && !ordering.before(other.thread, other.tick, access.thread))
      race(other, other.atomic ? "changed" : "read", what, address, access);
  };
  check(record.reader);
  if (record.more >= 0) {
    for (const Reader &reader : readers[record.more])
      check(reader);
    readers[record.more].clear();
  }
  record.writer = {access.thread, ordering.now, access.line, false};
  record.reader = {};
}

template <class F>
void SharedMemory::forRecords(uint64_t address, uint32_t bytes, F function) {
  uint64_t offset = address - begin, end = offset + bytes;
  while (offset < end) {
    Chunk &chunk = chunks[offset / chunkBytes];
    uint64_t chunkEnd = std::min(end, (offset / chunkBytes + 1) * chunkBytes);
    bool whole = chunkEnd - offset == chunkBytes;
    if (chunk.split >= 0 && chunk.splitAt <= ordering.everyoneKnows())
      chunk = {};
    if (chunk.split < 0 && whole) {
      function(chunk.record, begin + offset, chunkBytes);
      offset = chunkEnd;
      continue;
    }
    if (chunk.split < 0) {
      chunk.split = static_cast<int32_t>(splits.size());
      chunk.splitAt = ordering.now;
      splits.emplace_back();
      splits.back().fill(chunk.record);
      if (chunk.record.more >= 0)
        for (Record &record : splits.back()) { // each byte its own list
          record.more = static_cast<int32_t>(readers.size());
          readers.push_back(std::vector<Reader>(readers[chunk.record.more]));
        }
      else
        for (Record &record : splits.back())
          record.more = -1;
    }
    for (; offset < chunkEnd; ++offset)
      function(splits[chunk.split][offset % chunkBytes], begin + offset, 1);
  }
}

void SharedMemory::forgetRecords() {
  // Live records are newer than everyone's knowledge, so none of these lists is asked for again; `more` of a record
  // that is not live may dangle, and is reset where the record is used.
  if (readers.empty() && splits.empty())
    return;
  readers.clear();
  splits.clear();
  for (Chunk &chunk : chunks)
    chunk = {};
}

void SharedMemory::load(uint64_t address, uint32_t bytes, Access access, void *out) {
  check(address, bytes, "a read");
  forRecords(address, bytes, [&](Record &record, uint64_t at, uint32_t) { read(record, at, access); });
  std::memcpy(out, data.data() + (address - begin), bytes);
}

void SharedMemory::loadFor(uint64_t address, uint32_t bytes, Access access, uint32_t receiver, void *out) {
  check(address, bytes, "a read");
  forRecords(address, bytes, [&](Record &record, uint64_t at, uint32_t) {
    if (live(record.writer) && !ordering.before(record.writer.thread, record.writer.tick, receiver))
      race(record.writer, "wrote", "reads", at, {receiver, access.line});
    read(record, at, access);
  });
  std::memcpy(out, data.data() + (address - begin), bytes);
}

void SharedMemory::store(uint64_t address, uint32_t bytes, Access access, const void *in) {
  check(address, bytes, "a write");
  uint8_t *to = data.data() + (address - begin);
  forRecords(address, bytes, [&](Record &record, uint64_t at, uint32_t size) {
    bool same = std::memcmp(to + (at - address), static_cast<const uint8_t *>(in) + (at - address), size) == 0;
    write(record, at, access, same, "writes");
  });
  std::memcpy(to, in, bytes);
  std::memset(states.data() + (address - begin), written, bytes);
}

uint8_t *SharedMemory::exchange(uint64_t address, uint32_t bytes, Access access) {
  check(address, bytes, "a read");
  forRecords(address, bytes, [&](Record &record, uint64_t at, uint32_t) { read(record, at, access, true); });
  return data.data() + (address - begin);
}

void SharedMemory::beginCopy(uint64_t address, uint32_t bytes, Access access, const void *in) {
  check(address, bytes, "a write");
  forRecords(address, bytes,
             [&](Record &record, uint64_t at, uint32_t) { write(record, at, access, false, "overwrites"); });
  uint64_t offset = address - begin;
  std::memcpy(data.data() + offset, in, bytes);
  std::memset(states.data() + offset, pending, bytes);
  std::fill_n(copier.begin() + static_cast<std::ptrdiff_t>(offset), bytes, access.thread);
  std::fill_n(copiedAt.begin() + static_cast<std::ptrdiff_t>(offset), bytes, access.line);
}

void SharedMemory::endCopy(uint64_t address, uint32_t bytes, Access access) {
  forRecords(address, bytes, [&](Record &record, uint64_t, uint32_t) {
    record.writer = {access.thread, ordering.now, access.line, false};
    record.reader = {};
  });
  std::memset(states.data() + (address - begin), written, bytes);
}

} // namespace ptxsim
