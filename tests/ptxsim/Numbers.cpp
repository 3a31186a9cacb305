// SPDX-License-Identifier: Apache-2.0
//
// Numbers.h, the parts that round.
#include "tests/ptxsim/Numbers.h"
#include <cfloat>
#include <limits>

namespace ptxsim {
namespace {

/// Whether the magnitude whole + fraction goes up to whole + 1.
bool roundsUp(uint64_t whole, double fraction, bool negative, Rounding rounding) {
  switch (rounding) {
  case Rounding::nearest:
    return fraction > 0.5 || (fraction == 0.5 && whole % 2);
  case Rounding::zero:
    return false;
  case Rounding::down:
    return negative && fraction > 0;
  case Rounding::up:
    return !negative && fraction > 0;
  }
  return false;
}

/// What a number beyond the largest finite one becomes.
uint32_t overflow(const Format &format, bool negative, Rounding rounding, bool saturate) {
  bool inward = rounding == Rounding::zero || rounding == (negative ? Rounding::up : Rounding::down);
  if (saturate || inward)
    return format.largest;
  return format.infinity ? format.infinity : format.nan;
}

/// sum + tail == a + b exactly.
double sumWithTail(double a, double b, double &tail) {
  double sum = a + b, back = sum - a;
  tail = (a - (sum - back)) + (b - back);
  return sum;
}

uint32_t rounded(double toOdd, FloatMode mode) { return finish(encode(f32Format, toOdd, mode.rounding), mode); }

uint32_t approximated(double value, FloatMode mode) { return finish(canonical(float(value)), mode); }

double operand(uint32_t bits, FloatMode mode) { return asFloat(mode.flush ? flushed(bits) : bits); }

/// 2^exponent, for a normal result.
double powerOfTwo(int exponent) { return asDouble(uint64_t(1023 + exponent) << 52); }

uint32_t smaller(uint32_t a, uint32_t b, bool nan, bool wantGreater, const Format &format) {
  uint32_t magnitude = format.signBit() - 1, infinity = format.infinity;
  bool aIsNan = (a & magnitude) > infinity, bIsNan = (b & magnitude) > infinity;
  if (aIsNan || bIsNan)
    return nan || (aIsNan && bIsNan) ? format.nan : aIsNan ? b : a;
  // Bits as an integer in the order of the numbers, -0 below +0.
  auto key = [&](uint32_t bits) {
    int64_t size = bits & magnitude;
    return bits & format.signBit() ? -1 - size : size;
  };
  return (key(a) < key(b)) != wantGreater ? a : b;
}

} // namespace

double decode(const Format &format, uint32_t bits) {
  uint32_t fractionMask = (1u << format.fractionBits) - 1, magnitude = bits & (format.signBit() - 1);
  double sign = bits & format.signBit() ? -1.0 : 1.0;
  if (format.infinity ? magnitude > format.infinity : magnitude == format.nan)
    return std::numeric_limits<double>::quiet_NaN();
  if (format.infinity && magnitude == format.infinity)
    return sign * std::numeric_limits<double>::infinity();
  int exponent = int(magnitude >> format.fractionBits), last = 1 - format.bias() - format.fractionBits;
  uint32_t fraction = magnitude & fractionMask;
  if (exponent == 0)
    return sign * double(fraction) * powerOfTwo(last);
  return sign * double(fraction | (fractionMask + 1)) * powerOfTwo(last + exponent - 1);
}

uint32_t encode(const Format &format, double value, Rounding rounding, bool saturate) {
  if (value != value)
    return format.nan;
  bool negative = std::signbit(value);
  uint32_t sign = negative ? format.signBit() : 0;
  double size = std::fabs(value);
  if (size == 0)
    return sign;
  if (std::isinf(size))
    return sign | (saturate ? format.largest : format.infinity ? format.infinity : format.nan);
  // Units of the last place: those of the number's own power of two, but not below the subnormal ones.
  int exponent = int(asBits(size) >> 52) - 1023, lowest = 1 - format.bias();
  int steps = exponent > lowest ? exponent - lowest : 0;
  double scaled = size * powerOfTwo(format.fractionBits - lowest - steps);
  uint64_t whole = uint64_t(scaled);
  whole += roundsUp(whole, scaled - double(whole), negative, rounding);
  // A normal number's leading 1 adds one to the exponent's field, and so does a carry out of the fraction.
  uint64_t bits = (uint64_t(steps) << format.fractionBits) + whole;
  return sign | (bits > format.largest ? overflow(format, negative, rounding, saturate) : uint32_t(bits));
}

double roundToOdd(double head, double tail) {
  if (tail == 0 || tail != tail || asBits(head) & 1)
    return head;
  // The last bit is clear: the neighbour on the tail's side has it set.
  return std::nextafter(head, tail > 0 ? HUGE_VAL : -HUGE_VAL);
}

double addToOdd(double a, double b) {
  double tail, sum = sumWithTail(a, b, tail);
  return roundToOdd(sum, tail);
}

double fmaToOdd(double a, double b, double c) { return addToOdd(a * b, c); }

uint32_t addDirected(uint32_t a, uint32_t b, FloatMode mode) {
  double x = asFloat(a), y = asFloat(b), sum = addToOdd(x, y);
  // An exact zero of two numbers that cancel is -0 downwards.
  if (sum == 0 && mode.rounding == Rounding::down && (std::signbit(x) || std::signbit(y)))
    sum = -0.0;
  return rounded(sum, mode);
}

uint32_t mulDirected(uint32_t a, uint32_t b, FloatMode mode) {
  return rounded(double(asFloat(a)) * double(asFloat(b)), mode);
}

uint32_t fmaDirected(uint32_t a, uint32_t b, uint32_t c, FloatMode mode) {
  double product = double(asFloat(a)) * double(asFloat(b)), addend = asFloat(c), sum = addToOdd(product, addend);
  if (sum == 0 && mode.rounding == Rounding::down && (std::signbit(product) || std::signbit(addend)))
    sum = -0.0;
  return rounded(sum, mode);
}

uint32_t div(uint32_t a, uint32_t b, FloatMode mode) {
  double x = operand(a, mode), y = operand(b, mode), quotient = x / y;
  if (!std::isfinite(quotient) || y == 0 || std::isinf(y))
    return rounded(quotient, mode);
  double rest = std::fma(-quotient, y, x); // its sign, seen through y's, is that of what the quotient lacks
  return rounded(roundToOdd(quotient, y > 0 ? rest : -rest), mode);
}

uint32_t divApproximately(uint32_t a, uint32_t b, FloatMode mode) {
  double x = operand(a, mode), y = operand(b, mode), size = std::fabs(y);
  bool isHuge = size > 0x1p126 && std::isfinite(y);
  return isHuge ? rounded(x * std::copysign(0.0, y), mode) : div(a, b, mode);
}

uint32_t sqrt(uint32_t a, FloatMode mode) {
  double x = operand(a, mode), root = std::sqrt(x);
  if (!std::isfinite(root) || root == 0)
    return rounded(root, mode);
  return rounded(roundToOdd(root, std::fma(-root, root, x)), mode);
}

uint32_t rcp(uint32_t a, FloatMode mode) { return div(asBits(1.0f), a, mode); }

uint32_t rsqrt(uint32_t a, FloatMode mode) {
  double x = operand(a, mode);
  return approximated(x == 0 ? std::copysign(HUGE_VAL, x) : 1.0 / std::sqrt(x), mode);
}

uint32_t ex2(uint32_t a, FloatMode mode) {
  double x = operand(a, mode);
  if (!(x > -160 && x < 130)) // beyond any result that is not 0, infinity or NaN
    return approximated(x != x ? x : x > 0 ? HUGE_VAL : 0.0, mode);
  // 2^x = 2^whole e^(fraction ln 2), and |fraction ln 2| <= 0.35, so the series' next term is below 1e-15.
  constexpr double inverseFactorials[] = {
      1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
      1.0 / 120,       1.0 / 24,       1.0 / 6,       1.0 / 2,      1.0,         1.0};
  constexpr double toWhole = 6755399441055744.0; // 1.5 2^52: what is added to it loses its fraction, to nearest
  double whole = (x + toWhole) - toWhole, t = (x - whole) * 0.69314718055994530942, power = 0;
  for (double coefficient : inverseFactorials)
    power = power * t + coefficient;
  return approximated(power * powerOfTwo(int(whole)), mode);
}

uint32_t lg2(uint32_t a, FloatMode mode) { return approximated(std::log2(operand(a, mode)), mode); }
uint32_t tanh(uint32_t a, FloatMode mode) { return approximated(std::tanh(operand(a, mode)), mode); }
uint32_t sin(uint32_t a, FloatMode mode) { return approximated(std::sin(operand(a, mode)), mode); }
uint32_t cos(uint32_t a, FloatMode mode) { return approximated(std::cos(operand(a, mode)), mode); }

uint32_t min(uint32_t a, uint32_t b, bool flush, bool nan) {
  return smaller(flush ? flushed(a) : a, flush ? flushed(b) : b, nan, false, f32Format);
}
uint32_t max(uint32_t a, uint32_t b, bool flush, bool nan) {
  return smaller(flush ? flushed(a) : a, flush ? flushed(b) : b, nan, true, f32Format);
}

uint32_t add16(const Format &format, uint32_t a, uint32_t b) {
  return encode(format, addToOdd(decode(format, a), decode(format, b)));
}
uint32_t sub16(const Format &format, uint32_t a, uint32_t b) { return add16(format, a, b ^ 0x8000); }
uint32_t mul16(const Format &format, uint32_t a, uint32_t b) {
  return encode(format, decode(format, a) * decode(format, b));
}
uint32_t fma16(const Format &format, uint32_t a, uint32_t b, uint32_t c, bool relu) {
  uint32_t bits = encode(format, fmaToOdd(decode(format, a), decode(format, b), decode(format, c)));
  return relu && bits & 0x8000 ? 0 : bits;
}
uint32_t min16(const Format &format, uint32_t a, uint32_t b, bool nan) { return smaller(a, b, nan, false, format); }
uint32_t max16(const Format &format, uint32_t a, uint32_t b, bool nan) { return smaller(a, b, nan, true, format); }

uint32_t fromDouble(const Format &to, double value, Conversion conversion) {
  uint32_t bits = encode(to, value, conversion.rounding, conversion.saturate);
  if (conversion.flush && to.fractionBits == f32Format.fractionBits)
    bits = flushed(bits);
  if (conversion.relu && bits & to.signBit())
    return 0;
  if (conversion.unitRange)
    return value > 0 ? value < 1 ? bits : encode(to, 1) : 0;
  return bits;
}

double toDouble(const Format &from, uint32_t bits, bool flush) {
  if (from.fractionBits == f32Format.fractionBits)
    return asFloat(flush ? flushed(bits) : bits);
  return decode(from, bits);
}

uint32_t convert(const Format &to, const Format &from, uint32_t bits, Conversion conversion) {
  return fromDouble(to, toDouble(from, bits, conversion.flush), conversion);
}

uint32_t convertPair(const Format &to, const Format &from, uint32_t upper, uint32_t lower, Conversion conversion) {
  int width = 1 + to.exponentBits + to.fractionBits;
  return convert(to, from, upper, conversion) << width | convert(to, from, lower, conversion);
}

/// An integer as the sum of two doubles.
static double splitInteger(uint64_t value, bool isSigned, double &tail) {
  double upper = isSigned ? double(int64_t(value) >> 32) : double(value >> 32);
  return sumWithTail(upper * 4294967296.0, double(uint32_t(value)), tail);
}

uint32_t fromInteger(const Format &to, uint64_t value, bool isSigned, Conversion conversion) {
  double tail, head = splitInteger(value, isSigned, tail);
  return fromDouble(to, roundToOdd(head, tail), conversion);
}

double doubleFromInteger(uint64_t value, bool isSigned, Rounding rounding) {
  double tail, head = splitInteger(value, isSigned, tail); // to nearest
  bool downward = rounding == Rounding::down || (rounding == Rounding::zero && head > 0);
  bool upward = rounding == Rounding::up || (rounding == Rounding::zero && head < 0);
  if ((downward && tail < 0) || (upward && tail > 0))
    return std::nextafter(head, downward ? -HUGE_VAL : HUGE_VAL);
  return head;
}

double toIntegral(double value, Rounding rounding) {
  double size = std::fabs(value);
  if (!(size < 9007199254740992.0)) // 2^53: an integer already, or not a number
    return value;
  uint64_t whole = uint64_t(size);
  whole += roundsUp(whole, size - double(whole), std::signbit(value), rounding);
  return std::copysign(double(whole), value);
}

uint64_t toInteger(double value, Rounding rounding, int bits, bool isSigned, bool fromF64) {
  uint64_t top = uint64_t(1) << (bits - 1), lowest = isSigned ? ~top + 1 : 0;
  uint64_t greatest = isSigned ? top - 1 : top - 1 + top;
  if (value != value)
    return !fromF64 && bits < 64 ? 0 : isSigned ? lowest : top;
  double integral = toIntegral(value, rounding);
  double limit = powerOfTwo(isSigned ? bits - 1 : bits); // the first beyond the range
  if (integral >= limit)
    return greatest;
  if (integral < (isSigned ? -limit : 0.0))
    return lowest;
  return isSigned ? uint64_t(int64_t(integral)) : uint64_t(integral);
}

} // namespace ptxsim
