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

/// Four numbers rounded to e4m3, the first in the lowest byte. Past 448 they become 448; NaN stays NaN.
__device__ inline unsigned packE4m3(float a, float b, float c, float d) {
  unsigned all;
  asm("{.reg .b16 low, high;\n\tcvt.rn.satfinite.e4m3x2.f32 low, %2, %1;\n\t"
      "cvt.rn.satfinite.e4m3x2.f32 high, %4, %3;\n\tmov.b32 %0, {low, high};}"
      : "=r"(all)
      : "f"(a), "f"(b), "f"(c), "f"(d));
  return all;
}

__device__ inline float loadSharedFloat(unsigned shared) {
  float value;
  asm volatile("ld.shared.f32 %0, [%1];" : "=f"(value) : "r"(shared) : "memory");
  return value;
}

__device__ inline void storeShared(unsigned shared, float value) { storeShared(shared, __float_as_uint(value)); }

/// threadId(), asked for anew: what follows from it is worked out where it is used, in a few instructions, and takes no
/// register elsewhere.
__device__ inline int threadIdAnew() {
  int id;
  asm volatile("mov.u32 %0, %tid.x;" : "=r"(id));
  return id % threads;
}

/// The first lane of a key head's keys, among those of all; worked out anew likewise.
__device__ inline long long firstLaneOf(const AttentionArguments &a, int place) {
  asm volatile("" : "+r"(place));
  return (long long)(place)*a.keyLanes;
}
