// SPDX-License-Identifier: Apache-2.0
//
// The cache on disk, shared by all processes of a user. README.md says what lies where and why.
//
// A look-up finds a whole entry for exactly its key or nothing: what is cut short, changed or foreign is a miss, made
// again with one warning that names the file. Another version's entries have other names. Trouble with the disk is
// never an error of the caller's: it is one warning, and the process goes on without.
#ifndef FALLOFF_RUNTIME_DISKCACHE_H
#define FALLOFF_RUNTIME_DISKCACHE_H

#include "runtime/File.h"
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace falloff::runtime {

enum class EntryKind : uint8_t { Kernel, Plan };
const char *nameOf(EntryKind kind);

/// What a value was made of, for people; kept beside it unless it is empty.
struct CacheSource {
  std::string text;
  const char *extension = ".mlir"; ///< or ".cu"
};

class DiskCache {
public:
  struct Options {
    int64_t maxBytes = int64_t(512) << 20;         ///< of all files; those used longest ago go first
    std::chrono::milliseconds patience{60 * 1000}; ///< to wait for another process that makes the same entry
  };

  /// The cache that the environment names (Settings.h); null where it is disabled or there is no home.
  static std::shared_ptr<DiskCache> shared();

  explicit DiskCache(std::string folder) : DiskCache(std::move(folder), Options()) {}
  DiskCache(std::string folder, Options options);

  const std::string &folder() const { return root; }

  /// Where the entry of a key lies, if there is one; or what lies beside it.
  std::string pathOf(EntryKind kind, std::string_view key, const char *extension = ".entry") const;

  /// The value of a key, which now counts as used.
  std::optional<std::string> find(EntryKind kind, std::string_view key);

  /// Keeps a value. False where the disk does not take it.
  bool store(EntryKind kind, std::string_view key, std::string_view value, const CacheSource &source = CacheSource());

  /// What `find` gives, else what `make` gives, which is kept. Of all threads and processes that ask for a key at once
  /// one makes it, the others wait for its file; if it dies, the next one makes it. Exceptions of `make` pass through.
  struct Made {
    std::string value;
    CacheSource source;
  };
  std::string getOrMake(EntryKind kind, std::string_view key, const std::function<Made()> &make);

  struct Entry {
    EntryKind kind = EntryKind::Kernel;
    std::string name;     ///< file name without extension: the key's hash
    std::string key;      ///< empty if the file is no entry of this version
    int64_t bytes = 0;    ///< with its source
    int64_t lastUsed = 0; ///< nanoseconds since 1970
  };
  /// Why it is not used, or cannot be written to; empty where neither is so. To find out it makes its folders, as a
  /// store does, writes to each, and removes what it wrote. Logs nothing.
  std::string findProblem() const;

  /// All entries, the one used last first.
  std::vector<Entry> entries() const;

  struct Removed {
    int64_t entries = 0, bytes = 0;
  };
  /// Removes all entries, and what dead processes left. Here and in `trim`, files whose names a cache does not give
  /// stay. Throws std::system_error if a file cannot be removed.
  Removed clear();
  /// Removes entries until at most `maxBytes` are left, and files that dead processes left.
  Removed trim(int64_t maxBytes);

private:
  std::string lockOf(EntryKind kind, std::string_view key) const;
  std::optional<std::string> read(EntryKind kind, std::string_view key, bool warns);
  enum class Trust : uint8_t { Unknown, Given, Refused }; ///< Unknown: there is no folder yet
  Trust examine(std::string &fault) const;
  Trust trust();
  bool isWritable();
  std::string prepare() const;
  void giveUpWriting(const std::string &why);

  const std::string root;
  const Options options;
  std::once_flag prepared;
  std::atomic<Trust> trusted{Trust::Unknown};
  std::atomic<bool> writable{true};
  std::atomic<int64_t> untrimmed;
};

} // namespace falloff::runtime

#endif
