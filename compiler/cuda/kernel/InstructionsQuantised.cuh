// SPDX-License-Identifier: Apache-2.0
//
// The instructions of quantised products, as Instructions.cuh.

/// to = from + A B for 16 x 32 and 32 x 8 matrices of int8. Sums are exact.
__device__ inline void multiplyAddInt8(int (&to)[4], const int *from, const unsigned (&a)[4], unsigned b0,
                                       unsigned b1) {
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%10, %11, %12, %13};"
      : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "r"(from[0]), "r"(from[1]), "r"(from[2]),
        "r"(from[3]));
}

/// sum += A B for 16 x 32 and 32 x 8 matrices of e4m3. On some devices sums have fewer bits than a float32.
__device__ inline void multiplyAddE4m3(float (&sum)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Two numbers rounded to e4m3, the first in the low byte. Past 448 they become 448; NaN stays NaN.
__device__ inline unsigned packE4m3(float low, float high) {
  unsigned short both;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(both) : "f"(high), "f"(low));
  return both;
}

__device__ inline float loadSharedFloat(unsigned shared) {
  float value;
  asm volatile("ld.shared.f32 %0, [%1];" : "=f"(value) : "r"(shared) : "memory");
  return value;
}

__device__ inline void storeShared(unsigned shared, float value) { storeShared(shared, __float_as_uint(value)); }
