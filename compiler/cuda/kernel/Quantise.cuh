// SPDX-License-Identifier: Apache-2.0
//
// K as whole numbers and V as e4m3, in blocks of keys as the attention kernel takes them: by lane, so that box tiles
// are gathered here once and copied in one piece by every block of queries after.

/// Where the chunk of columns 8 c to 8 c + 7 goes in a row of K: its first four numbers here, the others 16 bytes on.
/// In each 32 columns the order is 0-3, 8-11, 16-19, 24-27, 4-7, ... So the columns that a lane holds of an A operand
/// are 8 neighbours of a row of Q; a sum of products does not ask for their order.
__device__ inline int placeOfChunk(int chunk) { return chunk / 4 * 32 + chunk % 4 * 4; }

/// Two warps take a group, each half of its rows; a lane a chunk of 8 columns a turn.
struct KeyGroup {
  static constexpr int chunks = headDim / 8, rows = keyBlock / 8;
  static constexpr int turns = (rows * chunks + 31) / 32;
  static_assert(quantiseThreads / 32 == 2 * keyGroups, "two warps a group");
  int chunk, row, token; ///< row of the block; -1: no work for this lane

  __device__ KeyGroup(const AttentionArguments &a, int firstLane, int turn) : row(-1), token(-1) {
    const int item = turn * 32 + laneId(), inGroup = quantiserWarp() % 2 * rows + item / chunks;
    chunk = item % chunks;
    if (item / chunks < rows) {
      row = inGroup / 2 * 8 + quantiserWarp() / 2 * 2 + inGroup % 2;
      token = tokenOf(a, a.keyTokens, firstLane + row);
    }
  }
};

/// A chunk of a key without the mean.
__device__ inline void smoothedChunk(uint4 from, const float *mean, float (&value)[8]) {
  unpack(from, value);
  const float4 low = __ldg(reinterpret_cast<const float4 *>(mean));
  const float4 high = __ldg(reinterpret_cast<const float4 *>(mean) + 1);
  const float means[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
  for (int i = 0; i < 8; ++i)
    value[i] = recipe::smoothed(value[i], means[i]);
}

/// Reads the block twice, the second time from a cache: registers for all of it would leave room for few threads.
__device__ inline void quantiseKeys(const AttentionArguments &a, int firstLane) {
  __shared__ unsigned largestOfWarp[2 * keyGroups];
  const bool lacksKey = threadIdx.x < keyBlock && tokenOf(a, a.keyTokens, firstLane + threadIdx.x) < 0;
  const Rows source(a.k, a.firstKey, a.headDim);
  const float *mean = a.keyMeans + keyHeadPlace(a) * headDim;
  unsigned largest = 0;
#pragma unroll 1
  for (int turn = 0; turn < KeyGroup::turns; ++turn) {
    const KeyGroup place(a, firstLane, turn);
    if (place.token < 0)
      continue;
    float value[8];
    smoothedChunk(source.load(place.token, place.chunk), mean + 8 * place.chunk, value);
#pragma unroll
    for (int i = 0; i < 8; ++i)
      largest = max(largest, recipe::magnitudeBits(value[i]));
  }
  largest = __reduce_max_sync(allLanes, largest);
  if (laneId() == 0)
    largestOfWarp[quantiserWarp()] = largest;
  const bool haveGaps = __syncthreads_or(lacksKey);
  largest = max(largestOfWarp[quantiserWarp() & ~1], largestOfWarp[quantiserWarp() | 1]);
  float *numbers = a.keyScales + (keyHeadPlace(a) * (a.keyLanes / keyBlock) + blockIdx.x) * keyBlockNumbers;
  if (laneId() == 0 && quantiserWarp() % 2 == 0)
    numbers[quantiserWarp() / 2] = recipe::scaleOf(largest, recipe::int8Largest);
  if (threadIdx.x < keyBlockNumbers - keyGroups) // one says it; all are copied
    numbers[keyGroups + threadIdx.x] = haveGaps;

  const float inverse = recipe::inverseScaleOf(largest, recipe::int8Largest);
  signed char *out = a.keyNumbers + (keyHeadPlace(a) * a.keyLanes + firstLane) * headDim;
#pragma unroll 1
  for (int turn = 0; turn < KeyGroup::turns; ++turn) {
    const KeyGroup place(a, firstLane, turn);
    uint2 words = {0, 0};
    if (place.token >= 0 && inverse != 0) {
      float value[8];
      smoothedChunk(source.load(place.token, place.chunk), mean + 8 * place.chunk, value);
      words = wholeChunk(value, inverse);
    }
    if (place.row < 0)
      continue;
    unsigned *to = reinterpret_cast<unsigned *>(out + place.row * headDim + placeOfChunk(place.chunk));
    to[0] = words.x;
    to[4] = words.y;
  }
}

/// V as columns of keys. In each 16 keys the order is 0 1 8 9 2 3 10 11 ..., that of the A operand which the
/// accumulators of S are: a word holds the keys 2 t, 2 t + 1, 2 t + 8 and 2 t + 9 of a column, t = word % 4.
template <bool = fp8Values>
__device__ inline void quantiseValues(const AttentionArguments &a, int firstLane) {
  constexpr int words = keyBlock / 4, chunks = valueDim / 8;
  __shared__ float inverse[valueDim];
  if (threadIdx.x < valueDim)
    inverse[threadIdx.x] = recipe::reciprocalOf(a.valueScales[keyHeadPlace(a) * valueDim + threadIdx.x]);
  __syncthreads();
  const Rows source(a.v, a.firstKey, a.valueDim);
  unsigned char *out = a.valueNumbers + (keyHeadPlace(a) * a.keyLanes + firstLane) * valueDim;
  // Lanes read two neighbouring chunks of a row, and write neighbouring words of a column.
#pragma unroll 1
  for (int item = threadIdx.x; item < words * chunks; item += quantiseThreads) {
    const int word = item / 2 % words, chunk = item / 2 / words * 2 + item % 2;
    const int key = firstLane + word / 4 * 16 + word % 4 * 2;
    uint4 row[4] = {};
#pragma unroll 1
    for (int pair = 0; pair < 2; ++pair) {
      row[0] = row[2];
      row[1] = row[3];
      row[2] = source.load(tokenOf(a, a.keyTokens, key + 8 * pair), chunk);
      row[3] = source.load(tokenOf(a, a.keyTokens, key + 8 * pair + 1), chunk);
    }
    float value[4][8];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      unpack(row[i], value[i]);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const float by = inverse[8 * chunk + i];
      const unsigned all = packE4m3(value[0][i] * by, value[1][i] * by, value[2][i] * by, value[3][i] * by);
      *reinterpret_cast<unsigned *>(out + (8 * chunk + i) * keyBlock + 4 * word) =
          by != 0 ? all : 0; // values of a column without a scale may be infinite
    }
  }
}

extern "C" __global__ void __launch_bounds__(quantiseThreads, 4)
    falloff_quantise(const __grid_constant__ AttentionArguments a) {
  const int firstLane = blockIdx.x * keyBlock;
  quantiseKeys(a, firstLane);
  if constexpr (fp8Values)
    quantiseValues(a, firstLane);
}
