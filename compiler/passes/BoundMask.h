// SPDX-License-Identifier: Apache-2.0
//
// A set program with its sizes: one set of (query, key) pairs for one class of
// heads, ready to be asked about boxes of tokens. Three questions, all exact
// about what they promise:
//
//   classify   does a pair of boxes hold no pair, every pair, or is that
//   undecided?    O(1) a leaf, no allocation count      how many pairs does it
//   hold?                                            exact for any boxes
//   signature  which pairs of leading indices look the same over the other
//   axes?       problems solved once each
//
// Segments and boxes are in bound order (the order of the sequence); a box lies
// in one segment and gives a half-open range along each of its base axes. Nodes
// are those of the program. A BoundMask is immutable: any number of threads may
// ask at once.
#ifndef FALLOFF_COMPILER_PASSES_BOUNDMASK_H
#define FALLOFF_COMPILER_PASSES_BOUNDMASK_H

#include "compiler/passes/SetProgram.h"
#include "runtime/Plan.h"
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace falloff {

/// A box of one segment's tokens.
struct Box {
  static constexpr int maxAxes = 8;
  int32_t segment = 0; ///< in bound order
  int32_t lo[maxAxes] = {}, hi[maxAxes] = {};
};

/// `None`: no pair is in the set; `All`: every pair is; `Some`: either, or
/// undecided.
enum class Class : uint8_t { None, Some, All };

class LeadingSignatures;

class BoundMask {
public:
  /// A segment in bound order.
  struct Segment {
    int32_t id = 0; ///< the program's number of it
    std::vector<int64_t> extents;
    int64_t firstToken = 0, tokens = 0;
  };

  const SetProgram &program() const;
  /// Tables and numbers that functors read.
  const runtime::MaskData &data() const;
  const std::vector<Segment> &segments() const;
  int64_t tokens() const; ///< of all segments
  Box whole(int32_t segment) const;
  /// Boxes that make up a range of tokens, in order: at most 2 x axes - 1 a
  /// segment. For slices and tiles of a flat grid.
  std::vector<Box> boxes(runtime::TokenRange range) const;

  /// Empty boxes are `None`.
  Class classify(int32_t node, const Box &query, const Box &key) const;
  int64_t count(int32_t node, const Box &query, const Box &key) const;
  /// One pair, by token number.
  bool contains(int32_t node, int64_t query, int64_t key) const;

  /// Pairs of the whole mask, or of ranges of tokens.
  int64_t pairs(int32_t node) const;
  int64_t pairs(int32_t node, runtime::TokenRange queries, runtime::TokenRange keys) const;

  /// Queries (of a range) without a key (of a range), and the first of them, or
  /// -1.
  struct EmptyRows {
    int64_t first = -1, count = 0;
  };
  EmptyRows emptyRows(int32_t node) const;
  EmptyRows emptyRows(int32_t node, runtime::TokenRange queries, runtime::TokenRange keys) const;

  struct Impl;
  explicit BoundMask(std::shared_ptr<const Impl> impl) : impl(std::move(impl)) {}

private:
  friend class LeadingSignatures;
  std::shared_ptr<const Impl> impl;
};

/// Numbers the pairs (f, g) of leading indices of two segments so that pairs
/// with one number have the same sets, for all of `nodes`, over the remaining
/// axes. A segment of one axis counts as a single leading index 0 that stands
/// for all of it: its axis stays among the remaining ones.
///
///   LeadingSignatures signatures(mask, queries, keys, nodes);
///   std::vector<int32_t> ids(signatures.keyIndices());
///   for (f ...) { signatures.row(f, ids.data()); ... }       // some 10 ns a
///   pair
///
/// Numbers are dense, from 0, in order of first sight; `representative` gives
/// the pair that was seen first. Ask about it with boxes that are [f, f + 1)
/// and [g, g + 1) along the leading axes. Not for use by several threads at
/// once.
class LeadingSignatures {
public:
  LeadingSignatures(const BoundMask &mask, int32_t querySegment, int32_t keySegment, std::vector<int32_t> nodes);
  ~LeadingSignatures();
  int32_t queryIndices() const; ///< leading extent of the query segment; 1 if it has one axis
  int32_t keyIndices() const;
  void row(int32_t f, int32_t *ids);
  int32_t size() const; ///< numbers given so far
  std::pair<int32_t, int32_t> representative(int32_t id) const;
  /// What classify would say of `nodes[index]` over all of the remaining axes.
  Class decided(int32_t id, int32_t index) const;

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace falloff

#endif
