// SPDX-License-Identifier: Apache-2.0
//
// Rows of tensors to shared memory, gathered by lane: a tile is a box of tokens, so its rows lie anywhere.

/// Tokens that a batch entry lacks: those of the text past its length.
struct MissingTokens {
  int first, last;
  __device__ MissingTokens(const AttentionArguments &a) : first(a.textLast), last(a.textLast) {
    if (a.textFirst < a.textLast)
      first = a.textFirst + a.textLengths[blockIdx.z];
  }
  __device__ bool contains(int token) const { return token >= first && token < last; }
};

/// Tokens of `rows` lanes, each held by one lane of every warp: lane l has those of rows l, l + 32 and so on. -1: none,
/// or missing.
template <int rows>
struct RowTokens {
  int token[rows / 32];

  __device__ void load(const int *tokens, MissingTokens missing) {
#pragma unroll
    for (int i = 0; i < rows / 32; ++i) {
      token[i] = __ldg(tokens + 32 * i + laneId());
      if (missing.contains(token[i]))
        token[i] = -1;
    }
  }
  __device__ void clear() {
#pragma unroll
    for (int i = 0; i < rows / 32; ++i)
      token[i] = -1;
  }
  /// Token of a row.
  __device__ int of(int row) const {
    int found = __shfl_sync(allLanes, token[0], row % 32);
#pragma unroll
    for (int i = 1; i < rows / 32; ++i) {
      const int other = __shfl_sync(allLanes, token[i], row % 32);
      found = row / 32 == i ? other : found;
    }
    return found;
  }
  /// One bit for each row of a word that has a token.
  __device__ unsigned valid(int word) const { return __ballot_sync(allLanes, token[word] >= 0); }
};

/// Rows of one head of a tensor, and where they go in a tile of shared memory.
template <int rows, int columns>
struct Gather {
  using Tile = SharedTile<rows, columns * 2>;
  static constexpr int rowsAtOnce = threads / Tile::chunks;

  const unsigned short *source; ///< token `firstToken`
  long long tokenStride, dimStride;
  int firstToken, dim;

  __device__ Gather(const TensorView &view, int head, int firstToken, int dim)
      : source(static_cast<const unsigned short *>(view.data) + blockIdx.z * view.batch + head * view.head),
        tokenStride(view.token), dimStride(view.dim), firstToken(firstToken), dim(dim) {}

  /// Begins to copy the rows of `tokens`. Missing rows and columns past `dim` become 0, so that what lies behind them
  /// reaches no one.
  __device__ void copy(unsigned tile, const RowTokens<rows> &tokens) const {
    const int chunk = threadId() % Tile::chunks;
#pragma unroll
    for (int first = 0; first < rows; first += rowsAtOnce) {
      const int row = first + threadId() / Tile::chunks;
      if (rows % rowsAtOnce != 0 && row >= rows)
        break;
      const int token = tokens.of(row);
      const unsigned short *from = source + (token < 0 ? 0 : token - firstToken) * tokenStride;
      const unsigned to = tile + Tile::offset(row, chunk);
      const int known = token < 0 ? 0 : dim; // columns that there are
#pragma unroll
      for (int block = 0; block < Tile::blocks; ++block) {
        const int column = (block * Tile::chunks + chunk) * 8;
        copyChunk(to + block * rows * Tile::blockBytes, from, column, min(max(known - column, 0), 8));
      }
    }
  }

private:
  /// `count` elements of a row from `column` on, and zeros up to 8.
  __device__ void copyChunk(unsigned to, const unsigned short *row, int column, int count) const {
    if constexpr (isAligned) {
      copyAsync(to, row + (count > 0 ? column : 0), 2 * count);
    } else {
      unsigned short element[8];
#pragma unroll
      for (int i = 0; i < 8; ++i)
        element[i] = i < count ? __ldg(row + (column + i) * dimStride) : 0;
      storeShared(to, {element[0] | unsigned(element[1]) << 16, element[2] | unsigned(element[3]) << 16,
                       element[4] | unsigned(element[5]) << 16, element[6] | unsigned(element[7]) << 16});
    }
  }
};
