// SPDX-License-Identifier: Apache-2.0
//
// Results of a block of queries: rows of the output and log-sum-exp, or what the merge takes of a piece of a split row.

constexpr float naturalOfTwo = 0.693147180559945309f; ///< ln 2
constexpr float twoOfNatural = 1.442695040888963407f; ///< log2 e

using OutputTile = SharedTile<queryBlock, valueDim * 2>;

/// Writes up to 8 elements of a row of the output.
__device__ inline void storeChunk(const AttentionArguments &a, unsigned short *row, int column, uint4 value) {
  const int count = a.valueDim - column;
  if constexpr (isAligned) {
    if (count > 0)
      *reinterpret_cast<uint4 *>(row + column) = value;
    return;
  }
  const unsigned pairs[4] = {value.x, value.y, value.z, value.w};
#pragma unroll
  for (int i = 0; i < 8; ++i)
    if (i < count)
      row[(column + i) * a.out.dim] = (unsigned short)(pairs[i / 2] >> i % 2 * 16);
}

/// Writes this warp's rows of an output tile in shared memory, 16 bytes a lane.
__device__ inline void storeRows(const AttentionArguments &a, unsigned tile, int queryLane, int thread) {
  unsigned short *out = static_cast<unsigned short *>(a.out.data) + batchAnew() * a.out.batch + headAnew() * a.out.head;
  constexpr int rowsAtOnce = 32 / OutputTile::chunks;
#pragma unroll 1
  for (int first = 0; first < 16 * rowTiles; first += rowsAtOnce) {
    const int row = thread / 32 * 16 * rowTiles + first + thread % 32 / OutputTile::chunks;
    const int token = __ldg(a.queryTokens + queryLane + row);
    if (token < 0)
      continue;
    unsigned short *to = out + (token - a.firstQuery) * a.out.token;
#pragma unroll 1
    for (int block = 0; block < OutputTile::blocks; ++block) {
      const int chunk = block * OutputTile::chunks + thread % OutputTile::chunks;
      storeChunk(a, to, chunk * 8, loadShared(tile + OutputTile::offset(row, chunk)));
    }
  }
}

/// Outputs as they are stored: of whole rows divided by the sum, of pieces not yet. Those are scaled to weights of at
/// most about 1, so that huge values do not overflow where weights are up to 448.
__device__ inline void scaleOutputs(float (&outputs)[rowTiles][valueDim / 8][4], const Values &values, Softmax &softmax,
                                    bool areWhole) {
  softmax.finish(areWhole ? 1 : powerOfTwo(-Values::offset));
  float factor[rowTiles][2];
#pragma unroll
  for (int row = 0; row < 2 * rowTiles; ++row) // sums are at least 1, or 0
    factor[row / 2][row % 2] = areWhole ? reciprocal(softmax.sum[row / 2][row % 2]) : powerOfTwo(-Values::offset);
  values.finish(outputs, factor);
}

/// Whole rows. Queries that see no key, and those of a text past its length, get 0 and
/// a log-sum-exp of -inf. `tile` is shared memory that no one uses any more.
__device__ inline void storeOutputs(const AttentionArguments &a, const Scores &scores, const Softmax &softmax,
                                    const float (&outputs)[rowTiles][valueDim / 8][4], unsigned tile, int queryLane) {
  const MissingTokens missing(a);
  const int thread = threadIdAnew(), head = headAnew(), batch = batchAnew();
#pragma unroll
  for (int row = 0; row < 2 * rowTiles; ++row) {
    const int rowTile = row / 2, half = row % 2, query = queryOf(rowTile, half, thread);
    const int token = __ldg(a.queryTokens + queryLane + query);
    const float sum = softmax.sum[rowTile][half];
    const bool empty = sum == 0 || missing.contains(token);
    const unsigned first = opaque(tile + OutputTile::offset(query, 0) + thread % 4 * 4);
#pragma unroll
    for (int j = 0; j < valueDim / 8; ++j) {
      const unsigned both = pack(outputs[rowTile][j][2 * half], outputs[rowTile][j][2 * half + 1]);
      storeShared(OutputTile::advance(first, j), empty ? 0 : both);
    }
    if (a.lse && token >= 0 && thread % 4 == 0) {
      const float powers = softmax.maximum[rowTile][half] - Values::offset + logarithmOfTwo(sum);
      a.lse[batch * a.lseBatch + head * a.lseHead + (token - a.firstQuery) * a.lseToken] =
          empty ? -infinity : powers * naturalOfTwo + scores.shift(batch, head, queryLane + query);
    }
  }
  __syncwarp();
  storeRows(a, tile, queryLane, thread);
}

/// What a piece of a split row leaves: where its maxima and sums lie, and its outputs, in the order in which the
/// threads of a CTA hold them, four a thread.
struct Partial {
  long long firstQuery; ///< in partialMaxima and partialSums
  float4 *outputs;      ///< of this thread

  __device__ Partial(const AttentionArguments &a, int slot, int thread) {
    const long long block = ((long long)(batchAnew()) * a.heads + headAnew()) * a.slots + slot;
    firstQuery = block * queryBlock;
    outputs = reinterpret_cast<float4 *>(a.partialValues + block * queryBlock * valueDim) + thread;
  }
  /// Columns 8 j to 8 j + 7 of a row tile.
  __device__ float4 &at(int rowTile, int j) const { return outputs[(rowTile * (valueDim / 8) + j) * threads]; }
};

/// Pieces of split rows: outputs, with their maximum and sum.
__device__ inline void storePartial(const AttentionArguments &a, const Scores &scores, const Softmax &softmax,
                                    const float (&outputs)[rowTiles][valueDim / 8][4], const RowPiece &piece) {
  const int thread = threadIdAnew(), head = headAnew(), batch = batchAnew();
  const Partial partial(a, piece.slot, thread);
#pragma unroll
  for (int rowTile = 0; rowTile < rowTiles; ++rowTile) {
#pragma unroll
    for (int j = 0; j < valueDim / 8; ++j) {
      const float (&four)[4] = outputs[rowTile][j];
      partial.at(rowTile, j) = {four[0], four[1], four[2], four[3]};
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int query = queryOf(rowTile, half, thread);
      if (thread % 4 == 0) {
        a.partialMaxima[partial.firstQuery + query] =
            softmax.maximum[rowTile][half] + scores.shift(batch, head, piece.firstLane + query) * twoOfNatural;
        a.partialSums[partial.firstQuery + query] = softmax.sum[rowTile][half];
      }
    }
  }
}
