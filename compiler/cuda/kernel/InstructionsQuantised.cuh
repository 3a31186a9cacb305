// SPDX-License-Identifier: Apache-2.0
//
// The instructions of quantised products, as Instructions.cuh.

/// left and right = those before + A B and A C for a 16 x 32 matrix A and the 32 x 8 matrices B and C, which lie in
/// `b`, of int8. Sums are exact.
__device__ inline void multiplyAddInt8(int (&left)[4], int (&right)[4], const int *leftBefore, const int *rightBefore,
                                       const unsigned (&a)[4], const unsigned (&b)[4]) {
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%8, %9, %10, %11}, {%12, %13}, "
      "{%16, %17, %18, %19};\n\t"
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%4, %5, %6, %7}, {%8, %9, %10, %11}, {%14, %15}, "
      "{%20, %21, %22, %23};"
      : "=&r"(left[0]), "=&r"(left[1]), "=&r"(left[2]), "=&r"(left[3]), "=r"(right[0]), "=r"(right[1]), "=r"(right[2]),
        "=r"(right[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(b[2]), "r"(b[3]), "r"(leftBefore[0]),
        "r"(leftBefore[1]), "r"(leftBefore[2]), "r"(leftBefore[3]), "r"(rightBefore[0]), "r"(rightBefore[1]),
        "r"(rightBefore[2]), "r"(rightBefore[3]));
}

#define FALLOFF_MMA_E4M3(SUM, A, B)                                                                                    \
  "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 " SUM ", " A ", " B ", " SUM ";\n\t"

/// sum += A B + C D for 16 x 32 matrices A and C and the 32 x 8 matrices B and D, which lie in `b`, of e4m3. On some
/// devices sums have fewer bits than a float32.
__device__ inline void multiplyAddE4m3(float (&sum)[4], const unsigned (&a)[4], const unsigned (&c)[4],
                                       const unsigned (&b)[4]) {
  asm(FALLOFF_MMA_E4M3("{%0, %1, %2, %3}", "{%4, %5, %6, %7}", "{%12, %13}")
          FALLOFF_MMA_E4M3("{%0, %1, %2, %3}", "{%8, %9, %10, %11}", "{%14, %15}")
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(c[0]), "r"(c[1]), "r"(c[2]), "r"(c[3]), "r"(b[0]), "r"(b[1]),
        "r"(b[2]), "r"(b[3]));
}

/// left += A B and right += A D likewise.
__device__ inline void multiplyAddE4m3(float (&left)[4], float (&right)[4], const unsigned (&a)[4],
                                       const unsigned (&b)[4]) {
  asm(FALLOFF_MMA_E4M3("{%0, %1, %2, %3}", "{%8, %9, %10, %11}", "{%12, %13}")
          FALLOFF_MMA_E4M3("{%4, %5, %6, %7}", "{%8, %9, %10, %11}", "{%14, %15}")
      : "+f"(left[0]), "+f"(left[1]), "+f"(left[2]), "+f"(left[3]), "+f"(right[0]), "+f"(right[1]), "+f"(right[2]),
        "+f"(right[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(b[2]), "r"(b[3]));
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
