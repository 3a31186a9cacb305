// SPDX-License-Identifier: Apache-2.0
//
// Rows of Q, K and V as the kernels that quantise read them: by lane, 8 columns at a time, whatever the strides.

/// Columns 8 chunk to 8 chunk + 7 of a row, as they are; zeros from `columns` on.
__device__ inline uint4 loadChunk(const unsigned short *row, int chunk, int columns, long long stride) {
  if constexpr (isAligned)
    return 8 * chunk < columns ? __ldg(reinterpret_cast<const uint4 *>(row) + chunk) : uint4{0, 0, 0, 0};
  unsigned long long half[2] = {0, 0};
#pragma unroll 1
  for (int i = 0; i < min(columns - 8 * chunk, 8); ++i) {
    const unsigned long long element = __ldg(row + (8 * chunk + i) * stride);
    half[0] |= i < 4 ? element << 16 * i : 0;
    half[1] |= i < 4 ? 0 : element << 16 * (i - 4);
  }
  return {unsigned(half[0]), unsigned(half[0] >> 32), unsigned(half[1]), unsigned(half[1] >> 32)};
}

/// The warp, of a block of quantiseThreads.
__device__ inline int quantiserWarp() { return threadIdx.x / 32; }

/// Rows of one head of a tensor: the head and batch entry of this block of threads.
struct Rows {
  const unsigned short *source; ///< token `firstToken`
  long long tokenStride, dimStride;
  int firstToken, dim;

  __device__ Rows(const TensorView &view, int firstToken, int dim)
      : source(static_cast<const unsigned short *>(view.data) + blockIdx.z * view.batch + blockIdx.y * view.head),
        tokenStride(view.token), dimStride(view.dim), firstToken(firstToken), dim(dim) {}

  /// Columns 8 chunk to 8 chunk + 7 of a token, as they are; zeros past the last column, and where there is no token.
  __device__ uint4 load(int token, int chunk) const {
    return loadChunk(source + (token < 0 ? 0 : token - firstToken) * tokenStride, chunk, token < 0 ? 0 : dim,
                     dimStride);
  }
  /// One number of a token, in the low half.
  __device__ unsigned element(int token, int column) const {
    return __ldg(source + (token - firstToken) * tokenStride + column * dimStride);
  }
};

/// A token by lane, or -1: none, or missing.
__device__ inline int tokenOf(const AttentionArguments &a, const int *tokens, int lane) {
  const int token = __ldg(tokens + lane);
  return MissingTokens(a).contains(token) ? -1 : token;
}

/// Two numbers of the tensors' type as float32, the first from the low half.
__device__ inline float2 unpack(unsigned both) {
  if constexpr (isBf16)
    return {recipe::fromBits(both << 16), recipe::fromBits(both & 0xffff0000)};
  float2 value;
  asm("{.reg .b16 low, high;\n\tmov.b32 {low, high}, %2;\n\tcvt.f32.f16 %0, low;\n\tcvt.f32.f16 %1, high;}"
      : "=f"(value.x), "=f"(value.y)
      : "r"(both));
  return value;
}

__device__ inline void unpack(uint4 from, float (&value)[8]) {
  const unsigned words[4] = {from.x, from.y, from.z, from.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 pair = unpack(words[i]);
    value[2 * i] = pair.x;
    value[2 * i + 1] = pair.y;
  }
}

/// The low bytes of four words, the first lowest.
__device__ inline unsigned packBytes(unsigned a, unsigned b, unsigned c, unsigned d) {
  return __byte_perm(__byte_perm(a, b, 0x0040), __byte_perm(c, d, 0x0040), 0x5410);
}

/// Eight neighbours of a usable group as whole numbers, two words.
__device__ inline uint2 wholeChunk(const float (&value)[8], float inverse) {
  unsigned whole[8];
#pragma unroll
  for (int i = 0; i < 8; ++i)
    whole[i] = recipe::wholeInByte(value[i], inverse);
  return {packBytes(whole[0], whole[1], whole[2], whole[3]), packBytes(whole[4], whole[5], whole[6], whole[7])};
}

/// Place of a batch entry and key head in what these kernels write.
__device__ inline long long keyHeadPlace(const AttentionArguments &a) {
  return (long long)(blockIdx.z) * a.keyHeads + blockIdx.y;
}
