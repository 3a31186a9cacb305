// SPDX-License-Identifier: Apache-2.0
//
// S = Q K^T in the tensors' type. Queries wait in shared memory: registers hold the outputs. A recipe with another
// product brings a part of its own in place of this one, with the same members.

class Scores {
public:
  using QueryTile = SharedTile<queryBlock, headDim * 2>;
  using KeyTile = SharedTile<keyBlock, headDim * 2>;
  static constexpr bool takesTokens = true;                                      ///< copyKeys() gathers
  static constexpr int queryBytes = QueryTile::bytes, keyBytes = KeyTile::bytes; ///< a stage, of keys

  /// `queries` is where the block of queries lies, `keys` the ring of stages.
  __device__ Scores(const AttentionArguments &a, int keyHead, unsigned queries, unsigned keys)
      : a(a), queries(queries), keys(keys),
        queryLane(queries + rowsFirst<QueryTile>(warpId() * rowTiles * 16, laneId())),
        keyLane(columnsFirst<KeyTile>(0, laneId())) {
    if (threadId() == 0)
      corner.keys = tokensOf(a.k, keyHead, a.firstKey);
  }

  /// Begins to copy the queries. Called once, before the loop.
  __device__ void copyQueries(const AttentionArguments &a, int head, int firstLane, MissingTokens missing) {
    const Gather<queryBlock, headDim> gather(a.q, tokensOf(a.q, head, a.firstQuery), a.headDim, threadId());
    const int *tokens = a.queryTokens + firstLane + laneId();
    int token = loadToken(tokens, missing);
#pragma unroll 1
    for (int word = 0; word < queryBlock / 32; ++word) {
      const int following = word + 1 < queryBlock / 32 ? loadToken(tokens + 32 * (word + 1), missing) : -1;
      gather.copy(queries, word, token);
      token = following;
    }
  }
  /// Whether prepareQueries must be called, once the queries have arrived, between two barriers.
  __device__ static bool preparesQueries(const AttentionArguments &a) { return a.negate != 0; }
  /// Turns the sign of the queries: scores have a factor above 0, so that the largest score weighs most.
  __device__ void prepareQueries(const AttentionArguments &) {
#pragma unroll 1
    for (int at = threadId() * 16; at < queryBytes; at += threads * 16) {
      const uint4 x = loadShared(queries + at);
      const unsigned sign = 0x80008000;
      storeShared(queries + at, {x.x ^ sign, x.y ^ sign, x.z ^ sign, x.w ^ sign});
    }
  }
  /// Begins to copy a block of keys. `keyLane` is the block's first.
  __device__ void copyKeys(int stage, int, const KeyTokens &tokens) const {
    // As the compile matrix found, again: either serves.
    const Gather<keyBlock, headDim> gather(a.k, corner.keys, a.headDim, functorTests ? threadId() : threadIdAnew());
#pragma unroll
    for (int word = 0; word < keyWords; ++word)
      gather.copy(keys + stage * keyBytes, word, tokens.token[word]);
  }

  /// Whether some lanes of the block in a stage have no token: here it is known from the tokens themselves.
  __device__ static bool haveGaps(int) { return false; }
  /// Scores of this warp's queries and the block in a stage, times factor() in powers of two.
  __device__ void multiply(float (&scores)[rowTiles][keyBlock / 8][4], int stage) const {
    const unsigned lane = opaque(keys + stage * keyBytes + keyLane);
    clear(scores);
#pragma unroll
    for (int k = 0; k < headDim / 16; ++k) {
      unsigned a[rowTiles][4];
#pragma unroll
      for (int rowTile = 0; rowTile < rowTiles; ++rowTile)
        loadMatrices(a[rowTile], QueryTile::advance(queryLane, 2 * k) + rowTile * 16 * QueryTile::blockBytes);
#pragma unroll
      for (int j = 0; j < keyBlock / 16; ++j) {
        unsigned b[4];
        loadMatrices(b, KeyTile::advance(lane, 2 * k) + j * 16 * KeyTile::blockBytes);
#pragma unroll
        for (int rowTile = 0; rowTile < rowTiles; ++rowTile)
          multiplyAdd(scores[rowTile][2 * j], scores[rowTile][2 * j + 1], a[rowTile], b);
      }
    }
  }
  /// In place of `multiply` in steps that only copy: registers that may hold something from before would be taken all
  /// the time.
  __device__ void skip(float (&scores)[rowTiles][keyBlock / 8][4]) const {
    clear(scores);
    asm volatile(""); // a branch of its own, and not 64 moves before it
  }
  /// What turns a score of this lane into powers of two; above 0.
  __device__ float factor(int, int) const { return a.scale; }
  /// What is added to the natural log-sum-exp of a query, by lane.
  __device__ float shift(int, int, int) const { return 0; }

private:
  const AttentionArguments &a;
  unsigned queries, keys;
  unsigned queryLane, keyLane;
};
