// SPDX-License-Identifier: Apache-2.0
//
// The pieces of split rows to rows of the output, always in the order of their keys.

/// Grid: split blocks, query heads, batch entries. A warp takes a query, a lane some of its columns.
extern "C" __global__ void __launch_bounds__(threads) falloff_merge(const __grid_constant__ AttentionArguments a) {
  const int head = blockIdx.y;
  const PlanTable &plan =
      a.tables[a.tableOf[(a.tableBatches > 1 ? blockIdx.z : 0) * a.tableHeads + (a.tableHeads > 1 ? head : 0)]];
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
    float maximum = -infinity, sum = 0;
    for (int slot = 0; slot < split.slots; ++slot)
      maximum = fmaxf(maximum, a.partialMaxima[first + slot * queryBlock + query]);
    const float base = maximum == -infinity ? 0 : maximum;
    float2 value[(valueDim + 63) / 64] = {};
    for (int slot = 0; slot < split.slots; ++slot) {
      const long long row = first + slot * queryBlock + query;
      const float weight = powerOfTwo(a.partialMaxima[row] - base);
      sum += a.partialSums[row] * weight;
#pragma unroll
      for (int i = 0; i < (valueDim + 63) / 64; ++i) {
        const int column = 64 * i + 2 * laneId();
        if (valueDim % 64 != 0 && column >= valueDim)
          break;
        const float2 part = *reinterpret_cast<const float2 *>(a.partialValues + row * valueDim + column);
        value[i].x += part.x * weight;
        value[i].y += part.y * weight;
      }
    }
    const bool empty = sum == 0 || missing.contains(token);
    unsigned short *to = out + (token - a.firstQuery) * a.out.token;
#pragma unroll
    for (int i = 0; i < (valueDim + 63) / 64; ++i) {
      const int column = 64 * i + 2 * laneId();
      const unsigned both = empty ? 0 : pack(value[i].x / sum, value[i].y / sum);
      if (column < a.valueDim)
        to[column * (isAligned ? 1 : a.out.dim)] = (unsigned short)(both);
      if (column + 1 < a.valueDim)
        to[(column + 1) * (isAligned ? 1 : a.out.dim)] = (unsigned short)(both >> 16);
    }
    if (a.lse && laneId() == 0)
      a.lse[blockIdx.z * a.lseBatch + head * a.lseHead + (token - a.firstQuery) * a.lseToken] =
          empty ? -infinity : (maximum + logarithmOfTwo(sum)) * naturalOfTwo;
  }
}
