// SPDX-License-Identifier: Apache-2.0
//
// Numbers pairs of leading indices by what they leave of the sets. A first number joins what each leaf still knows of
// the leading axis (Project), quick but too fine: where one leaf decides a union the others do not matter. So the
// first time that a first number is seen, the sets are folded for that pair, and equal folds share a number.
#include "compiler/passes/BoundMaskImpl.h"
#include "compiler/passes/Project.h"
#include "llvm/ADT/DenseMap.h"
#include <map>

using namespace falloff;

struct LeadingSignatures::State {
  State(const BoundMask::Impl &mask, int32_t querySegment, int32_t keySegment, std::vector<int32_t> nodes);
  void addDigits(const PairTree &tree, int32_t node);
  int32_t numberOf(int32_t f, int32_t g);
  void fold(int32_t node, const Box &query, const Box &key, std::vector<int64_t> &text) const;
  Box boxOf(int32_t segment, int32_t index) const;

  const BoundMask::Impl &mask;
  std::shared_ptr<const BoundMask::Impl> owner;
  int32_t querySegment, keySegment;
  int32_t queryIndices = 1, keyIndices = 1;
  std::vector<int32_t> nodes;
  const PairTree &tree;
  /// A leaf that reads the leading axes, and what its number is multiplied with.
  struct Digit {
    int32_t leaf;
    int64_t factor;
  };
  std::vector<Digit> digits;
  int64_t combinations = 1; ///< of first numbers; -1 if they run over
  static constexpr int64_t direct = 1 << 16;
  std::vector<int32_t> directIds; ///< by first number, where there are few
  llvm::DenseMap<int64_t, int32_t> ids;
  std::map<std::vector<int64_t>, int32_t> folds;
  std::vector<std::pair<int32_t, int32_t>> representatives;
  std::vector<Class> decided; ///< by id and node
  std::vector<int64_t> first; ///< first numbers of a row
};

static int32_t leadingExtent(const BoundMask::Impl &mask, int32_t segment) {
  const std::vector<int64_t> &extents = mask.segments[segment].extents;
  return extents.size() > 1 ? int32_t(extents.front()) : 1;
}

LeadingSignatures::State::State(const BoundMask::Impl &mask, int32_t querySegment, int32_t keySegment,
                                std::vector<int32_t> nodes)
    : mask(mask), querySegment(querySegment), keySegment(keySegment), queryIndices(leadingExtent(mask, querySegment)),
      keyIndices(leadingExtent(mask, keySegment)), nodes(std::move(nodes)), tree(mask.tree(querySegment, keySegment)),
      first(keyIndices) {
  bool leading = mask.axesOf(querySegment) > 1 || mask.axesOf(keySegment) > 1;
  for (int32_t node : this->nodes)
    if (leading && tree.roots[node] >= 0)
      addDigits(tree, tree.roots[node]);
  if (combinations > 0 && combinations <= direct)
    directIds.assign(combinations, -1);
}

/// Adds the leaves below a node that read the leading axis of either end.
void LeadingSignatures::State::addDigits(const PairTree &tree, int32_t number) {
  const PairTree::Node &node = tree.nodes[number];
  for (int32_t i = node.first; i < node.last; ++i)
    addDigits(tree, tree.operands[i]);
  auto known = [&](const Digit &digit) { return digit.leaf == node.leaf; };
  if (node.op != PairTree::Leaf || combinations < 0 || std::any_of(digits.begin(), digits.end(), known))
    return;
  AxisMask leading =
      (mask.axesOf(querySegment) > 1 ? queryAxis(0) : 0) | (mask.axesOf(keySegment) > 1 ? keyAxis(0) : 0);
  const BoundLeaf &leaf = mask.leaves[node.leaf];
  if (!(leaf.axes & leading))
    return;
  if (querySegment != keySegment) { // a `where` over both segments: each pair on its own
    combinations = -1;
    return;
  }
  digits.push_back({node.leaf, combinations});
  int64_t size = mask.projection(node.leaf, 0).size();
  if (__builtin_mul_overflow(combinations, size, &combinations) || combinations > INT64_MAX / 4)
    combinations = -1;
}

Box LeadingSignatures::State::boxOf(int32_t segment, int32_t index) const {
  Box box;
  box.segment = segment;
  int32_t axes = mask.axesOf(segment);
  for (int32_t i = 0; i < axes; ++i)
    box.hi[i] = int32_t(mask.segments[segment].extents[i]);
  if (axes > 1) {
    box.lo[0] = index;
    box.hi[0] = index + 1;
  }
  return box;
}

/// Writes what is left of a set: its class where it is decided, else its operands that are not.
void LeadingSignatures::State::fold(int32_t number, const Box &query, const Box &key,
                                    std::vector<int64_t> &text) const {
  Class decided = mask.classify(tree, number, query, key);
  text.push_back(int64_t(decided));
  if (decided != Class::Some)
    return;
  const PairTree::Node &node = tree.nodes[number];
  text.push_back(node.op);
  if (node.op == PairTree::Leaf) {
    text.push_back(node.leaf);
    bool reads = mask.leaves[node.leaf].axes & bothEnds(0);
    if (querySegment == keySegment)
      text.push_back(reads ? mask.projection(node.leaf, 0).of(query.lo[0], key.lo[0]) : 0);
    else
      text.insert(text.end(), {query.lo[0], key.lo[0]});
    return;
  }
  for (int32_t i = node.first; i < node.last; ++i) {
    // Operands that are decided here are those that do not matter: none of a union, all of an intersection.
    int32_t operand = tree.operands[i];
    if (mask.classify(tree, operand, query, key) == Class::Some)
      fold(operand, query, key, text);
  }
  text.push_back(-1);
}

int32_t LeadingSignatures::State::numberOf(int32_t f, int32_t g) {
  Box query = boxOf(querySegment, f), key = boxOf(keySegment, g);
  std::vector<int64_t> text;
  std::vector<Class> classes;
  for (int32_t node : nodes) {
    int32_t root = tree.roots[node];
    classes.push_back(mask.classify(tree, root, query, key));
    if (classes.back() == Class::Some)
      fold(root, query, key, text);
    else
      text.push_back(int64_t(classes.back()));
  }
  auto [it, added] = folds.try_emplace(std::move(text), int32_t(representatives.size()));
  if (added) {
    representatives.push_back({f, g});
    decided.insert(decided.end(), classes.begin(), classes.end());
  }
  return it->second;
}

LeadingSignatures::LeadingSignatures(const BoundMask &mask, int32_t querySegment, int32_t keySegment,
                                     std::vector<int32_t> nodes)
    : state(std::make_unique<State>(*mask.impl, querySegment, keySegment, std::move(nodes))) {
  state->owner = mask.impl;
}
LeadingSignatures::~LeadingSignatures() = default;

int32_t LeadingSignatures::queryIndices() const { return state->queryIndices; }
int32_t LeadingSignatures::keyIndices() const { return state->keyIndices; }
int32_t LeadingSignatures::size() const { return int32_t(state->representatives.size()); }
std::pair<int32_t, int32_t> LeadingSignatures::representative(int32_t id) const { return state->representatives[id]; }
Class LeadingSignatures::decided(int32_t id, int32_t index) const {
  return state->decided[id * state->nodes.size() + index];
}

void LeadingSignatures::row(int32_t f, int32_t *ids) {
  int32_t count = state->keyIndices;
  if (state->combinations < 0) {
    for (int32_t g = 0; g < count; ++g)
      ids[g] = state->numberOf(f, g);
    return;
  }
  int64_t *first = state->first.data();
  std::fill_n(first, count, 0);
  for (const State::Digit &digit : state->digits)
    state->mask.projection(digit.leaf, 0).addRow(f, count, digit.factor, first);
  for (int32_t g = 0; g < count; ++g) {
    if (!state->directIds.empty()) {
      int32_t &id = state->directIds[first[g]];
      ids[g] = id >= 0 ? id : id = state->numberOf(f, g);
      continue;
    }
    auto [it, added] = state->ids.try_emplace(first[g], -1);
    ids[g] = added ? it->second = state->numberOf(f, g) : it->second;
  }
}
