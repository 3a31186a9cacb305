// SPDX-License-Identifier: Apache-2.0
//
// Arithmetic of f16 and bf16, one number or two in a register.
#include "tests/ptxsim/instructions/Float.h"

#include "tests/ptxsim/instructions/Apply.h"

#include <cmath>

namespace ptxsim {
namespace {

const Format &formatOf(Type type) { return type == Type::F16 || type == Type::F16x2 ? f16Format : bf16Format; }
bool isPair(Type type) { return type == Type::F16x2 || type == Type::BF16x2; }

/// operation(a, b, c) of both halves, or of the lower one.
template <class F>
void halves(Warp &warp, const Instruction &i, F operation) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]);
  const uint32_t *b = i.sources > 1 ? warp.row(i.rows[2]) : a, *c = i.sources > 2 ? warp.row(i.rows[3]) : a;
  bool pair = isPair(i.type), flush = i.mode.flush;
  uint32_t exponent = formatOf(i.type).infinity;
  auto flushed = [&](uint32_t bits) { return flush && !(bits & exponent) ? bits & 0x8000 : bits; };
  auto one = [&](uint32_t x, uint32_t y, uint32_t z) { return flushed(operation(flushed(x), flushed(y), flushed(z))); };
  forLanes(warp.mask, [&](int lane) {
    uint32_t low = one(a[lane] & 0xffff, b[lane] & 0xffff, c[lane] & 0xffff);
    uint32_t high = pair ? one(a[lane] >> 16, b[lane] >> 16, c[lane] >> 16) : 0;
    d[lane] = low | high << 16;
  });
}

enum class Half : uint8_t { Add, Sub, Mul, Fma, FmaRelu, Min, Max, MinNan, MaxNan, Abs, Neg, Ex2, Tanh };

void half(Warp &warp, const Instruction &i) {
  const Format &format = formatOf(i.type);
  halves(warp, i, [&](uint32_t a, uint32_t b, uint32_t c) -> uint32_t {
    switch (static_cast<Half>(i.option)) {
    case Half::Add:
      return add16(format, a, b);
    case Half::Sub:
      return sub16(format, a, b);
    case Half::Mul:
      return mul16(format, a, b);
    case Half::Fma:
      return fma16(format, a, b, c);
    case Half::FmaRelu:
      return fma16(format, a, b, c, true);
    case Half::Min:
      return min16(format, a, b);
    case Half::Max:
      return max16(format, a, b);
    case Half::MinNan:
      return min16(format, a, b, true);
    case Half::MaxNan:
      return max16(format, a, b, true);
    case Half::Abs:
      return a & 0x7fff;
    case Half::Neg:
      return a ^ 0x8000;
    case Half::Ex2: // approximations, which round correctly here
      return encode(format, std::exp2(decode(format, a)));
    case Half::Tanh:
      return encode(format, std::tanh(decode(format, a)));
    }
    return 0;
  });
}

} // namespace

void decodeHalf(Decoder &decoder, Suffixes &suffixes, Instruction &out, Type type) {
  const std::string &base = suffixes.base();
  if (type != Type::F16 && type != Type::BF16 && !isPair(type))
    refuseType(decoder, suffixes, type);
  out.kind = Kind::Float;
  out.execute = half;
  out.mode.flush = suffixes.take("ftz");
  bool brain = type == Type::BF16 || type == Type::BF16x2;
  if (base == "ex2" ? out.mode.flush != brain : out.mode.flush && (brain || base == "tanh"))
    decoder.unsupported("expects .ftz of f16 arithmetic and of ex2 to bf16 alone");
  int sources = 2;
  if (base == "ex2" || base == "tanh") {
    if (!suffixes.take("approx"))
      decoder.unsupported("expects .approx");
    out.kind = Kind::Special;
    out.option = static_cast<uint8_t>(base == "ex2" ? Half::Ex2 : Half::Tanh);
    return decoder.simple(out, type, 1);
  }
  bool isRounded = false, isExact = base == "min" || base == "max" || base == "abs" || base == "neg";
  if (suffixes.takeRounding(Rounding::nearest, &isRounded) != Rounding::nearest || (isExact && isRounded) ||
      (base == "fma" && !isRounded))
    decoder.unsupported("expects .rn of 16 bits: always of fma, and never of what is exact");
  Half option = Half::Add;
  if (base == "sub")
    option = Half::Sub;
  else if (base == "mul")
    option = Half::Mul;
  else if (base == "fma") {
    option = suffixes.take("relu") ? Half::FmaRelu : Half::Fma;
    sources = 3;
  } else if (base == "min")
    option = suffixes.take("NaN") ? Half::MinNan : Half::Min;
  else if (base == "max")
    option = suffixes.take("NaN") ? Half::MaxNan : Half::Max;
  else if (base == "abs" || base == "neg") {
    option = base == "abs" ? Half::Abs : Half::Neg;
    sources = 1;
  } else if (base != "add")
    refuseType(decoder, suffixes, type);
  out.option = static_cast<uint8_t>(option);
  decoder.simple(out, type, sources);
}

} // namespace ptxsim
