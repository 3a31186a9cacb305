// SPDX-License-Identifier: Apache-2.0
//
// Keys of plans, and when a plan is worth a file.
//
// Each `auto &[...]` names every field of a struct, so that a new one cannot be left out of a key.
#include "compiler/PlanCache.h"
#include "compiler/cpu/CompilerVersion.h"
#include "runtime/DiskCache.h"
#include "runtime/Log.h"
#include "runtime/MemoryCache.h"
#include "runtime/PlanFile.h"
#include "runtime/Settings.h"
#include <ctime>

namespace falloff {
namespace {

using runtime::DiskCache;
using runtime::EntryKind;
using runtime::Hash128;
using runtime::KeyBytes;

//===-- Keys ------------------------------------------------------------------------------------------------------===//

void add(KeyBytes &key, const std::vector<std::string> &texts) {
  key.add(texts.size());
  for (const std::string &text : texts)
    key.add(text);
}

void add(KeyBytes &key, const SetNode &node) {
  const auto &[kind, operands, segment, coordinate, query, equal, coordinates, table, high, where, querySegments,
               keySegments] = node;
  key.add(kind).add(operands).add(segment).add(coordinate).add(query).add(equal).add(coordinates).add(table).add(high);
  key.add(where.size());
  for (const auto &[step, slot] : where)
    key.add(step).add(slot);
  key.add(querySegments).add(keySegments);
}

void add(KeyBytes &key, const SetProgram &program) {
  const auto &[name, segments, coordinates, nodes, contains, exact, limit, abouts, filled, tables, numbers,
               extentTable] = program;
  key.add(name).add(segments.size());
  for (const auto &[segment, axes] : segments) {
    key.add(segment);
    add(key, axes);
  }
  key.add(coordinates.size());
  for (const auto &[segment, axis, table] : coordinates)
    key.add(segment).add(axis).add(table);
  key.add(nodes.size());
  for (const SetNode &node : nodes)
    add(key, node);
  key.add(contains).add(exact).add(limit).add(abouts.size());
  for (const auto &[set, cover, kept] : abouts)
    key.add(set).add(cover).add(kept);
  key.add(filled).add(tables).add(numbers).add(extentTable);
}

void add(KeyBytes &key, const BoundMask &mask) {
  add(key, mask.program());
  key.add(mask.segments().size());
  for (const auto &[id, extents, firstToken, tokens] : mask.segments())
    key.add(id).add(extents).add(firstToken).add(tokens);
  const auto &[tables, numbers] = mask.data();
  key.add(tables.size());
  for (const std::vector<int32_t> &table : tables)
    key.add(table);
  key.add(numbers);
}

void add(KeyBytes &key, const ParameterValue &value) {
  key.add(value.index());
  if (auto *number = std::get_if<double>(&value))
    key.add(*number);
  else if (auto *word = std::get_if<std::string>(&value))
    key.add(*word);
  else if (auto *table = std::get_if<std::vector<double>>(&value))
    key.add(*table);
  else if (auto *words = std::get_if<std::vector<std::string>>(&value))
    add(key, *words);
  else if (auto *relation = std::get_if<std::vector<std::vector<bool>>>(&value))
    for (const std::vector<bool> &row : *relation)
      key.add(std::string(row.begin(), row.end()));
}

/// What the mask is for and how it is planned; as text, the part of the key that people can read.
std::string describe(const Mask::Impl &mask, const PlanOptions &options) {
  const auto &[grid, tileQuery, tileKey, rounding, major, target, dtype, headDim] = options;
  const BoundHeads &bound = *mask.bound;
  auto tile = [](const std::string &text) { return text.empty() ? "searched" : text; };
  std::string text = bound.pattern->name + " " + bound.parameters + "\n";
  for (const BoundMask::Segment &segment : bound.classes.front().segments()) {
    const SetProgram::SegmentInfo &info = bound.classes.front().program().segments[segment.id];
    text += info.name.empty() ? "tokens" : info.name;
    for (size_t axis = 0; axis < segment.extents.size(); ++axis)
      text += (axis ? " x " : " ") + std::to_string(segment.extents[axis]);
    text += "; ";
  }
  for (auto [what, range] : {std::pair("queries ", mask.queries), std::pair("keys ", mask.keys)})
    text += what + std::to_string(range.first) + " to " + std::to_string(range.last) + "; ";
  text += "grid " + (grid.empty() ? "chosen" : grid) + "; tiles " + tile(tileQuery) + " and " + tile(tileKey) +
          "; rounding " + rounding + "; major " + major + "; for " + target + ", " + dtype + ", head dimension " +
          std::to_string(headDim);
  return text;
}

//===-- Disk ------------------------------------------------------------------------------------------------------===//

/// Seconds that this thread has worked; a busy machine does not lengthen them.
double workedSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

/// Writes a plan that took so long to make, if it is worth a file: if reading it, some 0.2 ms and 1 ms a MB, is quicker
/// by a good margin. A plan with given tiles seldom is, a search for tiles mostly.
void keep(DiskCache &disk, const std::string &key, const runtime::Plan &plan, double seconds) {
  constexpr double least = 3e-3, bytesASecond = 1e9, margin = 4;
  if (seconds < least || seconds < margin * double(runtime::bytesOf(plan)) / bytesASecond)
    return;
  disk.store(EntryKind::Plan, key, runtime::writePlan(plan));
}

runtime::Plan readOrMake(const std::string &key, const std::function<runtime::Plan()> &make) {
  std::shared_ptr<DiskCache> disk = DiskCache::shared();
  if (!disk)
    return make();
  if (std::optional<std::string> bytes = disk->find(EntryKind::Plan, key)) {
    if (std::optional<runtime::Plan> plan = runtime::readPlan(*bytes))
      return std::move(*plan);
    log(runtime::LogLevel::Warning, "an entry of the cache is no plan, and is made again");
  }
  double start = workedSeconds();
  runtime::Plan plan = make();
  keep(*disk, key, plan, workedSeconds() - start);
  return plan;
}

} // namespace

Hash128 hashOf(const BoundHeads &bound) {
  KeyBytes key;
  key.add(bound.classes.size());
  for (const BoundMask &mask : bound.classes)
    add(key, mask);
  key.add(bound.classOf).add(bound.parameters).add(bound.specialised.bound.parameters.size());
  for (const ParameterValue &value : bound.specialised.bound.parameters)
    add(key, value);
  return key.hash();
}

std::shared_ptr<const runtime::Plan> planOnce(const Mask::Impl &mask, const PlanOptions &options,
                                              const std::function<runtime::Plan()> &make) {
  if (runtime::isCacheDisabled())
    return std::make_shared<runtime::Plan>(make());
  constexpr int64_t maxBytes = int64_t(256) << 20;
  static auto &plans = *new runtime::MemoryCache<runtime::Plan>(maxBytes); // outlives threads at exit
  const BoundHeads &bound = *mask.bound;
  std::call_once(bound.hashed, [&] { bound.hash = hashOf(bound); });
  const auto &[grid, tileQuery, tileKey, rounding, major, target, dtype, headDim] = options;
  KeyBytes key;
  key.add(bound.hash.low).add(bound.hash.high);
  for (runtime::TokenRange range : {mask.queries, mask.keys})
    key.add(range.first).add(range.last);
  for (const std::string *text : {&grid, &tileQuery, &tileKey, &rounding, &major, &target, &dtype})
    key.add(*text);
  key.add(headDim);
  return plans.getOrMake(key.hash(), [&] {
    std::string text = "plan of " + cpu::compilerVersion() + ", format " + std::to_string(runtime::planFileVersion) +
                       "\n" + describe(mask, options) + "\nmask " + bound.hash.hex();
    auto plan = std::make_shared<runtime::Plan>(readOrMake(text, make));
    int64_t bytes = runtime::bytesOf(*plan);
    return runtime::MemoryCache<runtime::Plan>::Made{std::move(plan), bytes};
  });
}

} // namespace falloff
