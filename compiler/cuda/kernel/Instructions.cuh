// SPDX-License-Identifier: Apache-2.0
//
// The PTX that C++ has no words for. Volatile are those whose place matters: what reads or fills shared memory behind
// the compiler's back must stay between the barriers that order it.

/// x, of which the compiler knows nothing. NVRTC spends long on which bits an address may have, for each that is made
/// of it.
__device__ inline unsigned opaque(unsigned x) {
  asm("" : "+r"(x));
  return x;
}

/// Address of shared memory as PTX instructions take it.
__device__ inline unsigned sharedAddress(const void *pointer) { return unsigned(__cvta_generic_to_shared(pointer)); }

/// base + a b in one instruction.
__device__ inline const char *advanced(const char *base, int a, int b) {
  const char *to;
  asm("mad.wide.s32 %0, %1, %2, %3;" : "=l"(to) : "r"(a), "r"(b), "l"(base));
  return to;
}

/// Begins to copy 16 bytes to shared memory, the first `bytes` of them from `source` and the rest zeros.
__device__ inline void copyAsync(unsigned shared, const void *source, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(source), "r"(bytes) : "memory");
}

/// Ends a group of copies: those that this thread has begun since the last.
__device__ inline void commitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until all but the last `pending` groups of this thread have arrived. Other threads see them after a barrier.
template <int pending>
__device__ inline void waitForCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

__device__ inline void storeShared(unsigned shared, uint4 value) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(shared), "r"(value.x), "r"(value.y), "r"(value.z),
               "r"(value.w)
               : "memory");
}

__device__ inline void storeShared(unsigned shared, unsigned value) {
  asm volatile("st.shared.b32 [%0], %1;" ::"r"(shared), "r"(value) : "memory");
}

__device__ inline uint4 loadShared(unsigned shared) {
  uint4 value;
  asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "r"(shared)
               : "memory");
  return value;
}

/// Four matrices of 8 rows of 16 bytes; lanes 8i to 8i + 7 name the rows of matrix i.
__device__ inline void loadMatrices(unsigned (&value)[4], unsigned shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(value[0]), "=r"(value[1]), "=r"(value[2]), "=r"(value[3])
               : "r"(shared));
}

/// The same with each 8 x 8 matrix of 16-bit elements transposed.
__device__ inline void loadTransposed(unsigned (&value)[4], unsigned shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(value[0]), "=r"(value[1]), "=r"(value[2]), "=r"(value[3])
               : "r"(shared));
}

// A few instructions share an asm statement below, where they come together anyway: NVRTC takes longer over a statement
// than over what is in it.

#define FALLOFF_MMA(TYPE, SUM, A, B)                                                                                   \
  "mma.sync.aligned.m16n8k16.row.col.f32." TYPE "." TYPE ".f32 " SUM ", " A ", " B ", " SUM ";\n\t"
#define FALLOFF_MULTIPLY_ADD(TYPE)                                                                                     \
  asm(FALLOFF_MMA(TYPE, "{%0, %1, %2, %3}", "{%8, %9, %10, %11}", "{%12, %13}")                                        \
          FALLOFF_MMA(TYPE, "{%4, %5, %6, %7}", "{%8, %9, %10, %11}", "{%14, %15}")                                    \
      : "+f"(left[0]), "+f"(left[1]), "+f"(left[2]), "+f"(left[3]), "+f"(right[0]), "+f"(right[1]), "+f"(right[2]),    \
        "+f"(right[3])                                                                                                 \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(b[2]), "r"(b[3]))

/// left += A B, right += A C for a 16 x 16 matrix A and the 16 x 8 matrices B and C, which lie in `b`, of the tensors'
/// type.
__device__ inline void multiplyAdd(float (&left)[4], float (&right)[4], const unsigned (&a)[4],
                                   const unsigned (&b)[4]) {
  if constexpr (isBf16)
    FALLOFF_MULTIPLY_ADD("bf16");
  else
    FALLOFF_MULTIPLY_ADD("f16");
}

/// Two numbers rounded to the tensors' type, the first in the low half.
__device__ inline unsigned pack(float low, float high) {
  unsigned both;
  if constexpr (isBf16)
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  else
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}

#define FALLOFF_PACK_OPERAND(TYPE)                                                                                     \
  asm("cvt.rn." TYPE "x2.f32 %0, %5, %4;\n\tcvt.rn." TYPE "x2.f32 %1, %7, %6;\n\t"                                     \
      "cvt.rn." TYPE "x2.f32 %2, %9, %8;\n\tcvt.rn." TYPE "x2.f32 %3, %11, %10;"                                       \
      : "=&r"(a[0]), "=&r"(a[1]), "=&r"(a[2]), "=&r"(a[3])                                                             \
      : "f"(left[0]), "f"(left[1]), "f"(left[2]), "f"(left[3]), "f"(right[0]), "f"(right[1]), "f"(right[2]),           \
        "f"(right[3]))

/// Two neighbouring accumulators as one A operand of 16 x 16.
__device__ inline void packOperand(unsigned (&a)[4], const float (&left)[4], const float (&right)[4]) {
  if constexpr (isBf16)
    FALLOFF_PACK_OPERAND("bf16");
  else
    FALLOFF_PACK_OPERAND("f16");
}

__device__ inline float powerOfTwo(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// 2^x in place of two numbers.
__device__ inline void toPowersOfTwo(float &x, float &y) {
  asm("ex2.approx.ftz.f32 %0, %0;\n\tex2.approx.ftz.f32 %1, %1;" : "+f"(x), "+f"(y));
}

__device__ inline float logarithmOfTwo(float x) {
  float y;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

__device__ inline float reciprocal(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

constexpr unsigned allLanes = 0xffffffff;

/// The largest of the four lanes that share the rows of an accumulator.
__device__ inline float quadMaximum(float x) {
  x = fmaxf(x, __shfl_xor_sync(allLanes, x, 1));
  return fmaxf(x, __shfl_xor_sync(allLanes, x, 2));
}

__device__ inline float quadSum(float x) {
  x += __shfl_xor_sync(allLanes, x, 1);
  return x + __shfl_xor_sync(allLanes, x, 2);
}
