// SPDX-License-Identifier: Apache-2.0
//
// atom and red on global and shared memory. Lanes go one after the other, lowest first.
#include "tests/ptxsim/instructions/Address.h"
#include "tests/ptxsim/instructions/Apply.h"

#include <cstring>

namespace ptxsim {
namespace {

enum class Change : uint8_t { Add, Min, Max, Inc, Dec, Exch, Cas, And, Or, Xor };

template <class T>
T changeInteger(Change change, T old, T b, T c) {
  switch (change) {
  case Change::Add:
    return static_cast<T>(static_cast<uint64_t>(old) + static_cast<uint64_t>(b));
  case Change::Min:
    return b < old ? b : old;
  case Change::Max:
    return old < b ? b : old;
  case Change::Inc:
    return old >= b ? T(0) : static_cast<T>(old + 1);
  case Change::Dec:
    return old == 0 || old > b ? b : static_cast<T>(old - 1);
  case Change::Exch:
    return b;
  case Change::Cas:
    return old == b ? c : old;
  case Change::And:
    return old & b;
  case Change::Or:
    return old | b;
  case Change::Xor:
    return old ^ b;
  }
  return old;
}

/// In global memory f32 is added without subnormal numbers.
uint64_t changed(Change change, Type type, Space space, uint64_t old, uint64_t b, uint64_t c) {
  switch (type) {
  case Type::F32: {
    FloatMode mode;
    mode.flush = space == Space::Global;
    return add(static_cast<uint32_t>(old), static_cast<uint32_t>(b), mode);
  }
  case Type::F64:
    return asBits(asDouble(old) + asDouble(b));
  case Type::S32:
    return static_cast<uint32_t>(changeInteger(change, static_cast<int32_t>(old), static_cast<int32_t>(b), 0));
  case Type::S64:
    return static_cast<uint64_t>(changeInteger(change, static_cast<int64_t>(old), static_cast<int64_t>(b), int64_t(0)));
  case Type::U64:
  case Type::B64:
    return changeInteger(change, old, b, c);
  default:
    return changeInteger(change, static_cast<uint32_t>(old), static_cast<uint32_t>(b), static_cast<uint32_t>(c));
  }
}

/// d, address, b {, c}; red has no d.
void changeMemory(Warp &warp, const Instruction &i) {
  uint32_t bytes = static_cast<uint32_t>(bytesOf(i.type));
  int address = i.destinations;
  LaneAddresses shared{};
  uint32_t sharedLanes = 0, globalLanes = 0;
  forLanes(warp.mask, [&](int lane) {
    Place place = addressOf(warp, i, address, lane, bytes);
    uint8_t *at = nullptr;
    if (place.space == Space::Shared) {
      at = warp.cta.shared.exchange(place.address, bytes, {warp.thread(lane), warp.line()});
      shared[lane] = place.address;
      sharedLanes |= 1u << lane;
    } else if (place.space == Space::Global) {
      at = warp.cta.grid.memory.exchange(place.address, bytes, accessorOf(warp, lane));
      globalLanes |= 1u << lane;
    } else {
      throw Problem{FaultKind::OutOfBounds, "expects global or shared memory for an atomic operation", place.address};
    }
    uint64_t old = 0;
    std::memcpy(&old, at, bytes);
    uint64_t b = warp.value(i, address + 1, lane), c = i.count == 3 ? warp.value(i, address + 2, lane) : 0;
    uint64_t value = changed(static_cast<Change>(i.option), i.type, place.space, old, b, c);
    std::memcpy(at, &value, bytes);
    if (i.destinations)
      warp.setValue(i, 0, lane, old);
  });
  warp.lane = -1;
  if (sharedLanes)
    countWavefronts(*warp.counts, shared, sharedLanes, bytes);
  warp.counts->sharedBytes += uint64_t(bytes) * __builtin_popcount(sharedLanes);
  warp.counts->globalBytes += uint64_t(bytes) * __builtin_popcount(globalLanes);
}

/// Which types an operation has.
bool fits(Change change, Type type) {
  switch (change) {
  case Change::Add:
    return type == Type::U32 || type == Type::S32 || type == Type::U64 || type == Type::F32 || type == Type::F64;
  case Change::Min:
  case Change::Max:
    return type == Type::U32 || type == Type::S32 || type == Type::U64 || type == Type::S64;
  case Change::Inc:
  case Change::Dec:
    return type == Type::U32;
  default:
    return type == Type::B32 || type == Type::B64;
  }
}

template <bool returns>
void decodeChange(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  suffixes.takeOne({"relaxed", "acquire", "release", "acq_rel"});
  suffixes.takeOne({"cta", "cluster", "gpu", "sys"});
  int space = suffixes.takeOne({"global", "shared", "shared::cta"});
  out.space = space < 0 ? Space::Generic : space == 0 ? Space::Global : Space::Shared;
  int operation = suffixes.takeOne({"add", "min", "max", "inc", "dec", "exch", "cas", "and", "or", "xor"});
  Type type = requireType(decoder, suffixes);
  auto change = static_cast<Change>(operation);
  if (operation < 0 || !fits(change, type))
    refuseType(decoder, suffixes, type);
  if (!returns && (change == Change::Exch || change == Change::Cas))
    decoder.unsupported("expects atom, since red has no .exch and no .cas");
  out.type = type;
  out.kind = Kind::Atomic;
  out.execute = changeMemory;
  out.option = static_cast<uint8_t>(operation);
  size_t next = 0;
  if (returns)
    decoder.destination(out, decoder.operand(next++), type);
  decoder.address(out, decoder.operand(next++), out.space);
  decoder.source(out, decoder.operand(next++), type);
  out.count = 2;
  if (change == Change::Cas) {
    decoder.source(out, decoder.operand(next++), type);
    out.count = 3;
  }
}

} // namespace

void addAtomic(DecodeTable &table) {
  table["atom"] = decodeChange<true>;
  table["red"] = decodeChange<false>;
}

} // namespace ptxsim
