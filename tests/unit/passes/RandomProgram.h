// SPDX-License-Identifier: Apache-2.0
//
// Random trees of sets with coordinates and tables, and the meaning of each kind of set, written here pair by pair from
// SetProgram.h. What functors of every back end are held against.
#ifndef FALLOFF_TESTS_UNIT_PASSES_RANDOMPROGRAM_H
#define FALLOFF_TESTS_UNIT_PASSES_RANDOMPROGRAM_H

#include "compiler/passes/SetProgram.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <random>
#include <vector>

namespace falloff::test {

/// A program over two segments (0: coordinates 0 and 1, of extents 6 and 9; 1: coordinate 2, of extent 7) with random
/// tables, and tokens with random coordinates.
struct RandomProgram {
  std::mt19937 engine;
  SetProgram program;
  runtime::MaskData data;
  static constexpr int32_t extents[3] = {6, 9, 7};

  explicit RandomProgram(unsigned seed) : engine(seed) {
    program.segments = {{"video", {"frame", "patch"}}, {"text", {"token"}}};
    program.coordinates = {{0, 0, -1}, {0, 1, -1}, {1, 0, -1}};
    program.extentTable = 0;
    data.tables.push_back({extents[0], extents[1], extents[2]});
    data.numbers = {3, -2, 2.5, 7};
    for (int count = 4 + below(6); count > 0; --count)
      program.nodes.push_back(leaf());
    for (int count = 3 + below(6); count > 0; --count)
      program.nodes.push_back(algebra());
    program.contains = int32_t(program.nodes.size()) - 1;
    for (int group = below(3); group > 0; --group)
      program.abouts.push_back({0, below(int(program.nodes.size()))});
    program.tables = int32_t(data.tables.size());
  }

  int below(int n) { return int(engine() % unsigned(n)); }
  int32_t table(int64_t size, int low, int high) {
    std::vector<int32_t> values(size);
    for (int32_t &value : values)
      value = low + below(high - low + 1);
    data.tables.push_back(values);
    return int32_t(data.tables.size()) - 1;
  }
  /// Some coordinates of a segment, and the number of their combinations.
  std::vector<int32_t> some(int32_t segment, int64_t &size) {
    std::vector<int32_t> chosen = segment    ? std::vector<int32_t>{2}
                                  : below(2) ? std::vector<int32_t>{0, 1}
                                             : std::vector<int32_t>{below(2)};
    size = 1;
    for (int32_t c : chosen)
      size *= extents[c];
    return chosen;
  }

  SetNode leaf() {
    static const SetKind kinds[] = {SetKind::Everything, SetKind::Keys,     SetKind::Queries,
                                    SetKind::Either,     SetKind::Interval, SetKind::Width,
                                    SetKind::Beat,       SetKind::Where,    SetKind::Linked};
    SetNode node;
    node.kind = kinds[below(9)];
    node.segment = below(2);
    int32_t coordinate = node.segment ? 2 : below(2);
    int64_t size = 0;
    switch (node.kind) {
    case SetKind::Interval:
      node.query = node.coordinate = coordinate;
      node.table = table(extents[coordinate], 0, 4);
      node.high = table(extents[coordinate], 2, 9);
      if (below(3) == 0)
        node.equal = node.segment ? 2 : below(2);
      break;
    case SetKind::Width:
      node.coordinate = coordinate;
      [[fallthrough]];
    case SetKind::Beat:
      node.coordinates = some(node.segment, size);
      node.table = table(size, node.kind == SetKind::Width ? -1 : 0, node.kind == SetKind::Width ? 5 : 1);
      break;
    case SetKind::Linked:
      node.coordinates = some(node.segment, size);
      node.table = table(size * size, 0, 1);
      break;
    case SetKind::Where:
      node.segment = -1;
      node.where = condition(node);
      break;
    default:
      break;
    }
    return node;
  }

  /// A read of an end, with the segment that it asks for, or a number; then a function of it.
  void operand(SetNode &node, std::vector<WhereStep> &steps) {
    int32_t slot = below(3), segment = slot == 2;
    switch (below(4)) {
    case 0:
      steps.push_back({WhereStep::Number, below(4)});
      break;
    case 1:
      steps.push_back({WhereStep::Query, slot});
      node.querySegments.push_back(segment);
      break;
    case 2:
      steps.push_back({WhereStep::Key, slot});
      node.keySegments.push_back(segment);
      break;
    default:
      steps.push_back({WhereStep::Distance, slot});
      node.querySegments.push_back(segment);
      node.keySegments.push_back(segment);
    }
    static const WhereStep::Kind functions[] = {WhereStep::Floor, WhereStep::Ceil, WhereStep::Abs, WhereStep::BitFloor};
    if (below(2))
      steps.push_back({functions[below(4)]});
  }
  std::vector<WhereStep> condition(SetNode &node) {
    static const WhereStep::Kind binary[] = {WhereStep::Add, WhereStep::Subtract, WhereStep::Multiply, WhereStep::Min,
                                             WhereStep::Max};
    static const WhereStep::Kind compare[] = {WhereStep::Less,         WhereStep::LessEqual, WhereStep::Greater,
                                              WhereStep::GreaterEqual, WhereStep::Equal,     WhereStep::NotEqual};
    std::vector<WhereStep> steps;
    operand(node, steps);
    operand(node, steps);
    steps.push_back({binary[below(5)]});
    if (below(2)) { // mod and division by numbers other than 0
      steps.push_back({WhereStep::Number, below(4)});
      steps.push_back({below(2) ? WhereStep::Mod : WhereStep::Divide});
    }
    if (below(3) == 0) {
      steps.push_back({WhereStep::Abs});
      steps.push_back({WhereStep::Sqrt});
    }
    operand(node, steps);
    steps.push_back({compare[below(6)]});
    return steps;
  }

  SetNode algebra() {
    static const SetKind kinds[] = {SetKind::AnyOf, SetKind::AllOf, SetKind::NoneOf, SetKind::When};
    SetNode node;
    node.kind = kinds[below(4)];
    int count = node.kind == SetKind::When ? 1 : below(4);
    for (int i = 0; i < count; ++i)
      node.operands.push_back(below(int(program.nodes.size())));
    if (node.kind == SetKind::When)
      node.table = table(1, 0, 1);
    return node;
  }
};
struct Token {
  int32_t segment, at[3];
};

/// The meaning, pair by pair.
struct Meaning {
  const SetProgram &program;
  const runtime::MaskData &data;

  int64_t index(const SetNode &node, const std::function<int64_t(int32_t)> &coordinate) const {
    int64_t at = 0;
    for (int32_t c : node.coordinates)
      at = at * data.tables[program.extentTable][c] + coordinate(c);
    return at;
  }
  bool contains(int32_t number, const Token &q, const Token &k) const {
    const SetNode &node = program.nodes[number];
    bool both = node.segment < 0 || (q.segment == node.segment && k.segment == node.segment);
    auto distance = [&](int32_t c) { return int64_t(std::abs(k.at[c] - q.at[c])); };
    switch (node.kind) {
    case SetKind::Everything:
      return true;
    case SetKind::AnyOf:
      return std::any_of(node.operands.begin(), node.operands.end(), [&](int32_t i) { return contains(i, q, k); });
    case SetKind::AllOf:
      return std::all_of(node.operands.begin(), node.operands.end(), [&](int32_t i) { return contains(i, q, k); });
    case SetKind::NoneOf:
      return std::none_of(node.operands.begin(), node.operands.end(), [&](int32_t i) { return contains(i, q, k); });
    case SetKind::Keys:
      return k.segment == node.segment;
    case SetKind::Queries:
      return q.segment == node.segment;
    case SetKind::Either:
      return k.segment == node.segment || q.segment == node.segment;
    case SetKind::Interval:
      return both && data.tables[node.table][q.at[node.query]] <= k.at[node.coordinate] &&
             k.at[node.coordinate] < data.tables[node.high][q.at[node.query]] &&
             (node.equal < 0 || q.at[node.equal] == k.at[node.equal]);
    case SetKind::Width:
      return both && distance(node.coordinate) <= data.tables[node.table][index(node, distance)];
    case SetKind::Beat:
      return both && data.tables[node.table][index(node, distance)] != 0;
    case SetKind::Linked: {
      int64_t size = 1;
      for (int32_t c : node.coordinates)
        size *= data.tables[program.extentTable][c];
      return both && data.tables[node.table][index(node, [&](int32_t c) { return int64_t(q.at[c]); }) * size +
                                             index(node, [&](int32_t c) { return int64_t(k.at[c]); })];
    }
    case SetKind::When:
      return data.tables[node.table][0] != 0 && contains(node.operands[0], q, k);
    case SetKind::Where:
      return where(node, q, k);
    }
    return false;
  }
  bool where(const SetNode &node, const Token &q, const Token &k) const {
    for (int32_t segment : node.querySegments)
      if (q.segment != segment)
        return false;
    for (int32_t segment : node.keySegments)
      if (k.segment != segment)
        return false;
    std::vector<double> stack;
    for (const WhereStep &step : node.where) {
      double b = 0;
      if (step.kind >= WhereStep::Add && step.kind != WhereStep::Floor && step.kind != WhereStep::Ceil &&
          step.kind != WhereStep::Abs && step.kind != WhereStep::Sqrt && step.kind != WhereStep::BitFloor) {
        b = stack.back();
        stack.pop_back();
      }
      double a = step.kind >= WhereStep::Add ? stack.back() : 0;
      if (step.kind >= WhereStep::Add)
        stack.pop_back();
      stack.push_back(step.kind == WhereStep::Number     ? data.numbers[step.slot]
                      : step.kind == WhereStep::Query    ? q.at[step.slot]
                      : step.kind == WhereStep::Key      ? k.at[step.slot]
                      : step.kind == WhereStep::Distance ? std::abs(k.at[step.slot] - q.at[step.slot])
                                                         : value(step.kind, a, b));
    }
    return stack.back() != 0;
  }
  static double value(WhereStep::Kind kind, double a, double b) {
    switch (kind) {
    case WhereStep::Add:
      return a + b;
    case WhereStep::Subtract:
      return a - b;
    case WhereStep::Multiply:
      return a * b;
    case WhereStep::Divide:
      return a / b;
    case WhereStep::Mod: {
      double rest = std::fmod(a, std::fabs(b));
      return rest < 0 ? rest + std::fabs(b) : rest;
    }
    case WhereStep::Min:
      return std::min(a, b);
    case WhereStep::Max:
      return std::max(a, b);
    case WhereStep::Floor:
      return std::floor(a);
    case WhereStep::Ceil:
      return std::ceil(a);
    case WhereStep::Abs:
      return std::fabs(a);
    case WhereStep::Sqrt:
      return std::sqrt(a);
    case WhereStep::BitFloor:
      return a < 1 ? 0 : std::exp2(std::floor(std::log2(a)));
    case WhereStep::Less:
      return a < b;
    case WhereStep::LessEqual:
      return a <= b;
    case WhereStep::Greater:
      return a > b;
    case WhereStep::GreaterEqual:
      return a >= b;
    case WhereStep::Equal:
      return a == b;
    default:
      return a != b;
    }
  }
};

} // namespace falloff::test

#endif
