// SPDX-License-Identifier: Apache-2.0
//
// A set program as JSON, for exporters that write the same sets in another language. Keys are those of SetProgram.h;
// what a node does not use is left out.

#include "compiler/CompilerImpl.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

namespace falloff {

static const char *nameOf(SetKind kind) {
  static const char *const names[] = {"everything", "any_of", "all_of", "none_of", "keys",   "queries", "either",
                                      "interval",   "width",  "beat",   "where",   "linked", "when"};
  return names[size_t(kind)];
}

static const char *nameOf(WhereStep::Kind kind) {
  static const char *const names[] = {"number",   "query",         "key",   "distance",  "add",  "subtract",
                                      "multiply", "divide",        "mod",   "min",       "max",  "floor",
                                      "ceil",     "abs",           "sqrt",  "bit_floor", "less", "less_equal",
                                      "greater",  "greater_equal", "equal", "not_equal"};
  return names[kind];
}

static llvm::json::Array numbers(const std::vector<int32_t> &values) { return llvm::json::Array(values); }

static llvm::json::Object toJson(const SetNode &node) {
  llvm::json::Object object{{"kind", nameOf(node.kind)}};
  auto number = [&](const char *name, int32_t value) {
    if (value >= 0)
      object[name] = value;
  };
  auto list = [&](const char *name, const std::vector<int32_t> &values) {
    if (!values.empty())
      object[name] = numbers(values);
  };
  number("segment", node.segment);
  number("coordinate", node.coordinate);
  number("query", node.query);
  number("equal", node.equal);
  number("table", node.table);
  number("high", node.high);
  list("operands", node.operands);
  list("coordinates", node.coordinates);
  list("query_segments", node.querySegments);
  list("key_segments", node.keySegments);
  llvm::json::Array steps;
  for (const WhereStep &step : node.where)
    steps.push_back(llvm::json::Array{nameOf(step.kind), step.slot});
  if (!steps.empty())
    object["where"] = std::move(steps);
  return object;
}

std::string Plan::program() const {
  if (impl->classes.empty())
    throw Error("expects a plan of a pattern, but got one of blocks that were given");
  const SetProgram &program = impl->classes.front().program();
  llvm::json::Array nodes, limits;
  for (const SetNode &node : program.nodes)
    nodes.push_back(toJson(node));
  for (const AboutGroup &about : program.abouts)
    limits.push_back(about.limit);
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::json::Value(llvm::json::Object{{"nodes", std::move(nodes)},
                                             {"contains", program.contains},
                                             {"limits", std::move(limits)},
                                             {"extent_table", program.extentTable}});
  return text;
}

std::vector<runtime::MaskData> Plan::programData() const {
  std::vector<runtime::MaskData> data;
  for (const BoundMask &mask : impl->classes)
    data.push_back(mask.data());
  return data;
}

} // namespace falloff
