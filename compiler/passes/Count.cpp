// SPDX-License-Identifier: Apache-2.0
//
// How many pairs of two boxes are in a set: exact, for boxes of any size and any algebra. See CountImpl.h for the plan.
#include "compiler/passes/CountImpl.h"
#include "compiler/passes/Project.h"
#include "llvm/ADT/DenseMap.h"

using namespace falloff;
using Impl = BoundMask::Impl;

/// Axes along which there is more than one index.
AxisMask Counter::liveAxes(const Box &query, const Box &key) const {
  AxisMask live = 0;
  for (int32_t i = 0; i < queryAxes; ++i)
    if (query.hi[i] - query.lo[i] > 1)
      live |= queryAxis(i);
  for (int32_t i = 0; i < keyAxes; ++i)
    if (key.hi[i] - key.lo[i] > 1)
      live |= keyAxis(i);
  if (!paired)
    return live;
  for (int32_t i = 0; i < queryAxes; ++i)
    if (live & bothEnds(i))
      live |= bothEnds(i);
  return live;
}

AxisMask Counter::axesOf(const Term &term) const {
  AxisMask axes = 0;
  for (int32_t set : term.sets)
    axes |= tree.nodes[set].axes;
  return axes;
}

/// Leaves a single index along each axis that is not in `axes`.
static Box narrow(Box box, AxisMask axes, int32_t shift) {
  for (int32_t i = 0; i < Box::maxAxes; ++i)
    if (!(axes >> (i + shift) & 1))
      box.hi[i] = box.lo[i] + 1;
  return box;
}
static Box narrowQuery(const Box &box, AxisMask axes) { return narrow(box, axes, 0); }
static Box narrowKey(const Box &box, AxisMask axes) { return narrow(box, axes, Box::maxAxes); }

int64_t Counter::count(int32_t number, const Box &query, const Box &key) const {
  if (number < 0)
    return number == PairTree::all ? pairs(query, key) : 0;
  const PairTree::Node &node = tree.nodes[number];
  if (node.op == PairTree::Not)
    return pairs(query, key) - count(tree.operands[node.first], query, key);
  Term term{PairTree::And, {number}};
  if (node.op != PairTree::Leaf)
    term = {node.op, {tree.operands.begin() + node.first, tree.operands.begin() + node.last}};
  return countTerm(term, query, key);
}

/// The same set over these boxes, without unions and intersections of which one operand alone is undecided.
int32_t Counter::reduce(int32_t set, const Box &query, const Box &key) const {
  const PairTree::Node &node = tree.nodes[set];
  if (node.op != PairTree::And && node.op != PairTree::Or)
    return set;
  int32_t open = -1;
  for (int32_t i = node.first; i < node.last; ++i) {
    if (mask.classify(tree, tree.operands[i], query, key) != Class::Some)
      continue;
    if (open >= 0)
      return set;
    open = tree.operands[i];
  }
  return open >= 0 ? reduce(open, query, key) : set;
}

int64_t Counter::countTerm(const Term &term, const Box &query, const Box &key) const {
  int64_t total = pairs(query, key);
  bool isAnd = term.op == PairTree::And;
  Term open{term.op, {}};
  for (int32_t set : term.sets) {
    Class decided = mask.classify(tree, set, query, key);
    if (decided == (isAnd ? Class::None : Class::All))
      return isAnd ? 0 : total;
    if (decided == Class::Some)
      open.sets.push_back(reduce(set, query, key));
  }
  if (open.sets.empty())
    return isAnd ? total : 0;
  if (open.sets.size() == 1) {
    const PairTree::Node &node = tree.nodes[open.sets.front()];
    if (node.op != PairTree::Leaf)
      return count(open.sets.front(), query, key);
    open.op = PairTree::And;
    isAnd = true;
  }

  // Sets that share no live axis are independent: the pairs in all of them multiply. A union is the complement of an
  // intersection of complements.
  AxisMask live = liveAxes(query, key);
  int64_t rest = total, product = 1;
  while (!open.sets.empty()) {
    Term group{open.op, {open.sets.pop_back_val()}};
    AxisMask axes = axesOf(group) & live;
    for (size_t i = 0; i < open.sets.size();) {
      if (!(tree.nodes[open.sets[i]].axes & axes)) {
        ++i;
        continue;
      }
      axes |= tree.nodes[open.sets[i]].axes & live;
      group.sets.push_back(open.sets[i]);
      open.sets.erase(open.sets.begin() + i);
      i = 0;
    }
    Box q = narrowQuery(query, axes), k = narrowKey(key, axes);
    int64_t size = pairs(q, k), kept = countCoupled(group, q, k);
    rest /= size;
    product *= isAnd ? kept : size - kept;
    if (product == 0)
      break;
  }
  product *= rest;
  return isAnd ? product : total - product;
}

/// Sets that share axes; all axes but theirs have one index.
int64_t Counter::countCoupled(const Term &term, const Box &query, const Box &key) const {
  AxisMask axes = axesOf(term) & liveAxes(query, key);
  const PairTree::Node &first = tree.nodes[term.sets.front()];
  bool isLeaf = term.sets.size() == 1 && first.op == PairTree::Leaf;
  if (isLeaf && mask.leaves[first.leaf].kind == SetKind::Linked)
    return countLinked(mask, mask.leaves[first.leaf], query, key);
  if (term.sets.size() == 1 && !isLeaf)
    return count(term.sets.front(), query, key);
  if (axes == 0)
    return contains(term, query.lo, key.lo);
  if (paired) {
    int32_t axis = __builtin_ctz(axes) % Box::maxAxes;
    if (axes == bothEnds(axis)) {
      std::optional<int64_t> closed;
      if (isLeaf)
        closed = countAlongAxis(mask, mask.leaves[first.leaf], axis, query, key);
      else
        closed = countRows(mask, tree, term.op, term.sets, axis, query, key);
      if (closed)
        return *closed;
    } else {
      // The axis with the fewest pairs goes first.
      for (int32_t i = 0; i < queryAxes; ++i)
        if ((axes & bothEnds(i)) && AxisRanges(query, key, i).pairs() < AxisRanges(query, key, axis).pairs())
          axis = i;
      constexpr int64_t most = 1 << 18;
      if (AxisRanges(query, key, axis).pairs() <= most)
        return countWithout(axis, term, query, key);
    }
  }
  constexpr int64_t few = 64 * 64;
  if (pairs(query, key) <= few)
    return countPointwise(term, query, key);
  return countHalves(term, query, key, axes);
}

/// Halves the longest of the axes, at the end where it is longest.
int64_t Counter::countHalves(const Term &term, const Box &query, const Box &key, AxisMask axes) const {
  int32_t longest = 0, axis = -1;
  bool ofQuery = false;
  for (int32_t i = 0; i < Box::maxAxes; ++i) {
    if ((axes & queryAxis(i)) && query.hi[i] - query.lo[i] > longest) {
      longest = query.hi[i] - query.lo[i];
      axis = i;
      ofQuery = true;
    }
    if ((axes & keyAxis(i)) && key.hi[i] - key.lo[i] > longest) {
      longest = key.hi[i] - key.lo[i];
      axis = i;
      ofQuery = false;
    }
  }
  const Box &box = ofQuery ? query : key;
  int32_t middle = box.lo[axis] + longest / 2;
  Box low = box, high = box;
  low.hi[axis] = high.lo[axis] = middle;
  if (ofQuery)
    return countTerm(term, low, key) + countTerm(term, high, key);
  return countTerm(term, query, low) + countTerm(term, query, high);
}

namespace {

/// Numbers pairs of indices along an axis: pairs with one number leave equal sets over the other axes of two boxes.
class PairNumbers {
public:
  PairNumbers(const Impl &mask, llvm::ArrayRef<int32_t> leaves, int32_t axis, AxisMask live, const Box &query,
              const Box &key);
  int64_t of(int32_t f, int32_t g);

private:
  struct Digit {
    const BoundLeaf *leaf; ///< where this axis alone is left to it: whether it holds
    const Projection *projection;
    int64_t factor;
  };
  const Impl &mask;
  int32_t axis;
  Box query, key;
  llvm::SmallVector<Digit, 16> digits;
  int64_t combinations = 1; ///< -1: too many, so each pair has its own number
};

} // namespace

PairNumbers::PairNumbers(const Impl &mask, llvm::ArrayRef<int32_t> leaves, int32_t axis, AxisMask live,
                         const Box &query, const Box &key)
    : mask(mask), axis(axis), query(query), key(key) {
  for (int32_t number : leaves) {
    const BoundLeaf &leaf = mask.leaves[number];
    if (!(leaf.axes & bothEnds(axis)))
      continue;
    const Projection &projection = mask.projection(number, axis);
    bool alone = (leaf.axes & live & ~bothEnds(axis)) == 0;
    digits.push_back({alone ? &leaf : nullptr, &projection, combinations});
    // Numbers must not run over, nor reach those that a map reserves.
    if (__builtin_mul_overflow(combinations, alone ? 2 : projection.size(), &combinations) ||
        combinations > INT64_MAX / 4) {
      combinations = -1;
      return;
    }
  }
}

int64_t PairNumbers::of(int32_t f, int32_t g) {
  if (combinations < 0)
    return int64_t(f) << 31 | g;
  query.lo[axis] = f;
  key.lo[axis] = g;
  int64_t number = 0;
  for (const Digit &digit : digits)
    number += digit.factor *
              (digit.leaf ? int64_t(mask.contains(*digit.leaf, query.lo, key.lo)) : digit.projection->of(f, g));
  return number;
}

/// Goes through the pairs of indices along one axis; pairs that leave equal sets over the other axes are counted once.
int64_t Counter::countWithout(int32_t axis, const Term &term, const Box &query, const Box &key) const {
  llvm::SmallVector<int32_t, 16> leaves;
  for (int32_t set : term.sets)
    collectLeaves(set, leaves);
  PairNumbers numbers(mask, leaves, axis, liveAxes(query, key), query, key);
  struct Share {
    int64_t pairs = 0;
    int32_t f = 0, g = 0;
  };
  llvm::SmallDenseMap<int64_t, Share, 64> shares;
  AxisRanges ranges(query, key, axis);
  for (int32_t f = ranges.queryLo; f < ranges.queryHi; ++f)
    for (int32_t g = ranges.keyLo; g < ranges.keyHi; ++g) {
      Share &share = shares[numbers.of(f, g)];
      if (share.pairs++ == 0) {
        share.f = f;
        share.g = g;
      }
    }
  int64_t total = 0;
  for (const auto &[number, share] : shares) {
    Box q = query, k = key;
    q.lo[axis] = share.f;
    q.hi[axis] = share.f + 1;
    k.lo[axis] = share.g;
    k.hi[axis] = share.g + 1;
    total += share.pairs * countTerm(term, q, k);
  }
  return total;
}

void Counter::collectLeaves(int32_t number, llvm::SmallVectorImpl<int32_t> &leaves) const {
  const PairTree::Node &node = tree.nodes[number];
  if (node.op == PairTree::Leaf && std::find(leaves.begin(), leaves.end(), node.leaf) == leaves.end())
    leaves.push_back(node.leaf);
  for (int32_t i = node.first; i < node.last; ++i)
    collectLeaves(tree.operands[i], leaves);
}

bool Counter::contains(const Term &term, const int32_t *query, const int32_t *key) const {
  bool decides = term.op == PairTree::Or;
  for (int32_t set : term.sets)
    if (mask.contains(tree, set, query, key) == decides)
      return decides;
  return !decides;
}

/// Steps to the next position of a box, row-major; false after the last.
static bool next(const Box &box, int32_t axes, int32_t *position) {
  for (int32_t i = axes; i-- > 0;) {
    if (++position[i] < box.hi[i])
      return true;
    position[i] = box.lo[i];
  }
  return false;
}

int64_t Counter::countPointwise(const Term &term, const Box &query, const Box &key) const {
  int64_t total = 0;
  int32_t q[Box::maxAxes], k[Box::maxAxes];
  std::copy(query.lo, query.lo + Box::maxAxes, q);
  do {
    std::copy(key.lo, key.lo + Box::maxAxes, k);
    do
      total += contains(term, q, k);
    while (next(key, keyAxes, k));
  } while (next(query, queryAxes, q));
  return total;
}

int64_t Impl::count(const PairTree &tree, int32_t node, const Box &query, const Box &key) const {
  if (volume(query, axesOf(query.segment)) == 0 || volume(key, axesOf(key.segment)) == 0)
    return 0;
  return Counter(*this, tree, query.segment, key.segment).count(node, query, key);
}

int64_t BoundMask::count(int32_t node, const Box &query, const Box &key) const {
  const PairTree &tree = impl->tree(query.segment, key.segment);
  return impl->count(tree, tree.roots[node], query, key);
}

int64_t BoundMask::pairs(int32_t node) const { return pairs(node, {0, impl->tokens}, {0, impl->tokens}); }

int64_t BoundMask::pairs(int32_t node, runtime::TokenRange queries, runtime::TokenRange keys) const {
  int64_t total = 0;
  std::vector<Box> keyBoxes = boxes(keys);
  for (const Box &query : boxes(queries))
    for (const Box &key : keyBoxes)
      total += count(node, query, key);
  return total;
}
