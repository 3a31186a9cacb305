// SPDX-License-Identifier: Apache-2.0
//
// S = Q K^T in int8 (runtime/Recipe.h), in place of Scores.cuh. Queries and keys come as whole numbers; queries lie in
// shared memory as the operands that each lane will need.

class Scores {
public:
  using KeyTile = SharedTile<keyBlock, headDim>;
  static constexpr bool takesTokens = false; ///< keys were gathered before
  static constexpr int depth = headDim / 32; ///< products that one score takes
  static constexpr int numberBytes = queryBlock * headDim, queryBytes = numberBytes + queryBlock * 4; ///< and scales
  static constexpr int keyBytes = KeyTile::bytes + 128; ///< a stage: numbers, the scale of each group, gaps

  /// `queries` is where the block of queries lies, `keys` the ring of stages.
  __device__ Scores(const AttentionArguments &a, int keyHead, unsigned queries, unsigned keys)
      : a(a), queries(queries), keys(keys) {
    if (threadId() == 0)
      corner.place = blockIdx.z * a.keyHeads + keyHead;
  }

  /// Begins to copy the queries. Called once, before the loop.
  __device__ void copyQueries(const AttentionArguments &, int head, int firstLane, MissingTokens) const {
    const long long lane = (long long)(blockIdx.z * a.heads + head) * a.queryLanes + firstLane;
#pragma unroll 1
    for (int at = threadId() * 16; at < numberBytes; at += threads * 16)
      copyAsync(queries + at, a.queryNumbers + lane * headDim + at, 16);
    if (threadId() * 4 < queryBlock)
      copyAsync(queries + numberBytes + threadId() * 16, a.queryScales + lane + threadId() * 4, 16);
  }
  __device__ static bool preparesQueries(const AttentionArguments &) { return false; }
  __device__ void prepareQueries(const AttentionArguments &) const {}
  /// Begins to copy a block of keys. `keyLane` is the block's first.
  __device__ void copyKeys(int stage, int keyLane, const KeyTokens &) const {
    constexpr int chunks = KeyTile::chunks, rowsAtOnce = threads / chunks;
    const int thread = threadIdAnew(), chunk = thread % chunks;
    const long long lane = (long long)(corner.place) * a.keyLanes + keyLane;
    const unsigned to = keys + stage * keyBytes;
#pragma unroll
    for (int first = 0; first < keyBlock; first += rowsAtOnce) {
      const int row = first + thread / chunks;
      if (keyBlock % rowsAtOnce != 0 && row >= keyBlock)
        break;
      const signed char *from = a.keyNumbers + (lane + row) * headDim + chunk * 16;
#pragma unroll
      for (int block = 0; block < KeyTile::blocks; ++block)
        copyAsync(to + KeyTile::offset(row, block * chunks + chunk), from + block * KeyTile::blockBytes, 16);
    }
    if (thread < 2)
      copyAsync(to + KeyTile::bytes + thread * 16, a.keyScales + lane / keyBlock * keyBlockNumbers + thread * 4, 16);
  }
  /// Whether some lanes of the block in a stage have no token.
  __device__ bool haveGaps(int stage) const {
    return loadSharedFloat(keys + stage * keyBytes + KeyTile::bytes + keyGroups * 4) != 0;
  }

  /// Sums of whole numbers for this warp's queries and the block in a stage; times factor() they are powers of two.
  __device__ void multiply(float (&scores)[rowTiles][keyBlock / 8][4], int stage) {
    const int thread = threadIdAnew();
    const unsigned stageAt = keys + stage * keyBytes, lane = opaque(stageAt + columnsFirst<KeyTile>(0, thread % 32));
    const unsigned fragments = fragmentsOf(thread);
    int sums[rowTiles][keyBlock / 8][4];
    // Sums stay below 2^22, so they can begin with the bits of a float32 to which they then are added (wholeShift).
    const int none[4] = {recipe::wholeShiftBits, recipe::wholeShiftBits, recipe::wholeShiftBits,
                         recipe::wholeShiftBits};
    static_assert(headDim * recipe::int8Largest * recipe::int8Largest < 1 << 22, "sums of whole numbers are exact");
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      unsigned a[rowTiles][4];
#pragma unroll
      for (int rowTile = 0; rowTile < rowTiles; ++rowTile) {
        const uint4 fragment = loadShared(fragments + (rowTile * depth + k) * 512);
        a[rowTile][0] = fragment.x;
        a[rowTile][1] = fragment.z; // of the other half: 8 rows further down
        a[rowTile][2] = fragment.y;
        a[rowTile][3] = fragment.w;
      }
#pragma unroll
      for (int j = 0; j < keyBlock / 16; ++j) {
        unsigned b[4];
        loadMatrices(b, KeyTile::advance(lane, 2 * k) + j * 16 * KeyTile::blockBytes);
#pragma unroll
        for (int rowTile = 0; rowTile < rowTiles; ++rowTile) {
          int (&left)[4] = sums[rowTile][2 * j], (&right)[4] = sums[rowTile][2 * j + 1];
          multiplyAddInt8(left, right, k == 0 ? none : left, k == 0 ? none : right, a[rowTile], b);
        }
      }
    }
#pragma unroll
    for (int rowTile = 0; rowTile < rowTiles; ++rowTile)
#pragma unroll
      for (int j = 0; j < keyBlock / 8; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          scores[rowTile][j][i] = __fadd_rn(__int_as_float(sums[rowTile][j][i]), -recipe::wholeShift);
    keyScale = loadSharedFloat(stageAt + KeyTile::bytes + thread % 4 * 4);
    bool poisoned = false;
#pragma unroll
    for (int row = 0; row < 2 * rowTiles; ++row) {
      const float scale = loadSharedFloat(scaleOf(thread, row)) * keyScale;
      poisoned |= scale != scale;
    }
    if (poisoned)
      poison(scores);
  }
  /// What turns a score of this lane into powers of two; above 0.
  __device__ float factor(int rowTile, int half) const {
    return fmaxf(loadSharedFloat(scaleOf(threadIdAnew(), 2 * rowTile + half)) * keyScale, leastFactor);
  }
  /// In place of `multiply` in steps that only copy: nothing of the step before lives on.
  __device__ void skip(float (&scores)[rowTiles][keyBlock / 8][4]) {
    clear(scores);
    asm volatile(""); // as Scores.cuh has it
    keyScale = 0;
  }
  /// What is added to the natural log-sum-exp of a query, by lane: scores of smoothed keys lack it.
  __device__ float shift(int batch, int head, int lane) const {
    return a.lse ? __ldg(a.queryShifts + (long long)(batch * a.heads + head) * a.queryLanes + lane) : 0;
  }

private:
  static constexpr float leastFactor = 1.17549435e-38f; ///< the least normal number: times -inf it is not NaN
  const AttentionArguments &a;
  unsigned queries, keys;
  float keyScale; ///< of this lane's columns of the block

  /// Puts scales that are NaN into the scores, so that those which are masked after are -inf all the same: factor()
  /// then is not NaN. Seldom, so in a branch of its own.
  __device__ void poison(float (&scores)[rowTiles][keyBlock / 8][4]) const {
    asm volatile("");
#pragma unroll
    for (int row = 0; row < 2 * rowTiles; ++row) {
      const float scale = loadSharedFloat(scaleOf(threadId(), row)) * keyScale;
#pragma unroll
      for (int j = 0; j < keyBlock / 8; ++j)
#pragma unroll
        for (int e = 2 * (row % 2); e < 2 * (row % 2) + 2; ++e)
          scores[row / 2][j][e] = scale != scale ? scale : scores[row / 2][j][e];
    }
  }
  /// Operands of a thread, 512 bytes apart: [row tile][product].
  __device__ unsigned fragmentsOf(int thread) const {
    return queries + thread / 32 * (rowTiles * depth * 512) + thread % 32 * 16;
  }
  /// The scale of a thread's row in powers of two: row i of two is that of half i % 2 of row tile i / 2.
  __device__ unsigned scaleOf(int thread, int row) const {
    return queries + numberBytes + (thread / 32 * (rowTiles * 16) + row * 8 + thread % 32 / 4) * 4;
  }
};
