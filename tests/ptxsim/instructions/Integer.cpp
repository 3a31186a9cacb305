// SPDX-License-Identifier: Apache-2.0
//
// Integer arithmetic: add, sub, mul, mad, sad, div, rem, abs, neg, min, max, mul24,
// mad24, dp2a, dp4a. Opcodes that floating point has,
// too, are decoded here and handed on.
#include "tests/ptxsim/instructions/Apply.h"
#include "tests/ptxsim/instructions/Carry.h"
#include "tests/ptxsim/instructions/Float.h"

#include <limits>

namespace ptxsim {
namespace {

template <class T>
using Unsigned = std::make_unsigned_t<T>;
/// Twice as wide, to hold any product.
template <class T>
using Wide =
    std::conditional_t<sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, int32_t, uint32_t>,
                       std::conditional_t<sizeof(T) == 4, std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>,
                                          std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>>>;

template <class T>
T wrap(uint64_t value) {
  return static_cast<T>(value);
}

// In 64 bits without sign, so that everything wraps around as it does on the device.
#define WRAPPING(Name, expression)                                                                                     \
  struct Name {                                                                                                        \
    template <class T>                                                                                                 \
    static T apply(T left, T right) {                                                                                  \
      uint64_t a = static_cast<uint64_t>(left), b = static_cast<uint64_t>(right);                                      \
      return wrap<T>(expression);                                                                                      \
    }                                                                                                                  \
  };
WRAPPING(Add, a + b)
WRAPPING(Sub, a - b)
WRAPPING(MulLow, a *b)
#undef WRAPPING

struct Min {
  template <class T>
  static T apply(T a, T b) {
    return b < a ? b : a;
  }
};
struct Max {
  template <class T>
  static T apply(T a, T b) {
    return a < b ? b : a;
  }
};
struct MulHigh {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>((static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b)) >> (8 * sizeof(T)));
  }
};
struct MadLow {
  template <class T>
  static T apply(T a, T b, T c) {
    return Add::apply(MulLow::apply(a, b), c);
  }
};
struct MadHigh {
  template <class T>
  static T apply(T a, T b, T c) {
    return Add::apply(MulHigh::apply(a, b), c);
  }
};
struct Abs {
  template <class T>
  static T apply(T a) {
    return a < 0 ? Sub::apply(T(0), a) : a;
  }
};
struct Neg {
  template <class T>
  static T apply(T a) {
    return Sub::apply(T(0), a);
  }
};
struct Sad {
  template <class T>
  static T apply(T a, T b, T c) {
    return Add::apply(c, a < b ? Sub::apply(b, a) : Sub::apply(a, b));
  }
};
/// Of 32 bits, clamped.
struct AddSaturated {
  static int32_t apply(int32_t a, int32_t b) {
    int64_t sum = static_cast<int64_t>(a) + b;
    return static_cast<int32_t>(std::max<int64_t>(std::min<int64_t>(sum, INT32_MAX), INT32_MIN));
  }
};
struct SubSaturated {
  static int32_t apply(int32_t a, int32_t b) {
    int64_t difference = static_cast<int64_t>(a) - b;
    return static_cast<int32_t>(std::max<int64_t>(std::min<int64_t>(difference, INT32_MAX), INT32_MIN));
  }
};

struct MadHighSaturated {
  static int32_t apply(int32_t a, int32_t b, int32_t c) { return AddSaturated::apply(MulHigh::apply(a, b), c); }
};

/// The lower or upper (`option` 1) 32 of the 48 bits that two numbers of 24 bits make.
template <class T, bool adds>
void product24(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]);
  const uint32_t *c = adds ? warp.row(i.rows[3]) : nullptr;
  auto cut = [](uint32_t value) { return static_cast<int64_t>(static_cast<T>(value << 8) >> 8); };
  forLanes(warp.mask, [&](int lane) {
    uint32_t product = static_cast<uint32_t>((cut(a[lane]) * cut(b[lane])) >> (i.option & 1 ? 16 : 0));
    if (!adds)
      d[lane] = product;
    else if (i.option & 2)
      d[lane] =
          static_cast<uint32_t>(AddSaturated::apply(static_cast<int32_t>(product), static_cast<int32_t>(c[lane])));
    else
      d[lane] = product + c[lane];
  });
}

template <class Op>
struct Two {
  template <class T>
  struct Pick {
    static void execute(Warp &warp, const Instruction &i) { apply2<Op, T>(warp, i); }
  };
};
template <class Op>
struct Three {
  template <class T>
  struct Pick {
    static void execute(Warp &warp, const Instruction &i) { apply3<Op, T>(warp, i); }
  };
};
template <class Op>
struct One {
  template <class T>
  struct Pick {
    static void execute(Warp &warp, const Instruction &i) { apply1<Op, T>(warp, i); }
  };
};

/// d, of twice the width, = a * b, or + c.
template <class T>
struct MulWide {
  static void execute(Warp &warp, const Instruction &i) {
    using D = std::conditional_t<sizeof(T) == 8, T, Wide<T>>; // 64 bits have no wide form
    auto *d = warp.as<Stored<D>>(i.rows[0]);
    const auto *a = warp.as<Stored<T>>(i.rows[1]), *b = warp.as<Stored<T>>(i.rows[2]);
    const auto *c = i.sources == 3 ? warp.as<Stored<D>>(i.rows[3]) : nullptr;
    forLanes(warp.mask, [&](int lane) {
      D product = MulLow::apply(static_cast<D>(static_cast<T>(a[lane])), static_cast<D>(static_cast<T>(b[lane])));
      d[lane] = stored<D>(c ? Add::apply(product, static_cast<D>(c[lane])) : product);
    });
  }
};

/// The manual leaves division by zero to the machine.
template <bool remainder>
struct Divide {
  template <class T>
  struct Pick {
    static void execute(Warp &warp, const Instruction &i) {
      auto *d = warp.as<Stored<T>>(i.rows[0]);
      const auto *a = warp.as<Stored<T>>(i.rows[1]), *b = warp.as<Stored<T>>(i.rows[2]);
      forLanes(warp.mask, [&](int lane) {
        T left = static_cast<T>(a[lane]), right = static_cast<T>(b[lane]);
        if (right == 0) {
          warp.lane = lane;
          throw Problem{FaultKind::Undefined, "division by zero", {}};
        }
        if (std::is_signed_v<T> && static_cast<int64_t>(right) == -1) // the least number would overflow
          d[lane] = stored<T>(remainder ? T(0) : Sub::apply(T(0), left));
        else
          d[lane] = stored<T>(remainder ? static_cast<T>(left % right) : static_cast<T>(left / right));
      });
    }
  };
};

Type wideType(Decoder &decoder, const Suffixes &suffixes, Type type) {
  switch (type) {
  case Type::U16:
    return Type::U32;
  case Type::S16:
    return Type::S32;
  case Type::U32:
    return Type::U64;
  case Type::S32:
    return Type::S64;
  default:
    refuseType(decoder, suffixes, type);
  }
}

/// d, a, b of one type by an operation that floating point may have, too.
template <class Op, class Saturated = void>
void decodeTwo(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (isFloat(type))
    return decodeFloat(decoder, suffixes, out, type);
  if ((suffixes.base() == "add" || suffixes.base() == "sub") && suffixes.take("cc"))
    return decodeCarry(decoder, suffixes, out, type);
  out.execute = forInteger<Two<Op>::template Pick>(type);
  if constexpr (!std::is_void_v<Saturated>)
    if (type == Type::S32 && suffixes.take("sat"))
      out.execute = apply2<Saturated, int32_t>;
  if (!out.execute)
    refuseType(decoder, suffixes, type);
  refuseBits(decoder, suffixes, type);
  decoder.simple(out, type, 2);
}

template <class Op>
void decodeOne(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (isFloat(type))
    return decodeFloat(decoder, suffixes, out, type);
  if (!isSigned(type) || type == Type::S8)
    refuseType(decoder, suffixes, type);
  out.execute = forInteger<One<Op>::template Pick>(type);
  decoder.simple(out, type, 1);
}

template <bool remainder>
void decodeDivide(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (isFloat(type) && !remainder)
    return decodeFloat(decoder, suffixes, out, type);
  refuseBits(decoder, suffixes, type);
  out.execute = forInteger<Divide<remainder>::template Pick>(type);
  if (!out.execute)
    refuseType(decoder, suffixes, type);
  decoder.simple(out, type, 2);
}

void decodeMul(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (isFloat(type))
    return decodeFloat(decoder, suffixes, out, type);
  refuseBits(decoder, suffixes, type);
  int part = suffixes.takeOne({"lo", "hi", "wide"});
  out.type = type;
  if (part == 2) {
    out.execute = forInteger<MulWide>(type);
    decoder.destination(out, decoder.operand(0), wideType(decoder, suffixes, type));
    decoder.source(out, decoder.operand(1), type);
    decoder.source(out, decoder.operand(2), type);
    return;
  }
  out.execute = part == 0   ? forInteger<Two<MulLow>::Pick>(type)
                : part == 1 ? forInteger<Two<MulHigh>::Pick>(type)
                            : nullptr;
  if (!out.execute)
    decoder.unsupported("expects .lo, .hi or .wide and a type of integers");
  decoder.simple(out, type, 2);
}

void decodeMad(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (isFloat(type))
    return decodeFloat(decoder, suffixes, out, type);
  if (suffixes.take("cc"))
    return decodeCarry(decoder, suffixes, out, type);
  refuseBits(decoder, suffixes, type);
  int part = suffixes.takeOne({"lo", "hi", "wide"});
  out.type = type;
  if (part == 2) {
    Type wide = wideType(decoder, suffixes, type);
    out.execute = forInteger<MulWide>(type);
    decoder.destination(out, decoder.operand(0), wide);
    decoder.source(out, decoder.operand(1), type);
    decoder.source(out, decoder.operand(2), type);
    decoder.source(out, decoder.operand(3), wide);
    return;
  }
  out.execute = part == 0   ? forInteger<Three<MadLow>::Pick>(type)
                : part == 1 ? forInteger<Three<MadHigh>::Pick>(type)
                            : nullptr;
  if (part == 1 && type == Type::S32 && suffixes.take("sat"))
    out.execute = apply3<MadHighSaturated, int32_t>;
  if (!out.execute)
    decoder.unsupported("expects .lo, .hi or .wide and a type of integers");
  decoder.simple(out, type, 3);
}

template <bool adds>
void decode24(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  int part = suffixes.takeOne({"lo", "hi"});
  if (part < 0 || (type != Type::U32 && type != Type::S32))
    refuseType(decoder, suffixes, type);
  bool saturated = adds && part == 1 && isSigned(type) && suffixes.take("sat");
  out.option = static_cast<uint8_t>(part | (saturated ? 2 : 0));
  out.execute = isSigned(type) ? product24<int32_t, adds> : product24<uint32_t, adds>;
  decoder.simple(out, type, adds ? 3 : 2);
}

void decodeSad(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  refuseBits(decoder, suffixes, type);
  out.execute = forInteger<Three<Sad>::Pick>(type);
  if (!out.execute)
    refuseType(decoder, suffixes, type);
  decoder.simple(out, type, 3);
}

/// Products of the bytes of b with the bytes of a (dp4a), or of two of them with the halves of a (dp2a; `option` 1: the
/// upper two), added.
template <bool aSigned, bool bSigned, int aBits>
void dotProduct(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]), *c = warp.row(i.rows[3]);
  int begin = i.option ? 16 : 0;
  forLanes(warp.mask, [&](int lane) {
    uint32_t sum = c[lane];
    for (int part = 0; part < 32 / aBits; ++part) {
      uint32_t x = a[lane] << (32 - aBits * (part + 1)), y = b[lane] << (24 - begin - 8 * part);
      int64_t left = aSigned ? static_cast<int32_t>(x) >> (32 - aBits) : static_cast<int64_t>(x >> (32 - aBits));
      int64_t right = bSigned ? static_cast<int32_t>(y) >> 24 : static_cast<int64_t>(y >> 24);
      sum += static_cast<uint32_t>(left * right);
    }
    d[lane] = sum;
  });
}

template <int aBits>
void decodeDot(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  if (aBits == 16) {
    int half = suffixes.takeOne({"lo", "hi"});
    if (half < 0)
      decoder.unsupported("expects .lo or .hi");
    out.option = static_cast<uint8_t>(half);
  }
  Type a = requireType(decoder, suffixes), b = requireType(decoder, suffixes);
  for (Type type : {a, b})
    if (type != Type::U32 && type != Type::S32)
      refuseType(decoder, suffixes, type);
  out.execute = isSigned(a)   ? isSigned(b) ? dotProduct<true, true, aBits> : dotProduct<true, false, aBits>
                : isSigned(b) ? dotProduct<false, true, aBits>
                              : dotProduct<false, false, aBits>;
  decoder.simple(out, Type::B32, 3);
}

} // namespace

void addInteger(DecodeTable &table) {
  table["add"] = decodeTwo<Add, AddSaturated>;
  table["sub"] = decodeTwo<Sub, SubSaturated>;
  table["min"] = decodeTwo<Min>;
  table["max"] = decodeTwo<Max>;
  table["mul"] = decodeMul;
  table["mad"] = decodeMad;
  table["sad"] = decodeSad;
  table["div"] = decodeDivide<false>;
  table["rem"] = decodeDivide<true>;
  table["abs"] = decodeOne<Abs>;
  table["neg"] = decodeOne<Neg>;
  table["dp4a"] = decodeDot<8>;
  table["dp2a"] = decodeDot<16>;
  table["mul24"] = decode24<false>;
  table["mad24"] = decode24<true>;
}

} // namespace ptxsim
