// SPDX-License-Identifier: Apache-2.0
//
// ld, ldu, st in every space; prefetch. One access moves all elements of a vector at once.
#include "tests/ptxsim/instructions/Address.h"
#include "tests/ptxsim/instructions/Apply.h"

#include <cstring>

namespace ptxsim {
namespace {

constexpr uint32_t mostBytes = 32;

/// Parameters of an entry point are the launch's bytes.
void readParameter(Warp &warp, uint64_t address, uint32_t bytes, uint8_t *out) {
  const std::vector<uint8_t> &parameters = warp.cta.grid.launch.parameters;
  if (address + bytes > parameters.size() || address + bytes < address)
    throw Problem{FaultKind::OutOfBounds,
                  "a read of " + std::to_string(bytes) + " bytes in " + std::to_string(parameters.size()) +
                      " bytes of parameters",
                  address};
  std::memcpy(out, parameters.data() + address, bytes);
}

/// `constant`: by the path for what nobody writes while the kernel runs (`.nc`).
void readBytes(Warp &warp, Place place, uint32_t bytes, int lane, bool constant, uint8_t *out) {
  switch (place.space) {
  case Space::Shared:
    return warp.cta.shared.load(place.address, bytes, {warp.thread(lane), warp.line()}, out);
  case Space::Local:
    std::memcpy(out, warp.local(lane, place.address, bytes, false), bytes);
    return;
  case Space::Parameter:
    return readParameter(warp, place.address, bytes, out);
  default:
    warp.cta.grid.memory.load(place.address, bytes, accessorOf(warp, lane), constant, out);
  }
}

void writeBytes(Warp &warp, Place place, uint32_t bytes, int lane, const uint8_t *in) {
  switch (place.space) {
  case Space::Shared:
    return warp.cta.shared.store(place.address, bytes, {warp.thread(lane), warp.line()}, in);
  case Space::Local:
    std::memcpy(warp.local(lane, place.address, bytes, true), in, bytes);
    return;
  case Space::Parameter:
    throw Problem{FaultKind::OutOfBounds, "a write to parameters", place.address};
  default:
    warp.cta.grid.memory.store(place.address, bytes, accessorOf(warp, lane), in);
  }
}

/// Adds up where the lanes of one access went.
struct Traffic {
  LaneAddresses shared{};
  uint32_t sharedLanes = 0, globalLanes = 0, localLanes = 0;

  void add(Place place, int lane) {
    if (place.space == Space::Shared) {
      shared[lane] = place.address;
      sharedLanes |= 1u << lane;
    } else if (place.space == Space::Local) {
      localLanes |= 1u << lane;
    } else if (place.space == Space::Global) {
      globalLanes |= 1u << lane;
    }
  }
  void count(LineCounts &counts, uint32_t bytes) const {
    if (sharedLanes)
      countWavefronts(counts, shared, sharedLanes, bytes);
    counts.sharedBytes += uint64_t(bytes) * __builtin_popcount(sharedLanes);
    counts.globalBytes += uint64_t(bytes) * __builtin_popcount(globalLanes);
    counts.localBytes += uint64_t(bytes) * __builtin_popcount(localLanes);
  }
};

uint64_t element(const uint8_t *from, Type type, int bytes) {
  uint64_t value = 0;
  std::memcpy(&value, from, bytes);
  if (isSigned(type)) {
    int shift = 64 - 8 * bytes;
    value = static_cast<uint64_t>(static_cast<int64_t>(value << shift) >> shift);
  }
  return value;
}

void load(Warp &warp, const Instruction &i) {
  int bytes = bytesOf(i.type), address = i.destinations;
  uint32_t whole = static_cast<uint32_t>(bytes) * i.count;
  Traffic traffic;
  // All addresses and bytes before the first register: a destination may be the address's own register.
  std::array<std::array<uint8_t, mostBytes>, 32> loaded;
  forLanes(warp.mask, [&](int lane) {
    Place place = addressOf(warp, i, address, lane, whole);
    readBytes(warp, place, whole, lane, i.second != 0, loaded[lane].data());
    traffic.add(place, lane);
  });
  warp.lane = -1;
  traffic.count(*warp.counts, whole);
  for (int part = 0; part < i.count; ++part) {
    uint32_t row = i.rows[part];
    const int at = part * bytes;
    if (bytes == 4 && !(i.widths >> part & 1)) {
      uint32_t *d = warp.row(row);
      forLanes(warp.mask, [&](int lane) { std::memcpy(&d[lane], &loaded[lane][at], 4); });
      continue;
    }
    uint64_t ones = i.option >> part & 1 ? 0xffff : ~uint64_t(0); // a register of 16 bits
    forLanes(warp.mask,
             [&](int lane) { warp.setValue(i, part, lane, element(&loaded[lane][at], i.type, bytes) & ones); });
  }
}

void store(Warp &warp, const Instruction &i) {
  int bytes = bytesOf(i.type);
  uint32_t whole = static_cast<uint32_t>(bytes) * i.count;
  Traffic traffic;
  forLanes(warp.mask, [&](int lane) {
    std::array<uint8_t, mostBytes> out;
    for (int part = 0; part < i.count; ++part) {
      uint64_t value = warp.value(i, 1 + part, lane);
      std::memcpy(&out[part * bytes], &value, bytes);
    }
    Place place = addressOf(warp, i, 0, lane, whole);
    writeBytes(warp, place, whole, lane, out.data());
    traffic.add(place, lane);
  });
  warp.lane = -1;
  traffic.count(*warp.counts, whole);
}

/// What caches are told changes no value: everything is written at once, and no cache is ever stale.
void takeHints(Decoder &decoder, Suffixes &suffixes, bool loads) {
  const bool isWeak = suffixes.take("weak"), isVolatile = suffixes.take("volatile");
  const bool isOrdered = suffixes.take("relaxed") || suffixes.take(loads ? "acquire" : "release");
  const bool isScoped = suffixes.takeOne({"cta", "cluster", "gpu", "sys"}) >= 0;
  const bool isCached =
      (loads ? suffixes.takeOne({"ca", "cg", "cs", "lu", "cv"}) : suffixes.takeOne({"wb", "cg", "cs", "wt"})) >= 0;
  if (isWeak + isVolatile + isOrdered > 1 || isScoped != isOrdered || (isCached && (isVolatile || isOrdered)))
    decoder.unsupported("expects a scope of .relaxed, .acquire and .release alone, and a cache of none but .weak");
  suffixes.takeOne({"L1::evict_first", "L1::evict_last", "L1::no_allocate", "L1::evict_normal", "L1::evict_unchanged"});
  suffixes.takeOne({"L2::64B", "L2::128B", "L2::256B"});
}

Space takeSpace(Suffixes &suffixes) {
  if (suffixes.take("shared::cta"))
    return Space::Shared;
  static const Space spaces[] = {Space::Global, Space::Shared, Space::Local, Space::Parameter, Space::Constant};
  int index = suffixes.takeOne({"global", "shared", "local", "param", "const"});
  return index < 0 ? Space::Generic : spaces[index];
}

Kind kindOf(Space space, bool loads) {
  switch (space) {
  case Space::Shared:
    return loads ? Kind::LoadShared : Kind::StoreShared;
  case Space::Local:
    return loads ? Kind::LoadLocal : Kind::StoreLocal;
  case Space::Parameter:
  case Space::Constant:
    return Kind::LoadParameter;
  default:
    return loads ? Kind::LoadGlobal : Kind::StoreGlobal;
  }
}

template <bool loads>
void decodeAccess(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  takeHints(decoder, suffixes, loads);
  out.space = takeSpace(suffixes);
  if (!loads && out.space == Space::Constant)
    decoder.unsupported("expects memory that can be written, but got .const");
  out.second = suffixes.base() == "ld" && out.space == Space::Global && suffixes.take("nc");
  static const uint8_t lengths[] = {2, 4};
  int vector = suffixes.takeOne({"v2", "v4"});
  out.count = vector < 0 ? 1 : lengths[vector];
  out.type = requireType(decoder, suffixes);
  if (out.type == Type::Pred || bytesOf(out.type) * out.count > static_cast<int>(mostBytes) ||
      bytesOf(out.type) == 16 || bytesOf(out.type) * out.count == 24)
    refuseType(decoder, suffixes, out.type);
  out.kind = kindOf(out.space, loads);
  out.execute = loads ? load : store;
  const OperandSyntax &value = decoder.operand(loads ? 0 : 1), &address = decoder.operand(loads ? 1 : 0);
  if ((vector >= 0) != (value.kind == OperandSyntax::Kind::Vector) || (vector >= 0 && value.parts.size() != out.count))
    decoder.syntax("expects a vector of as many registers as the suffix says");
  std::vector<OperandSyntax> parts = vector >= 0 ? value.parts : std::vector<OperandSyntax>{value};
  if (!loads)
    decoder.address(out, address, out.space);
  for (size_t part = 0; part < parts.size(); ++part) {
    if (!loads) {
      decoder.source(out, parts[part], out.type, true);
      continue;
    }
    decoder.destination(out, parts[part], out.type, true);
    if (decoder.registerBytes(parts[part]) == 2)
      out.option |= 1 << part;
  }
  if (loads)
    decoder.address(out, address, out.space);
  if (out.space == Space::Constant)
    out.space = Space::Global; // its variables lie there, where nothing writes them
}

void prefetch(Warp &, const Instruction &) {}

void decodePrefetch(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  out.space = takeSpace(suffixes);
  if (suffixes.takeOne({"L1", "L2", "L2::evict_last", "L2::evict_normal"}) < 0)
    decoder.unsupported("expects the level of a cache");
  out.kind = Kind::LoadGlobal;
  out.execute = prefetch;
  decoder.address(out, decoder.operand(0), out.space);
}

} // namespace

void addMemory(DecodeTable &table) {
  table["ld"] = decodeAccess<true>;
  table["ldu"] = decodeAccess<true>;
  table["st"] = decodeAccess<false>;
  table["prefetch"] = decodePrefetch;
}

} // namespace ptxsim
