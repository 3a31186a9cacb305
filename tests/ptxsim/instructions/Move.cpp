// SPDX-License-Identifier: Apache-2.0
//
// mov, also between a register and a vector of its parts; cvta, isspacep.
#include "tests/ptxsim/instructions/Apply.h"

namespace ptxsim {
namespace {

/// What was never written may be moved: compilers move registers that only some paths fill. It stays unwritten.
void passOn(Warp &warp, uint32_t to, uint32_t valid) {
  uint32_t &initialised = warp.initialised(to);
  initialised = (initialised & ~warp.mask) | (valid & warp.mask);
}

template <class S>
void move(Warp &warp, const Instruction &i) {
  S *d = warp.as<S>(i.rows[0]);
  const S *a = warp.as<S>(i.rows[1]);
  forLanes(warp.mask, [&](int lane) { d[lane] = a[lane]; });
  passOn(warp, i.rows[0], warp.initialised(i.rows[1]));
}

void movePredicate(Warp &warp, const Instruction &i) {
  uint32_t &d = warp.predicate(i.rows[0]);
  d = (d & ~warp.mask) | (warp.predicate(i.rows[1]) & warp.mask);
  passOn(warp, i.rows[0], warp.initialised(i.rows[1]));
}

/// d = {a, b, ...}, the first lowest; each has `immediate` bits.
void pack(Warp &warp, const Instruction &i) {
  int bits = static_cast<int>(i.immediate);
  uint64_t ones = (uint64_t(1) << bits) - 1;
  forLanes(warp.mask, [&](int lane) {
    uint64_t value = 0;
    for (int part = 0; part < i.count; ++part)
      value |= (warp.value(i, 1 + part, lane) & ones) << (part * bits);
    warp.setValue(i, 0, lane, value);
  });
  uint32_t valid = allLanes;
  for (int part = 0; part < i.count; ++part)
    valid &= warp.initialised(i.rows[1 + part]);
  passOn(warp, i.rows[0], valid);
}

void unpack(Warp &warp, const Instruction &i) {
  int bits = static_cast<int>(i.immediate);
  uint64_t ones = (uint64_t(1) << bits) - 1;
  uint32_t valid = warp.initialised(i.rows[i.count]);
  forLanes(warp.mask, [&](int lane) {
    uint64_t value = warp.value(i, i.count, lane);
    for (int part = 0; part < i.count; ++part)
      warp.setValue(i, part, lane, value >> (part * bits) & ones);
  });
  for (int part = 0; part < i.count; ++part)
    passOn(warp, i.rows[part], valid);
}

Type partType(Decoder &decoder, int bytes) {
  switch (bytes) {
  case 2:
    return Type::B16;
  case 4:
    return Type::B32;
  default:
    decoder.unsupported("expects parts of 16 or 32 bits");
  }
}

void decodeMove(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  bool half = isFloat(type) && type != Type::F32 && type != Type::F64;
  if (half || bytesOf(type) == 1 || bytesOf(type) == 16)
    refuseType(decoder, suffixes, type);
  if (decoder.operands() != 2)
    decoder.syntax("expects 2 operands, but got " + std::to_string(decoder.operands()));
  out.type = type;
  out.kind = Kind::Move;
  out.passesOn = true;
  const OperandSyntax &d = decoder.operand(0), &a = decoder.operand(1);
  bool fromVector = a.kind == OperandSyntax::Kind::Vector, toVector = d.kind == OperandSyntax::Kind::Vector;
  if (fromVector || toVector) {
    const std::vector<OperandSyntax> &parts = fromVector ? a.parts : d.parts;
    int bytes = parts.empty() ? 0 : bytesOf(type) / static_cast<int>(parts.size());
    Type part = partType(decoder, bytes);
    out.count = static_cast<uint8_t>(parts.size());
    out.immediate = 8 * bytes;
    out.execute = fromVector ? pack : unpack;
    if (fromVector) {
      decoder.destination(out, d, type);
      for (const OperandSyntax &each : parts)
        decoder.source(out, each, part);
    } else {
      for (const OperandSyntax &each : parts)
        decoder.destination(out, each, part);
      decoder.source(out, a, type);
    }
    return;
  }
  decoder.destination(out, d, type);
  decoder.source(out, a, type);
  out.execute = type == Type::Pred ? movePredicate : bytesOf(type) == 8 ? move<uint64_t> : move<uint32_t>;
}

uint64_t windowOf(Space space) {
  switch (space) {
  case Space::Shared:
    return sharedWindow;
  case Space::Local:
    return localWindow;
  case Space::Parameter:
    return parameterWindow;
  default:
    return 0;
  }
}

/// To a generic address, or (`option`) from one. A null pointer is none of any space's, so it is a fault here.
void convertAddress(Warp &warp, const Instruction &i) {
  uint64_t window = windowOf(i.space);
  forLanes(warp.mask, [&](int lane) {
    uint64_t address = warp.value(i, 1, lane);
    if (i.option && window && address - window >= windowBytes) {
      warp.lane = lane;
      throw Problem{FaultKind::OutOfBounds, "expects a generic address of the space that it is converted to", address};
    }
    warp.setValue(i, 0, lane, i.option ? address - window : address + window);
  });
}

Space takeSpace(Decoder &decoder, Suffixes &suffixes) {
  if (suffixes.take("shared::cta"))
    return Space::Shared;
  static const Space spaces[] = {Space::Global, Space::Shared, Space::Local, Space::Parameter, Space::Constant};
  int index = suffixes.takeOne({"global", "shared", "local", "param", "const"});
  if (index < 0)
    decoder.unsupported("expects a space among the suffixes");
  return spaces[index];
}

void decodeConvertAddress(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  out.option = suffixes.take("to");
  out.space = takeSpace(decoder, suffixes);
  Type type = requireType(decoder, suffixes);
  if (type != Type::U64)
    refuseType(decoder, suffixes, type);
  out.kind = Kind::Move;
  out.execute = convertAddress;
  decoder.simple(out, type, 1);
}

void isSpace(Warp &warp, const Instruction &i) {
  uint64_t window = windowOf(i.space);
  uint32_t result = 0;
  forLanes(warp.mask, [&](int lane) {
    uint64_t address = warp.wideRow(i.rows[1])[lane];
    bool is = window ? address - window < windowBytes
                     : address >= globalBegin || address - parameterWindow < windowBytes; // parameters are global, too
    result |= static_cast<uint32_t>(is) << lane;
  });
  uint32_t &d = warp.predicate(i.rows[0]);
  d = (d & ~warp.mask) | result;
}

void decodeIsSpace(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  out.space = takeSpace(decoder, suffixes);
  if (out.space == Space::Constant)
    decoder.unsupported("expects a space whose addresses are told apart, but got .const");
  out.execute = isSpace;
  decoder.destination(out, decoder.operand(0), Type::Pred);
  decoder.source(out, decoder.operand(1), Type::U64);
}

} // namespace

void addMove(DecodeTable &table) {
  table["mov"] = decodeMove;
  table["cvta"] = decodeConvertAddress;
  table["isspacep"] = decodeIsSpace;
}

} // namespace ptxsim
