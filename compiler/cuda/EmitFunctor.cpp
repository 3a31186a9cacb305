// SPDX-License-Identifier: Apache-2.0
//
// One rule a kind of set: a line of text that says whether a pair is in it. Each set that is asked for is one `const
// bool`, after those it is made of. Sets that hold every pair or none are folded away.
#include "compiler/cuda/EmitFunctor.h"
#include "compiler/cuda/FunctorNames.h"
#include "compiler/cuda/WhereText.h"
#include <functional>
#include <set>

namespace falloff::cuda {
namespace {

/// Joins with an operator, in lines of 100 columns.
std::string join(const std::vector<std::string> &parts, const std::string &by, size_t column) {
  std::string text;
  size_t length = column;
  for (const std::string &part : parts) {
    if (!text.empty()) {
      bool isLong = length + by.size() + part.size() > 98;
      text += isLong ? "\n      " + by.substr(1) : by;
      length = isLong ? 6 : length + by.size();
    }
    text += part;
    length += part.size();
  }
  return text;
}

class FunctorWriter {
public:
  explicit FunctorWriter(const SetProgram &program) : program(program), names(coordinateNames(program)) { fold(); }
  std::string write();

private:
  enum class Known : uint8_t { No, Nothing, Everything };

  const SetProgram &program;
  const std::vector<std::string> names;
  std::vector<Known> known; ///< by node
  // What was asked for while contains and allowed were written.
  std::set<int32_t> queryMembers, keyMembers; ///< coordinates
  std::set<int32_t> bounds, links;            ///< nodes whose bounds, or numbers of places, ends hold
  WhereHelpers helpers;
  // Of the function that is being written.
  std::set<int32_t> written, distances, segments;
  std::string body;
  bool readsExtents = false;

  // Of one segment every token has both ends in it.
  bool isOnly() const { return program.segments.size() == 1; }
  Known inSegment() const { return isOnly() ? Known::Everything : Known::No; }
  void fold();
  Known folded(const SetNode &node) const;
  bool coversSegments(const SetNode &node, SetKind side) const;

  std::string query(int32_t coordinate);
  std::string key(int32_t coordinate);
  std::string distance(int32_t coordinate);
  std::string both(int32_t segment);
  std::string rowMajor(const SetNode &node, const std::function<std::string(int32_t)> &coordinate, bool &isSum);
  static std::string table(int32_t slot) { return "plan.tables[" + std::to_string(slot) + "]"; }

  std::string set(int32_t node);
  std::string name(int32_t node) const;
  std::string text(const SetNode &node, int32_t number);
  std::string interval(const SetNode &node, int32_t number);
  std::string looked(const SetNode &node);
  std::string linked(const SetNode &node, int32_t number);
  std::string where(const SetNode &node);
  std::string algebra(const SetNode &node);

  std::string contains();
  std::string allowed();
  std::string function(const std::string &head, const std::string &result);
  std::string end(bool isQuery);
  std::string members(bool isQuery) const;
  std::vector<std::string> reads(bool isQuery);
};

void FunctorWriter::fold() {
  for (const SetNode &node : program.nodes)
    known.push_back(folded(node));
}

/// Whether a union names each segment as that of an end, so that it holds every pair.
bool FunctorWriter::coversSegments(const SetNode &node, SetKind side) const {
  std::set<int32_t> named;
  for (int32_t operand : node.operands)
    if (SetKind kind = program.nodes[operand].kind; kind == side || kind == SetKind::Either)
      named.insert(program.nodes[operand].segment);
  return named.size() == program.segments.size();
}

FunctorWriter::Known FunctorWriter::folded(const SetNode &node) const {
  auto among = [&](Known what) {
    for (int32_t operand : node.operands)
      if (known[operand] == what)
        return true;
    return false;
  };
  auto all = [&](Known what) {
    for (int32_t operand : node.operands)
      if (known[operand] != what)
        return false;
    return true;
  };
  switch (node.kind) {
  case SetKind::Everything:
    return Known::Everything;
  case SetKind::AnyOf:
    if (coversSegments(node, SetKind::Keys) || coversSegments(node, SetKind::Queries))
      return Known::Everything;
    return among(Known::Everything) ? Known::Everything : all(Known::Nothing) ? Known::Nothing : Known::No;
  case SetKind::AllOf:
    return among(Known::Nothing) ? Known::Nothing : all(Known::Everything) ? Known::Everything : Known::No;
  case SetKind::NoneOf:
    if (coversSegments(node, SetKind::Keys) || coversSegments(node, SetKind::Queries))
      return Known::Nothing;
    return among(Known::Everything) ? Known::Nothing : all(Known::Nothing) ? Known::Everything : Known::No;
  case SetKind::Keys:
  case SetKind::Queries:
  case SetKind::Either:
    return inSegment();
  case SetKind::When:
    return known[node.operands[0]] == Known::Nothing ? Known::Nothing : Known::No;
  default:
    return Known::No;
  }
}

std::string FunctorWriter::query(int32_t coordinate) {
  queryMembers.insert(coordinate);
  return "q." + names[coordinate];
}

std::string FunctorWriter::key(int32_t coordinate) {
  keyMembers.insert(coordinate);
  return "k." + names[coordinate];
}

/// The name of |k - q| along a coordinate.
std::string FunctorWriter::distance(int32_t coordinate) {
  std::string text = names[coordinate] + "Distance";
  if (distances.insert(coordinate).second)
    body += "  const int " + text + " = abs(" + key(coordinate) + " - " + query(coordinate) + ");\n";
  return text;
}

/// The name of "both ends lie in a segment"; empty where all do.
std::string FunctorWriter::both(int32_t segment) {
  if (segment < 0 || isOnly())
    return "";
  std::string number = std::to_string(segment), text = "both" + number;
  if (segments.insert(segment).second)
    body += "  const bool " + text + " = q.segment == " + number + " && k.segment == " + number + "; // " +
            program.segments[segment].name + "\n";
  return text;
}

/// The row-major index of a node's coordinates; `isSum`: it needs parentheses in a product.
std::string FunctorWriter::rowMajor(const SetNode &node, const std::function<std::string(int32_t)> &coordinate,
                                    bool &isSum) {
  std::string at;
  isSum = false;
  for (int32_t c : node.coordinates) {
    if (!at.empty()) {
      at = (isSum ? "(" + at + ")" : at) + " * extents[" + std::to_string(c) + "] + ";
      readsExtents = isSum = true;
    }
    at += coordinate(c);
  }
  return at.empty() ? "0" : at;
}

/// An expression for a set that is neither nothing nor everything, with its line written.
std::string FunctorWriter::set(int32_t number) {
  if (known[number] != Known::No)
    return known[number] == Known::Everything ? "true" : "false";
  if (written.insert(number).second) {
    std::string right = text(program.nodes[number], number); // writes what it is made of before
    body += "  const bool " + name(number) + " = " + right + ";\n";
  }
  return name(number);
}

std::string FunctorWriter::name(int32_t number) const {
  static const char *const words[] = {"everything", "any",      "all",   "none",  "keys",   "queries", "either",
                                      "interval",   "distance", "beats", "where", "linked", "when"};
  return words[size_t(program.nodes[number].kind)] + std::to_string(number);
}

std::string FunctorWriter::text(const SetNode &node, int32_t number) {
  std::string segment = std::to_string(node.segment);
  switch (node.kind) {
  case SetKind::Keys:
    return "k.segment == " + segment;
  case SetKind::Queries:
    return "q.segment == " + segment;
  case SetKind::Either:
    return "q.segment == " + segment + " || k.segment == " + segment;
  case SetKind::Interval:
    return interval(node, number);
  case SetKind::Width:
  case SetKind::Beat:
    return looked(node);
  case SetKind::Where:
    return where(node);
  case SetKind::Linked:
    return linked(node, number);
  case SetKind::When:
    return table(node.table) + "[0] != 0" +
           (known[node.operands[0]] == Known::No ? " && " + set(node.operands[0]) : "");
  default:
    return algebra(node);
  }
}

std::string FunctorWriter::algebra(const SetNode &node) {
  std::vector<std::string> operands;
  for (int32_t operand : node.operands)
    if (known[operand] == Known::No)
      operands.push_back(set(operand));
  if (node.kind == SetKind::AllOf)
    return join(operands, " && ", 24);
  std::string any = join(operands, " || ", 24);
  return node.kind == SetKind::AnyOf ? any : operands.size() == 1 ? "!" + any : "!(" + any + ")";
}

/// low[q.x] <= k.y < high[q.x], bounds that a query outside of the segment has at 0.
std::string FunctorWriter::interval(const SetNode &node, int32_t number) {
  bounds.insert(number);
  std::string y = key(node.coordinate), text, at = std::to_string(number);
  if (node.segment >= 0 && !isOnly())
    text = "k.segment == " + std::to_string(node.segment) + " && ";
  text += y + " >= q.low" + at + " && " + y + " < q.high" + at;
  if (node.equal >= 0)
    text += " && " + key(node.equal) + " == " + query(node.equal);
  return text;
}

/// distance <= width[distances...], or beats[distances...] != 0
std::string FunctorWriter::looked(const SetNode &node) {
  bool isSum = false;
  std::string at = rowMajor(node, [&](int32_t c) { return distance(c); }, isSum);
  std::string entry = table(node.table) + "[" + at + "]";
  std::string holds = node.kind == SetKind::Width ? distance(node.coordinate) + " <= " + entry : entry + " != 0";
  std::string where = both(node.segment);
  return where.empty() ? holds : where + " && " + holds;
}

/// relation[row of the query][column of the key]
std::string FunctorWriter::linked(const SetNode &node, int32_t number) {
  links.insert(number);
  std::string at = std::to_string(number), where = both(node.segment);
  return (where.empty() ? "" : where + " && ") + table(node.table) + "[q.row" + at + " + k.column" + at + "] != 0";
}

std::string FunctorWriter::where(const SetNode &node) {
  std::vector<std::string> parts;
  if (std::string both = this->both(node.segment); !both.empty())
    parts.push_back(both);
  auto among = [&](const char *end, const std::vector<int32_t> &asked) {
    for (int32_t segment : std::set<int32_t>(asked.begin(), asked.end()))
      if (!isOnly())
        parts.push_back(std::string(end) + ".segment == " + std::to_string(segment));
  };
  among("q", node.querySegments);
  among("k", node.keySegments);
  WhereEnds ends{[&](int32_t c) { return query(c); }, [&](int32_t c) { return key(c); },
                 [&](int32_t c) { return distance(c); }};
  parts.push_back(whereText(node.where, ends, helpers));
  return join(parts, " && ", 24);
}

/// A function over a pair whose body has been collected.
std::string FunctorWriter::function(const std::string &head, const std::string &result) {
  std::string text = "__device__ bool " + head + " {\n" + body + "  return " + result + ";\n}\n";
  body.clear();
  written.clear();
  distances.clear();
  segments.clear();
  return text;
}

/// An end's row or column of a relation may ask for extents where it is read; pairs ask for them by themselves.
static std::string withExtents(std::string body, bool readsExtents, int32_t table) {
  return readsExtents ? "  const int *extents = plan.tables[" + std::to_string(table) + "];\n" + body : body;
}

std::string FunctorWriter::contains() {
  readsExtents = false;
  std::string result = set(program.contains);
  body = withExtents(body, readsExtents, program.extentTable);
  return function("contains(const PlanTable &plan, const FunctorQuery &q, const FunctorKey &k)", result);
}

std::string FunctorWriter::allowed() {
  readsExtents = false;
  std::vector<std::string> groups;
  for (size_t group = 0; group < program.abouts.size(); ++group)
    if (std::string limit = set(program.abouts[group].limit); limit != "false")
      groups.push_back("((fills & " + std::to_string(1u << group) + ") != 0" + (limit == "true" ? "" : " && " + limit) +
                       ")");
  std::string result = groups.empty()       ? "false"
                       : groups.size() == 1 ? groups[0].substr(1, groups[0].size() - 2)
                                            : join(groups, " || ", 9);
  body = withExtents(body, readsExtents, program.extentTable);
  return function("allowed(const PlanTable &plan, unsigned fills, const FunctorQuery &q, const FunctorKey &k)", result);
}

std::string FunctorWriter::members(bool isQuery) const {
  std::string text = "  int segment;\n", list;
  auto add = [&](const std::string &name) { list += (list.empty() ? "" : ", ") + name; };
  for (int32_t c : isQuery ? queryMembers : keyMembers)
    add(names[c]);
  if (!list.empty())
    text += "  int " + list + ";\n";
  if (isQuery)
    for (int32_t number : bounds)
      text += "  int low" + std::to_string(number) + ", high" + std::to_string(number) + "; // of keys' " +
              names[program.nodes[number].coordinate] + "\n";
  for (int32_t number : links)
    text += std::string("  int ") + (isQuery ? "row" : "column") + std::to_string(number) + "; // of tables[" +
            std::to_string(program.nodes[number].table) + "]\n";
  return text;
}

/// Lines that fill the members of an end.
std::vector<std::string> FunctorWriter::reads(bool isQuery) {
  auto at = [](int32_t c) { return c == 0 ? "coordinates[0]" : "coordinates[" + std::to_string(c) + " * stride]"; };
  const char *end = isQuery ? "q." : "k.";
  std::vector<std::string> lines = {std::string(end) + "segment = " + at(int32_t(program.coordinates.size()))};
  for (int32_t c : isQuery ? queryMembers : keyMembers)
    lines.push_back(end + names[c] + " = " + at(c));
  if (isQuery)
    for (int32_t number : bounds) {
      const SetNode &node = program.nodes[number];
      std::string from = at(node.query), guard, otherwise;
      if (node.segment >= 0 && !isOnly()) {
        guard = "q.segment == " + std::to_string(node.segment) + " ? ";
        otherwise = " : 0";
      }
      for (auto [bound, slot] : {std::pair("low", node.table), std::pair("high", node.high)})
        lines.push_back("q." + (bound + std::to_string(number)) + " = " + guard + table(slot) + "[" + from + "]" +
                        otherwise);
    }
  for (int32_t number : links) {
    const SetNode &node = program.nodes[number];
    bool isSum = false;
    std::string index = rowMajor(node, at, isSum);
    if (isQuery) {
      index = isSum ? "(" + index + ")" : index;
      for (int32_t c : node.coordinates)
        index += " * extents[" + std::to_string(c) + "]";
      readsExtents |= !node.coordinates.empty();
    }
    lines.push_back(end + ((isQuery ? "row" : "column") + std::to_string(number)) + " = " + index);
  }
  return lines;
}

/// The struct of an end and the function that reads it.
std::string FunctorWriter::end(bool isQuery) {
  std::string type = isQuery ? "FunctorQuery" : "FunctorKey", letter = isQuery ? "q" : "k";
  readsExtents = false;
  std::string read;
  for (const std::string &line : reads(isQuery))
    read += "  " + line + ";\n";
  return "struct " + type + " {\n" + members(isQuery) + "};\n\n__device__ " + type + " functor" + type.substr(7) +
         "(const PlanTable &plan, const int *coordinates, int stride) {\n" +
         withExtents("  " + type + " " + letter + ";\n" + read, readsExtents, program.extentTable) + "  return " +
         letter + ";\n}\n\n";
}

std::string FunctorWriter::write() {
  std::string contains = this->contains(), allowed = this->allowed(); // they decide what ends hold
  std::string text = program.segments.empty() ? "// no tile of this plan is tested" : "// Segments:";
  for (size_t number = 0; number < program.segments.size(); ++number) {
    const SetProgram::SegmentInfo &segment = program.segments[number];
    text += (number ? ", " : " ") + std::to_string(number) + (segment.name.empty() ? "" : " " + segment.name) + "(";
    for (size_t axis = 0; axis < segment.axes.size(); ++axis)
      text += (axis ? ", " : "") + segment.axes[axis];
    text += ")";
  }
  bool tests = known[program.contains] != Known::Everything;
  text += std::string("\nconstexpr bool functorTests = ") + (tests ? "true" : "false") + ";\n\n";
  text += end(true) + end(false);
  return text + helpers.text() + contains + "\n" + allowed;
}

} // namespace

std::string emitFunctor(const SetProgram &program) { return FunctorWriter(program).write(); }

} // namespace falloff::cuda
