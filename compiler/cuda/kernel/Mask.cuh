// SPDX-License-Identifier: Apache-2.0
//
// Which of a lane's own scores are kept. Bit 8 (j % 4) + 2 r + e of word j / 4 stands for key 8 j + 2 (lane % 4) + e of
// the block and row r = 2 rowTile + half. The bits are made before the scores are, when registers are free.

struct Kept {
  unsigned bits[keyWords];

  __device__ bool keeps(int rowTile, int half, int j, int e) const {
    return bits[j / 4] >> (8 * (j % 4) + 2 * (2 * rowTile + half) + e) & 1;
  }
};

/// Pairs of a tested tile, by the functor.
__device__ inline void keepTested(Kept &kept, const AttentionArguments &a, const Step &step) {
  if constexpr (functorTests) {
    constexpr int rows = 2 * rowTiles;
    const int thread = threadIdAnew();
    const PlanTable &plan = planOf(a);
    const int *queries = plan.queryCoordinates + plan.pieces[blockIdx.x].firstLane;
    FunctorQuery query[rows];
#pragma unroll
    for (int row = 0; row < rows; ++row)
      query[row] = functorQuery(plan, queries + queryOf(row / 2, row % 2, thread), a.queryLanes);
    const unsigned fills = step.test() - 1;
    // One copy of the functor for each of the lane's rows: its size is the pattern's.
#pragma unroll 1
    for (int i = 0; i < keyBlock / 4; ++i) {
      const int key = i / 2 * 8 + i % 2 + 2 * (thread % 4);
      const FunctorKey k = functorKey(plan, plan.keyCoordinates + step.keyLane + key, a.keyLanes);
      unsigned passed = 0;
#pragma unroll
      for (int row = 0; row < rows; ++row) {
        bool keeps = contains(plan, query[row], k);
        if (fills != 0)
          keeps = keeps || allowed(plan, fills, query[row], k);
        passed |= unsigned(keeps) << 2 * row;
      }
      const unsigned others = ~(0x55u << i % 8 / 2 * 8 + i % 2);
#pragma unroll
      for (int word = 0; word < keyWords; ++word)
        kept.bits[word] &= i / 8 == word ? passed << i % 8 / 2 * 8 + i % 2 | others : allLanes;
    }
  }
}

__device__ inline Kept keptOf(const AttentionArguments &a, const Step &step) {
  Kept kept;
#pragma unroll
  for (int word = 0; word < keyWords; ++word)
    kept.bits[word] = allLanes;
  if (step.hasGaps()) {
    KeyTokens tokens; // read again: a step that remembers them would cost registers in all others
    tokens.load(a.keyTokens + step.keyLane, MissingTokens(a));
    const int column = 2 * (threadIdAnew() % 4);
#pragma unroll
    for (int word = 0; word < keyWords; ++word)
      kept.bits[word] = (tokens.valid(word) >> column & 0x03030303) * 0x55;
  }
  if (step.test() != 0)
    keepTested(kept, a, step);
  return kept;
}

/// Scores that are not kept weigh nothing.
__device__ inline void applyMask(float (&scores)[rowTiles][keyBlock / 8][4], const Kept &kept) {
#pragma unroll
  for (int rowTile = 0; rowTile < rowTiles; ++rowTile)
#pragma unroll
    for (int j = 0; j < keyBlock / 8; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        scores[rowTile][j][i] = kept.keeps(rowTile, i / 2, j, i % 2) ? scores[rowTile][j][i] : -infinity;
}
