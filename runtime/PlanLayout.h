// SPDX-License-Identifier: Apache-2.0
//
// How the tokens of a plan lie in the panels of a kernel, and what its functor is told of them.
#ifndef FALLOFF_RUNTIME_PLANLAYOUT_H
#define FALLOFF_RUNTIME_PLANLAYOUT_H

#include "runtime/Plan.h"
#include <memory>
#include <vector>

namespace falloff::runtime {

constexpr int64_t maxHeadDimension = 256;

/// Half-open ranges of tokens that tensors hold.
TokenRange queryRange(const Grid &grid);
TokenRange keyRange(const Grid &grid);

/// The segment that text lengths shorten; null if there is none.
const Segment *textSegment(const Grid &grid);

/// Tokens that a batch entry lacks: those of the text past its length.
TokenRange missingTokens(const Grid &grid, const std::vector<int64_t> &textLengths, int64_t batch);

inline bool holds(TokenRange range, int64_t token) { return token >= range.first && token < range.last; }

/// Whether some tile is not full, so that a kernel needs a functor.
bool hasTestedTile(const Plan &plan);

/// Key tiles in their order, each in whole panels.
struct KeyLayout {
  int64_t panel = 0;               ///< keys a panel
  std::vector<int32_t> tokens;     ///< [panel][lane]; -1: no token
  std::vector<int64_t> firstPanel; ///< by tile, and one past the last
  int64_t panels() const { return firstPanel.back(); }

  KeyLayout(const Grid &grid, int64_t panel);

  /// One bit for each lane of a panel that holds a token which is not missing.
  std::vector<uint32_t> lanes(TokenRange missing) const;
};

/// Query tile by tile, the runs of key tiles of each table; of a key-major plan, the transpose. `pieces` are in the
/// plan's order of rows.
struct RowPiece {
  uint32_t row = 0;
  uint32_t firstTile = 0, lastTile = 0; ///< key tiles of this piece of the row
  int32_t slot = -1;                    ///< number of a piece of a split row, within the table; -1: a whole row
};
struct QueryRows {
  const RowTable *table;
  std::vector<RowPiece> pieces;
  struct SplitRow {
    uint32_t row;
    int32_t firstSlot, slots;
  };
  std::vector<SplitRow> splitRows;
  int32_t slots = 0;
  bool tested = false; ///< some tile is not full

  QueryRows(const Plan &plan, const RowTable &table);

private:
  std::unique_ptr<RowTable> turned; ///< the transpose of a key-major table
};

/// Writes coordinates and segments of tokens as functors read them.
class CoordinateReader {
public:
  CoordinateReader(const Plan &plan, const MaskData &mask);
  /// `coordinates` is [coordinate][stride]. Tokens below 0 or missing get segment -1 and coordinates 0.
  void read(const int32_t *tokens, int64_t count, TokenRange missing, int32_t *coordinates, int64_t stride,
            int32_t *segments) const;
  int64_t count() const { return int64_t(plan.coordinates.size()); }

private:
  struct Part {
    TokenRange range;
    int32_t id = 0;
    std::vector<int64_t> extents;
    struct Axis {
      int32_t coordinate, axis;
      const int32_t *table; ///< or null
    };
    std::vector<Axis> axes;
  };
  const Plan &plan;
  std::vector<Part> parts;
};

} // namespace falloff::runtime

#endif
