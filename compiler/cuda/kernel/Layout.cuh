// SPDX-License-Identifier: Apache-2.0
//
// Who holds what. A warp owns `rowTiles` x 16 queries; in each 16 x 8 tile of accumulators, lane l holds columns 2 (l %
// 4) and the next of rows l / 4 and l / 4 + 8. A quad, four neighbouring lanes, so shares two rows of each row tile.

constexpr int warps = threads / 32;
constexpr int rowTiles = queryBlock / (16 * warps);
constexpr int keyWords = keyBlock / 32; ///< of a bit for each key of a block
static_assert(rowTiles * 16 * warps == queryBlock && (rowTiles == 1 || rowTiles == 2), "a warp takes 16 or 32 queries");
static_assert((threads & threads - 1) == 0, "a power of two");
static_assert(keyBlock % 32 == 0 && headDim % 32 == 0 && valueDim % 32 == 0, "blocks are multiples of 32");

constexpr float infinity = __builtin_bit_cast(float, 0x7f800000);

/// With the bound that launches keep, from which the compiler knows which of its branches no thread takes.
__device__ inline int threadId() { return threadIdx.x % threads; }
__device__ inline int laneId() { return threadId() % 32; }
__device__ inline int warpId() { return threadId() / 32; }

/// threadId() and the head and batch entry of this CTA, asked for anew: what follows from them is worked out where it
/// is used, in a few instructions, and takes no register elsewhere.
__device__ inline int threadIdAnew() {
  unsigned id;
  asm volatile("mov.u32 %0, %tid.x;" : "=r"(id));
  return id % threads;
}
__device__ inline int headAnew() {
  int head;
  asm volatile("mov.u32 %0, %ctaid.y;" : "=r"(head));
  return head;
}
__device__ inline int batchAnew() {
  int batch;
  asm volatile("mov.u32 %0, %ctaid.z;" : "=r"(batch));
  return batch;
}

/// The query, of the block's, of a thread's accumulators in a row tile (half 1: 8 rows further down).
__device__ inline int queryOf(int rowTile, int half, int thread = threadId()) {
  return (thread / 32 * rowTiles + rowTile) * 16 + half * 8 + thread % 32 / 4;
}

/// Rows in shared memory, in column blocks of at most 128 bytes. Within a block, the 16-byte chunks of a row change
/// places by the row's number, so that 8 rows' chunks of one number, which ldmatrix reads at once, lie in different
/// banks, and so do the chunks of one row, which a copy writes at once.
template <int rows, int rowBytes>
struct SharedTile {
  static constexpr int bytes = rows * rowBytes;
  static constexpr int blockBytes = rowBytes % 128 == 0 ? 128 : rowBytes % 64 == 0 ? 64 : 32;
  static constexpr int blocks = rowBytes / blockBytes;
  static constexpr int chunks = blockBytes / 16; ///< a row of a block

  /// Offset of a chunk of a row.
  static __device__ unsigned offset(int row, int chunk) {
    const int swizzled = chunk % chunks ^ row / (128 / blockBytes) % chunks;
    return (chunk / chunks * rows + row) * blockBytes + swizzled * 16;
  }
  /// `first` is the address of a row's chunk 0 (or 1, of tiles that begin on 128 bytes), this that of the chunk so many
  /// after it (an even number).
  static __device__ unsigned advance(unsigned first, int chunk) {
    return (first ^ chunk % chunks * 16) + chunk / chunks * rows * blockBytes;
  }
};

/// What a lane hands to loadMatrices for 16 rows x 32 bytes in the order of an A operand (rows, then columns), which is
/// that of a transposed B operand, too.
template <typename Tile>
__device__ inline unsigned rowsFirst(int firstRow, int lane) {
  return Tile::offset(firstRow + lane % 16, lane / 16);
}

/// The same in the order of two B operands (columns, then rows).
template <typename Tile>
__device__ inline unsigned columnsFirst(int firstRow, int lane) {
  return Tile::offset(firstRow + lane % 8 + lane / 16 * 8, lane / 8 % 2);
}

/// Scores before the first product, or where none are made.
__device__ inline void clear(float (&scores)[rowTiles][keyBlock / 8][4]) {
#pragma unroll
  for (int i = 0; i < rowTiles * keyBlock / 2; ++i)
    scores[i / (keyBlock / 2)][i / 4 % (keyBlock / 8)][i % 4] = 0;
}
