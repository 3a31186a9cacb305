// SPDX-License-Identifier: Apache-2.0
//
// cvt, between integers, floating point and packed pairs.
#include "tests/ptxsim/instructions/Apply.h"

#include <algorithm>

namespace ptxsim {
namespace {

const Format *formatOf(Type type) {
  switch (type) {
  case Type::F32:
  case Type::TF32:
    return &f32Format;
  case Type::F16:
  case Type::F16x2:
    return &f16Format;
  case Type::BF16:
  case Type::BF16x2:
    return &bf16Format;
  case Type::E4M3x2:
    return &e4m3Format;
  case Type::E5M2x2:
    return &e5m2Format;
  default:
    return nullptr; // f64 and integers
  }
}

bool isPairType(Type type) {
  return type == Type::F16x2 || type == Type::BF16x2 || type == Type::E4M3x2 || type == Type::E5M2x2;
}

/// An integer of a register, extended to 64 bits as its type says.
uint64_t extended(uint64_t bits, Type type) {
  int shift = 64 - 8 * bytesOf(type);
  uint64_t up = bits << shift;
  return isSigned(type) ? static_cast<uint64_t>(static_cast<int64_t>(up) >> shift) : up >> shift;
}

/// The number nearest to `value` (of type `from`) that type `to` has.
uint64_t clamped(uint64_t value, Type from, Type to) {
  __int128 number = isSigned(from) ? static_cast<__int128>(static_cast<int64_t>(value)) : static_cast<__int128>(value);
  int bits = 8 * bytesOf(to);
  __int128 most = (static_cast<__int128>(1) << (isSigned(to) ? bits - 1 : bits)) - 1;
  __int128 least = isSigned(to) ? -most - 1 : 0;
  return static_cast<uint64_t>(std::max(least, std::min(most, number)));
}

void integerToInteger(Warp &warp, const Instruction &i) {
  forLanes(warp.mask, [&](int lane) {
    uint64_t value = extended(warp.value(i, 1, lane), i.from);
    if (i.conversion.saturate)
      value = clamped(value, i.from, i.type);
    // Into a wider register: extended as the destination's type says.
    value = extended(value, i.type);
    int bytes = std::max(4, bytesOf(i.type));
    if (bytesOf(i.type) < 4 && i.option) // the register has 16 bits
      value &= 0xffff;
    warp.setValue(i, 0, lane, bytes == 4 && !(i.widths & 1) ? static_cast<uint32_t>(value) : value);
  });
}

// The frequent ones by themselves.
void widenUnsigned(Warp &warp, const Instruction &i) {
  uint64_t *d = warp.wideRow(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]);
  forLanes(warp.mask, [&](int lane) { d[lane] = a[lane]; });
}
void widenSigned(Warp &warp, const Instruction &i) {
  uint64_t *d = warp.wideRow(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]);
  forLanes(warp.mask,
           [&](int lane) { d[lane] = static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(a[lane]))); });
}
void narrow(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint64_t *a = warp.wideRow(i.rows[1]);
  forLanes(warp.mask, [&](int lane) { d[lane] = static_cast<uint32_t>(a[lane]); });
}

void integerToFloat(Warp &warp, const Instruction &i) {
  const Format *format = formatOf(i.type);
  forLanes(warp.mask, [&](int lane) {
    uint64_t value = extended(warp.value(i, 1, lane), i.from);
    if (format)
      warp.setValue(i, 0, lane, fromInteger(*format, value, isSigned(i.from), i.conversion));
    else
      warp.setValue(i, 0, lane, asBits(doubleFromInteger(value, isSigned(i.from), i.conversion.rounding)));
  });
}

/// A floating-point operand as a double, which holds it exactly.
double operandValue(Warp &warp, const Instruction &i, int lane) {
  uint64_t bits = warp.value(i, 1, lane);
  const Format *format = formatOf(i.from);
  return format ? toDouble(*format, static_cast<uint32_t>(bits), i.conversion.flush) : asDouble(bits);
}

void floatToInteger(Warp &warp, const Instruction &i) {
  int bits = 8 * bytesOf(i.type);
  forLanes(warp.mask, [&](int lane) {
    uint64_t value =
        toInteger(operandValue(warp, i, lane), i.conversion.rounding, bits, isSigned(i.type), i.from == Type::F64);
    if (bits < 32)
      value &= i.option ? 0xffff : 0xffffffff;
    warp.setValue(i, 0, lane, value);
  });
}

void floatToFloat(Warp &warp, const Instruction &i) {
  const Format *to = formatOf(i.type), *from = formatOf(i.from);
  forLanes(warp.mask, [&](int lane) {
    uint64_t bits = warp.value(i, 1, lane);
    if (to && from)
      warp.setValue(i, 0, lane, convert(*to, *from, static_cast<uint32_t>(bits), i.conversion));
    else if (to)
      warp.setValue(i, 0, lane, fromDouble(*to, asDouble(bits), i.conversion));
    else
      warp.setValue(i, 0, lane, from ? asBits(toDouble(*from, static_cast<uint32_t>(bits), i.conversion.flush)) : bits);
  });
}

/// cvt.rni.f32.f32 and its like.
void roundToWhole(Warp &warp, const Instruction &i) {
  forLanes(warp.mask, [&](int lane) {
    double whole = toIntegral(operandValue(warp, i, lane), i.conversion.rounding);
    const Format *to = formatOf(i.type);
    Conversion rest = i.conversion;
    rest.rounding = Rounding::nearest;
    warp.setValue(i, 0, lane, to ? fromDouble(*to, whole, rest) : asBits(whole));
  });
}

/// d = {a, b}, a above.
void twoToPair(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]);
  const Format &to = *formatOf(i.type), &from = *formatOf(i.from);
  forLanes(warp.mask, [&](int lane) { d[lane] = convertPair(to, from, a[lane], b[lane], i.conversion); });
}

void pairToPair(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]);
  const Format &to = *formatOf(i.type), &from = *formatOf(i.from);
  int bits = 4 * bytesOf(i.from);
  uint32_t ones = (1u << bits) - 1;
  forLanes(warp.mask,
           [&](int lane) { d[lane] = convertPair(to, from, a[lane] >> bits & ones, a[lane] & ones, i.conversion); });
}

/// Whether a conversion has such a rounding, or needs none: `.rni` and its like to whole numbers, `.rn` and its like to
/// floats that do not hold all of the source.
bool isRoundedRight(Type to, Type from, bool rounded, bool toWhole) {
  const bool isExact = !isPairType(to) && (isFloat(from) ? bytesOf(to) > bytesOf(from) : !isFloat(to));
  if (isFloat(from) && !isFloat(to))
    return toWhole;
  if (to == from && !isPairType(to))
    return !rounded || toWhole;
  return rounded != isExact && !toWhole;
}

void checkModifiers(Decoder &decoder, const Instruction &i, bool rounded, bool toWhole, bool saturate) {
  const bool is8 = i.type == Type::E4M3x2 || i.type == Type::E5M2x2;
  const bool isNarrow = isPairType(i.type) || i.type == Type::F16 || i.type == Type::BF16;
  if (!isRoundedRight(i.type, i.from, rounded, toWhole))
    decoder.unsupported("expects the rounding that the two types ask for");
  if (i.conversion.flush && i.type != Type::F32 && i.from != Type::F32)
    decoder.unsupported("expects .ftz where one type is f32");
  if (((i.conversion.relu || i.conversion.saturate) && !isNarrow) || (is8 && !i.conversion.saturate))
    decoder.unsupported("expects .satfinite and .relu to floats of 16 and 8 bits, and .satfinite to pairs of 8 bits");
  if (saturate && isPairType(i.type))
    decoder.unsupported("expects no .sat to a pair");
}

void decodePair(Decoder &decoder, Instruction &out) {
  decoder.destination(out, decoder.operand(0), out.type);
  if (isPairType(out.from)) {
    if (decoder.operands() != 2)
      decoder.syntax("expects 2 operands");
    out.execute = pairToPair;
    return decoder.source(out, decoder.operand(1), out.from);
  }
  if (out.from != Type::F32 || decoder.operands() != 3)
    decoder.unsupported("expects two operands of f32, or one packed pair, to convert to a pair");
  out.execute = twoToPair;
  decoder.source(out, decoder.operand(1), Type::F32);
  decoder.source(out, decoder.operand(2), Type::F32);
}

void chooseExecute(Decoder &decoder, Instruction &out, bool rounded, bool saturate) {
  bool toFloat = isFloat(out.type), fromFloat = isFloat(out.from);
  out.conversion.unitRange = saturate && toFloat;
  if (!toFloat) {
    out.conversion.saturate |= saturate;
    out.execute = fromFloat ? floatToInteger : integerToInteger;
    bool plain = !saturate && bytesOf(out.type) + bytesOf(out.from) == 12 && !fromFloat;
    if (plain)
      out.execute = bytesOf(out.type) == 4 ? narrow : isSigned(out.from) ? widenSigned : widenUnsigned;
    return;
  }
  if (!fromFloat) {
    out.execute = integerToFloat;
    return;
  }
  out.execute = floatToFloat;
  if (out.type == out.from && rounded)
    out.execute = roundToWhole;
}

void decodeConvert(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  out.type = requireType(decoder, suffixes);
  out.from = requireType(decoder, suffixes);
  for (Type type : {out.type, out.from})
    if (type == Type::Pred || (type >= Type::B8 && type <= Type::B128))
      refuseType(decoder, suffixes, type);
  bool rounded = false, toWhole = false;
  out.conversion.rounding = suffixes.takeRounding(Rounding::nearest, &rounded, &toWhole);
  out.conversion.flush = suffixes.take("ftz");
  out.conversion.relu = suffixes.take("relu");
  out.conversion.saturate = suffixes.take("satfinite");
  bool saturate = suffixes.take("sat");
  out.kind = Kind::Convert;
  checkModifiers(decoder, out, rounded, toWhole, saturate);
  if (isPairType(out.type))
    return decodePair(decoder, out);
  if (isPairType(out.from) || out.type == Type::TF32 || out.from == Type::TF32)
    refuseType(decoder, suffixes, out.type);
  chooseExecute(decoder, out, rounded, saturate);
  if (decoder.operands() != 2)
    decoder.syntax("expects 2 operands, but got " + std::to_string(decoder.operands()));
  decoder.destination(out, decoder.operand(0), out.type, true);
  decoder.source(out, decoder.operand(1), out.from, true);
  out.option = decoder.registerBytes(decoder.operand(0)) == 2;
  // A register wider than the type it holds needs the general form.
  if (out.execute == narrow && (out.widths & 3) != 2)
    out.execute = integerToInteger;
  if ((out.execute == widenSigned || out.execute == widenUnsigned) && (out.widths & 3) != 1)
    out.execute = integerToInteger;
}

} // namespace

void addConvert(DecodeTable &table) { table["cvt"] = decodeConvert; }

} // namespace ptxsim
