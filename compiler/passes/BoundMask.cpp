// SPDX-License-Identifier: Apache-2.0
//
// Makes a bound mask: views of its tables, and the program folded for each pair of segments.
#include "compiler/passes/BoundMask.h"
#include "compiler/passes/BindProgram.h"
#include "compiler/passes/BoundMaskImpl.h"
#include "compiler/passes/Project.h"
#include <numeric>

using namespace falloff;
using Impl = BoundMask::Impl;

namespace {

/// Makes the parts of an Impl one after another.
class MaskMaker {
public:
  MaskMaker(const ProgramRecipe &recipe, const ProgramInputs &inputs);
  std::shared_ptr<const Impl> make();

private:
  void makeSegments();
  void makeCoordinates();
  void makeLeaves();
  void makeInterval(BoundLeaf &leaf, const SetNode &node);
  void makeTable(BoundLeaf &leaf, const SetNode &node);
  void makeWhere(BoundLeaf &leaf, const SetNode &node);
  void countLinks(BoundLeaf &leaf);
  void makeProjections();

  // Folding for one pair of segments; results are nodes of the tree, `none` or `all`.
  void fold(int32_t query, int32_t key);
  int32_t foldNode(const SetNode &node, int32_t number);
  int32_t foldLeaf(int32_t leaf);
  int32_t combine(PairTree::Op op, const std::vector<int32_t> &operands);
  int32_t negate(int32_t operand);
  void mergeIntervals(std::vector<int32_t> &operands);
  int32_t mergeIntervals(const BoundLeaf &a, const BoundLeaf &b);
  int32_t add(PairTree::Node node);
  bool inSegments(const std::vector<int32_t> &segments, int32_t segment) const;

  const ProgramInputs &inputs;
  std::shared_ptr<Impl> mask = std::make_shared<Impl>();
  PairTree *tree = nullptr;
  Box query, key;
};

} // namespace

MaskMaker::MaskMaker(const ProgramRecipe &recipe, const ProgramInputs &inputs) : inputs(inputs) {
  mask->program = recipe.program;
  mask->data = bindTables(recipe, inputs);
}

std::shared_ptr<const Impl> MaskMaker::make() {
  makeSegments();
  makeCoordinates();
  makeLeaves();
  int32_t segments = int32_t(mask->segments.size());
  mask->trees.resize(size_t(segments) * segments);
  for (int32_t q = 0; q < segments; ++q)
    for (int32_t k = 0; k < segments; ++k)
      fold(q, k);
  makeProjections();
  return mask;
}

void MaskMaker::makeProjections() {
  mask->projections.resize(mask->leaves.size() * Box::maxAxes);
  for (size_t i = 0; i < mask->leaves.size(); ++i)
    for (int32_t axis = 0; axis < Box::maxAxes; ++axis)
      if (mask->leaves[i].axes & bothEnds(axis))
        mask->projections[i * Box::maxAxes + axis] = std::make_shared<Projection>(*mask, mask->leaves[i], axis);
}

void MaskMaker::makeSegments() {
  std::vector<unsigned> order = inputs.order;
  order.resize(mask->program.segments.size());
  if (inputs.order.empty())
    std::iota(order.begin(), order.end(), 0);
  mask->boundOf.resize(order.size());
  for (unsigned id : order) {
    mask->boundOf[id] = int32_t(mask->segments.size());
    BoundMask::Segment &segment = mask->segments.emplace_back();
    segment.id = int32_t(id);
    segment.extents = inputs.extents[id];
    segment.firstToken = mask->tokens;
    segment.tokens = 1;
    for (int64_t extent : segment.extents)
      segment.tokens *= extent;
    mask->tokens += segment.tokens;
  }
}

void MaskMaker::makeCoordinates() {
  const std::vector<int32_t> &extents = mask->data.tables[mask->program.extentTable];
  for (const runtime::Coordinate &coordinate : mask->program.coordinates) {
    BoundCoordinate bound;
    bound.segment = mask->boundOf[coordinate.segment];
    bound.axis = coordinate.axis;
    bound.extent = extents[mask->coordinates.size()];
    if (coordinate.table >= 0) {
      const std::vector<int32_t> &values = mask->data.tables[coordinate.table];
      bound.values = values.data();
      bound.extremes = RangeExtremes(values.data(), int64_t(values.size()));
      bound.monotone = bound.extremes.neverFalls();
      for (int32_t i = 0; bound.monotone && i <= bound.extent; ++i)
        bound.starts.push_back(int32_t(std::lower_bound(values.begin(), values.end(), i) - values.begin()));
    }
    mask->coordinates.push_back(std::move(bound));
  }
}

//===--- leaves -------------------------------------------------------------------------------------------------===//

void MaskMaker::makeLeaves() {
  const std::vector<SetNode> &nodes = mask->program.nodes;
  mask->leafOf.assign(nodes.size(), -1);
  for (size_t i = 0; i < nodes.size(); ++i) {
    const SetNode &node = nodes[i];
    bool isTable = node.kind == SetKind::Width || node.kind == SetKind::Beat || node.kind == SetKind::Linked;
    if (node.kind != SetKind::Interval && node.kind != SetKind::Where && !isTable)
      continue;
    BoundLeaf leaf;
    leaf.kind = node.kind;
    leaf.node = int32_t(i);
    if (node.kind == SetKind::Where)
      makeWhere(leaf, node);
    else if (node.kind == SetKind::Interval)
      makeInterval(leaf, node);
    else
      makeTable(leaf, node);
    mask->leafOf[i] = int32_t(mask->leaves.size());
    mask->leaves.push_back(std::move(leaf));
  }
}

void MaskMaker::makeInterval(BoundLeaf &leaf, const SetNode &node) {
  leaf.segment = mask->boundOf[node.segment];
  leaf.axis = mask->coordinates[node.query].axis;
  leaf.axes = bothEnds(leaf.axis);
  leaf.coordinate = node.coordinate;
  leaf.equal = node.equal;
  leaf.modulus = node.equal >= 0 ? std::max(1, mask->coordinates[node.equal].extent) : 1;
  leaf.plainResidue = leaf.modulus > 1;
  for (int64_t x = 0; leaf.plainResidue && x < mask->segments[leaf.segment].extents[leaf.axis]; ++x)
    leaf.plainResidue = mask->coordinates[node.equal].at(int32_t(x)) == x % leaf.modulus;
  const std::vector<int32_t> &lo = mask->data.tables[node.table], &hi = mask->data.tables[node.high];
  leaf.lo = lo.data();
  leaf.hi = hi.data();
  leaf.lows = RangeExtremes(leaf.lo, int64_t(lo.size()));
  leaf.highs = RangeExtremes(leaf.hi, int64_t(hi.size()));
}

void MaskMaker::makeTable(BoundLeaf &leaf, const SetNode &node) {
  leaf.segment = mask->boundOf[node.segment];
  leaf.coordinate = node.coordinate;
  leaf.coordinates = node.coordinates;
  leaf.strides.resize(node.coordinates.size());
  int64_t size = 1;
  for (size_t i = node.coordinates.size(); i-- > 0;) {
    leaf.strides[i] = size;
    size *= mask->coordinates[node.coordinates[i]].extent;
    leaf.axes |= bothEnds(mask->coordinates[node.coordinates[i]].axis);
  }
  if (node.kind == SetKind::Width)
    leaf.axes |= bothEnds(mask->coordinates[node.coordinate].axis);
  for (int32_t axis = 0; axis < Box::maxAxes; ++axis)
    if (leaf.axes == bothEnds(axis))
      leaf.axis = axis;
  const std::vector<int32_t> &table = mask->data.tables[node.table];
  leaf.table = table.data();
  leaf.size = size;
  if (node.kind == SetKind::Linked)
    countLinks(leaf);
  else
    leaf.entries = RangeExtremes(leaf.table, int64_t(table.size()));
}

void MaskMaker::countLinks(BoundLeaf &leaf) {
  constexpr int64_t largest = 4096;
  if (leaf.size > largest)
    return;
  int64_t n = leaf.size, stride = n + 1;
  leaf.prefix.assign(stride * stride, 0);
  for (int64_t i = 0; i < n; ++i) {
    int32_t row = 0;
    for (int64_t j = 0; j < n; ++j) {
      row += leaf.table[i * n + j];
      leaf.prefix[(i + 1) * stride + j + 1] = leaf.prefix[i * stride + j + 1] + row;
    }
  }
}

void MaskMaker::makeWhere(BoundLeaf &leaf, const SetNode &node) {
  leaf.where = &node.where;
  for (const WhereStep &step : node.where) {
    if (step.kind == WhereStep::Query || step.kind == WhereStep::Distance)
      leaf.axes |= queryAxis(mask->coordinates[step.slot].axis);
    if (step.kind == WhereStep::Key || step.kind == WhereStep::Distance)
      leaf.axes |= keyAxis(mask->coordinates[step.slot].axis);
  }
  if (node.querySegments != node.keySegments || node.querySegments.size() != 1)
    return;
  leaf.segment = mask->boundOf[node.querySegments.front()];
  for (int32_t axis = 0; axis < Box::maxAxes; ++axis)
    if (leaf.axes == bothEnds(axis))
      leaf.axis = axis;
}

//===--- folding ------------------------------------------------------------------------------------------------===//

static Box wholeBox(const Impl &mask, int32_t segment) {
  Box box;
  box.segment = segment;
  for (int32_t i = 0; i < mask.axesOf(segment); ++i)
    box.hi[i] = int32_t(mask.segments[segment].extents[i]);
  return box;
}

void MaskMaker::fold(int32_t querySegment, int32_t keySegment) {
  tree = &mask->trees[querySegment * mask->segments.size() + keySegment];
  query = wholeBox(*mask, querySegment);
  key = wholeBox(*mask, keySegment);
  const std::vector<SetNode> &nodes = mask->program.nodes;
  tree->roots.assign(nodes.size(), PairTree::none);
  if (mask->segments[querySegment].tokens == 0 || mask->segments[keySegment].tokens == 0)
    return;
  for (size_t i = 0; i < nodes.size(); ++i)
    tree->roots[i] = foldNode(nodes[i], int32_t(i));
}

bool MaskMaker::inSegments(const std::vector<int32_t> &segments, int32_t segment) const {
  return std::all_of(segments.begin(), segments.end(), [&](int32_t id) { return mask->boundOf[id] == segment; });
}

int32_t MaskMaker::foldNode(const SetNode &node, int32_t number) {
  auto decided = [](bool holds) { return holds ? PairTree::all : PairTree::none; };
  std::vector<int32_t> operands;
  for (int32_t operand : node.operands)
    operands.push_back(tree->roots[operand]);
  bool isKey = node.segment >= 0 && key.segment == mask->boundOf[node.segment];
  bool isQuery = node.segment >= 0 && query.segment == mask->boundOf[node.segment];
  switch (node.kind) {
  case SetKind::Everything:
    return PairTree::all;
  case SetKind::AnyOf:
    return combine(PairTree::Or, operands);
  case SetKind::AllOf:
    return combine(PairTree::And, operands);
  case SetKind::NoneOf:
    return negate(combine(PairTree::Or, operands));
  case SetKind::Keys:
    return decided(isKey);
  case SetKind::Queries:
    return decided(isQuery);
  case SetKind::Either:
    return decided(isKey || isQuery);
  case SetKind::When:
    return mask->data.tables[node.table][0] != 0 ? operands.front() : PairTree::none;
  case SetKind::Where:
    if (!inSegments(node.querySegments, query.segment) || !inSegments(node.keySegments, key.segment))
      return PairTree::none;
    return foldLeaf(mask->leafOf[number]);
  default:
    return isKey && isQuery ? foldLeaf(mask->leafOf[number]) : PairTree::none;
  }
}

int32_t MaskMaker::foldLeaf(int32_t leaf) {
  Class whole = mask->classify(mask->leaves[leaf], query, key);
  if (whole != Class::Some)
    return whole == Class::All ? PairTree::all : PairTree::none;
  PairTree::Node node;
  node.leaf = leaf;
  node.axes = mask->leaves[leaf].axes;
  return add(node);
}

int32_t MaskMaker::add(PairTree::Node node) {
  for (int32_t i = node.first; i < node.last; ++i)
    node.axes |= tree->nodes[tree->operands[i]].axes;
  tree->nodes.push_back(node);
  return int32_t(tree->nodes.size() - 1);
}

int32_t MaskMaker::combine(PairTree::Op op, const std::vector<int32_t> &sets) {
  int32_t decides = op == PairTree::And ? PairTree::none : PairTree::all;
  std::vector<int32_t> operands;
  for (int32_t set : sets) {
    if (set == decides)
      return decides;
    if (set < 0)
      continue;
    const PairTree::Node &node = tree->nodes[set];
    if (node.op == op)
      operands.insert(operands.end(), &tree->operands[node.first],
                      &tree->operands[node.first] + (node.last - node.first));
    else
      operands.push_back(set);
  }
  std::sort(operands.begin(), operands.end());
  operands.erase(std::unique(operands.begin(), operands.end()), operands.end());
  if (op == PairTree::And)
    mergeIntervals(operands);
  if (!operands.empty() && operands.front() == PairTree::none) // disjoint intervals
    return PairTree::none;
  if (operands.empty())
    return op == PairTree::And ? PairTree::all : PairTree::none;
  if (operands.size() == 1)
    return operands.front();
  PairTree::Node node;
  node.op = op;
  node.first = int32_t(tree->operands.size());
  tree->operands.insert(tree->operands.end(), operands.begin(), operands.end());
  node.last = int32_t(tree->operands.size());
  return add(node);
}

int32_t MaskMaker::negate(int32_t operand) {
  if (operand < 0)
    return operand == PairTree::all ? PairTree::none : PairTree::all;
  if (tree->nodes[operand].op == PairTree::Not)
    return tree->operands[tree->nodes[operand].first];
  PairTree::Node node;
  node.op = PairTree::Not;
  node.first = int32_t(tree->operands.size());
  tree->operands.push_back(operand);
  node.last = int32_t(tree->operands.size());
  return add(node);
}

/// Intersects intervals along one axis, so that `all_of` of them is one leaf with a closed form.
void MaskMaker::mergeIntervals(std::vector<int32_t> &operands) {
  std::vector<int32_t> merged;
  for (int32_t operand : operands) {
    auto mergeable = [&](int32_t set) -> const BoundLeaf * {
      if (set < 0 || tree->nodes[set].op != PairTree::Leaf)
        return nullptr;
      const BoundLeaf &leaf = mask->leaves[tree->nodes[set].leaf];
      bool positions = leaf.kind == SetKind::Interval && !mask->coordinates[leaf.coordinate].values;
      return positions && leaf.modulus == 1 ? &leaf : nullptr;
    };
    const BoundLeaf *leaf = mergeable(operand);
    auto partner = std::find_if(merged.begin(), merged.end(), [&](int32_t set) {
      const BoundLeaf *other = mergeable(set);
      return leaf && other && other->axis == leaf->axis;
    });
    if (partner == merged.end()) {
      merged.push_back(operand);
      continue;
    }
    int32_t both = mergeIntervals(*mergeable(*partner), *leaf);
    merged.erase(partner);
    if (both == PairTree::none) {
      operands = {PairTree::none};
      return;
    }
    if (both != PairTree::all)
      merged.push_back(both);
  }
  operands = std::move(merged);
}

int32_t MaskMaker::mergeIntervals(const BoundLeaf &a, const BoundLeaf &b) {
  int64_t extent = mask->segments[a.segment].extents[a.axis];
  std::vector<int32_t> &lo = mask->folded.emplace_back(extent), &hi = mask->folded.emplace_back(extent);
  for (int64_t x = 0; x < extent; ++x) {
    lo[x] = std::max(a.lo[x], b.lo[x]);
    hi[x] = std::max(lo[x], std::min(a.hi[x], b.hi[x]));
  }
  BoundLeaf leaf = a;
  leaf.node = -1;
  leaf.lo = lo.data();
  leaf.hi = hi.data();
  leaf.lows = RangeExtremes(leaf.lo, extent);
  leaf.highs = RangeExtremes(leaf.hi, extent);
  mask->leaves.push_back(std::move(leaf));
  return foldLeaf(int32_t(mask->leaves.size() - 1));
}

//===--- the public face ----------------------------------------------------------------------------------------===//

BoundMask falloff::bindProgram(const ProgramRecipe &recipe, const ProgramInputs &inputs) {
  return BoundMask(MaskMaker(recipe, inputs).make());
}

const SetProgram &BoundMask::program() const { return impl->program; }
const runtime::MaskData &BoundMask::data() const { return impl->data; }
const std::vector<BoundMask::Segment> &BoundMask::segments() const { return impl->segments; }
int64_t BoundMask::tokens() const { return impl->tokens; }
Box BoundMask::whole(int32_t segment) const { return wholeBox(*impl, segment); }

Box Impl::box(int64_t token) const {
  Box box;
  while (token >= segments[box.segment].firstToken + segments[box.segment].tokens)
    ++box.segment;
  const Segment &segment = segments[box.segment];
  int64_t rest = token - segment.firstToken;
  for (size_t i = segment.extents.size(); i-- > 0;) {
    box.lo[i] = int32_t(rest % segment.extents[i]);
    box.hi[i] = box.lo[i] + 1;
    rest /= segment.extents[i];
  }
  return box;
}

bool BoundMask::contains(int32_t node, int64_t query, int64_t key) const {
  Box q = impl->box(query), k = impl->box(key);
  const PairTree &tree = impl->tree(q.segment, k.segment);
  return impl->contains(tree, tree.roots[node], q.lo, k.lo);
}

/// Boxes of the tokens [first, last) of the sub-box where the axes before `axis` are fixed in `box`.
static void addBoxes(const BoundMask::Segment &segment, Box box, size_t axis, int64_t first, int64_t last,
                     std::vector<Box> &boxes) {
  if (first >= last)
    return;
  int64_t inner = 1; // tokens of one index
  for (size_t i = axis + 1; i < segment.extents.size(); ++i) {
    inner *= segment.extents[i];
    box.lo[i] = 0;
    box.hi[i] = int32_t(segment.extents[i]);
  }
  int64_t lo = (first + inner - 1) / inner, hi = last / inner; // whole indices
  auto part = [&](int64_t index, int64_t from, int64_t to) {
    Box piece = box;
    piece.lo[axis] = int32_t(index);
    piece.hi[axis] = int32_t(index + 1);
    addBoxes(segment, piece, axis + 1, from - index * inner, to - index * inner, boxes);
  };
  if (lo > hi) // inside one index
    return part(hi, first, last);
  if (first < lo * inner)
    part(lo - 1, first, lo * inner);
  if (lo < hi) {
    box.lo[axis] = int32_t(lo);
    box.hi[axis] = int32_t(hi);
    boxes.push_back(box);
  }
  if (hi * inner < last)
    part(hi, hi * inner, last);
}

std::vector<Box> BoundMask::boxes(runtime::TokenRange range) const {
  std::vector<Box> result;
  for (size_t i = 0; i < impl->segments.size(); ++i) {
    const Segment &segment = impl->segments[i];
    Box box;
    box.segment = int32_t(i);
    addBoxes(segment, box, 0, std::max<int64_t>(range.first - segment.firstToken, 0),
             std::min(range.last - segment.firstToken, segment.tokens), result);
  }
  return result;
}
