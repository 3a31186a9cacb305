// SPDX-License-Identifier: Apache-2.0
//
// The text that two set programs share exactly if one functor serves both.
#include "compiler/passes/SetProgram.h"
#include <charconv>

using namespace falloff;

namespace {

/// Writes numbers separated by blanks, lists in brackets.
class KeyWriter {
public:
  KeyWriter() { text.reserve(1024); } // asked for at each call of attention
  void number(int64_t value) {
    char digits[24];
    char *end = std::to_chars(digits, digits + sizeof digits - 1, value).ptr;
    *end++ = ' ';
    text.append(digits, end);
  }
  void list(const std::vector<int32_t> &values) {
    text += '[';
    for (int32_t value : values)
      number(value);
    text += ']';
  }
  void node(const SetNode &node) {
    text += '(';
    number(int64_t(node.kind));
    list(node.operands);
    for (int32_t value : {node.segment, node.coordinate, node.query, node.equal, node.table, node.high})
      number(value);
    list(node.coordinates);
    for (const WhereStep &step : node.where) {
      number(step.kind);
      number(step.slot);
    }
    list(node.querySegments);
    list(node.keySegments);
    text += ')';
  }
  std::string text;
};

} // namespace

std::string SetProgram::key() const {
  KeyWriter writer;
  writer.number(int64_t(segments.size()));
  for (const runtime::Coordinate &coordinate : coordinates)
    for (int32_t value : {coordinate.segment, coordinate.axis, coordinate.table})
      writer.number(value);
  for (const SetNode &node : nodes)
    writer.node(node);
  writer.number(contains);
  for (const AboutGroup &about : abouts)
    writer.number(about.limit);
  writer.number(extentTable);
  return writer.text;
}
