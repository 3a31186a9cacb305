// SPDX-License-Identifier: Apache-2.0
//
// setp, set, selp, slct.
#include "tests/ptxsim/instructions/Apply.h"

namespace ptxsim {
namespace {

enum class Comparison : uint8_t { Eq, Ne, Lt, Le, Gt, Ge, Lo, Ls, Hi, Hs, Equ, Neu, Ltu, Leu, Gtu, Geu, Num, Nan };

template <class T>
bool compare(Comparison comparison, T a, T b) {
  bool ordered = a == a && b == b;
  switch (comparison) {
  case Comparison::Eq:
    return a == b;
  case Comparison::Ne:
    return ordered && a != b;
  case Comparison::Lt:
  case Comparison::Lo:
    return a < b;
  case Comparison::Le:
  case Comparison::Ls:
    return a <= b;
  case Comparison::Gt:
  case Comparison::Hi:
    return a > b;
  case Comparison::Ge:
  case Comparison::Hs:
    return a >= b;
  case Comparison::Equ:
    return !ordered || a == b;
  case Comparison::Neu:
    return !ordered || a != b;
  case Comparison::Ltu:
    return !(a >= b);
  case Comparison::Leu:
    return !(a > b);
  case Comparison::Gtu:
    return !(a <= b);
  case Comparison::Geu:
    return !(a < b);
  case Comparison::Num:
    return ordered;
  case Comparison::Nan:
    return !ordered;
  }
  return false;
}

/// How values of a type are compared.
template <class T>
struct Plain {
  static T value(const Warp &, const Instruction &, Stored<T> bits) { return static_cast<T>(bits); }
  using Storage = Stored<T>;
};
struct Single {
  static float value(const Warp &, const Instruction &i, uint32_t bits) {
    return asFloat(i.mode.flush ? flushed(bits) : bits);
  }
  using Storage = uint32_t;
};
struct Double {
  static double value(const Warp &, const Instruction &, uint64_t bits) { return asDouble(bits); }
  using Storage = uint64_t;
};
struct Half {
  static double value(const Warp &, const Instruction &i, uint32_t bits) {
    const Format &format = i.type == Type::F16 ? f16Format : bf16Format;
    bits &= 0xffff;
    return i.mode.flush && !(bits & format.infinity) ? 0.0 : decode(format, bits);
  }
  using Storage = uint32_t;
};

/// Lanes of the mask in which `comparison` holds between the rows a and b.
template <class V>
uint32_t compareRows(Warp &warp, const Instruction &i, int first) {
  const auto *a = warp.as<typename V::Storage>(i.rows[first]), *b = warp.as<typename V::Storage>(i.rows[first + 1]);
  auto comparison = static_cast<Comparison>(i.option);
  uint32_t result = 0;
  forLanes(warp.mask, [&](int lane) {
    bool is = compare(comparison, V::value(warp, i, a[lane]), V::value(warp, i, b[lane]));
    result |= static_cast<uint32_t>(is) << lane;
  });
  return result;
}

using CompareRows = uint32_t (*)(Warp &, const Instruction &, int);

CompareRows comparer(Type type) {
  switch (type) {
  case Type::B16:
  case Type::U16:
    return compareRows<Plain<uint16_t>>;
  case Type::S16:
    return compareRows<Plain<int16_t>>;
  case Type::B32:
  case Type::U32:
    return compareRows<Plain<uint32_t>>;
  case Type::S32:
    return compareRows<Plain<int32_t>>;
  case Type::B64:
  case Type::U64:
    return compareRows<Plain<uint64_t>>;
  case Type::S64:
    return compareRows<Plain<int64_t>>;
  case Type::F32:
    return compareRows<Single>;
  case Type::F64:
    return compareRows<Double>;
  case Type::F16:
  case Type::BF16:
    return compareRows<Half>;
  default:
    return nullptr;
  }
}

enum class Combine : int64_t { None, And, Or, Xor };

uint32_t combine(Combine how, uint32_t result, uint32_t with) {
  switch (how) {
  case Combine::And:
    return result & with;
  case Combine::Or:
    return result | with;
  case Combine::Xor:
    return result ^ with;
  case Combine::None:
    break;
  }
  return result;
}

void put(Warp &warp, uint32_t row, uint32_t value) {
  uint32_t &d = warp.predicate(row);
  d = (d & ~warp.mask) | (value & warp.mask);
}

/// p{|q} = (a op b) bool {!}c; q is the same with the comparison turned round.
void setPredicate(Warp &warp, const Instruction &i) {
  int first = i.destinations;
  uint32_t result = comparer(i.type)(warp, i, first);
  auto how = static_cast<Combine>(i.immediate);
  uint32_t with = 0;
  if (how != Combine::None)
    with = warp.predicate(i.rows[first + 2]) ^ (i.count ? allLanes : 0);
  put(warp, i.rows[0], combine(how, result, with));
  if (i.destinations == 2)
    put(warp, i.rows[1], combine(how, ~result, with));
}

Comparison takeComparison(Decoder &decoder, Suffixes &suffixes) {
  // "ls", "lo", "hi", "hs" are names of unsigned comparison.
  int index = suffixes.takeOne({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu", "leu",
                                "gtu", "geu", "num", "nan"});
  if (index < 0)
    decoder.unsupported("expects a comparison among the suffixes");
  return static_cast<Comparison>(index);
}

/// .num, .nan and unordered comparisons are of floats, .lo and its like of unsigned integers, and bits are equal or
/// not.
void checkComparison(const Decoder &decoder, const Suffixes &suffixes, uint8_t comparison, Type type) {
  auto last = Comparison::Nan;
  if (!isFloat(type))
    last = isSigned(type) ? Comparison::Ge : Comparison::Hs;
  bool bits = type == Type::B16 || type == Type::B32 || type == Type::B64;
  bool unsignedOfFloat = isFloat(type) && comparison >= static_cast<uint8_t>(Comparison::Lo) &&
                         comparison <= static_cast<uint8_t>(Comparison::Hs);
  if (comparison > static_cast<uint8_t>(bits ? Comparison::Ne : last) || unsignedOfFloat)
    refuseType(decoder, suffixes, type);
}

Kind kindOf(Type type) { return type == Type::F64 ? Kind::Double : isFloat(type) ? Kind::Float : Kind::Integer; }

/// Two comparisons of halves: p of the lower ones, q of the upper.
void setPairPredicates(Warp &warp, const Instruction &i) {
  const uint32_t *a = warp.row(i.rows[2]), *b = warp.row(i.rows[3]);
  const Format &format = i.type == Type::F16x2 ? f16Format : bf16Format;
  auto comparison = static_cast<Comparison>(i.option);
  auto value = [&](uint32_t bits) {
    bool subnormal = i.mode.flush && !(bits & format.infinity);
    return subnormal ? 0.0 : decode(format, bits);
  };
  uint32_t lower = 0, upper = 0;
  forLanes(warp.mask, [&](int lane) {
    bool low = compare(comparison, value(a[lane] & 0xffff), value(b[lane] & 0xffff));
    bool high = compare(comparison, value(a[lane] >> 16), value(b[lane] >> 16));
    lower |= static_cast<uint32_t>(low) << lane;
    upper |= static_cast<uint32_t>(high) << lane;
  });
  auto how = static_cast<Combine>(i.immediate);
  uint32_t with = how == Combine::None ? 0 : warp.predicate(i.rows[4]) ^ (i.count ? allLanes : 0);
  put(warp, i.rows[0], combine(how, lower, with));
  put(warp, i.rows[1], combine(how, upper, with));
}

void decodeSetPredicate(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  out.option = static_cast<uint8_t>(takeComparison(decoder, suffixes));
  int how = suffixes.takeOne({"and", "or", "xor"});
  out.immediate = how + 1;
  out.mode.flush = suffixes.take("ftz");
  Type type = requireType(decoder, suffixes);
  bool pair = type == Type::F16x2 || type == Type::BF16x2;
  const OperandSyntax &d = decoder.operand(0);
  if (!pair && !comparer(type))
    refuseType(decoder, suffixes, type);
  if (pair && d.kind != OperandSyntax::Kind::Pair)
    decoder.syntax("expects two predicates for two halves");
  checkComparison(decoder, suffixes, out.option, type);
  out.type = type;
  out.kind = kindOf(type);
  out.execute = pair ? setPairPredicates : setPredicate;
  if (d.kind == OperandSyntax::Kind::Pair) {
    decoder.destination(out, d.parts[0], Type::Pred);
    decoder.destination(out, d.parts[1], Type::Pred);
  } else {
    decoder.destination(out, d, Type::Pred);
  }
  decoder.source(out, decoder.operand(1), type);
  decoder.source(out, decoder.operand(2), type);
  out.count = 0;
  if (how >= 0) {
    bool negated = false;
    decoder.predicateSource(out, decoder.operand(3), negated);
    out.count = negated;
  }
}

/// d = all ones, or 1.0 as f32, where the comparison holds; else 0.
void setValue(Warp &warp, const Instruction &i) {
  uint32_t result = comparer(i.type)(warp, i, 1);
  auto how = static_cast<Combine>(i.immediate);
  if (how != Combine::None)
    result = combine(how, result, warp.predicate(i.rows[3]) ^ (i.count ? allLanes : 0));
  uint32_t *d = warp.row(i.rows[0]), set = i.from == Type::F32 ? 0x3f800000 : allLanes;
  forLanes(warp.mask, [&](int lane) { d[lane] = result >> lane & 1 ? set : 0; });
}

void decodeSet(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  out.option = static_cast<uint8_t>(takeComparison(decoder, suffixes));
  int how = suffixes.takeOne({"and", "or", "xor"});
  out.immediate = how + 1;
  out.mode.flush = suffixes.take("ftz");
  out.from = requireType(decoder, suffixes);
  out.type = requireType(decoder, suffixes);
  const bool isResult = out.from == Type::U32 || out.from == Type::S32 || out.from == Type::F32;
  if (!comparer(out.type) || !isResult)
    refuseType(decoder, suffixes, out.type);
  checkComparison(decoder, suffixes, out.option, out.type);
  out.kind = kindOf(out.type);
  out.execute = setValue;
  decoder.destination(out, decoder.operand(0), out.from);
  decoder.source(out, decoder.operand(1), out.type);
  decoder.source(out, decoder.operand(2), out.type);
  out.count = 0;
  if (how >= 0) {
    bool negated = false;
    decoder.predicateSource(out, decoder.operand(3), negated);
    out.count = negated;
  }
}

/// d = p ? a : b. What is not picked may be uninitialised; what is makes d so, too.
template <class S>
void select(Warp &warp, const Instruction &i) {
  S *d = warp.as<S>(i.rows[0]);
  const S *a = warp.as<S>(i.rows[1]), *b = warp.as<S>(i.rows[2]);
  uint32_t p = warp.predicate(i.rows[3]) ^ (i.option ? allLanes : 0);
  uint32_t known = warp.initialised(i.rows[3]);
  if (uint32_t missing = warp.mask & ~known) {
    warp.lane = __builtin_ctz(missing);
    throw Problem{FaultKind::Uninitialised, "the predicate is a register that was never written", {}};
  }
  uint32_t valid = (p & warp.initialised(i.rows[1])) | (~p & warp.initialised(i.rows[2]));
  forLanes(warp.mask, [&](int lane) { d[lane] = p >> lane & 1 ? a[lane] : b[lane]; });
  uint32_t &initialised = warp.initialised(i.rows[0]);
  initialised = (initialised & ~warp.mask) | (valid & warp.mask);
}

void decodeSelect(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (type == Type::Pred || bytesOf(type) == 1 || bytesOf(type) == 16)
    refuseType(decoder, suffixes, type);
  out.type = type;
  out.kind = kindOf(type);
  out.passesOn = true;
  out.execute = bytesOf(type) == 8 ? select<uint64_t> : select<uint32_t>;
  decoder.destination(out, decoder.operand(0), type);
  decoder.source(out, decoder.operand(1), type);
  decoder.source(out, decoder.operand(2), type);
  bool negated = false;
  decoder.predicateSource(out, decoder.operand(3), negated);
  out.option = negated;
}

/// d = c >= 0 ? a : b.
template <class S>
void selectBySign(Warp &warp, const Instruction &i) {
  S *d = warp.as<S>(i.rows[0]);
  const S *a = warp.as<S>(i.rows[1]), *b = warp.as<S>(i.rows[2]);
  const uint32_t *c = warp.row(i.rows[3]);
  forLanes(warp.mask, [&](int lane) {
    bool notBelow = i.from == Type::S32 ? static_cast<int32_t>(c[lane]) >= 0
                                        : asFloat(i.mode.flush ? flushed(c[lane]) : c[lane]) >= 0;
    d[lane] = notBelow ? a[lane] : b[lane];
  });
}

void decodeSelectBySign(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  out.from = requireType(decoder, suffixes);
  out.mode.flush = out.from == Type::F32 && suffixes.take("ftz");
  if (bytesOf(type) < 4 || (out.from != Type::S32 && out.from != Type::F32))
    refuseType(decoder, suffixes, out.from);
  out.type = type;
  out.execute = bytesOf(type) == 8 ? selectBySign<uint64_t> : selectBySign<uint32_t>;
  decoder.destination(out, decoder.operand(0), type);
  decoder.source(out, decoder.operand(1), type);
  decoder.source(out, decoder.operand(2), type);
  decoder.source(out, decoder.operand(3), out.from);
}

} // namespace

void addCompare(DecodeTable &table) {
  table["setp"] = decodeSetPredicate;
  table["set"] = decodeSet;
  table["selp"] = decodeSelect;
  table["slct"] = decodeSelectBySign;
}

} // namespace ptxsim
