// SPDX-License-Identifier: Apache-2.0
//
// Bits: and, or, xor, not, cnot, lop3, shl, shr, shf, bfe, bfi, bfind, brev, clz, popc, prmt, bmsk,
// szext, fns.
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

/// d|p: p is whether d has a bit set, and (`option` 1) or (2) the predicate q.
void threeInputsPredicate(Warp &warp, const Instruction &i) {
  Instruction plain = i;
  for (int k = 1; k <= 3; ++k)
    plain.rows[k] = i.rows[k + 1];
  threeInputs(warp, plain);
  const uint32_t *d = warp.row(i.rows[0]);
  uint32_t any = 0, q = warp.predicate(i.rows[5]) ^ (i.count ? allLanes : 0);
  forLanes(warp.mask, [&](int lane) { any |= static_cast<uint32_t>(d[lane] != 0) << lane; });
  uint32_t &p = warp.predicate(i.rows[1]);
  p = (p & ~warp.mask) | ((i.option == 1 ? any | q : any & q) & warp.mask);
}

void decodeThreeInputs(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (type != Type::B32)
    refuseType(decoder, suffixes, type);
  int with = suffixes.takeOne({"or", "and"});
  out.execute = with < 0 ? threeInputs : threeInputsPredicate;
  out.option = static_cast<uint8_t>(with + 1);
  out.immediate = decoder.requireConstant(decoder.operand(4));
  const OperandSyntax &d = decoder.operand(0);
  if (with >= 0 && d.kind != OperandSyntax::Kind::Pair)
    decoder.syntax("expects a register and a predicate");
  decoder.destination(out, with < 0 ? d : d.parts[0], type);
  if (with >= 0)
    decoder.destination(out, d.parts[1], Type::Pred);
  for (int k = 1; k <= 3; ++k)
    decoder.source(out, decoder.operand(k), type);
  bool negated = false;
  if (with >= 0)
    decoder.predicateSource(out, decoder.operand(5), negated);
  out.count = negated;
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
  refuseBits(decoder, suffixes, type);
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

/// The modes of prmt: c's lowest two bits choose one of four selections.
template <int mode>
void permuteMode(Warp &warp, const Instruction &i) {
  static const uint16_t selections[6][4] = {
      {0x3210, 0x4321, 0x5432, 0x6543}, // f4e: four bytes from byte c on
      {0x5670, 0x6701, 0x7012, 0x0123}, // b4e: backwards
      {0x0000, 0x1111, 0x2222, 0x3333}, // rc8: one byte
      {0x3210, 0x3211, 0x3222, 0x3333}, // ecl: clamped from the left
      {0x0000, 0x1110, 0x2210, 0x3210}, // ecr: from the right
      {0x1010, 0x3232, 0x1010, 0x3232}  // rc16: one half
  };
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]), *c = warp.row(i.rows[3]);
  forLanes(warp.mask, [&](int lane) {
    uint64_t bytes = static_cast<uint64_t>(b[lane]) << 32 | a[lane];
    uint32_t selection = selections[mode][c[lane] & 3], result = 0;
    for (int byte = 0; byte < 4; ++byte)
      result |= static_cast<uint32_t>(bytes >> (8 * (selection >> (4 * byte) & 7)) & 255) << (8 * byte);
    d[lane] = result;
  });
}

void decodePermute(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (type != Type::B32)
    refuseType(decoder, suffixes, type);
  static const Execute modes[] = {permuteMode<0>, permuteMode<1>, permuteMode<2>,
                                  permuteMode<3>, permuteMode<4>, permuteMode<5>};
  int mode = suffixes.takeOne({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
  out.execute = mode < 0 ? permute : modes[mode];
  decoder.simple(out, type, 3);
}

/// Ones in b bits from bit a on.
template <bool clamp>
void bitMask(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]);
  forLanes(warp.mask, [&](int lane) {
    uint32_t first = clamp ? std::min(a[lane], 32u) : a[lane] & 31,
             length = clamp ? std::min(b[lane], 32u) : b[lane] & 31;
    uint64_t ones = (uint64_t(1) << length) - 1;
    d[lane] = static_cast<uint32_t>(ones << first);
  });
}

void decodeBitMask(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  int mode = suffixes.takeOne({"clamp", "wrap"});
  if (mode < 0 || requireType(decoder, suffixes) != Type::B32)
    decoder.unsupported("expects bmsk.clamp.b32 or bmsk.wrap.b32");
  out.execute = mode == 0 ? bitMask<true> : bitMask<false>;
  decoder.simple(out, Type::B32, 2);
}

/// The lowest b bits of a, extended by their sign or by zeros.
template <class T, bool clamp>
void extend(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]);
  forLanes(warp.mask, [&](int lane) {
    uint32_t bits = clamp ? std::min(b[lane], 32u) : b[lane] & 31;
    d[lane] = bits == 0 ? 0 : static_cast<uint32_t>(static_cast<T>(a[lane] << (32 - bits)) >> (32 - bits));
  });
}

void decodeExtend(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  int mode = suffixes.takeOne({"clamp", "wrap"});
  Type type = requireType(decoder, suffixes);
  if (mode < 0 || (type != Type::U32 && type != Type::S32))
    refuseType(decoder, suffixes, type);
  out.execute = isSigned(type) ? mode == 0 ? extend<int32_t, true> : extend<int32_t, false>
                : mode == 0    ? extend<uint32_t, true>
                               : extend<uint32_t, false>;
  decoder.destination(out, decoder.operand(0), type);
  decoder.source(out, decoder.operand(1), type);
  decoder.source(out, decoder.operand(2), Type::U32);
}

/// The place of the n-th set bit of a, counted from bit b on: upwards if n > 0, downwards if n < 0; all ones if there
/// is none. n = 0 asks for bit b itself.
void findSet(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]), *n = warp.row(i.rows[3]);
  forLanes(warp.mask, [&](int lane) {
    int left = static_cast<int>(n[lane]), step = left < 0 ? -1 : 1, place = static_cast<int>(b[lane]);
    if (b[lane] > 31) {
      warp.lane = lane;
      throw Problem{FaultKind::Undefined, "expects a bit below 32, but got " + std::to_string(b[lane]), {}};
    }
    if (left == 0) {
      d[lane] = a[lane] >> place & 1 ? static_cast<uint32_t>(place) : ~0u;
      return;
    }
    for (; place >= 0 && place < 32; place += step)
      if (a[lane] >> place & 1 && (left -= step) == 0)
        break;
    d[lane] = place >= 0 && place < 32 ? static_cast<uint32_t>(place) : ~0u;
  });
}

void decodeFindSet(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  if (requireType(decoder, suffixes) != Type::B32)
    decoder.unsupported("expects fns.b32");
  out.execute = findSet;
  decoder.simple(out, Type::B32, 3);
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
  table["bmsk"] = decodeBitMask;
  table["szext"] = decodeExtend;
  table["fns"] = decodeFindSet;
}

} // namespace ptxsim
