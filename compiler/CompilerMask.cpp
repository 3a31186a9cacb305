// SPDX-License-Identifier: Apache-2.0
//
// Mask: what a bound pattern answers. Counts come from the bound program, single pairs from the reference interpreter.

#include "compiler/CompilerImpl.h"
#include "compiler/Diagnostics.h"
#include "compiler/passes/LowerToSchedule.h"

using namespace mlir;

namespace falloff {

static int64_t length(runtime::TokenRange range) { return range.last - range.first; }

static std::string text(runtime::TokenRange range) {
  return "[" + std::to_string(range.first) + ", " + std::to_string(range.last) + ")";
}

BoundHeads::~BoundHeads() {
  std::lock_guard lock(pattern->mutex);
  references.clear();
  specialised.module = nullptr;
}

size_t BoundHeads::classOfHead(int64_t head) const {
  if (classOf.size() == 1 && head >= 0)
    return classOf[0];
  if (head < 0 || head >= int64_t(classOf.size()))
    throw Error("expects a head from 0 to " + std::to_string(classOf.size() - 1) + ", but got " + std::to_string(head));
  return classOf[head];
}

Reference &BoundHeads::reference(int64_t head) const {
  if (references.empty())
    for (mask::PatternOp pattern : specialised.patterns)
      references.emplace_back(pattern);
  return references[classOfHead(head)];
}

const std::string &Mask::name() const { return impl->bound->pattern->name; }
int64_t Mask::tokens() const { return impl->bound->specialised.bound.tokens; }
runtime::TokenRange Mask::queries() const { return impl->queries; }
runtime::TokenRange Mask::keys() const { return impl->keys; }
int64_t Mask::heads() const { return impl->bound->specialised.bound.heads; }
std::string Mask::parameters() const { return impl->bound->parameters; }

int64_t Mask::pairs(int64_t head) const {
  const BoundMask &bound = impl->bound->classes[impl->bound->classOfHead(head)];
  return bound.pairs(bound.program().contains, impl->queries, impl->keys);
}

std::vector<double> Mask::densities() const {
  double area = double(length(impl->queries)) * double(length(impl->keys));
  std::vector<double> ofClass;
  for (const BoundMask &bound : impl->bound->classes)
    ofClass.push_back(area == 0 ? 0 : bound.pairs(bound.program().contains, impl->queries, impl->keys) / area);
  std::vector<double> ofHead;
  for (uint32_t index : impl->bound->classOf)
    ofHead.push_back(ofClass[index]);
  return ofHead;
}

double Mask::density() const {
  double sum = 0;
  std::vector<double> ofHead = densities();
  for (double density : ofHead)
    sum += density;
  return sum / ofHead.size();
}

static void checkToken(const char *what, int64_t token, runtime::TokenRange range) {
  if (token < range.first || token >= range.last)
    throw Error(std::string("expects a ") + what + " in " + text(range) + ", but got " + std::to_string(token));
}

bool Mask::contains(int64_t query, int64_t key, int64_t head) const {
  checkToken("query", query, impl->queries);
  checkToken("key", key, impl->keys);
  std::lock_guard lock(impl->bound->pattern->mutex);
  return impl->bound->reference(head).contains(query, key);
}

std::vector<uint8_t> Mask::dense(int64_t head) const {
  constexpr int64_t maxPairs = int64_t(1) << 28;
  int64_t rows = length(impl->queries), columns = length(impl->keys);
  if (columns > 0 && rows > maxPairs / columns)
    throw Error("expects at most 2^28 pairs to write out, but got " + std::to_string(rows) + " x " +
                std::to_string(columns) + "; slice the mask");
  std::lock_guard lock(impl->bound->pattern->mutex);
  Reference &reference = impl->bound->reference(head);
  std::vector<uint8_t> pairs;
  pairs.reserve(rows * columns);
  for (int64_t query = impl->queries.first; query < impl->queries.last; ++query)
    for (int64_t key = impl->keys.first; key < impl->keys.last; ++key)
      pairs.push_back(reference.contains(query, key));
  return pairs;
}

std::vector<uint8_t> Mask::sample(const std::vector<int64_t> &queries, const std::vector<int64_t> &keys,
                                  int64_t head) const {
  for (int64_t query : queries)
    checkToken("query", query, impl->queries);
  for (int64_t key : keys)
    checkToken("key", key, impl->keys);
  std::lock_guard lock(impl->bound->pattern->mutex);
  Reference &reference = impl->bound->reference(head);
  std::vector<uint8_t> pairs;
  pairs.reserve(queries.size() * keys.size());
  for (int64_t query : queries)
    for (int64_t key : keys)
      pairs.push_back(reference.contains(query, key));
  return pairs;
}

EmptyRow Mask::emptyRow() const {
  EmptyRow row;
  for (size_t head = 0; head < impl->bound->classOf.size() && row.count == 0; ++head) {
    const BoundMask &bound = impl->bound->classes[impl->bound->classOfHead(head)];
    BoundMask::EmptyRows found = bound.emptyRows(bound.program().contains, impl->queries, impl->keys);
    row = {found.first, found.count, int64_t(head)};
  }
  return row;
}

Mask Mask::slice(runtime::TokenRange queries, runtime::TokenRange keys) const {
  auto check = [](const char *what, runtime::TokenRange part, runtime::TokenRange whole) {
    if (part.first < whole.first || part.last > whole.last || part.first > part.last)
      throw Error(std::string("expects ") + what + " within " + text(whole) + ", but got " + text(part));
  };
  check("queries", queries, impl->queries);
  check("keys", keys, impl->keys);
  return Mask(std::make_shared<const Impl>(Impl{impl->bound, queries, keys}));
}

std::string Mask::print(const std::string &stage, const PlanOptions &options) const {
  const BoundHeads &bound = *impl->bound;
  std::lock_guard lock(bound.pattern->mutex);
  std::string text;
  llvm::raw_string_ostream os(text);
  if (stage == "linked") {
    (*bound.pattern->module)->print(os);
  } else if (stage == "specialised") {
    bound.specialised.module.get()->print(os);
  } else if (stage == "mask") {
    OwningOpRef<ModuleOp> module(bound.specialised.module.get().clone());
    simplifyPatterns(*module);
    (*module)->print(os);
  } else if (stage == "schedule") {
    OwningOpRef<ModuleOp> module(ModuleOp::create(bound.pattern->pattern().getLoc()));
    OpBuilder builder(module->getBodyRegion());
    buildSchedule(builder, module->getLoc(), plan(options).data(), options.target);
    (*module)->print(os);
  } else {
    throw Error("expects stage linked, specialised, mask or schedule, but got '" + stage + "'");
  }
  return text;
}

} // namespace falloff
