// SPDX-License-Identifier: Apache-2.0
//
// Rows of tensors to shared memory, gathered by lane: a tile is a box of tokens, so its rows lie anywhere.

/// Tokens that a batch entry lacks: those of the text past its length.
struct MissingTokens {
  int first, last;
  __device__ MissingTokens(const AttentionArguments &a) : first(a.textLast), last(a.textLast) {
    if (a.textFirst < a.textLast)
      first = a.textFirst + a.textLengths[batchAnew()];
  }
  __device__ bool contains(int token) const { return token >= first && token < last; }
};

/// A token of a table, or -1: there is none, or it is missing.
__device__ inline int loadToken(const int *from, MissingTokens missing) {
  const int token = __ldg(from);
  return missing.contains(token) ? -1 : token;
}

/// Tokens of a block of keys, each held by one lane of every warp: lane l has those of rows l, l + 32 and so on.
struct KeyTokens {
  int token[keyWords] = {}; ///< of no block yet

  __device__ void load(const int *tokens, MissingTokens missing) {
    tokens += threadIdAnew() % 32;
#pragma unroll
    for (int word = 0; word < keyWords; ++word)
      token[word] = loadToken(tokens + 32 * word, missing);
  }
  /// Whether some row has none.
  __device__ bool haveGaps() const {
    int least = token[0];
#pragma unroll
    for (int word = 1; word < keyWords; ++word)
      least = min(least, token[word]);
    return __any_sync(allLanes, least < 0);
  }
  /// One bit for each row of a word that has one.
  __device__ unsigned valid(int word) const { return __ballot_sync(allLanes, token[word] >= 0); }
};

/// Where token 0 of a head of this batch entry lies, in a tensor whose data begins with token `firstToken`.
__device__ inline const char *tokensOf(const TensorView &view, int head, int firstToken) {
  return static_cast<const char *>(view.data) +
         2 * (blockIdx.z * view.batch + head * view.head - firstToken * view.token);
}

/// What a block of threads needs once a step, where registers are dearer. Written before the first barrier.
struct Corner {
  const char *keys, *values; ///< tokensOf()
  int place;                 ///< of this key head, among those of all batch entries
};
__shared__ Corner corner;

/// Rows of one head of a tensor, and where they go in a tile of `rows` in shared memory.
template <int rows, int columns>
class Gather {
public:
  using Tile = SharedTile<rows, columns * 2>;

  /// `tokens` is tokensOf() the head, `dim` the tensor's columns.
  __device__ Gather(const TensorView &view, const char *tokens, int dim, int thread)
      : view(view), thread(thread), row(thread / Tile::chunks % 32) {
    const int chunk = thread % Tile::chunks;
    source = tokens + 2 * (chunk * 8 * (isAligned ? 1 : view.dim));
    lastCount = min(max(dim - (Tile::blocks - 1) * Tile::chunks * 8 - chunk * 8, 0), 8);
    offset = Tile::offset(row, chunk);
  }

  /// Begins to copy 32 rows, number `word` of the tile; each lane of a warp brings the token of one. Missing rows and
  /// columns past the tensor's become 0, so that what lies behind them reaches no one.
  __device__ void copy(unsigned tile, int word, int token) const {
    // Where threads are enough for more than 32 rows, each warp takes part in some of the words.
    if (rowsAtOnce > 32 && thread / 32 / (warps / (rowsAtOnce / 32)) != word % (rowsAtOnce / 32))
      return;
    const unsigned to = opaque(tile + word * 32 * Tile::blockBytes + offset);
    if constexpr (isAligned) {
#pragma unroll
      for (int first = 0; first < 32; first += rowsAtOnce)
        copyRow(to + first * Tile::blockBytes, __shfl_sync(allLanes, token, first + row));
    } else {
#pragma unroll 1
      for (int first = 0; first < 32; first += rowsAtOnce)
        copyElements(to + first * Tile::blockBytes, __shfl_sync(allLanes, token, first + row));
    }
  }

private:
  static constexpr int rowsAtOnce = threads / Tile::chunks; ///< each by Tile::chunks threads

  const TensorView &view;
  int thread, row;
  const char *source; ///< token 0, this thread's first column
  int lastCount;      ///< elements that this thread copies of the last block of columns
  unsigned offset;    ///< of `row`, this thread's first column

  __device__ void copyRow(unsigned to, int token) const {
    const char *from = advanced(source, token, int(view.token) * 2); // KernelShape::aligned bounds it
#pragma unroll
    for (int block = 0; block < Tile::blocks; ++block) {
      const int bytes = block + 1 < Tile::blocks ? 16 : lastCount * 2;
      copyAsync(to + block * rows * Tile::blockBytes, from + block * Tile::blockBytes, token < 0 ? 0 : bytes);
    }
  }

  __device__ void copyElements(unsigned to, int token) const {
    const char *from = source + token * view.token * 2;
#pragma unroll 1
    for (int block = 0; block < Tile::blocks; ++block) {
      const int count = token < 0 ? 0 : block + 1 < Tile::blocks ? 8 : lastCount;
      unsigned short element[8];
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const long long at = (block * Tile::chunks * 8 + i) * view.dim;
        element[i] = i < count ? __ldg(reinterpret_cast<const unsigned short *>(from) + at) : 0;
      }
      storeShared(to + block * rows * Tile::blockBytes,
                  {element[0] | unsigned(element[1]) << 16, element[2] | unsigned(element[3]) << 16,
                   element[4] | unsigned(element[5]) << 16, element[6] | unsigned(element[7]) << 16});
    }
  }
};
