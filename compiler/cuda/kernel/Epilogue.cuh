// SPDX-License-Identifier: Apache-2.0
//
// Results of a block of queries: rows of the output and log-sum-exp, or what the merge takes of a piece of a split row.

constexpr float naturalOfTwo = 0.693147180559945309f; ///< ln 2

using OutputTile = SharedTile<queryBlock, valueDim * 2>;

/// Writes up to 8 elements of a row of the output.
__device__ inline void storeChunk(const AttentionArguments &a, unsigned short *row, int column, uint4 value) {
  const int count = a.valueDim - column;
  if constexpr (isAligned)
    if (count >= 8) {
      *reinterpret_cast<uint4 *>(row + column) = value;
      return;
    }
  const unsigned pairs[4] = {value.x, value.y, value.z, value.w};
#pragma unroll
  for (int i = 0; i < 8; ++i)
    if (i < count)
      row[(column + i) * (isAligned ? 1 : a.out.dim)] = (unsigned short)(pairs[i / 2] >> i % 2 * 16);
}

/// Writes this warp's rows of an output tile in shared memory, 16 bytes a lane.
__device__ inline void storeRows(const AttentionArguments &a, unsigned tile, int queryLane, int head) {
  unsigned short *out = static_cast<unsigned short *>(a.out.data) + blockIdx.z * a.out.batch + head * a.out.head;
  constexpr int rowsAtOnce = 32 / OutputTile::chunks;
#pragma unroll 1
  for (int first = 0; first < 16 * rowTiles; first += rowsAtOnce) {
    const int row = warpId() * 16 * rowTiles + first + laneId() / OutputTile::chunks;
    const int token = __ldg(a.queryTokens + queryLane + row);
    if (token < 0)
      continue;
    unsigned short *to = out + (token - a.firstQuery) * a.out.token;
#pragma unroll 1
    for (int block = 0; block < OutputTile::blocks; ++block) {
      const int chunk = block * OutputTile::chunks + laneId() % OutputTile::chunks;
      storeChunk(a, to, chunk * 8, loadShared(tile + OutputTile::offset(row, chunk)));
    }
  }
}

/// A whole row: outputs are divided by the sum. Queries that see no key, and those of a text past its length, get 0 and
/// a log-sum-exp of -inf. `tile` is shared memory that no one uses any more.
__device__ inline void storeOutputs(const AttentionArguments &a, const Scores &scores, const Values &values,
                                    const Softmax &softmax, const float (&outputs)[rowTiles][valueDim / 8][4],
                                    unsigned tile, int queryLane, int head) {
  const MissingTokens missing(a);
#pragma unroll
  for (int row = 0; row < 2 * rowTiles; ++row) {
    const int rowTile = row / 2, half = row % 2, query = queryOf(rowTile, half);
    const int token = __ldg(a.queryTokens + queryLane + query);
    const float sum = softmax.total(rowTile, half);
    const bool empty = sum == 0 || missing.contains(token);
    const float inverse = reciprocal(sum); // sums are at least 1, or 0
    const unsigned first = opaque(tile + OutputTile::offset(query, 0) + laneId() % 4 * 4);
#pragma unroll
    for (int j = 0; j < valueDim / 8; ++j) {
      const float2 column = values.columnScale(a, j);
      const unsigned both = pack(outputs[rowTile][j][2 * half] * inverse * column.x,
                                 outputs[rowTile][j][2 * half + 1] * inverse * column.y);
      storeShared(OutputTile::advance(first, j), empty ? 0 : both);
    }
    if (a.lse && token >= 0 && laneId() % 4 == 0) {
      const float powers = softmax.maximum[rowTile][half] - Values::offset + logarithmOfTwo(sum);
      a.lse[blockIdx.z * a.lseBatch + head * a.lseHead + (token - a.firstQuery) * a.lseToken] =
          empty ? -infinity : powers * naturalOfTwo + scores.shift(rowTile, half);
    }
  }
  __syncwarp();
  storeRows(a, tile, queryLane, head);
}

/// What a piece of a split row leaves: where its maxima and sums lie, and its outputs, in the order in which the
/// threads of a CTA hold them, four a thread.
struct Partial {
  long long firstQuery; ///< in partialMaxima and partialSums
  float4 *outputs;      ///< of this thread

  __device__ Partial(const AttentionArguments &a, int slot) {
    const long long block = ((long long)(blockIdx.z) * a.heads + blockIdx.y) * a.slots + slot;
    firstQuery = block * queryBlock;
    outputs = reinterpret_cast<float4 *>(a.partialValues + block * queryBlock * valueDim) + threadId();
  }
  /// Columns 8 j to 8 j + 7 of a row tile.
  __device__ float4 &at(int rowTile, int j) const { return outputs[(rowTile * (valueDim / 8) + j) * threads]; }
};

/// A piece of a split row: outputs that are not divided yet, with their maximum and sum.
__device__ inline void storePartial(const AttentionArguments &a, const Scores &scores, const Values &values,
                                    const Softmax &softmax, const float (&outputs)[rowTiles][valueDim / 8][4],
                                    int slot) {
  const Partial partial(a, slot);
#pragma unroll
  for (int rowTile = 0; rowTile < rowTiles; ++rowTile) {
#pragma unroll
    for (int j = 0; j < valueDim / 8; ++j) {
      const float2 column = values.columnScale(a, j);
      const float (&four)[4] = outputs[rowTile][j];
      partial.at(rowTile, j) = {four[0] * column.x, four[1] * column.y, four[2] * column.x, four[3] * column.y};
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float sum = softmax.total(rowTile, half);
      const long long query = partial.firstQuery + queryOf(rowTile, half);
      if (laneId() % 4 == 0) {
        a.partialMaxima[query] =
            softmax.maximum[rowTile][half] - Values::offset + scores.shift(rowTile, half) / naturalOfTwo;
        a.partialSums[query] = sum;
      }
    }
  }
}
