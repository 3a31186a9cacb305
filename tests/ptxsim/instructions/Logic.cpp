// SPDX-License-Identifier: Apache-2.0
//
// Bits: and, or, xor, not, cnot, lop3, shl, shr, shf, bfe, bfi, bfind, brev, clz, popc, prmt, fns.
#include "tests/ptxsim/instructions/Apply.h"

#include <algorithm>

namespace ptxsim {
namespace {

struct And {
  template <class T>
  static T apply(T a, T b) {
    return a & b;
  }
};
struct Or {
  template <class T>
  static T apply(T a, T b) {
    return a | b;
  }
};
struct Xor {
  template <class T>
  static T apply(T a, T b) {
    return a ^ b;
  }
};
struct Not {
  template <class T>
  static T apply(T a) {
    return static_cast<T>(~a);
  }
};
struct CNot {
  template <class T>
  static T apply(T a) {
    return a == 0;
  }
};

template <class Op>
struct OnPredicates {
  static void two(Warp &warp, const Instruction &i) {
    uint32_t value = Op::apply(warp.predicate(i.rows[1]), warp.predicate(i.rows[2]));
    uint32_t &d = warp.predicate(i.rows[0]);
    d = (d & ~warp.mask) | (value & warp.mask);
  }
};
void notPredicate(Warp &warp, const Instruction &i) {
  uint32_t value = ~warp.predicate(i.rows[1]);
  uint32_t &d = warp.predicate(i.rows[0]);
  d = (d & ~warp.mask) | (value & warp.mask);
}

template <class Op>
void decodeTwo(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  switch (type) {
  case Type::Pred:
    out.execute = OnPredicates<Op>::two;
    break;
  case Type::B16:
  case Type::B32:
    out.execute = apply2<Op, uint32_t>;
    break;
  case Type::B64:
    out.execute = apply2<Op, uint64_t>;
    break;
  default:
    refuseType(decoder, suffixes, type);
  }
  decoder.simple(out, type, 2);
}

template <class Op, bool predicates>
void decodeOne(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  out.execute = type == Type::B16   ? apply1<Op, uint16_t>
                : type == Type::B32 ? apply1<Op, uint32_t>
                : type == Type::B64 ? apply1<Op, uint64_t>
                                    : nullptr;
  if (predicates && type == Type::Pred)
    out.execute = notPredicate;
  if (!out.execute)
    refuseType(decoder, suffixes, type);
  decoder.simple(out, type, 1);
}

/// The bit of `table` that the three bits ask for.
void threeInputs(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]), *c = warp.row(i.rows[3]);
  uint32_t table = static_cast<uint32_t>(i.immediate);
  forLanes(warp.mask, [&](int lane) {
    uint32_t result = 0;
    for (int entry = 0; entry < 8; ++entry)
      if (table >> entry & 1)
        result |=
            (entry & 4 ? a[lane] : ~a[lane]) & (entry & 2 ? b[lane] : ~b[lane]) & (entry & 1 ? c[lane] : ~c[lane]);
    d[lane] = result;
  });
}

void decodeThreeInputs(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (type != Type::B32)
    refuseType(decoder, suffixes, type);
  out.execute = threeInputs;
  out.immediate = decoder.requireConstant(decoder.operand(4));
  decoder.destination(out, decoder.operand(0), type);
  for (int k = 1; k <= 3; ++k)
    decoder.source(out, decoder.operand(k), type);
}

/// Shifts by more than the width give what remains: zeros, or the sign.
template <class T>
struct Left {
  static void execute(Warp &warp, const Instruction &i) {
    auto *d = warp.as<Stored<T>>(i.rows[0]);
    const auto *a = warp.as<Stored<T>>(i.rows[1]);
    const uint32_t *b = warp.row(i.rows[2]);
    constexpr uint32_t bits = 8 * sizeof(T);
    forLanes(warp.mask, [&](int lane) {
      d[lane] = b[lane] >= bits ? 0 : stored<T>(static_cast<T>(static_cast<uint64_t>(a[lane]) << b[lane]));
    });
  }
};
template <class T>
struct Right {
  static void execute(Warp &warp, const Instruction &i) {
    auto *d = warp.as<Stored<T>>(i.rows[0]);
    const auto *a = warp.as<Stored<T>>(i.rows[1]);
    const uint32_t *b = warp.row(i.rows[2]);
    constexpr uint32_t bits = 8 * sizeof(T);
    forLanes(warp.mask, [&](int lane) {
      T value = static_cast<T>(a[lane]);
      uint32_t by = b[lane];
      if (by >= bits)
        d[lane] = stored<T>(value < 0 ? static_cast<T>(-1) : T(0));
      else
        d[lane] = stored<T>(static_cast<T>(value >> by));
    });
  }
};

template <bool left>
void decodeShift(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  out.execute = left ? forInteger<Left>(type) : forInteger<Right>(type);
  if (!out.execute || (left && (isSigned(type) || type == Type::U16 || type == Type::U32 || type == Type::U64)))
    refuseType(decoder, suffixes, type);
  out.type = type;
  decoder.destination(out, decoder.operand(0), type);
  decoder.source(out, decoder.operand(1), type);
  decoder.source(out, decoder.operand(2), Type::U32);
}

/// 32 of 64 bits, b above a.
template <bool left, bool clamp>
void funnel(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]), *c = warp.row(i.rows[3]);
  forLanes(warp.mask, [&](int lane) {
    uint64_t both = static_cast<uint64_t>(b[lane]) << 32 | a[lane];
    uint32_t by = clamp ? std::min(c[lane], 32u) : c[lane] & 31;
    d[lane] = static_cast<uint32_t>(left ? both << by >> 32 : both >> by);
    if (left && by == 32)
      d[lane] = a[lane];
  });
}

void decodeFunnel(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  int side = suffixes.takeOne({"l", "r"}), mode = suffixes.takeOne({"clamp", "wrap"});
  if (type != Type::B32 || side < 0 || mode < 0)
    decoder.unsupported("expects shf.l or shf.r, .clamp or .wrap, .b32");
  out.execute = side == 0   ? mode == 0 ? funnel<true, true> : funnel<true, false>
                : mode == 0 ? funnel<false, true>
                            : funnel<false, false>;
  decoder.simple(out, type, 3);
}

/// Bits [b, b + c) of a; beyond the top of a, its sign or zeros.
template <class T>
struct Extract {
  static void execute(Warp &warp, const Instruction &i) {
    auto *d = warp.as<Stored<T>>(i.rows[0]);
    const auto *a = warp.as<Stored<T>>(i.rows[1]);
    const uint32_t *b = warp.row(i.rows[2]), *c = warp.row(i.rows[3]);
    constexpr int top = 8 * sizeof(T) - 1;
    forLanes(warp.mask, [&](int lane) {
      int position = static_cast<int>(b[lane] & 255), length = static_cast<int>(c[lane] & 255);
      bool sign = std::is_signed_v<T> && length && (a[lane] >> std::min(position + length - 1, top) & 1);
      Stored<T> result = 0;
      for (int bit = 0; bit <= top; ++bit) {
        bool set = bit < length && position + bit <= top ? a[lane] >> (position + bit) & 1 : sign;
        result |= static_cast<Stored<T>>(set) << bit;
      }
      d[lane] = result;
    });
  }
};

void decodeExtract(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (bytesOf(type) < 4 || isFloat(type))
    refuseType(decoder, suffixes, type);
  out.execute = forInteger<Extract>(type);
  decoder.destination(out, decoder.operand(0), type);
  decoder.source(out, decoder.operand(1), type);
  decoder.source(out, decoder.operand(2), Type::U32);
  decoder.source(out, decoder.operand(3), Type::U32);
}

/// The lowest d bits of a in place of bits [c, c + d) of b.
template <class T>
void insert(Warp &warp, const Instruction &i) {
  auto *f = warp.as<T>(i.rows[0]);
  const auto *a = warp.as<T>(i.rows[1]), *b = warp.as<T>(i.rows[2]);
  const uint32_t *c = warp.row(i.rows[3]), *d = warp.row(i.rows[4]);
  constexpr uint32_t bits = 8 * sizeof(T);
  forLanes(warp.mask, [&](int lane) {
    uint32_t position = c[lane] & 255, length = d[lane] & 255;
    if (position >= bits || length == 0) {
      f[lane] = b[lane];
      return;
    }
    T ones = length >= bits ? ~T(0) : (T(1) << length) - 1;
    f[lane] = (b[lane] & ~(ones << position)) | (a[lane] & ones) << position;
  });
}

void decodeInsert(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (type != Type::B32 && type != Type::B64)
    refuseType(decoder, suffixes, type);
  out.execute = type == Type::B32 ? insert<uint32_t> : insert<uint64_t>;
  decoder.destination(out, decoder.operand(0), type);
  decoder.source(out, decoder.operand(1), type);
  decoder.source(out, decoder.operand(2), type);
  decoder.source(out, decoder.operand(3), Type::U32);
  decoder.source(out, decoder.operand(4), Type::U32);
}

struct Clz {
  static uint32_t apply(uint32_t a) { return a ? static_cast<uint32_t>(__builtin_clz(a)) : 32; }
  static uint32_t apply(uint64_t a) { return a ? static_cast<uint32_t>(__builtin_clzll(a)) : 64; }
};
struct PopCount {
  static uint32_t apply(uint32_t a) { return static_cast<uint32_t>(__builtin_popcount(a)); }
  static uint32_t apply(uint64_t a) { return static_cast<uint32_t>(__builtin_popcountll(a)); }
};
struct Reverse {
  template <class T>
  static T apply(T a) {
    T result = 0;
    for (size_t bit = 0; bit < 8 * sizeof(T); ++bit)
      result |= (a >> bit & 1) << (8 * sizeof(T) - 1 - bit);
    return result;
  }
};
/// The highest bit that is not the sign's, or as a number of shifts (`.shiftamt`).
template <bool amount>
struct FindHigh {
  template <class T>
  static uint32_t apply(T a) {
    using U = std::make_unsigned_t<T>;
    U value = static_cast<U>(a < 0 ? ~a : a);
    uint32_t zeros =
        sizeof(T) == 8 ? Clz::apply(static_cast<uint64_t>(value)) : Clz::apply(static_cast<uint32_t>(value));
    uint32_t bits = 8 * sizeof(T);
    return value == 0 ? ~0u : amount ? zeros : bits - 1 - zeros;
  }
};

/// d is always of 32 bits.
template <class Op, bool sameWidth>
void decodeCount(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (type != Type::B32 && type != Type::B64)
    refuseType(decoder, suffixes, type);
  if (sameWidth)
    out.execute = type == Type::B32 ? apply1<Op, uint32_t> : apply1<Op, uint64_t>;
  else
    out.execute = type == Type::B32 ? apply1<Op, uint32_t, uint32_t> : apply1<Op, uint64_t, uint32_t>;
  decoder.destination(out, decoder.operand(0), sameWidth ? type : Type::U32);
  decoder.source(out, decoder.operand(1), type);
}

template <bool amount>
Execute findHigh(Type type) {
  switch (type) {
  case Type::U32:
    return apply1<FindHigh<amount>, uint32_t, uint32_t>;
  case Type::S32:
    return apply1<FindHigh<amount>, int32_t, uint32_t>;
  case Type::U64:
    return apply1<FindHigh<amount>, uint64_t, uint32_t>;
  case Type::S64:
    return apply1<FindHigh<amount>, int64_t, uint32_t>;
  default:
    return nullptr;
  }
}

void decodeFindHigh(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  out.execute = suffixes.take("shiftamt") ? findHigh<true>(type) : findHigh<false>(type);
  if (!out.execute)
    refuseType(decoder, suffixes, type);
  decoder.destination(out, decoder.operand(0), Type::U32);
  decoder.source(out, decoder.operand(1), type);
}

/// Bytes of b:a that the four nibbles of c name; the nibble's top bit asks for the byte's sign instead.
void permute(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]), *c = warp.row(i.rows[3]);
  forLanes(warp.mask, [&](int lane) {
    uint64_t bytes = static_cast<uint64_t>(b[lane]) << 32 | a[lane];
    uint32_t result = 0;
    for (int byte = 0; byte < 4; ++byte) {
      uint32_t selector = c[lane] >> (4 * byte) & 15;
      uint32_t value = bytes >> (8 * (selector & 7)) & 255;
      if (selector & 8)
        value = value & 128 ? 255 : 0;
      result |= value << (8 * byte);
    }
    d[lane] = result;
  });
}

void decodePermute(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (type != Type::B32)
    refuseType(decoder, suffixes, type);
  out.execute = permute;
  decoder.simple(out, type, 3);
}

} // namespace

void addLogic(DecodeTable &table) {
  table["and"] = decodeTwo<And>;
  table["or"] = decodeTwo<Or>;
  table["xor"] = decodeTwo<Xor>;
  table["not"] = decodeOne<Not, true>;
  table["cnot"] = decodeOne<CNot, false>;
  table["lop3"] = decodeThreeInputs;
  table["shl"] = decodeShift<true>;
  table["shr"] = decodeShift<false>;
  table["shf"] = decodeFunnel;
  table["bfe"] = decodeExtract;
  table["bfi"] = decodeInsert;
  table["clz"] = decodeCount<Clz, false>;
  table["popc"] = decodeCount<PopCount, false>;
  table["brev"] = decodeCount<Reverse, true>;
  table["bfind"] = decodeFindHigh;
  table["prmt"] = decodePermute;
}

} // namespace ptxsim
