// SPDX-License-Identifier: Apache-2.0
//
// The pieces of split rows to rows of the output, always in the order of their keys.

/// The weights of the pieces of one row.
struct MergedRow {
  int token; ///< below 0: there is no such query
  float maximum, sum;
  const float *maxima; ///< of the first piece; the next is queryBlock further on
  bool empty;

  __device__ MergedRow(const AttentionArguments &a, const SplitBlock &split, int query)
      : token(__ldg(a.queryTokens + split.firstLane + query)), maximum(-infinity), sum(0) {
    const long long at = Partial(a, split.firstSlot, threadId()).firstQuery + query;
    maxima = a.partialMaxima + at;
#pragma unroll 1
    for (int slot = 0; slot < split.slots; ++slot)
      maximum = fmaxf(maximum, maxima[slot * queryBlock]);
#pragma unroll 1
    for (int slot = 0; slot < split.slots; ++slot)
      sum += a.partialSums[at + slot * queryBlock] * weight(slot);
    empty = sum == 0 || MissingTokens(a).contains(token);
  }
  /// Pieces that saw no key have a maximum of -inf, and so have rows without one.
  __device__ float weight(int slot) const {
    return powerOfTwo(maxima[slot * queryBlock] - (maximum == -infinity ? 0 : maximum));
  }
  /// Writes two columns.
  __device__ void store(const AttentionArguments &a, int column, float x, float y) const {
    if (token < 0)
      return;
    unsigned short *to = static_cast<unsigned short *>(a.out.data) + blockIdx.z * a.out.batch +
                         blockIdx.y * a.out.head + (token - a.firstQuery) * a.out.token;
    const float inverse = reciprocal(sum);
    const unsigned both = empty ? 0 : pack(x * inverse, y * inverse);
    if constexpr (isAligned) {
      if (column < a.valueDim)
        *reinterpret_cast<unsigned *>(to + column) = both;
      return;
    }
    if (column < a.valueDim)
      to[column * a.out.dim] = (unsigned short)(both);
    if (column + 1 < a.valueDim)
      to[(column + 1) * a.out.dim] = (unsigned short)(both >> 16);
  }
  __device__ void storeLogSum(const AttentionArguments &a) const {
    if (a.lse && token >= 0 && laneId() % 4 == 0)
      a.lse[blockIdx.z * a.lseBatch + blockIdx.y * a.lseHead + (token - a.firstQuery) * a.lseToken] =
          empty ? -infinity : (maximum + logarithmOfTwo(sum)) * naturalOfTwo;
  }
};

/// Grid: split blocks by mergeColumns, query heads, batch entries. Threads hold what those of the attention did. Loads
/// wait for each other here, so CTAs are many and short.
extern "C" __global__ void __launch_bounds__(threads) falloff_merge(const __grid_constant__ AttentionArguments a) {
  const PlanTable &plan = planOf(a);
  constexpr int parts = valueDim / mergeColumns;
  const int block = blockIdx.x / parts, firstColumn = blockIdx.x % parts * mergeColumns;
  if (block >= plan.splitCount)
    return;
  const SplitBlock split = plan.splits[block];
  const Partial first(a, split.firstSlot, threadId());
#pragma unroll 1
  for (int rowTile = 0; rowTile < rowTiles; ++rowTile) {
    const MergedRow upper(a, split, queryOf(rowTile, 0)), lower(a, split, queryOf(rowTile, 1));
#pragma unroll 1
    for (int j = firstColumn / 8; j < (firstColumn + mergeColumns) / 8; ++j) {
      float4 sum = {0, 0, 0, 0};
#pragma unroll 1
      for (int slot = 0; slot < split.slots; ++slot) {
        const float4 part = (&first.at(rowTile, j))[slot * (queryBlock * valueDim / 4)];
        const float above = upper.weight(slot), below = lower.weight(slot);
        sum = {sum.x + part.x * above, sum.y + part.y * above, sum.z + part.z * below, sum.w + part.w * below};
      }
      const int column = 8 * j + laneId() % 4 * 2;
      upper.store(a, column, sum.x, sum.y);
      lower.store(a, column, sum.z, sum.w);
    }
    if (firstColumn == 0) {
      upper.storeLogSum(a);
      lower.storeLogSum(a);
    }
  }
}
