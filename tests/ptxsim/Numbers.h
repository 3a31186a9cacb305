// SPDX-License-Identifier: Apache-2.0
//
// The number formats of PTX and the arithmetic on them, by value and by rounding mode. Whatever is rounded is first
// known exactly: as a double rounded to odd, which a second rounding to any narrower format cannot tell from the exact
// value.
//
// Results of f32, f16, bf16 and 8-bit instructions that are not a number are the one NaN of their format, as PTX says;
// so equal results are equal bits. The approximations (`ex2.approx` and its like) return the true value rounded to
// nearest, which lies inside every error bound of the manual; a test that compares them with a GPU uses that bound.
#ifndef FALLOFF_TESTS_PTXSIM_NUMBERS_H
#define FALLOFF_TESTS_PTXSIM_NUMBERS_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace ptxsim {

/// `.rn .rz .rm .rp`, and their integer forms `.rni` and so on.
enum class Rounding { nearest, zero, down, up };

/// A binary floating-point format of at most 32 bits; the sign is above exponent and fraction.
struct Format {
  int exponentBits, fractionBits;
  uint32_t infinity; ///< 0: the format has none, and what overflows is NaN
  uint32_t largest, nan;
  constexpr int bias() const { return (1 << (exponentBits - 1)) - 1; }
  constexpr uint32_t signBit() const { return 1u << (exponentBits + fractionBits); }
};

constexpr Format f32Format{8, 23, 0x7f800000, 0x7f7fffff, 0x7fffffff};
constexpr Format f16Format{5, 10, 0x7c00, 0x7bff, 0x7fff};
constexpr Format bf16Format{8, 7, 0x7f80, 0x7f7f, 0x7fff};
constexpr Format e4m3Format{4, 3, 0, 0x7e, 0x7f};
constexpr Format e5m2Format{5, 2, 0x7c, 0x7b, 0x7f};

/// The value of `bits`, exact in a double; any NaN of the format gives a NaN.
double decode(const Format &format, uint32_t bits);

/// `value` rounded to the format. What lies beyond the largest finite value becomes infinity or that value as the mode
/// says, and that value if `saturate` (`.satfinite`); a NaN becomes the format's.
uint32_t encode(const Format &format, double value, Rounding rounding = Rounding::nearest, bool saturate = false);

/// head + tail rounded to odd: unchanged if exact, else of the two neighbours the one whose last bit is set. |tail| is
/// at most half a unit in the last place of `head`; only its sign and whether it is zero matter.
double roundToOdd(double head, double tail);
/// a + b and a b + c of doubles that were single-precision or narrower, rounded to odd.
double addToOdd(double a, double b);
double fmaToOdd(double a, double b, double c);

inline float asFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline uint32_t asBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline double asDouble(uint64_t bits) {
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline uint64_t asBits(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

/// `.ftz`: subnormal numbers become zeros of their sign.
inline uint32_t flushed(uint32_t bits) { return bits & 0x7f800000 ? bits : bits & 0x80000000; }
inline uint32_t canonical(float value) { return value != value ? f32Format.nan : asBits(value); }

/// Modifiers of a single-precision instruction.
struct FloatMode {
  Rounding rounding = Rounding::nearest;
  bool flush = false;    ///< `.ftz`, of operands and results
  bool saturate = false; ///< `.sat`: to [0, 1], NaN to +0
};

/// `.sat` and `.ftz` of a result.
inline uint32_t finish(uint32_t bits, FloatMode mode) {
  if (mode.flush)
    bits = flushed(bits);
  if (mode.saturate) {
    float value = asFloat(bits);
    return value > 0 ? value < 1 ? bits : asBits(1.0f) : 0;
  }
  return bits;
}

// Single precision, on bits.
uint32_t addDirected(uint32_t a, uint32_t b, FloatMode mode);
uint32_t mulDirected(uint32_t a, uint32_t b, FloatMode mode);
uint32_t fmaDirected(uint32_t a, uint32_t b, uint32_t c, FloatMode mode);

inline uint32_t add(uint32_t a, uint32_t b, FloatMode mode = {}) {
  if (mode.flush)
    a = flushed(a), b = flushed(b);
  if (mode.rounding != Rounding::nearest)
    return addDirected(a, b, mode);
  return finish(canonical(asFloat(a) + asFloat(b)), mode);
}
inline uint32_t sub(uint32_t a, uint32_t b, FloatMode mode = {}) { return add(a, b ^ 0x80000000, mode); }
inline uint32_t mul(uint32_t a, uint32_t b, FloatMode mode = {}) {
  if (mode.flush)
    a = flushed(a), b = flushed(b);
  if (mode.rounding != Rounding::nearest)
    return mulDirected(a, b, mode);
  return finish(canonical(asFloat(a) * asFloat(b)), mode);
}
inline uint32_t fma(uint32_t a, uint32_t b, uint32_t c, FloatMode mode = {}) {
  if (mode.flush)
    a = flushed(a), b = flushed(b), c = flushed(c);
  if (mode.rounding != Rounding::nearest)
    return fmaDirected(a, b, c, mode);
  return finish(canonical(std::fma(asFloat(a), asFloat(b), asFloat(c))), mode);
}
/// `div.full` and `div.approx` are this with rounding to nearest.
/// The quotient of two floats as a product with a reciprocal, which of huge divisors is below the smallest normal
/// number and so 0.
uint32_t divApproximately(uint32_t a, uint32_t b, FloatMode mode);
uint32_t div(uint32_t a, uint32_t b, FloatMode mode = {});
uint32_t sqrt(uint32_t a, FloatMode mode = {});
uint32_t rcp(uint32_t a, FloatMode mode = {});
uint32_t rsqrt(uint32_t a, FloatMode mode = {});
uint32_t ex2(uint32_t a, FloatMode mode = {});
uint32_t lg2(uint32_t a, FloatMode mode = {});
uint32_t tanh(uint32_t a, FloatMode mode = {});
uint32_t sin(uint32_t a, FloatMode mode = {});
uint32_t cos(uint32_t a, FloatMode mode = {});
/// -0 < +0. One NaN gives the other operand, two give NaN; with `nan` (`.NaN`) one is enough.
uint32_t min(uint32_t a, uint32_t b, bool flush = false, bool nan = false);
uint32_t max(uint32_t a, uint32_t b, bool flush = false, bool nan = false);

// One f16 or bf16 number, in the lower 16 bits; both halves of a packed register are done one by one.
uint32_t add16(const Format &format, uint32_t a, uint32_t b);
uint32_t sub16(const Format &format, uint32_t a, uint32_t b);
uint32_t mul16(const Format &format, uint32_t a, uint32_t b);
uint32_t fma16(const Format &format, uint32_t a, uint32_t b, uint32_t c, bool relu = false);
uint32_t min16(const Format &format, uint32_t a, uint32_t b, bool nan = false);
uint32_t max16(const Format &format, uint32_t a, uint32_t b, bool nan = false);

/// Modifiers of a conversion.
struct Conversion {
  Rounding rounding = Rounding::nearest;
  bool flush = false;     ///< `.ftz`, of f32 at either end
  bool saturate = false;  ///< `.satfinite`
  bool relu = false;      ///< `.relu`: what is negative becomes +0
  bool unitRange = false; ///< `.sat` to a floating-point type: to [0, 1], NaN to +0
};

/// `cvt` of one element between formats of at most 32 bits.
uint32_t convert(const Format &to, const Format &from, uint32_t bits, Conversion conversion = {});
/// `cvt.f32.f64` and narrower, and `cvt.f64.f32` and wider.
uint32_t fromDouble(const Format &to, double value, Conversion conversion = {});
double toDouble(const Format &from, uint32_t bits, bool flush = false);
/// `cvt.rn.bf16x2.f32` and its like, for every type pair: `upper` and `lower` converted into halves of one register, or
/// of its lower 16 bits.
uint32_t convertPair(const Format &to, const Format &from, uint32_t upper, uint32_t lower, Conversion conversion = {});

/// An integer of any width, as the sign-extended or zero-extended 64 bits of it, to floating point.
uint32_t fromInteger(const Format &to, uint64_t value, bool isSigned, Conversion conversion = {});
double doubleFromInteger(uint64_t value, bool isSigned, Rounding rounding = Rounding::nearest);
/// Floating point to an integer of `bits` bits, clamped to its range, extended to 64 bits. NaN gives 0 if the source is
/// not f64 (`fromF64`) and the result has less than 64 bits, else the value with only its top bit set.
uint64_t toInteger(double value, Rounding rounding, int bits, bool isSigned, bool fromF64 = false);
/// `cvt.rni.f32.f32` and its like: the integral value in the same format, with the sign kept.
double toIntegral(double value, Rounding rounding);

} // namespace ptxsim

#endif
