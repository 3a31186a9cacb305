// SPDX-License-Identifier: Apache-2.0
//
// A plan: which tiles of queries meet which tiles of keys, and how each meeting is tested. It is plain data, made by the
// compiler or by hand, read by every kernel. Nothing here knows a pattern file, MLIR or a machine.
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
  Run(uint64_t first, uint64_t last, uint64_t test)
      : bits(first | last << 28 | test << 56) {}
  uint32_t first() const { return bits & (maxTiles - 1); }
  uint32_t last() const { return bits >> 28 & (maxTiles - 1); }
  uint32_t test() const { return bits >> 56; }
  bool isFull() const { return test() == full; }
  bool isPartial() const { return test() == partial; }
  bool isLimited() const { return test() > partial; }
  bool operator==(const Run &other) const { return bits == other.bits; }
};
static_assert(sizeof(Run) == 8);

/// A segment of the sequence, in bound order, and how it is cut in boxes.
struct Segment {
  std::string name;
  std::vector<std::string> axes;
  std::vector<int64_t> extents;    ///< tokens along each axis
  std::vector<int64_t> queryTile;  ///< box of a query tile along each axis (grid `box`)
  std::vector<int64_t> keyTile;    ///< box of a key tile along each axis (grid `box`)
  int64_t firstToken = 0;          ///< number of the segment's first token
  int64_t firstQueryTile = 0;      ///< number of the segment's first query tile (grid `box`)
  int64_t firstKeyTile = 0;
  int64_t tokens() const;
};

/// Half-open range of tokens.
struct TokenRange {
  int64_t first = 0, last = 0;
};

enum class Side : uint8_t { Query, Key };

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

  /// Writes the tokens of a tile in row-major order of its box, clipped to the extents and to the slice, into `out`
  /// (capacity(side) entries at most); returns how many. Token numbers are global: a slice's tensor begins at
  /// queries.first or keys.first.
  int64_t tileTokens(Side side, int64_t tile, int32_t *out) const;
};

/// A long row is cut in pieces of key tiles, which are computed apart and merged in this order by log-sum-exp. Where
/// to cut is part of the plan, so that results do not depend on the number of threads.
struct Split {
  uint32_t row = 0;
  std::vector<uint32_t> firstTiles; ///< first key tile of each piece but the first, ascending
};

/// The rows of one table: one row a query tile (a key tile if the plan is key-major).
struct RowTable {
  std::vector<uint32_t> rowStart; ///< runs of row i are [rowStart[i], rowStart[i + 1])
  std::vector<Run> runs;
  std::vector<uint32_t> rowOrder; ///< rows, the one with the most kept tiles first
  std::vector<Split> splits;      ///< ascending rows
  // Pairs, of this table alone.
  int64_t pairsInMask = 0, pairsComputed = 0, pairsIssued = 0, pairsLost = 0;
};

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

/// A plan for all heads. N tables serve any number of heads; N = 1 unless a parameter differs per head.
struct Plan {
  std::string pattern;    ///< name
  std::string parameters; ///< "decay=0.2 sinks=1", for people
  std::string rounding;   ///< "exact", "outward", "nearest:0.5", "radial-reference", or "given" for a block mask
  Major major = Major::Query;
  Grid grid;
  std::vector<RowTable> tables;
  std::vector<uint32_t> tableOf;       ///< table of each head; one entry serves any number of heads
  std::vector<Coordinate> coordinates; ///< what functors read, the same for every table
  std::vector<int32_t> segmentIds;     ///< functor's number of each segment of the grid, in bound order
  std::vector<MaskData> masks;         ///< one a table; empty where every tile is full
  double density = 1;                  ///< of the unrounded mask, mean over heads
};

} // namespace falloff::runtime

#endif
