// SPDX-License-Identifier: Apache-2.0
//
// O += P V in the tensors' type. The accumulators of S, rounded, are the A operand as they lie. A recipe with another
// product brings a part of its own in place of this one, with the same members.

class Values {
public:
  using ValueTile = SharedTile<keyBlock, valueDim * 2>;
  static constexpr int valueBytes = ValueTile::bytes; ///< a stage

  /// Weights are at most 2 to this power: the softmax may keep a maximum that scores have passed by so much.
  static constexpr float slack = 8;
  /// Weights are 2 to this power times larger than those of the softmax.
  static constexpr float offset = 0;

  __device__ Values(const AttentionArguments &a, int keyHead, unsigned values)
      : gather(a.v, keyHead, a.firstKey, a.valueDim), values(values), valueLane(rowsFirst<ValueTile>(0)) {}

  /// Begins to copy a block of values. `keyLane` is the block's first.
  __device__ void copyValues(int stage, int, const KeyTokens &tokens) const {
#pragma unroll
    for (int word = 0; word < keyWords; ++word)
      gather.copy(values + stage * valueBytes, word, tokens.token[word]);
  }

  __device__ void multiply(float (&outputs)[rowTiles][valueDim / 8][4],
                           const float (&weights)[rowTiles][keyBlock / 8][4], int stage) const {
    const unsigned lane = values + stage * valueBytes + valueLane;
#pragma unroll
    for (int k = 0; k < keyBlock / 16; ++k) {
      unsigned a[rowTiles][4];
#pragma unroll
      for (int rowTile = 0; rowTile < rowTiles; ++rowTile)
        packOperand(a[rowTile], weights[rowTile][2 * k], weights[rowTile][2 * k + 1]);
#pragma unroll
      for (int d = 0; d < valueDim / 16; ++d) {
        unsigned b[4];
        loadTransposed(b, ValueTile::advance(lane, 2 * d) + k * 16 * ValueTile::blockBytes);
#pragma unroll
        for (int rowTile = 0; rowTile < rowTiles; ++rowTile)
          multiplyAdd(outputs[rowTile][2 * d], outputs[rowTile][2 * d + 1], a[rowTile], b);
      }
    }
  }
  /// Columns 8 j + 2 (lane % 4) and the next of outputs are still to be multiplied by this.
  __device__ float2 columnScale(const AttentionArguments &, int) const { return {1, 1}; }

private:
  Gather<keyBlock, valueDim> gather;
  unsigned values, valueLane;
};
