// SPDX-License-Identifier: Apache-2.0
//
// O += P V in the tensors' type. The accumulators of S, rounded, are the A operand as they lie. A recipe with another
// product brings a part of its own in place of this one, with the same members.

class Values {
public:
  using ValueTile = SharedTile<keyBlock, valueDim * 2>;
  static constexpr int valueBytes = ValueTile::bytes; ///< a stage
  static constexpr bool takesTokens = true;           ///< copyValues() gathers

  /// Weights are at most 2 to this power: the softmax may keep a maximum that scores have passed by so much.
  static constexpr float slack = 8;
  /// Weights are 2 to this power times larger than those of the softmax.
  static constexpr float offset = 0;

  __device__ Values(const AttentionArguments &a, int keyHead, unsigned values)
      : a(a), values(values), valueLane(rowsFirst<ValueTile>(0, laneId())) {
    if (threadId() == 0)
      corner.values = tokensOf(a.v, keyHead, a.firstKey);
  }

  /// Begins to copy a block of values. `keyLane` is the block's first.
  __device__ void copyValues(int stage, int, const KeyTokens &tokens) const {
    const Gather<keyBlock, valueDim> gather(a.v, corner.values, a.valueDim,
                                            isAligned || !Scores::takesTokens ? threadIdAnew() : threadId());
#pragma unroll
    for (int word = 0; word < keyWords; ++word)
      gather.copy(values + stage * valueBytes, word, tokens.token[word]);
  }

  __device__ void multiply(float (&outputs)[rowTiles][valueDim / 8][4],
                           const float (&weights)[rowTiles][keyBlock / 8][4], int stage) const {
    const unsigned lane = values + stage * valueBytes + valueLane;
#pragma unroll
    for (int k = 0; k < keyBlock / 16; ++k) {
      unsigned weight[rowTiles][4];
#pragma unroll
      for (int rowTile = 0; rowTile < rowTiles; ++rowTile)
        packOperand(weight[rowTile], weights[rowTile][2 * k], weights[rowTile][2 * k + 1]);
#pragma unroll
      for (int d = 0; d < valueDim / 16; ++d) {
        unsigned b[4];
        loadTransposed(b, ValueTile::advance(lane, 2 * d) + k * 16 * ValueTile::blockBytes);
#pragma unroll
        for (int rowTile = 0; rowTile < rowTiles; ++rowTile)
          multiplyAdd(outputs[rowTile][2 * d], outputs[rowTile][2 * d + 1], weight[rowTile], b);
      }
    }
  }
  /// After the last block: outputs times a factor of their row.
  __device__ void finish(float (&outputs)[rowTiles][valueDim / 8][4], const float (&factor)[rowTiles][2]) const {
#pragma unroll
    for (int rowTile = 0; rowTile < rowTiles; ++rowTile)
#pragma unroll
      for (int j = 0; j < valueDim / 8; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          outputs[rowTile][j][i] *= factor[rowTile][i / 2];
  }

private:
  const AttentionArguments &a;
  unsigned values, valueLane;
};
