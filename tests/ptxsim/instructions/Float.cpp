// SPDX-License-Identifier: Apache-2.0
//
// Floating-point arithmetic of f32 and f64. The arithmetic itself is Numbers.h's.
#include "tests/ptxsim/instructions/Float.h"

#include "tests/ptxsim/instructions/Apply.h"

#include <cmath>

namespace ptxsim {
namespace {

// ---- f32

template <uint32_t (*operation)(uint32_t, FloatMode)>
void single1(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]);
  forLanes(warp.mask, [&](int lane) { d[lane] = operation(a[lane], i.mode); });
}

template <uint32_t (*operation)(uint32_t, uint32_t, FloatMode)>
void single2(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]);
  forLanes(warp.mask, [&](int lane) { d[lane] = operation(a[lane], b[lane], i.mode); });
}

void single3(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]), *c = warp.row(i.rows[3]);
  forLanes(warp.mask, [&](int lane) { d[lane] = fma(a[lane], b[lane], c[lane], i.mode); });
}

// The most frequent: rounded to nearest, nothing else.
void plainAdd(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]);
  forLanes(warp.mask, [&](int lane) { d[lane] = canonical(asFloat(a[lane]) + asFloat(b[lane])); });
}
void plainSub(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]);
  forLanes(warp.mask, [&](int lane) { d[lane] = canonical(asFloat(a[lane]) - asFloat(b[lane])); });
}
void plainMul(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]);
  forLanes(warp.mask, [&](int lane) { d[lane] = canonical(asFloat(a[lane]) * asFloat(b[lane])); });
}

template <bool maximum>
void extreme(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]);
  bool nan = i.option;
  forLanes(warp.mask, [&](int lane) {
    d[lane] = maximum ? max(a[lane], b[lane], i.mode.flush, nan) : min(a[lane], b[lane], i.mode.flush, nan);
  });
}

/// Three operands, as newer machines have: max(max(a, b), c).
template <bool maximum>
void extreme3(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]), *b = warp.row(i.rows[2]), *c = warp.row(i.rows[3]);
  bool nan = i.option;
  forLanes(warp.mask, [&](int lane) {
    d[lane] = maximum ? max(max(a[lane], b[lane], i.mode.flush, nan), c[lane], i.mode.flush, nan)
                      : min(min(a[lane], b[lane], i.mode.flush, nan), c[lane], i.mode.flush, nan);
  });
}

template <bool negative>
void sign(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  const uint32_t *a = warp.row(i.rows[1]);
  forLanes(warp.mask, [&](int lane) {
    uint32_t value = i.mode.flush ? flushed(a[lane]) : a[lane];
    d[lane] = negative ? value ^ 0x80000000 : value & 0x7fffffff;
  });
}

// ---- f64

uint64_t quiet(double value) { return asBits(value); }

struct Add {
  static double apply(double a, double b) { return a + b; }
};
struct Sub {
  static double apply(double a, double b) { return a - b; }
};
struct Mul {
  static double apply(double a, double b) { return a * b; }
};
struct Div {
  static double apply(double a, double b) { return a / b; }
};
struct Min {
  static double apply(double a, double b) {
    if (a != a || b != b)
      return a != a ? b : a;
    return a < b || (a == b && std::signbit(a)) ? a : b;
  }
};
struct Max {
  static double apply(double a, double b) {
    if (a != a || b != b)
      return a != a ? b : a;
    return a > b || (a == b && !std::signbit(a)) ? a : b;
  }
};
template <class Op>
void double2(Warp &warp, const Instruction &i) {
  uint64_t *d = warp.wideRow(i.rows[0]);
  const uint64_t *a = warp.wideRow(i.rows[1]), *b = warp.wideRow(i.rows[2]);
  forLanes(warp.mask, [&](int lane) { d[lane] = quiet(Op::apply(asDouble(a[lane]), asDouble(b[lane]))); });
}
void doubleFma(Warp &warp, const Instruction &i) {
  uint64_t *d = warp.wideRow(i.rows[0]);
  const uint64_t *a = warp.wideRow(i.rows[1]), *b = warp.wideRow(i.rows[2]), *c = warp.wideRow(i.rows[3]);
  forLanes(warp.mask,
           [&](int lane) { d[lane] = quiet(std::fma(asDouble(a[lane]), asDouble(b[lane]), asDouble(c[lane]))); });
}
struct Sqrt {
  static double apply(double a) { return std::sqrt(a); }
};
struct Rcp {
  static double apply(double a) { return 1 / a; }
};
struct Abs {
  static double apply(double a) { return std::fabs(a); }
};
struct Neg {
  static double apply(double a) { return -a; }
};
template <class Op>
void double1(Warp &warp, const Instruction &i) {
  uint64_t *d = warp.wideRow(i.rows[0]);
  const uint64_t *a = warp.wideRow(i.rows[1]);
  forLanes(warp.mask, [&](int lane) { d[lane] = quiet(Op::apply(asDouble(a[lane]))); });
}

// ---- decoding

void decodeSingle(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  const std::string &base = suffixes.base();
  out.kind = Kind::Float;
  out.mode.flush = suffixes.take("ftz");
  int sources = 2;
  if (base == "min" || base == "max") {
    out.option = suffixes.take("NaN");
    sources = static_cast<int>(decoder.operands()) - 1;
    bool maximum = base == "max";
    out.execute = sources == 3 ? maximum ? extreme3<true> : extreme3<false> : maximum ? extreme<true> : extreme<false>;
    return decoder.simple(out, Type::F32, sources == 3 ? 3 : 2);
  }
  if (base == "abs" || base == "neg") {
    out.execute = base == "neg" ? sign<true> : sign<false>;
    return decoder.simple(out, Type::F32, 1);
  }
  const int division = base == "div" ? suffixes.takeOne({"approx", "full"}) : -1;
  bool approximate = division >= 0, rounded = false;
  out.mode.rounding = suffixes.takeRounding(Rounding::nearest, &rounded);
  if (approximate == rounded && (base == "div" || base == "fma" || base == "mad"))
    decoder.unsupported("expects a rounding" + std::string(base == "div" ? ", .approx or .full" : ""));
  out.mode.saturate = suffixes.take("sat");
  bool plain = !out.mode.flush && !out.mode.saturate && out.mode.rounding == Rounding::nearest;
  if (base == "add")
    out.execute = plain ? plainAdd : single2<add>;
  else if (base == "sub")
    out.execute = plain ? plainSub : single2<sub>;
  else if (base == "mul")
    out.execute = plain ? plainMul : single2<mul>;
  else if (base == "div") {
    out.execute = division == 0 ? single2<divApproximately> : single2<div>;
    out.kind = approximate ? Kind::Special : Kind::Float;
  } else { // mad, fma
    out.execute = single3;
    sources = 3;
  }
  decoder.simple(out, Type::F32, sources);
}

void decodeDouble(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  static const std::unordered_map<std::string, std::pair<Execute, int>> known = {
      {"add", {double2<Add>, 2}}, {"sub", {double2<Sub>, 2}}, {"mul", {double2<Mul>, 2}},   {"div", {double2<Div>, 2}},
      {"min", {double2<Min>, 2}}, {"max", {double2<Max>, 2}}, {"abs", {double1<Abs>, 1}},   {"neg", {double1<Neg>, 1}},
      {"fma", {doubleFma, 3}},    {"mad", {doubleFma, 3}},    {"sqrt", {double1<Sqrt>, 1}}, {"rcp", {double1<Rcp>, 1}}};
  const std::string &base = suffixes.base();
  auto found = known.find(base);
  if (found == known.end())
    refuseType(decoder, suffixes, Type::F64);
  bool rounded = false, needed = base == "div" || base == "fma" || base == "mad" || base == "sqrt" || base == "rcp";
  if (suffixes.takeRounding(Rounding::nearest, &rounded) != Rounding::nearest || (needed && !rounded))
    decoder.unsupported("expects .rn of f64");
  out.kind = Kind::Double;
  out.execute = found->second.first;
  decoder.simple(out, Type::F64, found->second.second);
}

void decodeFma(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  decodeFloat(decoder, suffixes, out, requireType(decoder, suffixes));
}

/// rcp, sqrt, rsqrt, ex2, lg2, sin, cos, tanh of f32; rcp and sqrt of f64, which can be exact.
template <uint32_t (*operation)(uint32_t, FloatMode)>
void decodeSpecial(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (type == Type::F64)
    return decodeDouble(decoder, suffixes, out);
  if (type != Type::F32)
    return decodeHalf(decoder, suffixes, out, type);
  bool rounded = false, approximate = suffixes.take("approx");
  out.mode.rounding = suffixes.takeRounding(Rounding::nearest, &rounded);
  out.mode.flush = suffixes.take("ftz");
  const std::string &base = suffixes.base();
  if (approximate == rounded || (rounded && base != "rcp" && base != "sqrt"))
    decoder.unsupported("expects either .approx or a rounding, which only rcp and sqrt have");
  if (out.mode.flush && base == "tanh")
    decoder.unsupported("expects no .ftz of tanh");
  out.kind = Kind::Special;
  out.execute = single1<operation>;
  decoder.simple(out, type, 1);
}

/// The sign of a with the rest of b.
void copySign(Warp &warp, const Instruction &i) {
  forLanes(warp.mask, [&](int lane) {
    uint64_t a = warp.value(i, 1, lane), b = warp.value(i, 2, lane);
    uint64_t top = i.type == Type::F64 ? uint64_t(1) << 63 : 0x80000000;
    warp.setValue(i, 0, lane, (a & top) | (b & (top - 1)));
  });
}

void decodeCopySign(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  if (type != Type::F32 && type != Type::F64)
    refuseType(decoder, suffixes, type);
  out.kind = Kind::Float;
  out.execute = copySign;
  decoder.simple(out, type, 2);
}

enum class Test : uint8_t { Finite, Infinite, Number, NotANumber, Normal, Subnormal };

void testProperty(Warp &warp, const Instruction &i) {
  uint32_t result = 0;
  forLanes(warp.mask, [&](int lane) {
    uint64_t bits = warp.value(i, 1, lane);
    double value = i.type == Type::F64 ? asDouble(bits) : static_cast<double>(asFloat(static_cast<uint32_t>(bits)));
    double least = i.type == Type::F64 ? 0x1p-1022 : 0x1p-126, size = std::fabs(value);
    bool finite = std::isfinite(value), is = false;
    switch (static_cast<Test>(i.option)) {
    case Test::Finite:
      is = finite;
      break;
    case Test::Infinite:
      is = std::isinf(value);
      break;
    case Test::Number:
      is = value == value;
      break;
    case Test::NotANumber:
      is = value != value;
      break;
    case Test::Normal:
      is = finite && (size >= least || size == 0);
      break;
    case Test::Subnormal:
      is = finite && size < least && size > 0;
      break;
    }
    result |= static_cast<uint32_t>(is) << lane;
  });
  uint32_t &d = warp.predicate(i.rows[0]);
  d = (d & ~warp.mask) | result;
}

void decodeTest(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  Type type = requireType(decoder, suffixes);
  int test = suffixes.takeOne({"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  if (test < 0 || (type != Type::F32 && type != Type::F64))
    refuseType(decoder, suffixes, type);
  out.kind = Kind::Float;
  out.execute = testProperty;
  out.option = static_cast<uint8_t>(test);
  out.type = type;
  decoder.destination(out, decoder.operand(0), Type::Pred);
  decoder.source(out, decoder.operand(1), type);
}

} // namespace

void decodeFloat(Decoder &decoder, Suffixes &suffixes, Instruction &out, Type type) {
  switch (type) {
  case Type::F32:
    return decodeSingle(decoder, suffixes, out);
  case Type::F64:
    return decodeDouble(decoder, suffixes, out);
  case Type::F16:
  case Type::BF16:
  case Type::F16x2:
  case Type::BF16x2:
    return decodeHalf(decoder, suffixes, out, type);
  default:
    refuseType(decoder, suffixes, type);
  }
}

void addFloat(DecodeTable &table) {
  table["fma"] = decodeFma;
  table["rcp"] = decodeSpecial<rcp>;
  table["sqrt"] = decodeSpecial<sqrt>;
  table["rsqrt"] = decodeSpecial<rsqrt>;
  table["ex2"] = decodeSpecial<ex2>;
  table["lg2"] = decodeSpecial<lg2>;
  table["sin"] = decodeSpecial<sin>;
  table["cos"] = decodeSpecial<cos>;
  table["tanh"] = decodeSpecial<tanh>;
  table["copysign"] = decodeCopySign;
  table["testp"] = decodeTest;
}

} // namespace ptxsim
