// SPDX-License-Identifier: Apache-2.0
//
// O += P V in e4m3 (runtime/Recipe.h), in place of Values.cuh. Values come as columns of keys, in the order in which
// the accumulators of S, rounded, are the A operand.

class Values {
public:
  using ValueTile = SharedTile<valueDim, keyBlock>; ///< a row is a column of V
  static constexpr int valueBytes = ValueTile::bytes;
  static constexpr bool takesTokens = false;

  static constexpr float slack = recipe::e4m3Slack, offset = recipe::e4m3Exponent;

  __device__ Values(const AttentionArguments &a, int, unsigned values) : a(a), values(values) {}

  /// Begins to copy a block of values. `keyLane` is the block's first.
  __device__ void copyValues(int stage, int keyLane, const KeyTokens &) const {
    constexpr int chunks = ValueTile::chunks, rowsAtOnce = threads / chunks;
    static_assert(ValueTile::blocks == 1, "a block of keys takes at most 128 bytes of a row");
    const int thread = threadIdAnew();
    const unsigned to = values + stage * valueBytes;
    const long long lane = (long long)(corner.place) * a.keyLanes + keyLane;
    const unsigned char *from = a.valueNumbers + lane * valueDim + thread * 16;
#pragma unroll
    for (int first = 0; first < valueDim; first += rowsAtOnce) {
      const int row = first + thread / chunks;
      if (valueDim % rowsAtOnce != 0 && row >= valueDim)
        break;
      copyAsync(to + ValueTile::offset(row, thread % chunks), from + first * keyBlock, 16);
    }
  }

  /// The products of a block are added up apart, and then to the outputs: tensor cores may keep fewer bits of a sum.
  __device__ void multiply(float (&outputs)[rowTiles][valueDim / 8][4],
                           const float (&weights)[rowTiles][keyBlock / 8][4], int stage) const {
    const unsigned lane = opaque(values + stage * valueBytes + laneOffset(threadIdAnew() % 32));
    unsigned a[rowTiles][keyBlock / 32][4];
#pragma unroll
    for (int rowTile = 0; rowTile < rowTiles; ++rowTile)
#pragma unroll
      for (int k = 0; k < keyBlock / 32; ++k)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const float (&left)[4] = weights[rowTile][4 * k + i / 2 * 2],
                      (&right)[4] = weights[rowTile][4 * k + i / 2 * 2 + 1];
          const int row = i % 2 * 2;
          a[rowTile][k][i] = packE4m3(left[row], left[row + 1], right[row], right[row + 1]);
        }
#pragma unroll
    for (int first = 0; first < valueDim / 8; first += tilesAtOnce) {
      float part[tilesAtOnce][rowTiles][4] = {};
#pragma unroll
      for (int k = 0; k < keyBlock * tilesAtOnce / 32; k += 2) {
        unsigned b[4];
        loadMatrices(b, ValueTile::advance(lane, 2 * k) + first * 8 * ValueTile::blockBytes);
#pragma unroll
        for (int rowTile = 0; rowTile < rowTiles; ++rowTile)
          if constexpr (tilesAtOnce == 2)
            multiplyAddE4m3(part[0][rowTile], part[1][rowTile], a[rowTile][k], b);
          else
            multiplyAddE4m3(part[0][rowTile], a[rowTile][k], a[rowTile][k + 1], b);
      }
#pragma unroll
      for (int tile = 0; tile < tilesAtOnce; ++tile)
#pragma unroll
        for (int rowTile = 0; rowTile < rowTiles; ++rowTile)
#pragma unroll
          for (int i = 0; i < 4; ++i)
            outputs[rowTile][first + tile][i] += part[tile][rowTile][i];
    }
  }
  /// After the last block: outputs times a factor of their row, and then the scale of their column, which values had.
  __device__ void finish(float (&outputs)[rowTiles][valueDim / 8][4], const float (&factor)[rowTiles][2]) const {
    const float *scales = a.valueScales + (long long)(corner.place) * valueDim + threadIdAnew() % 4 * 2;
#pragma unroll
    for (int j = 0; j < valueDim / 8; ++j) {
      const float2 scale = __ldg(reinterpret_cast<const float2 *>(scales + 8 * j));
#pragma unroll
      for (int rowTile = 0; rowTile < rowTiles; ++rowTile)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          outputs[rowTile][j][i] = outputs[rowTile][j][i] * factor[rowTile][i / 2] * (i % 2 ? scale.y : scale.x);
    }
  }

private:
  /// Tiles of 8 columns that are multiplied together: as few as one instruction loads, which takes the fewest
  /// registers.
  static constexpr int tilesAtOnce = keyBlock == 32 ? 2 : 1;
  const AttentionArguments &a;
  unsigned values;

  /// What a lane hands to loadMatrices for columns of V: 64 keys of 8, or 32 keys of 16.
  static __device__ unsigned laneOffset(int lane) {
    return tilesAtOnce == 2 ? columnsFirst<ValueTile>(0, lane) : ValueTile::offset(lane % 8, lane / 8);
  }
};
