// SPDX-License-Identifier: Apache-2.0
//
// Fills the tables of a set program. Each leaf is written from the language's table of meanings, along one axis: first
// by the axis' own coordinate, then carried over to positions along the base axis.
#include "compiler/passes/BindProgram.h"
#include "compiler/passes/Formula.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace falloff;

namespace {

/// An axis with its numbers: the coordinate of each position along the base axis.
struct BoundAxis {
  std::vector<int32_t> values; ///< empty for a base axis: the position
  int64_t positions = 0;       ///< along the base axis
  int64_t extent = 0;          ///< number of coordinates
  bool monotone = true;        ///< values never fall
  std::vector<int32_t> starts; ///< where monotone: first position with a coordinate of at least i, i in 0 .. extent;
                               ///< empty for a base axis
  int64_t at(int64_t position) const { return values.empty() ? position : values[position]; }
  int64_t startOf(int64_t coordinate) const { return starts.empty() ? coordinate : starts[coordinate]; }
};

/// Half-open range of coordinates.
struct Range {
  int64_t lo = 0, hi = 0;
};

/// A leaf that keeps an interval of keys for each query, with its numbers.
struct IntervalRule {
  NodeRecipe::Kind kind;
  int64_t count = 0; ///< keys of First; the width of Within; the size of Window
  int64_t stride = 1, dilation = 1;
  bool causal = false;

  /// Coordinates of the keys that query coordinate x sees on an axis of n coordinates; of a dilated window: before the
  /// test of residues.
  Range rangeOf(int64_t x, int64_t n) const;
  Range windowOf(int64_t x, int64_t n) const;
};

class Binder {
public:
  Binder(const ProgramRecipe &recipe, const ProgramInputs &inputs) : recipe(recipe), inputs(inputs) {}
  runtime::MaskData bind();

private:
  void bindAxis(int32_t number);
  void splitValues(const AxisRecipe &axis, BoundAxis &bound);
  std::vector<int64_t> startsOfParts(const AxisRecipe &axis, int64_t extent);
  void bindCoordinates();
  void bindNode(const SetNode &node, const NodeRecipe &leaf);
  void bindInterval(const SetNode &node, const NodeRecipe &leaf);
  IntervalRule ruleOf(const NodeRecipe &leaf);
  void bindDistances(const SetNode &node, const NodeRecipe &leaf);
  void bindLinked(const SetNode &node, const NodeRecipe &leaf);
  void bindWhen(const SetNode &node, const NodeRecipe &leaf);
  void checkWhere(const SetNode &node);
  void checkOperand(const std::vector<WhereStep> &operand, WhereStep::Kind kind);

  double value(const Formula &formula, const std::string &what);
  int64_t whole(const Formula &formula, int64_t least, const std::string &what);
  std::string at(const std::vector<int32_t> &axes) const;
  std::string nameOf(int32_t coordinate) const;
  bool reached(const std::vector<int32_t> &numbers) const;
  [[noreturn]] void fail(const std::string &message) const { throw BindError{message, source}; }

  const ProgramRecipe &recipe;
  const ProgramInputs &inputs;
  std::vector<BoundAxis> axes;
  std::vector<int64_t> extents;   ///< by axis number
  std::vector<double> parameters; ///< NaN where a parameter is no number
  std::vector<double> distances;  ///< by axis number
  runtime::MaskData data;
  int32_t source = -1;
};

} // namespace

static std::string text(double value) {
  char buffer[32];
  snprintf(buffer, sizeof buffer, "%.15g", value);
  return buffer;
}

double Binder::value(const Formula &formula, const std::string &what) {
  const char *error = nullptr;
  double result = evaluate(formula, {parameters.data(), extents.data(), distances.data()}, error);
  if (error)
    fail(what + " " + error);
  return result;
}

int64_t Binder::whole(const Formula &formula, int64_t least, const std::string &what) {
  double result = value(formula, what);
  if (result != std::floor(result) || result < double(least))
    fail(what + " expects a whole number of at least " + std::to_string(least) + ", but got " + text(result));
  return int64_t(std::min(result, 1e15));
}

runtime::MaskData Binder::bind() {
  const SetProgram &program = recipe.program;
  data.tables.resize(program.tables);
  for (const ProgramValue &value : inputs.parameters) {
    const double *number = std::get_if<double>(&value);
    parameters.push_back(number ? *number : std::numeric_limits<double>::quiet_NaN());
  }
  axes.resize(recipe.axes.size());
  extents.resize(recipe.axes.size());
  distances.resize(recipe.axes.size());
  for (size_t i = 0; i < recipe.axes.size(); ++i)
    bindAxis(int32_t(i));
  bindCoordinates();
  source = -1;
  for (const Formula &number : recipe.numbers)
    data.numbers.push_back(value(number, "the condition"));
  for (size_t i = 0; i < program.nodes.size(); ++i) {
    source = recipe.nodes[i].source;
    bindNode(program.nodes[i], recipe.nodes[i]);
  }
  return std::move(data);
}

//===--- axes ---------------------------------------------------------------------------------------------------===//

void Binder::bindAxis(int32_t number) {
  const AxisRecipe &axis = recipe.axes[number];
  BoundAxis &bound = axes[number];
  source = axis.source;
  int64_t length = inputs.extents[axis.segment][axis.axis];
  bound.positions = length;
  if (axis.kind == AxisRecipe::Base) {
    extents[number] = bound.extent = length;
    return;
  }
  bound.values.resize(length);
  splitValues(axis, bound);
  extents[number] = bound.extent;
  bound.monotone = std::is_sorted(bound.values.begin(), bound.values.end());
  if (!bound.monotone)
    return;
  bound.starts.assign(bound.extent + 1, int32_t(length));
  for (int64_t x = length - 1; x >= 0; --x)
    bound.starts[bound.values[x]] = int32_t(x);
  for (int64_t i = bound.extent - 1; i >= 0; --i) // parts without a position begin where the next one does
    bound.starts[i] = std::min(bound.starts[i], bound.starts[i + 1]);
}

/// First coordinates of parts that `at` cuts off; `parts` begin at 0, and at each cut.
std::vector<int64_t> Binder::startsOfParts(const AxisRecipe &axis, int64_t extent) {
  const std::vector<double> *cuts = &axis.cuts;
  if (axis.cutsParameter >= 0) {
    cuts = std::get_if<std::vector<double>>(&inputs.parameters[axis.cutsParameter]);
    if (!cuts)
      fail("parameter '" + recipe.parameters[axis.cutsParameter] + "' expects a table");
  }
  std::vector<int64_t> starts{0};
  for (double cut : *cuts) {
    if (std::isnan(cut))
      fail("a cut is not a number");
    starts.push_back(int64_t(std::ceil(std::clamp(cut, 0.0, double(extent)))));
    if (starts.back() < starts[starts.size() - 2])
      fail("split of '" + recipe.axes[axis.parent].name + "' expects sorted cuts, but " + text(cut) +
           " follows a larger one");
  }
  return starts;
}

void Binder::splitValues(const AxisRecipe &axis, BoundAxis &bound) {
  const BoundAxis &parent = axes[axis.parent];
  const std::string &name = recipe.axes[axis.parent].name;
  if (axis.cut) {
    std::vector<int64_t> starts = startsOfParts(axis, parent.extent);
    for (int64_t x = 0; x < parent.positions; ++x) {
      int64_t part = std::upper_bound(starts.begin() + 1, starts.end(), parent.at(x)) - starts.begin() - 1;
      bound.values[x] = int32_t(axis.kind == AxisRecipe::Part ? part : parent.at(x) - starts[part]);
    }
    starts.push_back(parent.extent);
    bound.extent = int64_t(starts.size()) - 1;
    if (axis.kind == AxisRecipe::Part)
      return;
    bound.extent = 0;
    for (size_t part = 0; part + 1 < starts.size(); ++part)
      bound.extent = std::max(bound.extent, starts[part + 1] - starts[part]);
    return;
  }
  int64_t size = whole(axis.size, 1, (axis.kind == AxisRecipe::Residue ? "dilation of '" : "split of '") + name + "'");
  for (int64_t x = 0; x < parent.positions; ++x)
    bound.values[x] = int32_t(axis.kind == AxisRecipe::Part ? parent.at(x) / size : parent.at(x) % size);
  bound.extent = axis.kind == AxisRecipe::Part ? (parent.extent + size - 1) / size : std::min(parent.extent, size);
}

void Binder::bindCoordinates() {
  const SetProgram &program = recipe.program;
  std::vector<int32_t> &table = data.tables[program.extentTable];
  table.resize(program.coordinates.size());
  for (size_t i = 0; i < recipe.axes.size(); ++i) {
    int32_t coordinate = recipe.axes[i].coordinate;
    if (coordinate < 0)
      continue;
    table[coordinate] = int32_t(axes[i].extent);
    if (int32_t values = program.coordinates[coordinate].table; values >= 0)
      data.tables[values] = axes[i].values;
  }
}

//===--- leaves -------------------------------------------------------------------------------------------------===//

void Binder::bindNode(const SetNode &node, const NodeRecipe &leaf) {
  switch (leaf.kind) {
  case NodeRecipe::Nothing:
    return;
  case NodeRecipe::Width:
  case NodeRecipe::Beat:
    return bindDistances(node, leaf);
  case NodeRecipe::Where:
    return checkWhere(node);
  case NodeRecipe::Linked:
    return bindLinked(node, leaf);
  case NodeRecipe::When:
    return bindWhen(node, leaf);
  default:
    return bindInterval(node, leaf);
  }
}

Range IntervalRule::windowOf(int64_t x, int64_t extent) const {
  int64_t residue = x % dilation, i = x / dilation;
  int64_t n = (extent - residue + dilation - 1) / dilation;
  int64_t lo, hi;
  if (causal) {
    int64_t leader = std::min(i / stride * stride + stride - 1, n - 1);
    lo = std::max<int64_t>(leader - count + 1, 0);
    hi = i + 1;
  } else {
    int64_t leader = std::min(i / stride * stride + stride / 2, n - 1);
    lo = std::max<int64_t>(std::min(leader - count / 2, n - count), 0);
    hi = lo + std::min(count, n);
  }
  if (lo >= hi)
    return {};
  return {lo * dilation + residue, (hi - 1) * dilation + residue + 1};
}

Range IntervalRule::rangeOf(int64_t x, int64_t n) const {
  switch (kind) {
  case NodeRecipe::First:
    return {0, count};
  case NodeRecipe::Within:
    return {std::max<int64_t>(x - count, 0), std::min(x + count + 1, n)};
  case NodeRecipe::Same:
    return {x, x + 1};
  case NodeRecipe::Causal:
    return {0, x + 1};
  default:
    return windowOf(x, n);
  }
}

IntervalRule Binder::ruleOf(const NodeRecipe &leaf) {
  const std::string &name = recipe.axes[leaf.axis].name;
  double n = double(extents[leaf.axis]);
  IntervalRule rule{leaf.kind};
  if (leaf.kind == NodeRecipe::First)
    rule.count = int64_t(std::clamp(std::ceil(value(leaf.count, "first of '" + name + "'")), 0.0, n));
  if (leaf.kind == NodeRecipe::Within)
    rule.count = int64_t(std::clamp(std::floor(value(leaf.count, "the width within '" + name + "'")), -1.0, n));
  if (leaf.kind != NodeRecipe::Window)
    return rule;
  rule.count = whole(leaf.count, 0, "window over '" + name + "'");
  rule.stride = leaf.stride.empty() ? 1 : whole(leaf.stride, 1, "stride over '" + name + "'");
  rule.dilation = leaf.dilation.empty() ? 1 : whole(leaf.dilation, 1, "dilation over '" + name + "'");
  rule.causal = leaf.causal;
  return rule;
}

void Binder::bindInterval(const SetNode &node, const NodeRecipe &leaf) {
  const BoundAxis &axis = axes[leaf.axis];
  IntervalRule rule = ruleOf(leaf);
  // By position along the base axis; in positions too, unless the coordinate is an offset.
  bool positions = node.coordinate == node.query;
  std::vector<int32_t> &lo = data.tables[node.table], &hi = data.tables[node.high];
  lo.resize(axis.positions);
  hi.resize(axis.positions);
  for (int64_t x = 0; x < axis.positions; ++x) {
    Range range = rule.rangeOf(axis.at(x), axis.extent);
    if (positions && range.lo < range.hi)
      range = {axis.startOf(range.lo), axis.startOf(range.hi)};
    bool empty = range.lo >= range.hi;
    lo[x] = empty ? 0 : int32_t(range.lo);
    hi[x] = empty ? 0 : int32_t(range.hi);
  }
}

/// "at distance(frame) = 3, distance(row) = 0".
std::string Binder::at(const std::vector<int32_t> &numbers) const {
  std::string text;
  for (int32_t axis : numbers)
    text += (text.empty() ? " at distance(" : ", distance(") + recipe.axes[axis].name +
            ") = " + std::to_string(int64_t(distances[axis]));
  return text;
}

/// Whether some pair of tokens has the distances at hand: axes split from one axis do not take all combinations.
bool Binder::reached(const std::vector<int32_t> &numbers) const {
  auto sameBase = [&](int32_t a, int32_t b) {
    return recipe.axes[a].segment == recipe.axes[b].segment && recipe.axes[a].axis == recipe.axes[b].axis;
  };
  for (int32_t base : numbers) {
    int64_t positions = axes[base].positions;
    bool found = false;
    for (int64_t x = 0; x < positions && !found; ++x)
      for (int64_t y = x; y < positions && !found; ++y)
        found = std::all_of(numbers.begin(), numbers.end(), [&](int32_t axis) {
          return !sameBase(axis, base) || std::abs(axes[axis].at(x) - axes[axis].at(y)) == distances[axis];
        });
    if (!found)
      return false;
  }
  return true;
}

void Binder::bindDistances(const SetNode &node, const NodeRecipe &leaf) {
  double entries = 1;
  for (int32_t axis : leaf.axes)
    entries *= double(extents[axis]);
  if (entries > double(maxTableEntries))
    fail("depends on " + text(entries) + " combinations of distances; expects at most " +
         std::to_string(maxTableEntries) + ", so use fewer distances or shorter axes");
  std::vector<int32_t> &table = data.tables[node.table];
  table.resize(size_t(entries));
  FormulaInputs reads{parameters.data(), extents.data(), distances.data()};
  bool width = leaf.kind == NodeRecipe::Width;
  double widest = width ? double(extents[leaf.axis]) : 1;
  for (int32_t axis : leaf.axes)
    distances[axis] = 0;
  for (size_t i = 0; i < table.size(); ++i) {
    const char *error = nullptr;
    double result = evaluate(leaf.count, reads, error);
    if (error && reached(leaf.axes))
      fail((width ? "the width " : "the condition ") + std::string(error) + at(leaf.axes));
    table[i] = error ? -1 : int32_t(std::clamp(std::floor(result), -1.0, widest));
    for (size_t digit = leaf.axes.size(); digit-- > 0;) { // the next combination, row-major
      int32_t axis = leaf.axes[digit];
      if (++distances[axis] < double(extents[axis]))
        break;
      distances[axis] = 0;
    }
  }
}

void Binder::bindLinked(const SetNode &node, const NodeRecipe &leaf) {
  const std::vector<std::vector<bool>> *relation = &leaf.relation;
  if (leaf.parameter >= 0) {
    relation = std::get_if<std::vector<std::vector<bool>>>(&inputs.parameters[leaf.parameter]);
    if (!relation)
      fail("parameter '" + recipe.parameters[leaf.parameter] + "' expects a relation");
  }
  int64_t n = 1;
  std::string names;
  for (int32_t axis : leaf.axes) {
    n = std::min(n * extents[axis], maxTableEntries);
    names += (names.empty() ? "'" : ", '") + recipe.axes[axis].name + "'";
  }
  auto fits = [&](const std::vector<bool> &row) { return int64_t(row.size()) == n; };
  if (int64_t(relation->size()) != n || !std::all_of(relation->begin(), relation->end(), fits))
    fail("expects a relation of " + std::to_string(n) + " x " + std::to_string(n) + " over " + names + ", but got " +
         std::to_string(relation->size()) + " x " + std::to_string(relation->empty() ? 0 : relation->front().size()));
  std::vector<int32_t> &table = data.tables[node.table];
  for (const std::vector<bool> &row : *relation)
    table.insert(table.end(), row.begin(), row.end());
}

void Binder::bindWhen(const SetNode &node, const NodeRecipe &leaf) {
  bool holds;
  if (leaf.parameter < 0) {
    holds = value(leaf.count, "the condition") != 0;
  } else {
    const std::string *word = std::get_if<std::string>(&inputs.parameters[leaf.parameter]);
    if (!word)
      fail("parameter '" + recipe.parameters[leaf.parameter] + "' expects a word");
    holds = *word == leaf.word;
  }
  data.tables[node.table] = {holds};
}

//===--- where --------------------------------------------------------------------------------------------------===//

/// Tries all that an operand reads: it may not be 0 (of `/`, `mod`) or negative (of `sqrt`).
void Binder::checkOperand(const std::vector<WhereStep> &operand, WhereStep::Kind kind) {
  struct ReadRange {
    WhereStep read;
    int32_t extent;
  };
  std::vector<ReadRange> reads;
  double combinations = 1;
  const std::vector<int32_t> &sizes = data.tables[recipe.program.extentTable];
  auto add = [&](WhereStep::Kind end, int32_t slot) {
    auto same = [&](const ReadRange &range) { return range.read.kind == end && range.read.slot == slot; };
    if (std::any_of(reads.begin(), reads.end(), same))
      return;
    reads.push_back({{end, slot}, sizes[slot]});
    combinations *= sizes[slot];
  };
  for (const WhereStep &step : operand) {
    if (step.kind == WhereStep::Query || step.kind == WhereStep::Distance)
      add(WhereStep::Query, step.slot);
    if (step.kind == WhereStep::Key || step.kind == WhereStep::Distance)
      add(WhereStep::Key, step.slot);
  }
  if (combinations > double(maxTableEntries))
    fail("the condition may have no value, and reads too many coordinates to tell; expects an operand of '/', 'mod' "
         "or 'sqrt' that is surely in range, as max(x, 1) is");
  std::vector<int32_t> query(sizes.size()), key(sizes.size());
  for (int64_t i = 0; i < int64_t(combinations); ++i) {
    int64_t rest = i;
    for (const ReadRange &range : reads) {
      (range.read.kind == WhereStep::Query ? query : key)[range.read.slot] = int32_t(rest % range.extent);
      rest /= range.extent;
    }
    double value = evaluate(operand, data.numbers, query.data(), key.data());
    if (kind == WhereStep::Sqrt ? value >= 0 : value != 0)
      continue;
    std::string text = kind == WhereStep::Sqrt     ? "the condition takes the square root of a negative number"
                       : kind == WhereStep::Divide ? "the condition divides by 0"
                                                   : "the condition takes mod 0";
    for (const ReadRange &range : reads) {
      bool isQuery = range.read.kind == WhereStep::Query;
      text += (&range == &reads.front() ? " at " : ", ") + std::string(isQuery ? "query(" : "key(") +
              nameOf(range.read.slot) + ") = " + std::to_string((isQuery ? query : key)[range.read.slot]);
    }
    fail(text);
  }
}

std::string Binder::nameOf(int32_t coordinate) const {
  for (const AxisRecipe &axis : recipe.axes)
    if (axis.coordinate == coordinate)
      return axis.name;
  return "";
}

/// A condition may have no value at some pair: finds such a pair where its divisors allow one.
void Binder::checkWhere(const SetNode &node) {
  std::vector<Bounds> ends(recipe.program.coordinates.size()), gaps = ends;
  for (size_t i = 0; i < ends.size(); ++i) {
    double last = std::max(0.0, double(data.tables[recipe.program.extentTable][i]) - 1);
    ends[i] = gaps[i] = {0, last};
  }
  std::vector<size_t> starts; // of operands
  for (size_t i = 0; i < node.where.size(); ++i) {
    int operands = arity(node.where[i].kind);
    size_t start = operands == 0 ? i : starts[starts.size() - operands];
    size_t last = operands == 0 ? i : starts.back();
    starts.resize(starts.size() - operands);
    starts.push_back(start);
    WhereStep::Kind kind = node.where[i].kind;
    if (kind != WhereStep::Divide && kind != WhereStep::Mod && kind != WhereStep::Sqrt)
      continue;
    std::vector<WhereStep> operand(node.where.begin() + last, node.where.begin() + i);
    Bounds bounds = evaluateBounds(operand, data.numbers, ends.data(), ends.data(), gaps.data());
    bool fits = kind == WhereStep::Sqrt ? bounds.lo >= 0 : bounds.lo > 0 || bounds.hi < 0;
    if (bounds.unknown || !fits)
      checkOperand(operand, kind);
  }
}

runtime::MaskData falloff::bindTables(const ProgramRecipe &recipe, const ProgramInputs &inputs) {
  return Binder(recipe, inputs).bind();
}
