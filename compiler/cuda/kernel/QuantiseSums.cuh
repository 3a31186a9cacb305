// SPDX-License-Identifier: Apache-2.0
//
// What quantising must know of all keys: the mean of K's columns and the largest magnitudes of V's. Sums are added in
// an order that depends on the plan alone, so results are the same to the bit in every launch.

/// Largest magnitudes as bits (runtime/RecipeFormulas.h), so that a NaN is beyond all others.
struct LargestOf {
  using Number = unsigned;
  static __device__ Number first(float value) { return recipe::magnitudeBits(value); }
  static __device__ Number join(Number a, Number b) { return a > b ? a : b; }
};

struct SumOf {
  using Number = double;
  static __device__ Number first(float value) { return value; }
  static __device__ Number join(Number a, Number b) { return a + b; }
};

/// Joins the columns of one part of the keys, and writes `columns` numbers as float64. `tokens` are those of the part;
/// `scratch` is shared memory for quantiseThreads x 8 numbers, free when this returns.
template <typename Operation, int columns>
__device__ inline void joinColumns(const Rows &rows, const int *tokens, double *scratch, double *out) {
  using Number = typename Operation::Number;
  constexpr int chunks = columns / 8, rowsAtOnce = quantiseThreads / chunks;
  const int chunk = threadIdx.x % chunks, first = threadIdx.x / chunks;
  Number joined[8] = {};
  if (first < rowsAtOnce)
#pragma unroll 1
    for (int row = first; row < partLanes; row += rowsAtOnce) {
      float value[8];
      unpack(rows.load(tokens[row], chunk), value); // zeros where there is no key: they change nothing
#pragma unroll
      for (int i = 0; i < 8; ++i)
        joined[i] = Operation::join(joined[i], Operation::first(value[i]));
    }
  Number *shared = reinterpret_cast<Number *>(scratch);
  if (first < rowsAtOnce)
#pragma unroll
    for (int i = 0; i < 8; ++i)
      shared[first * columns + 8 * chunk + i] = joined[i];
  __syncthreads();
  if (threadIdx.x < columns) {
    Number total = shared[threadIdx.x];
    for (int row = 1; row < rowsAtOnce; ++row)
      total = Operation::join(total, shared[row * columns + threadIdx.x]);
    out[threadIdx.x] = total;
  }
  __syncthreads();
}

extern "C" __global__ void __launch_bounds__(quantiseThreads, 4)
    falloff_sums(const __grid_constant__ AttentionArguments a) {
  __shared__ double scratch[quantiseThreads * 8];
  __shared__ int tokens[partLanes];
  __shared__ int keys[quantiseThreads / 32];
  static_assert(partLanes == quantiseThreads, "a thread looks up one lane");
  const int lane = blockIdx.x * partLanes + threadIdx.x;
  const int token = lane < a.keyLanes ? tokenOf(a, a.keyTokens, lane) : -1;
  tokens[threadIdx.x] = token;
  const unsigned present = __ballot_sync(allLanes, token >= 0);
  if (laneId() == 0)
    keys[quantiserWarp()] = __popc(present);
  __syncthreads();

  constexpr int columns = sumColumns(headDim, valueDim, fp8Values);
  double *out = a.sums + (keyHeadPlace(a) * gridDim.x + blockIdx.x) * columns;
  joinColumns<SumOf, headDim>(Rows(a.k, a.firstKey, a.headDim), tokens, scratch, out);
  if constexpr (fp8Values)
    joinColumns<LargestOf, valueDim>(Rows(a.v, a.firstKey, a.valueDim), tokens, scratch, out + headDim);
  if (threadIdx.x == 0) {
    int total = 0;
    for (int warp = 0; warp < quantiseThreads / 32; ++warp)
      total += keys[warp];
    out[columns - 1] = total;
  }
}

/// A warp adds up every eighth part, a lane one column.
extern "C" __global__ void __launch_bounds__(quantiseThreads, 4)
    falloff_means(const __grid_constant__ AttentionArguments a) {
  constexpr int ways = quantiseThreads / meanColumns, columns = sumColumns(headDim, valueDim, fp8Values);
  static_assert(meanColumns == 32, "a warp holds the columns of a block");
  __shared__ double joined[ways][meanColumns], keys[ways];
  const int parts = sumParts(a.keyLanes), column = blockIdx.x * meanColumns + laneId();
  const bool isLargest = blockIdx.x * meanColumns >= headDim; // of a column of V, not the sum of one of K
  const double *from = a.sums + keyHeadPlace(a) * parts * columns;
  double total = 0, count = 0;
#pragma unroll 1
  for (int part = quantiserWarp(); part < parts; part += ways) {
    const double next = from[(long long)(part)*columns + column];
    total = isLargest ? fmax(total, next) : total + next;
    count += from[(long long)(part)*columns + columns - 1];
  }
  joined[quantiserWarp()][laneId()] = total;
  if (laneId() == 0)
    keys[quantiserWarp()] = count;
  __syncthreads();
  if (quantiserWarp() != 0)
    return;
  for (int way = 1; way < ways; ++way) {
    const double next = joined[way][laneId()];
    total = isLargest ? fmax(total, next) : total + next;
    count += keys[way];
  }
  if (isLargest)
    a.valueScales[keyHeadPlace(a) * valueDim + column - headDim] =
        recipe::scaleOf(unsigned(total), recipe::e4m3Largest);
  else
    a.keyMeans[keyHeadPlace(a) * headDim + column] = recipe::meanOf(total, count);
}
