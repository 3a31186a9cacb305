// SPDX-License-Identifier: Apache-2.0
//
// Numbers against other routes to the same values: the processor's own rounding modes, the compiler's half precision, a
// search among all values of a small format, long double.
#include "tests/ptxsim/Numbers.h"
#include "gtest/gtest.h"
#include <cfenv>
#include <limits>
#include <random>
#include <vector>

using namespace ptxsim;

namespace {

constexpr Rounding directions[] = {Rounding::nearest, Rounding::zero, Rounding::down, Rounding::up};
constexpr double inf = HUGE_VAL;
const double nan = std::numeric_limits<double>::quiet_NaN();

/// Runs `compute` in the processor's rounding mode; operands must be volatile, so that it is computed here.
template <typename Compute>
auto inMode(Rounding rounding, Compute compute) {
  int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
  std::fesetround(modes[int(rounding)]);
  volatile auto result = compute();
  std::fesetround(FE_TONEAREST);
  auto value = result;
  return value;
}

/// Bits of numbers of every size, of special values and of neighbours of each.
class RandomBits {
public:
  uint32_t operator()() {
    uint32_t bits = uint32_t(engine());
    constexpr uint32_t special[] = {0, 1, 0x7fffff, 0x800000, 0x3f800000, 0x7f7fffff, 0x7f800000, 0x7fc00000};
    switch (engine() % 8) {
    case 0:
      return special[bits % 8] ^ (bits & 0x80000000);
    case 1:
      return (bits & 0x80000000) | (0x3f000000 + (bits & 0x3ffffff)); // near 1, so that sums cancel
    case 2:
      return bits & 0xffff8000; // short fractions, so that results are exact or halfway
    default:
      return bits;
    }
  }
  std::mt19937_64 engine{5};
};

uint32_t canonicalBits(float value) { return value != value ? 0x7fffffff : asBits(value); }

TEST(Numbers, HalfPrecisionIsTheCompilers) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    _Float16 half;
    uint16_t narrow = uint16_t(bits);
    std::memcpy(&half, &narrow, 2);
    float expected = float(half);
    double value = decode(f16Format, bits);
    EXPECT_TRUE(expected != expected ? value != value : value == expected && std::signbit(value) == (bits >> 15))
        << bits;
  }
  RandomBits random;
  for (int round = 0; round < 200000; ++round) {
    // Most random floats overflow: bring them near the format's range.
    float value = asFloat(random());
    if (round % 4 && std::isfinite(value) && value != 0)
      value = std::ldexp(value, -std::ilogb(value) - 26 + int(random() % 44));
    _Float16 half = _Float16(value);
    uint16_t expected;
    std::memcpy(&expected, &half, 2);
    EXPECT_EQ(encode(f16Format, value), value != value ? 0x7fff : expected) << value;
  }
}

TEST(Numbers, Bfloat16IsTheUpperHalfOfSinglePrecision) {
  RandomBits random;
  for (int round = 0; round < 200000; ++round) {
    uint32_t bits = random();
    float value = asFloat(bits);
    if (value != value) {
      EXPECT_EQ(encode(bf16Format, value), 0x7fffu);
      continue;
    }
    EXPECT_EQ(decode(bf16Format, bits >> 16), asFloat(bits & 0xffff0000));
    EXPECT_EQ(encode(bf16Format, value), (bits + 0x7fff + (bits >> 16 & 1)) >> 16) << value;
    EXPECT_EQ(encode(bf16Format, value, Rounding::zero), bits >> 16) << value;
  }
}

/// The bits of the value of an 8-bit format that is nearest, found among all; ties go to even bits.
uint32_t searchNearest(const std::vector<double> &values, double value) {
  uint32_t best = 0;
  double distance = inf;
  for (uint32_t bits = 0; bits < values.size(); ++bits) {
    double here = std::fabs(values[bits] - std::fabs(value));
    if (here < distance || (here == distance && bits % 2 == 0))
      best = bits, distance = here;
  }
  return best | (std::signbit(value) ? 0x80 : 0);
}

TEST(Numbers, EightBitFormatsAreTheirFormulas) {
  // e4m3: 2^(e - 7) (1 + m / 8), no infinity, 0x7f is NaN. e5m2: 2^(e - 15) (1 + m / 4), infinity 0x7c, NaN above.
  std::vector<double> e4m3, e5m2;
  for (int bits = 0; bits < 0x7f; ++bits)
    e4m3.push_back(bits < 8 ? std::pow(2.0, -6) * bits / 8 : std::pow(2.0, bits / 8 - 7) * (1 + bits % 8 / 8.0));
  for (int bits = 0; bits < 0x7c; ++bits)
    e5m2.push_back(bits < 4 ? std::pow(2.0, -14) * bits / 4 : std::pow(2.0, bits / 4 - 15) * (1 + bits % 4 / 4.0));
  EXPECT_EQ(e4m3.back(), 448);
  EXPECT_EQ(e5m2.back(), 57344);
  for (uint32_t bits = 0; bits < e4m3.size(); ++bits) {
    EXPECT_EQ(decode(e4m3Format, bits), e4m3[bits]);
    EXPECT_EQ(decode(e4m3Format, bits | 0x80), -e4m3[bits]);
  }
  for (uint32_t bits = 0; bits < e5m2.size(); ++bits)
    EXPECT_EQ(decode(e5m2Format, bits), e5m2[bits]);
  EXPECT_TRUE(std::isnan(decode(e4m3Format, 0x7f)) && std::isnan(decode(e4m3Format, 0xff)));
  EXPECT_TRUE(std::isnan(decode(e5m2Format, 0x7d)) && decode(e5m2Format, 0xfc) == -inf);
  std::mt19937_64 random(3);
  for (int round = 0; round < 20000; ++round) {
    double value = std::ldexp(int(random() % 4097) - 2048, int(random() % 40) - 30);
    EXPECT_EQ(encode(e4m3Format, value, Rounding::nearest, true), searchNearest(e4m3, value)) << value;
    EXPECT_EQ(encode(e5m2Format, value, Rounding::nearest, true), searchNearest(e5m2, value)) << value;
  }
}

TEST(Numbers, BeyondTheLargest) {
  // 65520 is halfway between f16's largest and the next power of two.
  EXPECT_EQ(encode(f16Format, 65519), 0x7bffu);
  EXPECT_EQ(encode(f16Format, 65520), 0x7c00u);
  EXPECT_EQ(encode(f16Format, 65520, Rounding::nearest, true), 0x7bffu);
  EXPECT_EQ(encode(f16Format, 1e9, Rounding::zero), 0x7bffu);
  EXPECT_EQ(encode(f16Format, -1e9, Rounding::up), 0xfbffu);
  EXPECT_EQ(encode(f16Format, -1e9, Rounding::down), 0xfc00u);
  EXPECT_EQ(encode(f16Format, inf, Rounding::nearest, true), 0x7bffu);
  EXPECT_EQ(encode(f16Format, -inf), 0xfc00u);
  EXPECT_EQ(encode(e4m3Format, -1e9, Rounding::nearest, true), 0xfeu);
  EXPECT_EQ(encode(e4m3Format, inf, Rounding::nearest, true), 0x7eu);
  EXPECT_EQ(encode(e4m3Format, nan, Rounding::nearest, true), 0x7fu);
  EXPECT_EQ(encode(e4m3Format, 464), 0x7eu); // halfway to 480, which is NaN's place: to even
  EXPECT_EQ(encode(e4m3Format, 465), 0x7fu);
}

TEST(Numbers, DirectedArithmeticIsTheProcessors) {
  RandomBits random;
  for (int round = 0; round < 100000; ++round) {
    uint32_t bits[3] = {random(), random(), random()};
    if (round % 3 == 0) // sums that nearly cancel
      bits[1] = bits[0] ^ 0x80000000 ^ (random() & 3);
    volatile float a = asFloat(bits[0]), b = asFloat(bits[1]), c = asFloat(bits[2]);
    for (Rounding rounding : directions) {
      FloatMode mode{rounding, false, false};
      auto expect = [&](const char *what, uint32_t got, float expected) {
        EXPECT_EQ(got, canonicalBits(expected))
            << what << " " << a << " " << b << " " << c << " mode " << int(rounding);
      };
      expect("add", add(bits[0], bits[1], mode), inMode(rounding, [&] { return a + b; }));
      expect("sub", sub(bits[0], bits[1], mode), inMode(rounding, [&] { return a - b; }));
      expect("mul", mul(bits[0], bits[1], mode), inMode(rounding, [&] { return a * b; }));
      expect("fma", fma(bits[0], bits[1], bits[2], mode), inMode(rounding, [&] { return std::fma(a, b, c); }));
      expect("div", div(bits[0], bits[1], mode), inMode(rounding, [&] { return a / b; }));
      expect("sqrt", sqrt(bits[0], mode), inMode(rounding, [&] { return std::sqrt(a); }));
    }
  }
}

TEST(Numbers, FlushAndSaturate) {
  FloatMode flush{Rounding::nearest, true, false}, saturate{Rounding::nearest, false, true};
  EXPECT_EQ(add(1, 0x80000001, flush), 0u);
  EXPECT_EQ(add(0x807fffff, 0x80000000, flush), 0x80000000);
  EXPECT_EQ(mul(asBits(1.5f), 0x00400000, flush), 0u);
  EXPECT_EQ(mul(asBits(-0.5f), 0x00800000, flush), 0x80000000); // the result is subnormal
  EXPECT_EQ(mul(asBits(-0.5f), 0x00800000), 0x80400000);
  EXPECT_EQ(fma(asBits(1.0f), 1, asBits(2.0f), flush), asBits(2.0f));
  EXPECT_EQ(add(asBits(0.75f), asBits(0.75f), saturate), asBits(1.0f));
  EXPECT_EQ(add(asBits(-2.0f), asBits(0.75f), saturate), 0u);
  EXPECT_EQ(add(0x7fc00000, asBits(0.75f), saturate), 0u);
  EXPECT_EQ(add(asBits(0.25f), asBits(0.25f), saturate), asBits(0.5f));
}

TEST(Numbers, Approximations) {
  RandomBits random;
  FloatMode flush{Rounding::nearest, true, false};
  for (int round = 0; round < 100000; ++round) {
    uint32_t bits = random();
    float x = asFloat(bits);
    if (round % 2)
      x = float(int(random() % 400000000) - 200000000) / 1e6f;
    bits = asBits(x);
    float power = float(std::exp2((long double)x)), root = float(1 / std::sqrt((long double)x));
    EXPECT_EQ(ex2(bits), canonicalBits(power)) << x;
    EXPECT_EQ(ex2(bits, flush), std::fabs(power) < 0x1p-126f ? 0 : canonicalBits(power)) << x;
    if (x > 0) {
      EXPECT_EQ(rsqrt(bits), canonicalBits(root)) << x;
      EXPECT_EQ(lg2(bits), canonicalBits(float(std::log2((long double)x)))) << x;
    }
    if (std::fabs(x) < 1e9f) {
      EXPECT_EQ(tanh(bits), canonicalBits(float(std::tanh((long double)x)))) << x;
    }
  }
  EXPECT_EQ(ex2(asBits(-HUGE_VALF)), 0u);
  EXPECT_EQ(ex2(asBits(HUGE_VALF)), 0x7f800000u);
  EXPECT_EQ(ex2(0x80000000), asBits(1.0f));
  EXPECT_EQ(rcp(0x80000000), 0xff800000u);
  EXPECT_EQ(rcp(0x80000001, flush), 0xff800000u); // a flushed operand
  EXPECT_EQ(rsqrt(0), 0x7f800000u);
  EXPECT_EQ(rsqrt(asBits(-1.0f)), 0x7fffffffu);
  EXPECT_EQ(lg2(0), 0xff800000u);
}

TEST(Numbers, MinAndMax) {
  uint32_t minusZero = 0x80000000, one = asBits(1.0f), quiet = 0x7fc00001;
  EXPECT_EQ(min(0, minusZero), minusZero);
  EXPECT_EQ(max(minusZero, 0), 0u);
  EXPECT_EQ(max(asBits(-3.0f), asBits(-2.0f)), asBits(-2.0f));
  EXPECT_EQ(min(asBits(-3.0f), asBits(-2.0f)), asBits(-3.0f));
  EXPECT_EQ(max(0xff800000, 0x7f800000), 0x7f800000u);
  EXPECT_EQ(max(quiet, one), one);
  EXPECT_EQ(max(one, quiet), one);
  EXPECT_EQ(max(quiet, quiet), 0x7fffffffu);
  EXPECT_EQ(max(quiet, one, false, true), 0x7fffffffu);
  EXPECT_EQ(max(0x80000001, minusZero, true), minusZero);
  EXPECT_EQ(max16(bf16Format, 0xbf80, 0x3f80), 0x3f80u);
  EXPECT_EQ(min16(f16Format, 0x7e00, 0x3c00), 0x3c00u);
  EXPECT_EQ(min16(f16Format, 0x7e00, 0x3c00, true), 0x7fffu);
}

TEST(Numbers, SixteenBitArithmeticRoundsOnce) {
  // Products and sums of half precision as long doubles are exact (at most 22 + 42 bits), so one rounding of theirs is
  // the definition.
  std::mt19937 random(11);
  for (int round = 0; round < 100000; ++round) {
    uint32_t a = random() & 0xffff, b = random() & 0xffff, c = random() & 0xffff;
    long double x = decode(f16Format, a), y = decode(f16Format, b), z = decode(f16Format, c);
    auto once = [](long double exact) {
      _Float16 half = _Float16(exact);
      uint16_t bits;
      std::memcpy(&bits, &half, 2);
      return exact != exact ? 0x7fffu : uint32_t(bits);
    };
    EXPECT_EQ(add16(f16Format, a, b), once(x + y));
    EXPECT_EQ(sub16(f16Format, a, b), once(x - y));
    EXPECT_EQ(mul16(f16Format, a, b), once(x * y));
    EXPECT_EQ(fma16(f16Format, a, b, c), once(x * y + z)) << a << " " << b << " " << c;
  }
  // 1 + 2^-8 lies halfway between two bf16 numbers; the smallest addend decides.
  EXPECT_EQ(fma16(bf16Format, 0x3f80, 0x3f80, 0x3b80), 0x3f80u);
  EXPECT_EQ(fma16(bf16Format, 0x3f81, 0x3f81, 0x0001), 0x3f82u); // 1 + 2^-6 + 2^-14 + a little
  EXPECT_EQ(fma16(bf16Format, 0xbf80, 0x3f80, 0x0000, true), 0u);
}

TEST(Numbers, Conversions) {
  Conversion relu, saturate, unit, flush;
  relu.relu = saturate.saturate = unit.unitRange = flush.flush = true;
  EXPECT_EQ(convertPair(bf16Format, f32Format, asBits(1.0f), asBits(-2.0f)), 0x3f80c000u);
  EXPECT_EQ(convertPair(bf16Format, f32Format, asBits(1.0f), asBits(-2.0f), relu), 0x3f800000u);
  EXPECT_EQ(convertPair(f16Format, f32Format, asBits(1e9f), 0x7fc00000, saturate), 0x7bff7fffu);
  EXPECT_EQ(convertPair(e4m3Format, f32Format, asBits(500.0f), asBits(-0.0625f), saturate), 0x7e98u);
  EXPECT_EQ(convertPair(f16Format, e4m3Format, 0x7e, 0x81), 0x5f009800u); // 448, -2^-9
  EXPECT_EQ(convert(f32Format, f16Format, 0x0001), asBits(0x1p-24f));
  EXPECT_EQ(convert(f32Format, f32Format, asBits(1.5f), unit), asBits(1.0f));
  EXPECT_EQ(convert(f32Format, f32Format, 0x7fc00000, unit), 0u);
  EXPECT_EQ(convert(f32Format, f32Format, 0x80000001, flush), 0x80000000u);
  EXPECT_EQ(fromDouble(f32Format, 1 + 0x1p-24), asBits(1.0f));
  EXPECT_EQ(fromDouble(f32Format, 1 + 0x1p-24 + 0x1p-50), asBits(1 + 0x1p-23f));
}

TEST(Numbers, IntegersToFloatingPoint) {
  RandomBits random;
  for (int round = 0; round < 50000; ++round) {
    volatile uint64_t value = random.engine() >> random.engine() % 64;
    volatile int64_t negative = int64_t(value * 0x9e3779b97f4a7c15);
    for (Rounding rounding : directions) {
      Conversion conversion;
      conversion.rounding = rounding;
      // The 64-bit significand of long double holds every 64-bit integer.
      volatile long double exact = (long double)value, exactNegative = (long double)negative;
      EXPECT_EQ(fromInteger(f32Format, value, false, conversion),
                asBits(inMode(rounding, [&] { return float(exact); })));
      EXPECT_EQ(fromInteger(f32Format, uint64_t(negative), true, conversion),
                asBits(inMode(rounding, [&] { return float(exactNegative); })));
      EXPECT_EQ(doubleFromInteger(value, false, rounding), inMode(rounding, [&] { return double(exact); }));
      EXPECT_EQ(doubleFromInteger(uint64_t(negative), true, rounding),
                inMode(rounding, [&] { return double(exactNegative); }));
    }
  }
  EXPECT_EQ(fromInteger(f16Format, uint64_t(-3), true), 0xc200u);
  EXPECT_EQ(fromInteger(f16Format, 100000, false), 0x7c00u);
}

TEST(Numbers, FloatingPointToIntegers) {
  EXPECT_EQ(toInteger(2.5, Rounding::nearest, 32, true), 2u);
  EXPECT_EQ(toInteger(3.5, Rounding::nearest, 32, true), 4u);
  EXPECT_EQ(toInteger(-2.5, Rounding::nearest, 32, true), uint64_t(-2));
  EXPECT_EQ(toInteger(-2.5, Rounding::zero, 32, true), uint64_t(-2));
  EXPECT_EQ(toInteger(-2.5, Rounding::down, 32, true), uint64_t(-3));
  EXPECT_EQ(toInteger(2.1, Rounding::up, 32, true), 3u);
  EXPECT_EQ(toInteger(1e20, Rounding::zero, 32, true), 0x7fffffffu);
  EXPECT_EQ(toInteger(-1e20, Rounding::zero, 32, true), 0xffffffff80000000u);
  EXPECT_EQ(toInteger(-1, Rounding::zero, 32, false), 0u);
  EXPECT_EQ(toInteger(4294967295.0, Rounding::zero, 32, false), 4294967295u);
  EXPECT_EQ(toInteger(4294967296.0, Rounding::zero, 32, false), 4294967295u);
  EXPECT_EQ(toInteger(300, Rounding::zero, 8, true), 127u);
  EXPECT_EQ(toInteger(inf, Rounding::zero, 64, true), 0x7fffffffffffffffu);
  EXPECT_EQ(toInteger(inf, Rounding::zero, 64, false), ~uint64_t(0));
  EXPECT_EQ(toInteger(0x1.8p62, Rounding::zero, 64, true), 0x6000000000000000u);
  EXPECT_EQ(toInteger(0x1p63, Rounding::zero, 64, false), 0x8000000000000000u);
  // Not a number: 0 of f32 to less than 64 bits, else the top bit.
  EXPECT_EQ(toInteger(nan, Rounding::zero, 32, true), 0u);
  EXPECT_EQ(toInteger(nan, Rounding::zero, 64, true), 0x8000000000000000u);
  EXPECT_EQ(toInteger(nan, Rounding::zero, 32, true, true), 0xffffffff80000000u);
  EXPECT_EQ(toInteger(nan, Rounding::zero, 32, false, true), 0x80000000u);
  std::mt19937_64 random(9);
  for (int round = 0; round < 100000; ++round) {
    volatile double value = std::ldexp(double(int64_t(random())), -int(random() % 70));
    for (Rounding rounding : directions) {
      double expected = inMode(rounding, [&] { return std::nearbyint(value); });
      EXPECT_EQ(toIntegral(value, rounding), expected) << value;
      if (std::fabs(expected) < 0x1p63) {
        EXPECT_EQ(toInteger(value, rounding, 64, true), uint64_t(int64_t(expected))) << value;
      }
    }
  }
  EXPECT_TRUE(std::signbit(toIntegral(-0.25, Rounding::nearest)));
}

} // namespace
