// SPDX-License-Identifier: Apache-2.0
//
// A plan: which tiles of queries meet which tiles of keys, and how each meeting is tested. It is plain data, made by
// the compiler or by hand, read by every kernel. Nothing here knows a pattern file, MLIR or a machine.
//
// Tokens are cut in tiles. On the grid `box` a tile is a box of one segment's axes; on `flat` it is a range of token
// numbers. For each query tile (a row) a plan lists runs of key tiles in grid order.
#ifndef FALLOFF_RUNTIME_PLAN_H
#define FALLOFF_RUNTIME_PLAN_H

#include <cstdint>
#include <string>
#include <vector>

namespace falloff::runtime {

enum class GridKind : uint8_t { Box, Flat };
enum class Major : uint8_t { Query, Key };

/// Consecutive key tiles [first, last) tested in one way. 8 bytes: first in bits 0..27, last in bits 28..55, test in
/// bits 56..63.
///
/// The test is 0 for a full tile (every pair is kept, nothing but lengths is tested); else 1 + fills, where bit j of
/// fills says that the limit of the j-th group of `about` sets fills the tile. A pair is kept if the mask contains it
/// or one of these limits does. So `partial` is a test with no fill, `limited` one with some.
struct Run {
  static constexpr int64_t maxTiles = int64_t(1) << 28;
  static constexpr uint32_t full = 0, partial = 1;

  uint64_t bits = 0;

  Run() = default;
  Run(uint64_t first, uint64_t last, uint64_t test) : bits(first | last << 28 | test << 56) {}
  uint32_t first() const { return bits & (maxTiles - 1); }
  uint32_t last() const { return bits >> 28 & (maxTiles - 1); }
  uint32_t test() const { return bits >> 56; }
  bool isFull() const { return test() == full; }
  bool isPartial() const { return test() == partial; }
  bool isLimited() const { return test() > partial; }
  bool operator==(const Run &other) const { return bits == other.bits; }
};
static_assert(sizeof(Run) == 8);

enum class Side : uint8_t { Query, Key };

/// Half-open range of tokens.
struct TokenRange {
  int64_t first = 0, last = 0;
  int64_t size() const { return last - first; }
};

/// A segment of the sequence, in bound order, and how it is cut in boxes.
struct Segment {
  std::string name;
  std::vector<std::string> axes;
  std::vector<int64_t> extents;   ///< tokens along each axis
  std::vector<int64_t> queryTile; ///< box of a query tile along each axis (grid `box`)
  std::vector<int64_t> keyTile;   ///< box of a key tile along each axis (grid `box`)
  int64_t firstToken = 0;         ///< number of the segment's first token
  int64_t firstQueryTile = 0;     ///< number of the segment's first query tile (grid `box`)
  int64_t firstKeyTile = 0;

  int64_t tokens() const;
  const std::vector<int64_t> &tile(Side side) const { return side == Side::Query ? queryTile : keyTile; }
  int64_t firstTile(Side side) const { return side == Side::Query ? firstQueryTile : firstKeyTile; }
  /// Number of boxes along an axis, and of all (grid `box`).
  int64_t tilesAlong(Side side, size_t axis) const;
  int64_t tiles(Side side) const;
};

struct Grid {
  GridKind kind = GridKind::Box;
  std::vector<Segment> segments;
  int64_t flatQueryTile = 0, flatKeyTile = 0; ///< tokens a tile (grid `flat`)
  int64_t tokens = 0;                         ///< of all segments together
  int64_t queryTiles = 0, keyTiles = 0;
  int64_t queryCapacity = 0, keyCapacity = 0; ///< the most tokens a tile holds, of all segments
  TokenRange queries, keys;                   ///< what a slice keeps; else all tokens

  int64_t tiles(Side side) const { return side == Side::Query ? queryTiles : keyTiles; }
  int64_t capacity(Side side) const { return side == Side::Query ? queryCapacity : keyCapacity; }

  bool isSliced() const { return queries.size() < tokens || keys.size() < tokens; }
  TokenRange range(Side side) const { return side == Side::Query ? queries : keys; }

  /// Segment of a tile of a grid `box`.
  const Segment &segmentOf(Side side, int64_t tile) const;
  /// The box of a tile of a grid `box`, [lo, hi) along each axis of its segment,
  /// clipped to the extents; a slice does not clip it.
  void tileBox(Side side, int64_t tile, int64_t *lo, int64_t *hi) const;
  /// Tokens of a tile of a grid `flat`; a slice does not clip them.
  TokenRange tileRange(Side side, int64_t tile) const;
  /// Number of tokens that tileTokens would write.
  int64_t tileSize(Side side, int64_t tile) const;

  /// Writes the tokens of a tile in row-major order of its box, clipped to the extents and to the slice, into `out`
  /// (capacity(side) entries at most); returns how many. Token numbers are global: a slice's tensor begins at
  /// queries.first or keys.first.
  int64_t tileTokens(Side side, int64_t tile, int32_t *out) const;
};

/// A long row is cut in pieces of key tiles, which are computed apart and merged in this order by log-sum-exp. Where
/// to cut is part of the plan, so that results do not depend on the number of threads.
///
/// The rule: a row is long if it keeps more than 64 tiles and more than four times the mean row of its table (empty
/// rows count). It is cut in ceil(kept tiles / limit) pieces of as nearly equal numbers of kept tiles as can be, the
/// limit being max(64, floor(4 x mean)).
struct Split {
  uint32_t row = 0;
  std::vector<uint32_t> firstTiles; ///< first key tile of each piece but the first, ascending
};

/// The rows of one table: one row a query tile (a key tile if the plan is key-major).
struct RowTable {
  std::vector<uint32_t> rowStart; ///< runs of row i are [rowStart[i], rowStart[i + 1])
  std::vector<Run> runs;
  std::vector<uint32_t> rowOrder; ///< rows, the one with the most kept tiles first; ties by number
  std::vector<Split> splits;      ///< ascending rows
  // Pairs, of this table alone.
  int64_t pairsInMask = 0, pairsComputed = 0, pairsIssued = 0, pairsLost = 0;

  int64_t rows() const { return int64_t(rowStart.size()) - 1; }
  /// Tiles that row i keeps.
  int64_t keptTiles(int64_t row) const;
};

/// Fills rowOrder and splits of a table whose rows are filled. Rows whose tile is outside of the slice are in no order
/// and are not to be computed.
void orderRows(const Grid &grid, Major major, RowTable &table);

/// The same pairs and tests with rows and columns exchanged; `columns` is the number of tiles that runs count. Fills
/// rows alone.
void transposeRows(const RowTable &from, int64_t columns, RowTable &to);

/// A coordinate that a tested tile needs of its tokens: an axis of a segment, or an axis split from it. `table` < 0:
/// the coordinate along the axis; else `tables[table]` holds the coordinate for each position along that axis. A token
/// outside of the segment has coordinate 0.
struct Coordinate {
  int32_t segment = 0, axis = 0, table = -1;
};

/// What the functor of a tested tile reads: data made when sizes are bound, so that code stays the same at every size.
struct MaskData {
  std::vector<std::vector<int32_t>> tables;
  std::vector<double> numbers;
};

/// A plan for all batch entries and heads, which N tables serve: N = 1 unless a parameter differs per head, or tiles
/// were given for each.
struct Plan {
  std::string pattern;    ///< name
  std::string parameters; ///< "decay=0.2 sinks=1", for people
  std::string rounding;   ///< "exact", "outward", "nearest:0.5", "radial-reference", or "given" for a block mask
  Major major = Major::Query;
  Grid grid;
  std::vector<RowTable> tables;
  int64_t batches = 1;                 ///< batch entries that tableOf tells apart; 1 serves any number of them
  std::vector<uint32_t> tableOf;       ///< row-major (batches, heads); one head serves any number of them
  std::vector<Coordinate> coordinates; ///< what functors read, the same for every table
  std::vector<int32_t> segmentIds;     ///< functor's number of each segment of the grid, in bound order
  std::vector<MaskData> masks;         ///< one a table; empty where every tile is full
  double density = 1;                  ///< of the unrounded mask, mean over batches and heads

  /// Heads that tableOf tells apart; 1 serves any number.
  int64_t heads() const { return int64_t(tableOf.size()) / batches; }
  uint32_t tableFor(int64_t batch, int64_t head) const {
    return tableOf[(batches > 1 ? batch : 0) * heads() + (heads() > 1 ? head : 0)];
  }
};

/// Bytes that a plan takes in memory, nearly.
int64_t bytesOf(const Plan &plan);

} // namespace falloff::runtime

#endif
