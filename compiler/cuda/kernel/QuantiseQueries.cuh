// SPDX-License-Identifier: Apache-2.0
//
// Q as whole numbers, in the order in which the lanes of the attention kernel hold them as A operands: 512 bytes for
// each 16 queries and product, 16 of them a lane's.

/// scale * (q . mean), in each lane of the four that share the query. The product is a sum of two floats, as good as
/// one in float64, of which many GPUs have few. Where it is not finite the scores of the query are NaN themselves, so 0
/// does no harm, and leaves queries without a key alone.
__device__ inline float smoothedLogSum(const AttentionArguments &a, const Rows &rows, int token) {
  const int keyHead = blockIdx.y / (a.heads / a.keyHeads);
  const float *mean = a.keyMeans + ((long long)(blockIdx.z) * a.keyHeads + keyHead) * headDim;
  recipe::LongSum sum;
#pragma unroll 1
  for (int d = laneId() % 4; d < a.headDim && token >= 0; d += 4)
    sum.addProduct(unpack(rows.element(token, d)).x, __ldg(mean + d));
#pragma unroll
  for (int lanes = 1; lanes < 4; lanes *= 2) {
    const float high = __shfl_xor_sync(allLanes, sum.high, lanes), low = __shfl_xor_sync(allLanes, sum.low, lanes);
    sum.add(high);
    sum.add(low);
  }
  const float product = a.scaleNatural * sum.total();
  return recipe::magnitudeBits(product) < recipe::infinityBits ? product : 0;
}

/// One query, of which each of four lanes has columns 8 t to 8 t + 7 of each 32, t = lane % 4. `numbers` is this lane's
/// part, `place` the query's among those of all heads and batch entries. Reads the row twice, the second time from a
/// cache: registers for all of it would leave room for few threads.
__device__ inline void quantiseQuery(const AttentionArguments &a, int lane, long long place, uint2 *numbers) {
  const Rows rows(a.q, a.firstQuery, a.headDim);
  const int token = tokenOf(a, a.queryTokens, lane);
  unsigned largest = 0;
  float value[8];
#pragma unroll 1
  for (int product = 0; product < headDim / 32; ++product) {
    unpack(rows.load(token, 4 * product + laneId() % 4), value);
#pragma unroll
    for (int i = 0; i < 8; ++i)
      largest = max(largest, recipe::magnitudeBits(value[i]));
  }
  largest = max(largest, __shfl_xor_sync(allLanes, largest, 1));
  largest = max(largest, __shfl_xor_sync(allLanes, largest, 2));
  float inverse = recipe::inverseScaleOf(largest, recipe::int8Largest);
  if (a.negate) // scores have a factor above 0, so that the largest score weighs most
    inverse = -inverse;
#pragma unroll 1
  for (int product = 0; product < headDim / 32; ++product) {
    unpack(rows.load(token, 4 * product + laneId() % 4), value);
    numbers[product * 64] = wholeChunk(value, inverse);
  }
  const float shift = a.lse ? smoothedLogSum(a, rows, token) : 0;
  if (laneId() % 4 == 0) {
    a.queryScales[place] = a.scale * recipe::scaleOf(largest, recipe::int8Largest);
    a.queryShifts[place] = shift;
  }
}

/// A warp takes 16 queries, a lane parts of two.
extern "C" __global__ void __launch_bounds__(quantiseThreads, 4)
    falloff_queries(const __grid_constant__ AttentionArguments a) {
  const int firstLane = (blockIdx.x * (quantiseThreads / 32) + quantiserWarp()) * 16;
  if (firstLane >= a.queryLanes)
    return;
  const long long first = ((long long)(blockIdx.z) * a.heads + blockIdx.y) * a.queryLanes + firstLane;
  uint2 *numbers = reinterpret_cast<uint2 *>(a.queryNumbers + first * headDim) + laneId() * 2;
#pragma unroll 1
  for (int half = 0; half < 2; ++half) {
    const int query = half * 8 + laneId() / 4;
    quantiseQuery(a, firstLane + query, first + query, numbers + half);
  }
}
