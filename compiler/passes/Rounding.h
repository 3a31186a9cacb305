// SPDX-License-Identifier: Apache-2.0
//
// How `about` sets become whole tiles. A row is the key tiles that one query tile meets, in slices: the key tiles of
// one segment with one index on its leading axis. Of each group of `about` sets with one limit (B, limit):
//
//   exact        nothing is filled
//   outward      every tile that B touches is filled
//   nearest t    a tile that B touches is filled if its share, pairs of the mask inside the limit / pairs inside the
//                limit, is t or more; in a slice that B touches and where no tile is filled, the tile of the largest
//                share among those that B touches, the lowest of equals
//
// `radial-reference` rounds all sets, and not by rows: ReferenceBlocks.h.
//
// A filled tile keeps the mask and the limit. Another tile is kept, with the mask's pairs, if the mask is all of it, if
// it holds a pair of A, or if nothing is rounded.
#ifndef FALLOFF_COMPILER_PASSES_ROUNDING_H
#define FALLOFF_COMPILER_PASSES_ROUNDING_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace falloff {

struct Rounding {
  enum Kind : uint8_t { Exact, Outward, Nearest, RadialReference } kind = Nearest;
  double share = 0.5; ///< of Nearest, in [0, 1]

  /// "exact", "outward", "nearest:0.5", "radial-reference"
  std::string text() const;
};

/// Reads "exact", "outward", "nearest", "nearest:0.5" or "radial-reference".
llvm::Expected<Rounding> parseRounding(llvm::StringRef text);

/// What rounding knows of a tile where the mask keeps some pairs, or a run of tiles where it keeps all of them.
struct TileEntry {
  int32_t first = 0, last = 0; ///< tiles; one, if the mask keeps some of its pairs
  int32_t slice = 0;           ///< of `first`; a run may go on into later ones
  int32_t shares = -1;         ///< first of its shares in TileRow::shares, one a group; -1 of a run
  int64_t pairs = 0;           ///< all pairs of tokens, kept or not
  int64_t mask = 0;            ///< pairs of the mask; == pairs if the mask is all
  bool exact = false;          ///< whether A holds one of them
  uint8_t touched = 0;         ///< bit j: group j's B holds one of them; unknown of a run
  uint8_t fills = 0;           ///< result: bit j: filled for group j

  bool isFull() const { return mask == pairs; }
};

/// Pairs inside a group's limit, and those of them that the mask keeps.
struct TileShare {
  int64_t limit = 0, kept = 0;
  double value() const { return limit > 0 ? double(kept) / double(limit) : 0; }
};

struct TileRow {
  llvm::MutableArrayRef<TileEntry> entries; ///< ascending tiles
  llvm::ArrayRef<TileShare> shares;
  int32_t groups = 0;
};

/// Not for RadialReference: sets `fills` of the entries of a row. `touchesFull(group, entry, slice)` says whether
/// group's B holds a pair in the part in this slice of an entry that is full; it is asked only where the answer
/// matters.
void roundRow(const Rounding &rounding, TileRow row,
              llvm::function_ref<bool(int32_t group, const TileEntry &entry, int32_t slice)> touchesFull,
              llvm::function_ref<int32_t(const TileEntry &entry)> lastSlice);

/// Whether a rounded entry is kept at all.
inline bool isKept(const Rounding &rounding, const TileEntry &entry) {
  return entry.isFull() || entry.fills != 0 || entry.exact || (rounding.kind == Rounding::Exact && entry.mask > 0);
}

} // namespace falloff

#endif
