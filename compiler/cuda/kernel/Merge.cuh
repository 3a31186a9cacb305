// SPDX-License-Identifier: Apache-2.0
//
// The pieces of split rows to rows of the output, always in the order of their keys.

/// Grid: split blocks, query heads, batch entries. A warp takes a query, a lane some of its columns.
extern "C" __global__ void __launch_bounds__(threads) falloff_merge(const __grid_constant__ AttentionArguments a) {
  const int head = blockIdx.y;
  const PlanTable &plan = planOf(a);
  if (blockIdx.x >= plan.splitCount)
    return;
  const SplitBlock split = plan.splits[blockIdx.x];
  const MissingTokens missing(a);
  const long long first = (((long long)(blockIdx.z) * a.heads + head) * a.slots + split.firstSlot) * queryBlock;
  unsigned short *out = static_cast<unsigned short *>(a.out.data) + blockIdx.z * a.out.batch + head * a.out.head;

#pragma unroll 1
  for (int query = warpId(); query < queryBlock; query += warps) {
    const int token = __ldg(a.queryTokens + split.firstLane + query);
    if (token < 0)
      continue;
    const float *maxima = a.partialMaxima + first + query, *sums = a.partialSums + first + query;
    float maximum = -infinity, sum = 0;
#pragma unroll 1
    for (int slot = 0; slot < split.slots; ++slot)
      maximum = fmaxf(maximum, maxima[slot * queryBlock]);
    const float base = maximum == -infinity ? 0 : maximum; // rows that saw no key
#pragma unroll 1
    for (int slot = 0; slot < split.slots; ++slot)
      sum += sums[slot * queryBlock] * powerOfTwo(maxima[slot * queryBlock] - base);
    const float inverse = reciprocal(sum);
    const bool empty = sum == 0 || missing.contains(token);
    unsigned short *to = out + (token - a.firstQuery) * a.out.token;
#pragma unroll 1
    for (int column = laneId(); column < a.valueDim; column += 32) {
      const float *values = a.partialValues + (first + query) * valueDim + column;
      float value = 0;
#pragma unroll 1
      for (int slot = 0; slot < split.slots; ++slot)
        value += values[slot * queryBlock * valueDim] * powerOfTwo(maxima[slot * queryBlock] - base);
      to[column * (isAligned ? 1 : a.out.dim)] = (unsigned short)(empty ? 0 : pack(value * inverse, 0));
    }
    if (a.lse && laneId() == 0)
      a.lse[blockIdx.z * a.lseBatch + head * a.lseHead + (token - a.firstQuery) * a.lseToken] =
          empty ? -infinity : (maximum + logarithmOfTwo(sum)) * naturalOfTwo;
  }
}
