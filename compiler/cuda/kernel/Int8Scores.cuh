// SPDX-License-Identifier: Apache-2.0
//
// S = Q K^T in int8 (runtime/Recipe.h), in place of Scores.cuh. Keys come as whole numbers; queries are rounded here,
// once a block, and wait in shared memory as the operands that each lane will need.

class Scores {
public:
  using KeyTile = SharedTile<keyBlock, headDim>;
  static constexpr int depth = headDim / 32; ///< products that one score takes
  static constexpr int warpBytes = (rowTiles * depth + 1) * 512, queryBytes = warps * warpBytes;
  static constexpr int keyBytes = KeyTile::bytes + 128; ///< a stage: numbers, the scale of each group, placeAt()

  /// `queries` is where the block of queries lies, `keys` the ring of stages.
  __device__ Scores(const AttentionArguments &a, int keyHead, unsigned queries, unsigned keys)
      : a(a), queries(queries), keys(keys), place(blockIdx.z * a.keyHeads + keyHead) {}

  __device__ void copyQueries(const AttentionArguments &, int, int, MissingTokens) {}
  __device__ static bool preparesQueries(const AttentionArguments &) { return true; }
  /// Reads and rounds the queries: a lane its own rows, the columns that it holds of an A operand. One copy of this
  /// code for all rows: it takes longer to compile than to run.
  __device__ void prepareQueries(const AttentionArguments &) const {
    const int firstLane = planOf(a).pieces[blockIdx.x].firstLane;
    const unsigned fragments = fragmentsOf(threadId());
    if (threadId() == 0)
      storeShared(placeAt(), unsigned(place));
#pragma unroll 1
    for (int index = 0; index < 2 * rowTiles; ++index) {
      const int rowTile = index / 2, half = index % 2;
      const Query query(a, firstLane + queryOf(rowTile, half));
      uint4 row[depth];
      query.load(row);
      const unsigned largest = quadLargest(row);
      const float scale = a.scale * recipe::scaleOf(largest, recipe::int8Largest);
      float inverse = recipe::inverseScaleOf(largest, recipe::int8Largest);
      if (a.negate) // scores have a factor above 0, so that the largest score weighs most
        inverse = -inverse;
      storeShared(scaleOf(threadId(), index), scale);
      if (a.lse)
        storeShared(logSumOf(rowTile, half), smoothedLogSum(query));
#pragma unroll
      for (int k = 0; k < depth; ++k) {
        const uint2 words = round(row[k], inverse);
        storeShared(fragments + (rowTile * depth + k) * 512 + half * 4, words.x);
        storeShared(fragments + (rowTile * depth + k) * 512 + half * 4 + 8, words.y);
      }
    }
  }
  /// Begins to copy a block of keys. `keyLane` is the block's first.
  template <typename Tokens>
  __device__ void copyKeys(int stage, int keyLane, const Tokens &) const {
    constexpr int chunks = KeyTile::chunks, rowsAtOnce = threads / chunks;
    const int thread = threadIdAnew(), chunk = thread % chunks;
    const long long lane = firstLaneOf(a, __float_as_int(loadSharedFloat(placeAt()))) + keyLane;
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
    if (thread == 0)
      copyAsync(to + KeyTile::bytes, a.keyScales + lane / keyBlock * keyGroups, 16);
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
        a[rowTile][1] = fragment.y;
        a[rowTile][2] = fragment.z;
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
  /// What is added to the natural log-sum-exp of a row: scores of smoothed keys lack it.
  __device__ float shift(int rowTile, int half) const { return a.lse ? loadSharedFloat(logSumOf(rowTile, half)) : 0; }

private:
  static constexpr float leastFactor = 1.17549435e-38f; ///< the least normal number: times -inf it is not NaN
  const AttentionArguments &a;
  unsigned queries, keys;
  int place;      ///< of this key head, among those of all batch entries
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
  /// Where `place` waits for the loop, which has no register left for it.
  __device__ unsigned placeAt() const { return keys + KeyTile::bytes + 16; }
  /// Operands of a thread, 512 bytes apart: [row tile][product].
  __device__ unsigned fragmentsOf(int thread) const { return queries + thread / 32 * warpBytes + thread % 32 * 16; }
  /// The scale of a thread's row in powers of two, behind the operands of its warp.
  __device__ unsigned scaleOf(int thread, int row) const {
    return queries + thread / 32 * warpBytes + rowTiles * depth * 512 + row * 128 + thread % 32 * 4;
  }
  /// Where shift() of a row waits: past what the rings and outputs take.
  __device__ unsigned logSumOf(int rowTile, int half) const {
    constexpr int at = quantisedLogSumsAt(queryBlock, keyBlock, headDim, valueDim, warps, stages, fp8Values);
    return keys - queryBytes + at + queryOf(rowTile, half) * 4;
  }

  /// A query as four lanes hold it: columns 32 k + 8 t to 32 k + 8 t + 7, t = lane % 4; zeros where there is no token.
  struct Query {
    const unsigned short *from;
    int columns;
    long long stride;

    __device__ Query(const AttentionArguments &a, int lane) : stride(a.q.dim) {
      const int token = __ldg(a.queryTokens + lane);
      const bool missing = token < 0 || MissingTokens(a).contains(token);
      columns = missing ? 0 : a.headDim;
      from = static_cast<const unsigned short *>(a.q.data) + blockIdx.z * a.q.batch + blockIdx.y * a.q.head +
             (missing ? 0 : token - a.firstQuery) * a.q.token;
    }
    __device__ uint4 load(int k) const { return loadChunk(from, 4 * k + laneId() % 4, columns, stride); }
    __device__ void load(uint4 (&row)[depth]) const {
      if constexpr (!isAligned) {
#pragma unroll
        for (int k = 0; k < depth; ++k)
          row[k] = load(k);
        return;
      }
      // Only one chunk of a row may be cut short.
      const int last = columns / 8;
      const uint4 rest = last % 4 == laneId() % 4 ? load(last / 4) : uint4{0, 0, 0, 0};
#pragma unroll
      for (int k = 0; k < depth; ++k) {
        const int chunk = 4 * k + laneId() % 4;
        row[k] = chunk < last ? __ldg(reinterpret_cast<const uint4 *>(from) + chunk) : rest;
        if (chunk > last)
          row[k] = {0, 0, 0, 0};
      }
    }
  };

  /// The bits of the largest magnitude of a row, of which four lanes hold a part each. Until then magnitudes are
  /// compared as 16 bits, which are in the same order.
  static __device__ unsigned quadLargest(const uint4 (&row)[depth]) {
    unsigned low = 0, high = 0;
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      const unsigned words[4] = {row[k].x, row[k].y, row[k].z, row[k].w};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        low = max(low, words[i] & 0x7fff);
        high = max(high, words[i] & 0x7fff0000);
      }
    }
    const float2 both = unpack(low | high);
    unsigned largest = max(recipe::magnitudeBits(both.x), recipe::magnitudeBits(both.y));
    largest = max(largest, __shfl_xor_sync(allLanes, largest, 1));
    return max(largest, __shfl_xor_sync(allLanes, largest, 2));
  }
  static __device__ uint2 round(uint4 from, float inverse) {
    float value[8];
    unpack(from, value);
    return wholeChunk(value, inverse);
  }
  /// scale * (q . mean). The product is a sum of two floats, as good as one in float64, of which many GPUs have few.
  /// Where it is not finite the scores of the query are NaN themselves, so 0 does no harm, and leaves queries without a
  /// key alone.
  __device__ float smoothedLogSum(const Query &query) const {
    const float *mean = a.keyMeans + (long long)(place)*headDim + laneId() % 4 * 8;
    recipe::LongSum sum;
#pragma unroll 1
    for (int k = 0; k < depth; ++k) {
      float value[8];
      unpack(query.load(k), value);
#pragma unroll
      for (int i = 0; i < 8; ++i)
        sum.addProduct(value[i], __ldg(mean + 32 * k + i));
    }
#pragma unroll
    for (int lanes = 1; lanes < 4; lanes *= 2) {
      const float high = __shfl_xor_sync(allLanes, sum.high, lanes), low = __shfl_xor_sync(allLanes, sum.low, lanes);
      sum.add(high);
      sum.add(low);
    }
    const float product = a.scaleNatural * sum.total();
    return recipe::magnitudeBits(product) < recipe::infinityBits ? product : 0;
  }
};
