// SPDX-License-Identifier: Apache-2.0
//
// One buffer for all tables. Between them lie bytes that are never written, so that whoever reads past the end of one
// is found out where unwritten memory is told from written (tests/ptxsim, compute-sanitizer's initcheck).
#include "runtime/cuda/DevicePlan.h"
#include "runtime/PlanLayout.h"
#include "runtime/cuda/PlanTables.h"
#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

namespace falloff::cuda {

namespace {

/// Parts of a buffer that is not there yet. What is added must live until it is copied.
class Layout {
public:
  static constexpr uint64_t unit = 256;

  /// Offset of a part, which begins on 256 bytes and has some unwritten ones behind it.
  template <typename T>
  uint64_t add(const std::vector<T> &values) {
    uint64_t at = size, bytes = values.size() * sizeof(T);
    parts.push_back({at, values.data(), bytes});
    size = (at + bytes + 16 + unit - 1) / unit * unit;
    return at;
  }
  std::vector<Device::Part> at(uint64_t base) const {
    std::vector<Device::Part> moved = parts;
    for (Device::Part &part : moved)
      part.to += base;
    return moved;
  }
  uint64_t bytes() const { return size; }

private:
  std::vector<Device::Part> parts; ///< `to` is an offset
  uint64_t size = 0;
};

/// Offsets of what one table of a plan points to.
struct TableOffsets {
  uint64_t pieces, runs, splits, queryCoordinates, keyCoordinates, tables, numbers;
};

/// What is copied, with addresses where the device reads them.
class Upload {
public:
  Upload(const PlanTables &host, const runtime::Plan &plan) : host(host), plan(plan) {
    tableOf.assign(plan.tableOf.begin(), plan.tableOf.end());
    tablesAt = layout.add(tables = std::vector<PlanTable>(host.tables.size()));
    tableOfAt = layout.add(tableOf);
    queryTokensAt = layout.add(host.queryTokens);
    keyTokensAt = layout.add(host.keyTokens);
    pointers.resize(host.tables.size());
    for (size_t i = 0; i < host.tables.size(); ++i)
      addTable(i);
  }
  uint64_t bytes() const { return layout.bytes(); }

  /// The parts for a buffer at `base`.
  std::vector<Device::Part> at(uint64_t base) {
    for (size_t i = 0; i < tables.size(); ++i) {
      const TableOffsets &from = offsets[i];
      const HostTable &table = host.tables[i];
      for (uint64_t &pointer : pointers[i])
        pointer += base;
      tables[i] = {pointer<RowPiece>(base, from.pieces),
                   pointer<unsigned long long>(base, from.runs),
                   pointer<SplitBlock>(base, from.splits),
                   table.queryCoordinates ? pointer<int>(base, from.queryCoordinates) : nullptr,
                   table.keyCoordinates ? pointer<int>(base, from.keyCoordinates) : nullptr,
                   pointer<const int *>(base, from.tables),
                   pointer<double>(base, from.numbers),
                   int(table.pieces.size()),
                   int(table.splits.size())};
    }
    return layout.at(base);
  }

  uint64_t tablesAt, tableOfAt, queryTokensAt, keyTokensAt;

private:
  template <typename T>
  static const T *pointer(uint64_t base, uint64_t offset) {
    return reinterpret_cast<const T *>(base + offset);
  }

  void addTable(size_t i) {
    const HostTable &table = host.tables[i];
    TableOffsets at{};
    at.pieces = layout.add(table.pieces);
    at.runs = layout.add(table.runs);
    at.splits = layout.add(table.splits);
    at.queryCoordinates = addCoordinates(table.queryCoordinates);
    at.keyCoordinates = addCoordinates(table.keyCoordinates);
    if (i < plan.masks.size()) {
      for (const std::vector<int32_t> &values : plan.masks[i].tables)
        pointers[i].push_back(layout.add(values));
      at.numbers = layout.add(plan.masks[i].numbers);
    }
    at.tables = layout.add(pointers[i]);
    offsets.push_back(at);
  }

  /// Those that tables share are there once.
  uint64_t addCoordinates(const std::shared_ptr<const Coordinates> &coordinates) {
    if (!coordinates)
      return 0;
    auto found = shared.find(coordinates.get());
    if (found == shared.end())
      found = shared.emplace(coordinates.get(), layout.add(*coordinates)).first;
    return found->second;
  }

  const PlanTables &host;
  const runtime::Plan &plan;
  Layout layout;
  std::vector<int32_t> tableOf;
  std::vector<PlanTable> tables;
  std::vector<TableOffsets> offsets;
  std::vector<std::vector<uint64_t>> pointers; ///< of MaskData::tables
  std::map<const Coordinates *, uint64_t> shared;
};

/// Plans on devices, by plan, device and blocks.
class PlanCache {
public:
  using Key = std::tuple<const runtime::Plan *, const Device *, int32_t, int32_t>;

  std::shared_ptr<const DevicePlan> find(const Key &key) {
    std::lock_guard<std::mutex> lock(mutex);
    dropDead();
    auto found = entries.find(key);
    return found == entries.end() ? nullptr : found->second.onDevice;
  }
  std::shared_ptr<const DevicePlan> add(const Key &key, const std::shared_ptr<const runtime::Plan> &plan,
                                        std::shared_ptr<const DevicePlan> onDevice) {
    std::lock_guard<std::mutex> lock(mutex);
    return entries.emplace(key, Entry{plan, std::move(onDevice)}).first->second.onDevice;
  }

private:
  struct Entry {
    std::weak_ptr<const runtime::Plan> plan;
    std::shared_ptr<const DevicePlan> onDevice;
  };
  /// Before any look-up: another plan may have the address of one that is gone.
  void dropDead() {
    for (auto entry = entries.begin(); entry != entries.end();)
      entry = entry->second.plan.expired() ? entries.erase(entry) : std::next(entry);
  }
  std::mutex mutex;
  std::map<Key, Entry> entries;
};

PlanCache &planCache() {
  static auto *cache = new PlanCache(); // never deleted: the driver may be gone when static things are
  return *cache;
}

} // namespace

DevicePlan::DevicePlan(Device &device, const runtime::Plan &plan, int32_t queryBlock, int32_t keyBlock)
    : home(&device) {
  PlanTables host = layOut(plan, queryBlock, keyBlock);
  Upload upload(host, plan);
  std::string what = "the plan's tables";
  buffer = device.allocate(upload.bytes(), what);
  uint64_t base = buffer.address();
  device.upload(upload.at(base), what);
  tablesAt = base + upload.tablesAt;
  tableOfAt = base + upload.tableOfAt;
  queryTokensAt = base + upload.queryTokensAt;
  keyTokensAt = base + upload.keyTokensAt;
  sizes.queryBlock = queryBlock;
  sizes.keyBlock = keyBlock;
  sizes.queryLanes = host.queryLanes();
  sizes.keyLanes = host.keyLanes();
  sizes.keyStride = host.keyStride;
  sizes.pieces = host.largestGrid();
  sizes.splits = host.largestSplits();
  sizes.slots = host.slots();
  sizes.batches = int32_t(plan.batches);
  sizes.heads = int32_t(plan.heads());
  sizes.firstQuery = int32_t(runtime::queryRange(plan.grid).first);
  sizes.firstKey = int32_t(runtime::keyRange(plan.grid).first);
}

std::shared_ptr<const DevicePlan> DevicePlan::get(Device &device, const std::shared_ptr<const runtime::Plan> &plan,
                                                  int32_t queryBlock, int32_t keyBlock, Stream stream) {
  PlanCache::Key key{plan.get(), &device, queryBlock, keyBlock};
  if (std::shared_ptr<const DevicePlan> found = planCache().find(key))
    return found;
  if (device.isCapturing(stream))
    throw DriverError("expects a plan that is on cuda:" + std::to_string(device.ordinal()) +
                      " before its stream is captured, but got a new one; call it once before the capture");
  return planCache().add(key, plan, std::make_shared<const DevicePlan>(device, *plan, queryBlock, keyBlock));
}

void DevicePlan::fill(AttentionArguments &arguments) const {
  arguments.tables = reinterpret_cast<const PlanTable *>(tablesAt);
  arguments.tableOf = reinterpret_cast<const int *>(tableOfAt);
  arguments.queryTokens = reinterpret_cast<const int *>(queryTokensAt);
  arguments.keyTokens = reinterpret_cast<const int *>(keyTokensAt);
  arguments.tableBatches = sizes.batches;
  arguments.tableHeads = sizes.heads;
  arguments.queryLanes = sizes.queryLanes;
  arguments.keyLanes = sizes.keyLanes;
  arguments.keyStride = sizes.keyStride;
  arguments.firstQuery = sizes.firstQuery;
  arguments.firstKey = sizes.firstKey;
  arguments.slots = sizes.slots;
}

} // namespace falloff::cuda
