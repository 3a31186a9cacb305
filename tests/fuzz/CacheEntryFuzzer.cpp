// SPDX-License-Identifier: Apache-2.0
//
// Bytes in, as a file of the cache on disk: a miss, or the value that was stored for exactly this key. The last byte
// says whether the bytes get a sound checksum, without which nearly everything is a miss.
#include "runtime/Bytes.h"
#include "runtime/CacheEntry.h"
#include "runtime/DiskCache.h"
#include "runtime/File.h"
#include "runtime/Hash.h"
#include "tests/fuzz/Check.h"
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

using namespace falloff::runtime;

namespace {

constexpr std::string_view key = "plan of dense, 12 tokens";

/// A cache with one entry, whose file is written over.
struct Cache {
  std::filesystem::path folder;
  std::optional<DiskCache> cache;
  std::string file;

  Cache() {
    ::setenv("FALLOFF_LOG_LEVEL", "off", 1); // nearly every input is damage, which is warned of
    const char *memory = "/dev/shm";
    std::filesystem::path root = ::access(memory, W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
    folder = root / ("falloff-fuzz-cache-" + std::to_string(::getpid()));
    cache.emplace(folder.string());
    FALLOFF_CHECK(cache->store(EntryKind::Plan, key, "value"));
    FALLOFF_CHECK(cache->entries().size() == 1);
    file = (folder / "plans" / (cache->entries()[0].name + ".entry")).string();
  }
  ~Cache() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
};

std::string withChecksum(std::string_view bytes) {
  ByteWriter writer;
  Hash128 hash = hash128(bytes);
  writer.bytes = bytes;
  writer.number(hash.low);
  writer.number(hash.high);
  return writer.bytes;
}

bool lies(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Cache disk;
  if (size == 0)
    return 0;
  std::string file(reinterpret_cast<const char *>(data), size - 1);
  if (data[size - 1] & 1)
    file = withChecksum(file);
  std::optional<std::string_view> found = readEntryKey(file, file.size());
  FALLOFF_CHECK(!found || lies(*found, file));
  // A listing reads the beginning alone.
  if (std::optional<std::string_view> part =
          readEntryKey(std::string_view(file).substr(0, file.size() / 2), file.size()))
    FALLOFF_CHECK(found && *part == *found);
  if (found)
    if (std::optional<std::string_view> value = readEntry(file, *found))
      FALLOFF_CHECK(lies(*value, file) && writeEntry(*found, *value) == file);

  FALLOFF_CHECK(replaceFile(disk.file, {file}) == 0);
  std::optional<std::string> value = disk.cache->find(EntryKind::Plan, key);
  FALLOFF_CHECK(!value || writeEntry(key, *value) == file);
  std::vector<DiskCache::Entry> entries = disk.cache->entries();
  FALLOFF_CHECK(entries.size() == 1 && entries[0].key == found.value_or(""));
  return 0;
}
