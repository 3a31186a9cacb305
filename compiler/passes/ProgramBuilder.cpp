// SPDX-License-Identifier: Apache-2.0
//
// Sets become nodes, and what they need to know when bound becomes recipes.
#include "compiler/passes/ProgramBuilder.h"
#include "compiler/passes/Formula.h"
#include <algorithm>
#include <set>

using namespace falloff;

std::string falloff::keyOf(const Formula &formula) {
  std::string text;
  for (const FormulaStep &step : formula) {
    // Hexadecimal digits of the value, so that different numbers never share a text.
    char value[40];
    snprintf(value, sizeof value, "%a", step.value);
    text += std::to_string(step.kind) + ':' + std::to_string(step.step) + ':' + std::to_string(step.index) + ':' +
            value + ' ';
  }
  return text;
}

//===--- axes ---------------------------------------------------------------------------------------------------===//

std::vector<int32_t> ProgramBuilder::segment(const std::string &name, const std::vector<std::string> &axes) {
  int32_t number = int32_t(recipe.program.segments.size());
  recipe.program.segments.push_back({name, axes});
  std::vector<int32_t> numbers;
  for (size_t i = 0; i < axes.size(); ++i) {
    AxisRecipe base;
    base.segment = number;
    base.axis = int32_t(i);
    base.name = axes[i];
    numbers.push_back(axis(base));
  }
  return numbers;
}

int32_t ProgramBuilder::parameter(const std::string &name) {
  recipe.parameters.push_back(name);
  return int32_t(recipe.parameters.size() - 1);
}

int32_t ProgramBuilder::axis(AxisRecipe axis) {
  axis.source = source;
  std::string key = "axis " + std::to_string(axis.kind) + ' ' + std::to_string(axis.segment) + ' ' +
                    std::to_string(axis.axis) + ' ' + std::to_string(axis.parent) + ' ' + keyOf(axis.size) +
                    std::to_string(axis.cut) + ' ' + std::to_string(axis.cutsParameter);
  for (double cut : axis.cuts)
    key += ' ' + std::to_string(cut);
  auto [it, added] = known.try_emplace(key, int32_t(recipe.axes.size()));
  if (added)
    recipe.axes.push_back(std::move(axis));
  return it->second;
}

static AxisRecipe splitOf(const ProgramRecipe &recipe, int32_t parent, AxisRecipe::Kind kind) {
  AxisRecipe split;
  split.kind = kind;
  split.segment = recipe.axes[parent].segment;
  split.axis = recipe.axes[parent].axis;
  split.parent = parent;
  const char *what[] = {"", "part of ", "offset in ", "residue of "};
  split.name = what[kind] + recipe.axes[parent].name;
  return split;
}

std::pair<int32_t, int32_t> ProgramBuilder::splitBy(int32_t parent, Formula size) {
  AxisRecipe part = splitOf(recipe, parent, AxisRecipe::Part), offset = splitOf(recipe, parent, AxisRecipe::Offset);
  part.size = offset.size = std::move(size);
  return {axis(part), axis(offset)};
}

std::pair<int32_t, int32_t> ProgramBuilder::splitAt(int32_t parent, std::vector<double> cuts) {
  AxisRecipe part = splitOf(recipe, parent, AxisRecipe::Part), offset = splitOf(recipe, parent, AxisRecipe::Offset);
  part.cut = offset.cut = true;
  part.cuts = offset.cuts = std::move(cuts);
  return {axis(part), axis(offset)};
}

std::pair<int32_t, int32_t> ProgramBuilder::splitAtParameter(int32_t parent, int32_t parameter) {
  AxisRecipe part = splitOf(recipe, parent, AxisRecipe::Part), offset = splitOf(recipe, parent, AxisRecipe::Offset);
  part.cut = offset.cut = true;
  part.cutsParameter = offset.cutsParameter = parameter;
  return {axis(part), axis(offset)};
}

bool ProgramBuilder::monotone(int32_t axis) const {
  const AxisRecipe &recipe = this->recipe.axes[axis];
  return recipe.kind == AxisRecipe::Base || (recipe.kind == AxisRecipe::Part && monotone(recipe.parent));
}

int32_t ProgramBuilder::coordinateOf(int32_t axis) {
  AxisRecipe &recipe = this->recipe.axes[axis];
  if (recipe.coordinate >= 0)
    return recipe.coordinate;
  SetProgram &program = this->recipe.program;
  int32_t table = recipe.kind == AxisRecipe::Base ? -1 : program.tables++;
  recipe.coordinate = int32_t(program.coordinates.size());
  program.coordinates.push_back({recipe.segment, recipe.axis, table});
  return recipe.coordinate;
}

int32_t ProgramBuilder::baseCoordinate(int32_t axis) {
  while (recipe.axes[axis].parent >= 0)
    axis = recipe.axes[axis].parent;
  return coordinateOf(axis);
}

//===--- nodes --------------------------------------------------------------------------------------------------===//

/// Text that nodes share exactly if they are the same set: tables are not numbered yet, and the steps of a `where`
/// follow from its recipe.
static std::string keyOfNode(const SetNode &node, const NodeRecipe &recipe) {
  std::string text = "node";
  auto add = [&](int64_t value) { text += ' ' + std::to_string(value); };
  auto list = [&](const std::vector<int32_t> &values) {
    add(int64_t(values.size()));
    std::for_each(values.begin(), values.end(), add);
  };
  add(int64_t(node.kind));
  list(node.operands);
  for (int32_t value : {node.segment, node.coordinate, node.query, node.equal})
    add(value);
  list(node.coordinates);
  add(recipe.kind);
  add(recipe.axis);
  text += keyOf(recipe.count) + '|' + keyOf(recipe.stride) + '|' + keyOf(recipe.dilation);
  add(recipe.causal);
  list(recipe.axes);
  add(recipe.parameter);
  for (const std::vector<bool> &row : recipe.relation) {
    text += '\n';
    for (bool linked : row)
      text += linked ? '1' : '0';
  }
  return text + ' ' + recipe.word;
}

int32_t ProgramBuilder::node(SetNode node, NodeRecipe recipe) {
  recipe.source = source;
  SetProgram &program = this->recipe.program;
  auto [it, added] = known.try_emplace(keyOfNode(node, recipe), int32_t(program.nodes.size()));
  if (!added)
    return it->second;
  bool tabled = recipe.kind != NodeRecipe::Nothing && node.kind != SetKind::Where;
  if (tabled)
    node.table = program.tables++;
  if (node.kind == SetKind::Interval)
    node.high = program.tables++;
  program.nodes.push_back(std::move(node));
  this->recipe.nodes.push_back(std::move(recipe));
  return it->second;
}

int32_t ProgramBuilder::everything() { return allOf({}); }

int32_t ProgramBuilder::end(SetKind kind, int32_t axis) {
  SetNode leaf;
  leaf.kind = kind;
  leaf.segment = recipe.axes[axis].segment;
  return node(leaf, {});
}

int32_t ProgramBuilder::keys(int32_t axis) { return end(SetKind::Keys, axis); }
int32_t ProgramBuilder::queries(int32_t axis) { return end(SetKind::Queries, axis); }
int32_t ProgramBuilder::either(int32_t axis) { return end(SetKind::Either, axis); }

int32_t ProgramBuilder::interval(int32_t axis, NodeRecipe recipe) {
  recipe.axis = axis;
  SetNode leaf;
  leaf.kind = SetKind::Interval;
  leaf.segment = this->recipe.axes[axis].segment;
  leaf.query = baseCoordinate(axis);
  // Along an axis whose coordinate never falls an interval of it is an interval of the base axis.
  leaf.coordinate = monotone(axis) ? leaf.query : coordinateOf(axis);
  if (!recipe.dilation.empty()) {
    AxisRecipe residue = splitOf(this->recipe, axis, AxisRecipe::Residue);
    residue.size = recipe.dilation;
    leaf.equal = coordinateOf(this->axis(residue));
  }
  return node(leaf, std::move(recipe));
}

int32_t ProgramBuilder::first(int32_t axis, Formula count) {
  NodeRecipe recipe;
  recipe.kind = NodeRecipe::First;
  recipe.count = std::move(count);
  return interval(axis, std::move(recipe));
}

int32_t ProgramBuilder::same(int32_t axis) {
  NodeRecipe recipe;
  recipe.kind = NodeRecipe::Same;
  return interval(axis, std::move(recipe));
}

int32_t ProgramBuilder::causal(int32_t axis) {
  NodeRecipe recipe;
  recipe.kind = NodeRecipe::Causal;
  return interval(axis, std::move(recipe));
}

int32_t ProgramBuilder::window(int32_t axis, Formula size, Formula stride, Formula dilation, bool causal) {
  NodeRecipe recipe;
  recipe.kind = NodeRecipe::Window;
  recipe.count = std::move(size);
  recipe.stride = std::move(stride);
  recipe.dilation = std::move(dilation);
  recipe.causal = causal;
  return interval(axis, std::move(recipe));
}

int32_t ProgramBuilder::within(int32_t axis, Formula width) {
  NodeRecipe recipe;
  recipe.count = std::move(width);
  recipe.axis = axis;
  collectDistances(recipe.count, recipe.axes);
  if (recipe.axes.empty()) {
    recipe.kind = NodeRecipe::Within;
    return interval(axis, std::move(recipe));
  }
  recipe.kind = NodeRecipe::Width;
  SetNode leaf;
  leaf.kind = SetKind::Width;
  leaf.coordinate = coordinateOf(axis);
  leaf.segment = this->recipe.axes[axis].segment;
  return distances(leaf, std::move(recipe));
}

/// Gives a leaf the coordinates whose distances index its table; the empty set if they lie in different segments.
int32_t ProgramBuilder::distances(SetNode leaf, NodeRecipe recipe) {
  for (int32_t axis : recipe.axes) {
    int32_t segment = this->recipe.axes[axis].segment;
    if (leaf.segment >= 0 && leaf.segment != segment)
      return anyOf({});
    leaf.segment = segment;
    leaf.coordinates.push_back(coordinateOf(axis));
  }
  return node(std::move(leaf), std::move(recipe));
}

int32_t ProgramBuilder::where(const Formula &condition) {
  if (readsEnds(condition))
    return whereOfEnds(condition);
  NodeRecipe recipe;
  recipe.count = condition;
  collectDistances(condition, recipe.axes);
  SetNode leaf;
  if (recipe.axes.empty()) { // known when bound: all pairs or none
    recipe.kind = NodeRecipe::When;
    leaf.kind = SetKind::When;
    leaf.operands = {everything()};
    return node(leaf, std::move(recipe));
  }
  recipe.kind = NodeRecipe::Beat;
  leaf.kind = SetKind::Beat;
  return distances(leaf, std::move(recipe));
}

/// Steps of a condition; what is known when bound is one number each.
std::vector<WhereStep> ProgramBuilder::whereSteps(const Formula &condition) {
  struct Operand {
    size_t steps, formula; ///< where it begins in the output and in the condition
    bool bound;
  };
  std::vector<WhereStep> steps;
  std::vector<Operand> stack;
  auto settle = [&](const Operand &operand, size_t end, size_t stepsEnd) {
    if (!operand.bound)
      return;
    steps.erase(steps.begin() + operand.steps, steps.begin() + stepsEnd);
    steps.insert(steps.begin() + operand.steps, {WhereStep::Number, int32_t(recipe.numbers.size())});
    recipe.numbers.emplace_back(condition.begin() + operand.formula, condition.begin() + end);
  };
  for (size_t i = 0; i < condition.size(); ++i) {
    const FormulaStep &step = condition[i];
    int operands = step.kind == FormulaStep::Read ? arity(step.step) : 0;
    bool reads = step.kind == FormulaStep::Read && operands == 0;
    if (operands == 0) {
      stack.push_back({steps.size(), i, !reads});
      steps.push_back({step.step, reads ? coordinateOf(step.index) : -1});
      continue;
    }
    Operand last = stack.back(), before = stack[stack.size() - operands];
    bool bound = last.bound && before.bound;
    if (operands == 2 && !bound) { // the later one first: positions of the earlier one stay valid
      settle(last, i, steps.size());
      settle(before, last.formula, last.steps);
    }
    stack.resize(stack.size() - operands);
    stack.push_back({before.steps, before.formula, bound});
    steps.push_back({step.step, -1});
  }
  return steps;
}

int32_t ProgramBuilder::whereOfEnds(const Formula &condition) {
  std::set<int32_t> querySegments, keySegments;
  for (const FormulaStep &step : condition) {
    if (step.kind != FormulaStep::Read || arity(step.step) != 0)
      continue;
    int32_t segment = recipe.axes[step.index].segment;
    if (step.step != WhereStep::Key)
      querySegments.insert(segment);
    if (step.step != WhereStep::Query)
      keySegments.insert(segment);
  }
  NodeRecipe where;
  where.kind = NodeRecipe::Where;
  where.count = condition;
  SetNode leaf;
  leaf.kind = SetKind::Where;
  size_t numbers = recipe.numbers.size(), nodes = recipe.program.nodes.size();
  leaf.where = whereSteps(condition);
  leaf.querySegments.assign(querySegments.begin(), querySegments.end());
  leaf.keySegments.assign(keySegments.begin(), keySegments.end());
  int32_t result = node(std::move(leaf), std::move(where));
  if (size_t(result) < nodes)
    recipe.numbers.resize(numbers);
  return result;
}

int32_t ProgramBuilder::linked(const std::vector<int32_t> &axes, int32_t parameter,
                               std::vector<std::vector<bool>> relation) {
  NodeRecipe linked;
  linked.kind = NodeRecipe::Linked;
  linked.axes = axes;
  linked.parameter = parameter;
  linked.relation = std::move(relation);
  SetNode leaf;
  leaf.kind = SetKind::Linked;
  return distances(std::move(leaf), std::move(linked));
}

int32_t ProgramBuilder::when(int32_t parameter, const std::string &word, int32_t set) {
  NodeRecipe when;
  when.kind = NodeRecipe::When;
  when.parameter = parameter;
  when.word = word;
  SetNode leaf;
  leaf.kind = SetKind::When;
  leaf.operands = {set};
  return node(std::move(leaf), std::move(when));
}

//===--- algebra ------------------------------------------------------------------------------------------------===//

static void sortUnique(std::vector<int32_t> &values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

int32_t ProgramBuilder::anyOf(std::vector<int32_t> sets) {
  std::vector<int32_t> flat;
  for (int32_t set : sets) {
    const SetNode &operand = recipe.program.nodes[set];
    if (operand.kind == SetKind::Everything)
      return set;
    if (operand.kind == SetKind::AnyOf)
      flat.insert(flat.end(), operand.operands.begin(), operand.operands.end());
    else
      flat.push_back(set);
  }
  sortUnique(flat);
  if (flat.size() == 1)
    return flat.front();
  SetNode set;
  set.kind = SetKind::AnyOf;
  set.operands = std::move(flat);
  return node(std::move(set), {});
}

int32_t ProgramBuilder::allOf(std::vector<int32_t> sets) {
  std::vector<int32_t> flat;
  for (int32_t set : sets) {
    const SetNode &operand = recipe.program.nodes[set];
    if (operand.kind == SetKind::AnyOf && operand.operands.empty())
      return set;
    if (operand.kind == SetKind::AllOf)
      flat.insert(flat.end(), operand.operands.begin(), operand.operands.end());
    else if (operand.kind != SetKind::Everything)
      flat.push_back(set);
  }
  sortUnique(flat);
  if (flat.size() == 1)
    return flat.front();
  SetNode set;
  set.kind = flat.empty() ? SetKind::Everything : SetKind::AllOf;
  set.operands = std::move(flat);
  return node(std::move(set), {});
}

int32_t ProgramBuilder::noneOf(std::vector<int32_t> sets) {
  SetNode set;
  set.kind = SetKind::NoneOf;
  int32_t any = anyOf(std::move(sets));
  const SetNode &operand = recipe.program.nodes[any];
  if (operand.kind == SetKind::NoneOf && operand.operands.size() == 1)
    return operand.operands.front();
  if (operand.kind == SetKind::Everything)
    return anyOf({});
  if (operand.kind == SetKind::AnyOf && operand.operands.empty())
    return everything();
  set.operands = operand.kind == SetKind::AnyOf ? operand.operands : std::vector<int32_t>{any};
  return node(std::move(set), {});
}

bool ProgramBuilder::keep(const std::vector<int32_t> &exact, const std::vector<About> &abouts,
                          const std::vector<int32_t> &limits) {
  // Sets around which fills have the same limit are one group.
  std::vector<std::pair<int32_t, std::vector<int32_t>>> groups;
  std::vector<int32_t> all = exact;
  int32_t limit = allOf(limits);
  for (const About &about : abouts) {
    int32_t own = allOf({about.limit < 0 ? everything() : about.limit, limit});
    auto group = std::find_if(groups.begin(), groups.end(), [&](auto &group) { return group.first == own; });
    if (group == groups.end())
      group = groups.insert(groups.end(), {own, {}});
    int32_t set = about.limit < 0 ? about.set : allOf({about.set, about.limit});
    group->second.push_back(set);
    all.push_back(set);
  }
  SetProgram &program = recipe.program;
  program.contains = allOf({anyOf(all), limit});
  program.exact = allOf({anyOf(exact), limit});
  program.limit = limit;
  if (groups.size() > maxGroups)
    return false;
  for (auto &[own, sets] : groups)
    program.abouts.push_back({allOf({anyOf(sets), limit}), own, allOf({program.contains, own})});
  for (uint32_t fills = 1; fills < 1u << groups.size(); ++fills) {
    std::vector<int32_t> sets{program.contains};
    for (size_t j = 0; j < groups.size(); ++j)
      if (fills >> j & 1)
        sets.push_back(groups[j].first);
    program.filled.push_back(anyOf(sets));
  }
  return true;
}

ProgramRecipe ProgramBuilder::take() {
  recipe.program.extentTable = recipe.program.tables++;
  recipe.program.numbers = int32_t(recipe.numbers.size());
  return std::move(recipe);
}
