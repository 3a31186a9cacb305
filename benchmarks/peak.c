// SPDX-License-Identifier: Apache-2.0
//
// What one core can do at most: loops of independent multiply-adds on registers
// alone. Every share of the peak in the benchmarks is of this, measured beside.
#include <stdint.h>

#if defined(__x86_64__)

/// `n` rounds of one instruction over 24 registers, of `flops` operations each.
#define ZMM_LOOP(name, instruction, flops)                                                                             \
  static double name(int64_t n) {                                                                                      \
    for (int64_t i = 0; i < n; ++i)                                                                                    \
      __asm__ volatile(".irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,"                                           \
                       "18,19,20,21,22,23\n" instruction " %%zmm30, %%zmm31, %%zmm\\r\n.endr" ::                       \
                           : ZMM_CLOBBERS);                                                                            \
    return (double)n * 24 * (flops);                                                                                   \
  }
#define ZMM_CLOBBERS                                                                                                   \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",  \
      "xmm14", "xmm15", "memory"
ZMM_LOOP(fp32Avx512, "vfmadd231ps", 32)
ZMM_LOOP(bf16Avx512, "vdpbf16ps", 64)

static double fp32Avx2(int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    __asm__ volatile(".irp r,0,1,2,3,4,5,6,7,8,9,10,11\n"
                     "vfmadd231ps %%ymm14, %%ymm15, %%ymm\\r\n.endr" ::
                         : ZMM_CLOBBERS);
  return (double)n * 12 * 16;
}

/// Clears the registers: what happens to lie in them may be denormal or NaN.
static void clearRegisters(int wide) {
  if (wide)
    __asm__ volatile(".irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,"
                     "20,21,22,23,30,31\nvpxord %%zmm\\r, %%zmm\\r, %%zmm\\r\n"
                     ".endr" ::
                         : ZMM_CLOBBERS);
  else
    __asm__ volatile("vzeroall" ::: ZMM_CLOBBERS);
}

/// Runs `n` rounds in the widest unit that this processor has for `bf16` or
/// fp32; returns the floating-point operations done. Without bf16 units a
/// kernel computes in fp32, and so does this.
double falloffPeak(int64_t n, int bf16) {
  int wide = __builtin_cpu_supports("avx512f");
  clearRegisters(wide);
  if (wide && bf16 && __builtin_cpu_supports("avx512bf16"))
    return bf16Avx512(n);
  return wide ? fp32Avx512(n) : fp32Avx2(n);
}
#else
/// Elsewhere: what the compiler makes of independent multiply-adds.
double falloffPeak(int64_t n, int bf16) {
  (void)bf16;
  float sums[64] = {0};
  for (int64_t i = 0; i < n; ++i)
    for (int j = 0; j < 64; ++j)
      sums[j] = sums[j] * 0.5f + 1.0f;
  volatile float sink = sums[0];
  (void)sink;
  return (double)n * 64 * 2;
}
#endif
