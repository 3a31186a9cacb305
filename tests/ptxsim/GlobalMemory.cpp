// SPDX-License-Identifier: Apache-2.0
//
// Allocations lie in increasing addresses, apart from each other, and no address is given out twice; so an access past
// an allocation's end, or to one that is gone, hits nothing.
#include "tests/ptxsim/GlobalMemory.h"

#include "tests/ptxsim/Problem.h"

#include <algorithm>
#include <cstring>
#include <sstream>

namespace ptxsim {

constexpr uint64_t gapBytes = 1 << 16;

uint64_t GlobalMemory::allocate(uint64_t bytes, uint64_t alignment, bool readOnly) {
  auto allocation = std::make_unique<Allocation>();
  uint64_t base = (end + alignment - 1) / alignment * alignment;
  allocation->base = base;
  allocation->bytes = bytes;
  allocation->readOnly = readOnly;
  allocation->data.resize(bytes);
  allocation->written.resize(bytes);
  end = base + bytes + gapBytes;
  allocations.emplace(base, std::move(allocation));
  return base;
}

void GlobalMemory::free(uint64_t address) {
  auto found = allocations.find(address);
  if (found == allocations.end() || found->second->freed)
    throw Fault(FaultKind::OutOfBounds, "expects the address of an allocation to free",
                {-1, "", {-1, -1, -1}, -1, -1, address});
  found->second->freed = true; // its place stays known, for messages
  found->second->data = {};
  found->second->written = {};
  found->second->writers = {};
}

static std::string described(const char *what, uint64_t bytes, uint64_t address, uint64_t base, uint64_t size,
                             bool freed) {
  std::ostringstream text;
  text << what << " of " << bytes << " bytes ";
  if (freed)
    text << "in an allocation of " << size << " bytes that was freed, at offset " << address - base;
  else
    text << "at offset " << address - base << " of an allocation of " << size << " bytes";
  return text.str();
}

GlobalMemory::Allocation &GlobalMemory::find(uint64_t address, uint64_t bytes, const char *what) {
  if (last && address >= last->base && bytes <= last->bytes && address - last->base <= last->bytes - bytes &&
      !last->freed)
    return *last;
  auto after = allocations.upper_bound(address);
  if (after == allocations.begin())
    throw Problem{FaultKind::OutOfBounds,
                  std::string(what) + " of " + std::to_string(bytes) + " bytes, where no allocation is", address};
  Allocation &found = *std::prev(after)->second;
  uint64_t offset = address - found.base;
  if (found.freed || bytes > found.bytes || offset > found.bytes - bytes)
    throw Problem{FaultKind::OutOfBounds, described(what, bytes, address, found.base, found.bytes, found.freed),
                  address};
  last = &found;
  return found;
}

void GlobalMemory::checkWritten(const Allocation &found, uint64_t address, uint32_t bytes) {
  const uint8_t *written = found.written.data() + (address - found.base);
  for (uint32_t i = 0; i < bytes; ++i)
    if (!written[i])
      throw Problem{FaultKind::Uninitialised,
                    described("a read", bytes, address, found.base, found.bytes, false) + ", where nobody wrote byte " +
                        std::to_string(address + i - found.base),
                    address};
}

[[noreturn]] static void race(const std::string &what, const std::string &who, uint64_t address) {
  throw Problem{FaultKind::Race, "a thread " + what + " global memory that " + who + " in the same launch", address};
}

/// Faults if the byte's writer and `accessor` are ordered by nothing.
void GlobalMemory::checkOrder(const Writer &writer, const Accessor &accessor, const char *what, uint64_t address) {
  if (writer.cta == nobody || (writer.cta == accessor.cta && writer.atomic))
    return;
  if (writer.atomic)
    race(what, "atomic operations of others change", address);
  if (writer.cta != accessor.cta)
    race(what, "CTA number " + std::to_string(writer.cta) + " wrote", address);
  bool amongThem = writer.together && writer.thread / 32 == accessor.thread / 32;
  if (!amongThem && !accessor.ordering.before(writer.thread, writer.tick, accessor.thread))
    race(what, "thread " + std::to_string(writer.thread) + " of this CTA wrote without a barrier since,", address);
}

void GlobalMemory::load(uint64_t address, uint32_t bytes, Accessor accessor, bool constant, void *out) {
  Allocation &found = find(address, bytes, "a read");
  checkWritten(found, address, bytes);
  uint64_t offset = address - found.base;
  std::memcpy(out, found.data.data() + offset, bytes);
  if (found.launch != launch || found.writers.empty())
    return;
  for (uint32_t i = 0; i < bytes; ++i) {
    const Writer &writer = found.writers[offset + i];
    if (writer.cta != nobody && constant)
      throw Problem{FaultKind::Race, "reads as constant (.nc) what the launch wrote", address + i};
    if (!writer.atomic) // a read of what atomic operations change is how CTAs talk
      checkOrder(writer, accessor, "reads", address + i);
  }
}

GlobalMemory::Allocation &GlobalMemory::findWritable(uint64_t address, uint32_t bytes) {
  Allocation &found = find(address, bytes, "a write");
  if (found.readOnly)
    throw Problem{FaultKind::OutOfBounds, "a write to constant memory", address};
  if (found.launch != launch || found.writers.empty()) {
    found.launch = launch;
    found.writers.assign(found.bytes, {});
  }
  return found;
}

void GlobalMemory::store(uint64_t address, uint32_t bytes, Accessor accessor, const void *in) {
  Allocation &found = findWritable(address, bytes);
  uint64_t offset = address - found.base;
  for (uint32_t i = 0; i < bytes; ++i) {
    Writer &writer = found.writers[offset + i];
    bool same = found.data[offset + i] == static_cast<const uint8_t *>(in)[i];
    if (!(same && writer.cta == accessor.cta)) // threads of one CTA may agree
      checkOrder(writer, accessor, "writes", address + i);
    bool together = same && writer.cta == accessor.cta && writer.tick == accessor.ordering.now;
    writer = {accessor.cta, accessor.thread, accessor.ordering.now, false, together};
  }
  std::memcpy(found.data.data() + offset, in, bytes);
  std::memset(found.written.data() + offset, 1, bytes);
}

uint8_t *GlobalMemory::exchange(uint64_t address, uint32_t bytes, Accessor accessor) {
  Allocation &found = findWritable(address, bytes);
  checkWritten(found, address, bytes);
  uint64_t offset = address - found.base;
  for (uint32_t i = 0; i < bytes; ++i) {
    Writer &writer = found.writers[offset + i];
    if (!writer.atomic)
      checkOrder(writer, accessor, "changes", address + i);
    bool alone = writer.cta == nobody || writer.cta == accessor.cta;
    if (writer.cta == nobody || writer.atomic)
      writer = {alone ? accessor.cta : several, accessor.thread, accessor.ordering.now, true, false};
  }
  return found.data.data() + offset;
}

/// For the host, whose problems have no place.
template <class F>
static auto hosted(F function) -> decltype(function()) {
  try {
    return function();
  } catch (const Problem &problem) {
    FaultPlace place;
    place.address = problem.address;
    throw Fault(problem.kind, "from the host: " + problem.what, place);
  }
}

void GlobalMemory::write(uint64_t address, const void *data, uint64_t bytes) {
  hosted([&] {
    if (!bytes)
      return;
    Allocation &found = find(address, bytes, "a write");
    std::memcpy(found.data.data() + (address - found.base), data, bytes);
    std::memset(found.written.data() + (address - found.base), 1, bytes);
  });
}

void GlobalMemory::read(uint64_t address, void *data, uint64_t bytes) {
  hosted([&] {
    if (!bytes)
      return;
    Allocation &found = find(address, bytes, "a read");
    auto begin = found.written.begin() + static_cast<std::ptrdiff_t>(address - found.base);
    auto missing = std::find(begin, begin + static_cast<std::ptrdiff_t>(bytes), 0);
    if (missing != begin + static_cast<std::ptrdiff_t>(bytes))
      throw Problem{FaultKind::Uninitialised,
                    described("a read", bytes, address, found.base, found.bytes, false) + ", where nobody wrote byte " +
                        std::to_string(missing - found.written.begin()),
                    address + static_cast<uint64_t>(missing - begin)};
    std::memcpy(data, found.data.data() + (address - found.base), bytes);
  });
}

void GlobalMemory::readAny(uint64_t address, void *data, uint64_t bytes, uint8_t unwritten) {
  hosted([&] {
    if (!bytes)
      return;
    Allocation &found = find(address, bytes, "a read");
    for (uint64_t i = 0; i < bytes; ++i) {
      uint64_t at = address - found.base + i;
      static_cast<uint8_t *>(data)[i] = found.written[at] ? found.data[at] : unwritten;
    }
  });
}

void GlobalMemory::copy(uint64_t to, uint64_t from, uint64_t bytes) {
  hosted([&] {
    if (!bytes)
      return;
    Allocation &source = find(from, bytes, "a read");
    Allocation &target = find(to, bytes, "a write");
    std::memmove(target.data.data() + (to - target.base), source.data.data() + (from - source.base), bytes);
    std::memmove(target.written.data() + (to - target.base), source.written.data() + (from - source.base), bytes);
  });
}

void GlobalMemory::forget(uint64_t address, uint64_t bytes) {
  hosted([&] {
    if (!bytes)
      return;
    Allocation &found = find(address, bytes, "a write");
    std::memset(found.written.data() + (address - found.base), 0, bytes);
  });
}

bool GlobalMemory::initialised(uint64_t address, uint64_t bytes) {
  return hosted([&] {
    if (!bytes)
      return true;
    Allocation &found = find(address, bytes, "a read");
    auto begin = found.written.begin() + static_cast<std::ptrdiff_t>(address - found.base);
    return std::find(begin, begin + static_cast<std::ptrdiff_t>(bytes), 0) ==
           begin + static_cast<std::ptrdiff_t>(bytes);
  });
}

const std::vector<uint64_t> &GlobalMemory::variables(const ModuleCode &module) {
  auto [at, fresh] = placed.try_emplace(module.identity);
  if (!fresh)
    return at->second;
  std::unordered_map<std::string, uint64_t> byName;
  for (const VariableCode &variable : module.variables) {
    uint64_t alignment = static_cast<uint64_t>(variable.alignment);
    at->second.push_back(byName[variable.name] = allocate(static_cast<uint64_t>(variable.bytes), alignment));
  }
  for (size_t i = 0; i < module.variables.size(); ++i) {
    std::vector<uint8_t> image = module.variables[i].image;
    for (const auto &[offset, name] : module.variables[i].addresses) {
      auto target = byName.find(name);
      if (target == byName.end())
        throw Fault(FaultKind::Unsupported, "expects a variable of the module, but got '" + name + "'");
      uint64_t value;
      std::memcpy(&value, image.data() + offset, 8);
      value += target->second;
      std::memcpy(image.data() + offset, &value, 8);
    }
    write(at->second[i], image.data(), image.size());
    allocations.at(at->second[i])->readOnly = module.variables[i].space == Space::Constant;
  }
  return at->second;
}

} // namespace ptxsim
