// SPDX-License-Identifier: Apache-2.0
//
// The formulas of quantised recipes (Recipe.h), one number at a time. This file is compiled twice: by the host, and as
// a part of CUDA sources, where there are no headers. So it includes nothing. Each function rounds where Recipe.h says,
// and nowhere else: multiply-adds are not fused, so that whole numbers are the same on every machine.
#ifndef FALLOFF_RUNTIME_RECIPEFORMULAS_H
#define FALLOFF_RUNTIME_RECIPEFORMULAS_H

#ifdef __CUDACC__
#define FALLOFF_MEMBER __host__ __device__
#else
#define FALLOFF_MEMBER
#endif
#define FALLOFF_EVERYWHERE FALLOFF_MEMBER inline

namespace falloff {
namespace recipe {

/// The largest magnitude of rounded numbers.
constexpr int int8Largest = 127;
constexpr float e4m3Largest = 448;

/// Weights are rounded to e4m3 as exp2(s - m + e4m3Exponent), where m follows the maximum of the scores so far once it
/// is passed by more than e4m3Slack. So none is beyond 448, and the largest of a row is at least a quarter of that:
/// outputs need not follow every maximum, and weights are rounded to as many bits, for they are floats.
constexpr float e4m3Slack = 2;
constexpr float e4m3Exponent = 8.80735397f - e4m3Slack; ///< a float32 below log2 448

/// Magnitudes as the bits of their float32: whole numbers in the order of the values, NaN above infinity.
constexpr unsigned infinityBits = 0x7f800000;
constexpr unsigned leastBits = (127 - 100) << 23; ///< 2^-100: groups without a magnitude as large count as 0

/// 1.5 * 2^23. A float32 of magnitude up to 2^22, added to it, is rounded to a whole number (to nearest, ties to even),
/// which stands in the low bits of the sum; and a whole number of such magnitude added to its bits stands for the sum.
constexpr float wholeShift = 12582912.0f;
constexpr unsigned wholeShiftBits = 0x4b400000;

#ifdef __CUDACC__
FALLOFF_EVERYWHERE unsigned bitsOf(float value) { return __float_as_uint(value); }
FALLOFF_EVERYWHERE float fromBits(unsigned bits) { return __uint_as_float(bits); }
FALLOFF_EVERYWHERE float product(float a, float b) { return __fmul_rn(a, b); }
FALLOFF_EVERYWHERE float sum(float a, float b) { return __fadd_rn(a, b); }
FALLOFF_EVERYWHERE float rest(float a, float b, float product) { return __fmaf_rn(a, b, -product); } // a b - product
#else
FALLOFF_EVERYWHERE unsigned bitsOf(float value) {
  unsigned bits;
  __builtin_memcpy(&bits, &value, 4);
  return bits;
}
FALLOFF_EVERYWHERE float fromBits(unsigned bits) {
  float value;
  __builtin_memcpy(&value, &bits, 4);
  return value;
}
FALLOFF_EVERYWHERE float product(float a, float b) { return a * b; }
FALLOFF_EVERYWHERE float sum(float a, float b) { return a + b; }
FALLOFF_EVERYWHERE float rest(float a, float b, float product) {
  return float(double(a) * double(b) - double(product));
}
#endif

FALLOFF_EVERYWHERE unsigned magnitudeBits(float value) { return bitsOf(value) & 0x7fffffff; }

/// Whether a group of that largest magnitude has numbers: it is neither all but 0, nor holds a NaN or an infinity.
FALLOFF_EVERYWHERE bool isUsable(unsigned largest) { return largest >= leastBits && largest < infinityBits; }

/// largest / range: what numbers are multiplied by to give values again. 0 of a group that counts as 0; NaN of one that
/// holds a NaN or an infinity.
FALLOFF_EVERYWHERE float scaleOf(unsigned largest, float range) {
  if (!isUsable(largest))
    return largest < leastBits ? 0 : fromBits(0x7fc00000);
  return fromBits(largest) / range;
}

/// range / largest: what values of a usable group are multiplied by; 0 of any other group, whose numbers are all 0.
FALLOFF_EVERYWHERE float inverseScaleOf(unsigned largest, float range) {
  return isUsable(largest) ? range / fromBits(largest) : 0;
}

/// 1 / scale: what values are multiplied by where only the scale is at hand; 0 where the scale is 0 or NaN.
FALLOFF_EVERYWHERE float reciprocalOf(float scale) { return scale > 0 ? 1 / scale : 0; }

/// A value of a usable group as a whole number of [-127, 127], in the low byte.
FALLOFF_EVERYWHERE unsigned wholeInByte(float value, float inverseScale) {
  return bitsOf(sum(product(value, inverseScale), wholeShift));
}

/// A key without the mean.
FALLOFF_EVERYWHERE float smoothed(float key, float mean) { return sum(key, -mean); }

/// The mean of a column from its sum in float64; 0 where it is not finite or there is no key.
FALLOFF_EVERYWHERE float meanOf(double sum, double keys) {
  float mean = keys > 0 ? float(sum / keys) : 0;
  return magnitudeBits(mean) < infinityBits ? mean : 0;
}

/// A sum of products as two floats, as good as one in float64: what each rounding drops is kept in `low`.
struct LongSum {
  float high = 0, low = 0;

  FALLOFF_MEMBER void add(float term) {
    const float total = sum(high, term), part = sum(total, -high);
    low = sum(low, sum(sum(high, -sum(total, -part)), sum(term, -part)));
    high = total;
  }
  FALLOFF_MEMBER void addProduct(float a, float b) {
    const float rounded = product(a, b);
    low = sum(low, rest(a, b, rounded));
    add(rounded);
  }
  FALLOFF_MEMBER float total() const { return sum(high, low); }
};

} // namespace recipe
} // namespace falloff

#endif
