// SPDX-License-Identifier: Apache-2.0
//
// Counts any algebra of leaves over one axis, query by query. Over short ranges of keys each leaf gives a row of bits,
// and algebra is algebra of words. Over long ones leaves that are intervals give the places where anything changes, and
// at most one leaf that depends on the distance alone is counted by prefix sums in between.
#include "compiler/passes/CountImpl.h"
#include <array>
#include <cstdlib>

using namespace falloff;
using Impl = BoundMask::Impl;

namespace {

/// A leaf seen from one query: what it keeps of the keys along the axis.
struct Line {
  enum Kind : uint8_t {
    Constant, ///< all or none
    Interval, ///< lo[x] <= y < hi[x], along the base axis
    Band,     ///< coordinate of y within `width` of x's; the coordinate never falls
    Beat,     ///< by |x - y|
    Related,  ///< by a relation of indices
    Pointwise
  } kind = Pointwise;
  bool holds = false;
  const BoundLeaf *leaf = nullptr;
  const BoundCoordinate *y = nullptr;
  int32_t width = 0;
  std::vector<uint8_t> bits;   ///< of Beat: by distance
  std::vector<int32_t> before; ///< of Beat: how many of the first distances hold
  std::vector<int32_t> index;  ///< of Related: by key of the range
};

constexpr int maxWords = 4;
using Bits = std::array<uint64_t, maxWords>;

/// Keys [lo, hi).
struct KeyRange {
  int32_t lo, hi;
};

/// A step of the algebra in postfix order.
struct Step {
  PairTree::Op op;
  int32_t line, operands;
};

class Rows {
public:
  Rows(const Impl &mask, const PairTree &tree, int32_t axis, const Box &query, const Box &key)
      : mask(mask), tree(tree), axis(axis), query(query), key(key), ranges(query, key, axis) {}
  void add(PairTree::Op op, llvm::ArrayRef<int32_t> sets);
  std::optional<int64_t> count();

private:
  static constexpr int32_t shortest = 64 * maxWords; ///< longest range of keys that is counted by bits

  void add(int32_t node);
  Line lineOf(const BoundLeaf &leaf) const;
  bool makeTableLine(const BoundLeaf &leaf, Line &line) const;
  KeyRange rangeOf(const Line &line, int32_t x) const;
  int64_t countBits();
  int64_t countIntersection() const;
  Bits bitsOf(int32_t line, int32_t x);
  Bits bitsOf(KeyRange range) const;
  Bits relatedBits(int32_t line, int32_t x);
  Bits pointwiseBits(const Line &line, int32_t x);
  int64_t countChanges();
  int64_t countPiece(int32_t x, KeyRange piece, int32_t beat) const;
  bool holdsAt(const std::vector<KeyRange> &keys, int32_t y, bool beat) const;

  const Impl &mask;
  const PairTree &tree;
  int32_t axis;
  Box query, key;
  AxisRanges ranges;
  std::vector<Line> lines;
  std::vector<int32_t> leafOf; ///< by line
  std::vector<Step> steps;
  int words = 0; ///< of a row of bits
  struct Related {
    int64_t row = -1; ///< whose bits these are
    Bits bits;
  };
  std::vector<Related> related; ///< by line: the last row of a relation
};

} // namespace

void Rows::add(PairTree::Op op, llvm::ArrayRef<int32_t> sets) {
  for (int32_t set : sets)
    add(set);
  steps.push_back({op, -1, int32_t(sets.size())});
}

void Rows::add(int32_t number) {
  const PairTree::Node &node = tree.nodes[number];
  if (node.op != PairTree::Leaf)
    return add(node.op, llvm::ArrayRef<int32_t>(tree.operands).slice(node.first, node.last - node.first));
  auto known = std::find(leafOf.begin(), leafOf.end(), node.leaf);
  steps.push_back({PairTree::Leaf, int32_t(known - leafOf.begin()), 0});
  if (known == leafOf.end()) {
    leafOf.push_back(node.leaf);
    lines.push_back(lineOf(mask.leaves[node.leaf]));
  }
}

Line Rows::lineOf(const BoundLeaf &leaf) const {
  Line line;
  line.leaf = &leaf;
  if (!(leaf.axes & bothEnds(axis))) {
    line.kind = Line::Constant;
    line.holds = mask.contains(leaf, query.lo, key.lo);
    return line;
  }
  if (leaf.kind == SetKind::Interval && leaf.modulus == 1 && !mask.coordinates[leaf.coordinate].values)
    line.kind = Line::Interval;
  else if (leaf.kind == SetKind::Width || leaf.kind == SetKind::Beat)
    (void)makeTableLine(leaf, line);
  else if (leaf.kind == SetKind::Linked && ranges.keys() <= shortest) {
    line.kind = Line::Related;
    int32_t position[Box::maxAxes];
    std::copy(key.lo, key.lo + Box::maxAxes, position);
    for (int32_t &y = position[axis]; y < ranges.keyHi; ++y)
      line.index.push_back(int32_t(coordinateIndex(mask, leaf, position)));
  }
  return line;
}

/// Reads a table of distances along the axis; false where it has to be read pair by pair.
bool Rows::makeTableLine(const BoundLeaf &leaf, Line &line) const {
  int64_t stride = 0;
  for (size_t i = 0; i < leaf.coordinates.size(); ++i) {
    const BoundCoordinate &coordinate = mask.coordinates[leaf.coordinates[i]];
    if (coordinate.axis != axis)
      continue;
    if (stride != 0 || coordinate.values)
      return false;
    stride = leaf.strides[i];
  }
  int32_t least = 1;
  int64_t offset = distanceIndex(mask, leaf, query.lo, key.lo);
  if (leaf.kind == SetKind::Width) {
    line.y = &mask.coordinates[leaf.coordinate];
    if (line.y->axis == axis) {
      if (stride != 0 || !line.y->monotone)
        return false;
      line.kind = Line::Band;
      line.width = leaf.table[offset];
      return true;
    }
    least = std::abs(line.y->at(query.lo[line.y->axis]) - line.y->at(key.lo[line.y->axis]));
  }
  offset -= stride * std::abs(query.lo[axis] - key.lo[axis]);
  int32_t longest = std::max(ranges.keyHi - 1 - ranges.queryLo, ranges.queryHi - 1 - ranges.keyLo);
  line.kind = Line::Beat;
  line.before.push_back(0);
  for (int32_t distance = 0; distance <= longest; ++distance) {
    line.bits.push_back(leaf.table[offset + stride * distance] >= least);
    line.before.push_back(line.before.back() + line.bits.back());
  }
  return true;
}

/// Keys of an interval or a band, within the range of keys.
KeyRange Rows::rangeOf(const Line &line, int32_t x) const {
  int32_t lo = 0, hi = 0;
  if (line.kind == Line::Interval) {
    lo = line.leaf->lo[x];
    hi = line.leaf->hi[x];
  } else if (line.width >= 0) {
    const BoundCoordinate &y = *line.y;
    lo = y.at(x) - line.width;
    hi = y.at(x) + line.width + 1;
    if (y.values) {
      lo = y.starts[std::clamp(lo, 0, y.extent)];
      hi = y.starts[std::clamp(hi, 0, y.extent)];
    }
  }
  lo = std::clamp(lo, ranges.keyLo, ranges.keyHi);
  return {lo, std::clamp(hi, lo, ranges.keyHi)};
}

std::optional<int64_t> Rows::count() {
  int beats = 0, pointwise = 0, ranged = 0;
  for (const Line &line : lines) {
    beats += line.kind == Line::Beat;
    pointwise += line.kind == Line::Pointwise || line.kind == Line::Related;
    ranged += line.kind == Line::Interval || line.kind == Line::Band;
  }
  if (ranged == int(lines.size()) && steps.back().op == PairTree::And && steps.size() == lines.size() + 1)
    return countIntersection();
  if (ranges.keys() <= shortest && (pointwise == 0 || ranges.queries() <= shortest))
    return countBits();
  if (pointwise == 0 && beats <= 1)
    return countChanges();
  return std::nullopt;
}

int64_t Rows::countIntersection() const {
  int64_t total = 0;
  for (int32_t x = ranges.queryLo; x < ranges.queryHi; ++x) {
    KeyRange both{ranges.keyLo, ranges.keyHi};
    for (const Line &line : lines) {
      KeyRange range = rangeOf(line, x);
      both = {std::max(both.lo, range.lo), std::min(both.hi, range.hi)};
    }
    total += std::max(0, both.hi - both.lo);
  }
  return total;
}

//===--- bits ---------------------------------------------------------------------------------------------------===//

/// Bits of the keys in a range; bit 0 is the first key.
Bits Rows::bitsOf(KeyRange range) const {
  Bits bits{};
  auto below = [](int32_t n) { return n == 64 ? ~uint64_t(0) : (uint64_t(1) << n) - 1; };
  for (int32_t word = 0; word < words; ++word) {
    int32_t first = ranges.keyLo + 64 * word;
    bits[word] = below(std::clamp(range.hi - first, 0, 64)) & ~below(std::clamp(range.lo - first, 0, 64));
  }
  return bits;
}

/// Neighbouring queries often share a row of the relation.
Bits Rows::relatedBits(int32_t number, int32_t x) {
  const Line &line = lines[number];
  int32_t position[Box::maxAxes];
  std::copy(query.lo, query.lo + Box::maxAxes, position);
  position[axis] = x;
  int64_t row = coordinateIndex(mask, *line.leaf, position);
  Related &last = related[number];
  if (last.row == row)
    return last.bits;
  last = {row, {}};
  const int32_t *table = line.leaf->table + row * line.leaf->size;
  for (size_t y = 0; y < line.index.size(); ++y)
    last.bits[y / 64] |= uint64_t(table[line.index[y]] != 0) << (y % 64);
  return last.bits;
}

Bits Rows::pointwiseBits(const Line &line, int32_t x) {
  Bits bits{};
  int32_t q[Box::maxAxes], k[Box::maxAxes];
  std::copy(query.lo, query.lo + Box::maxAxes, q);
  std::copy(key.lo, key.lo + Box::maxAxes, k);
  q[axis] = x;
  for (int32_t &y = k[axis]; y < ranges.keyHi; ++y) {
    bool holds = line.kind == Line::Beat ? line.bits[std::abs(x - y)] != 0 : mask.contains(*line.leaf, q, k);
    bits[(y - ranges.keyLo) / 64] |= uint64_t(holds) << ((y - ranges.keyLo) % 64);
  }
  return bits;
}

Bits Rows::bitsOf(int32_t number, int32_t x) {
  const Line &line = lines[number];
  switch (line.kind) {
  case Line::Constant:
    return bitsOf(KeyRange{ranges.keyLo, line.holds ? ranges.keyHi : ranges.keyLo});
  case Line::Interval:
  case Line::Band:
    return bitsOf(rangeOf(line, x));
  case Line::Related:
    return relatedBits(number, x);
  case Line::Beat:
  case Line::Pointwise:
    break;
  }
  return pointwiseBits(line, x);
}

int64_t Rows::countBits() {
  int64_t total = 0;
  words = int((ranges.keys() + 63) / 64);
  related.resize(lines.size());
  llvm::SmallVector<Bits, 16> stack;
  Bits valid = bitsOf(KeyRange{ranges.keyLo, ranges.keyHi});
  for (int32_t x = ranges.queryLo; x < ranges.queryHi; ++x) {
    stack.clear();
    for (const Step &step : steps) {
      if (step.op == PairTree::Leaf) {
        stack.push_back(bitsOf(step.line, x));
        continue;
      }
      Bits result = stack[stack.size() - step.operands];
      for (int32_t i = 1; i < step.operands; ++i) {
        const Bits &operand = stack[stack.size() - step.operands + i];
        for (int word = 0; word < words; ++word)
          result[word] = step.op == PairTree::And ? result[word] & operand[word] : result[word] | operand[word];
      }
      if (step.op == PairTree::Not)
        for (int word = 0; word < words; ++word)
          result[word] = ~result[word] & valid[word];
      stack.resize(stack.size() - step.operands);
      stack.push_back(result);
    }
    for (int word = 0; word < words; ++word)
      total += __builtin_popcountll(stack.back()[word]);
  }
  return total;
}

//===--- changes ------------------------------------------------------------------------------------------------===//

/// Whether the algebra holds at key y, where `keys` are the intervals of the lines for this query.
bool Rows::holdsAt(const std::vector<KeyRange> &keys, int32_t y, bool beat) const {
  llvm::SmallVector<bool, 16> stack;
  for (const Step &step : steps) {
    if (step.op == PairTree::Leaf) {
      const Line &line = lines[step.line];
      bool inside = keys[step.line].lo <= y && y < keys[step.line].hi;
      stack.push_back(line.kind == Line::Constant ? line.holds : line.kind == Line::Beat ? beat : inside);
      continue;
    }
    bool result = stack[stack.size() - step.operands];
    for (int32_t i = 1; i < step.operands; ++i) {
      bool operand = stack[stack.size() - step.operands + i];
      result = step.op == PairTree::And ? result && operand : result || operand;
    }
    stack.resize(stack.size() - step.operands);
    stack.push_back(step.op == PairTree::Not ? !result : result);
  }
  return stack.back();
}

/// Keys of a piece at distances that a beat holds.
int64_t Rows::countPiece(int32_t x, KeyRange piece, int32_t beat) const {
  const std::vector<int32_t> &before = lines[beat].before;
  int64_t total = 0;
  if (piece.hi > x) { // at x and after
    int32_t lo = std::max(piece.lo, x);
    total += before[piece.hi - x] - before[lo - x];
  }
  if (piece.lo < x) {
    int32_t hi = std::min(piece.hi, x); // distances x - hi + 1 .. x - lo
    total += before[x - piece.lo + 1] - before[x - hi + 1];
  }
  return total;
}

int64_t Rows::countChanges() {
  int64_t total = 0;
  int32_t beat = -1;
  for (size_t i = 0; i < lines.size(); ++i)
    if (lines[i].kind == Line::Beat)
      beat = int32_t(i);
  std::vector<KeyRange> keys(lines.size(), {0, 0});
  std::vector<int32_t> changes;
  for (int32_t x = ranges.queryLo; x < ranges.queryHi; ++x) {
    changes.assign({ranges.keyLo, ranges.keyHi});
    for (size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].kind != Line::Interval && lines[i].kind != Line::Band)
        continue;
      keys[i] = rangeOf(lines[i], x);
      changes.push_back(keys[i].lo);
      changes.push_back(keys[i].hi);
    }
    std::sort(changes.begin(), changes.end());
    for (size_t i = 0; i + 1 < changes.size(); ++i) {
      KeyRange piece{changes[i], changes[i + 1]};
      if (piece.lo == piece.hi)
        continue;
      bool with = holdsAt(keys, piece.lo, true), without = beat < 0 ? with : holdsAt(keys, piece.lo, false);
      int64_t length = piece.hi - piece.lo;
      if (with == without) {
        total += with ? length : 0;
        continue;
      }
      int64_t beats = countPiece(x, piece, beat);
      total += with ? beats : length - beats;
    }
  }
  return total;
}

std::optional<int64_t> falloff::countRows(const Impl &mask, const PairTree &tree, PairTree::Op op,
                                          llvm::ArrayRef<int32_t> sets, int32_t axis, const Box &query,
                                          const Box &key) {
  Rows rows(mask, tree, axis, query, key);
  rows.add(op, sets);
  return rows.count();
}
