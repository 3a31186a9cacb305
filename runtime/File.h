// SPDX-License-Identifier: Apache-2.0
//
// The little that caches ask of files: read one whole, write one that appears whole or not at all, lock one.
#ifndef FALLOFF_RUNTIME_FILE_H
#define FALLOFF_RUNTIME_FILE_H

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace falloff::runtime {

/// An open file descriptor, or none.
class File {
public:
  File() = default;
  explicit File(int descriptor) : descriptor(descriptor) {}
  File(File &&other) noexcept : descriptor(std::exchange(other.descriptor, -1)) {}
  File &operator=(File &&other) noexcept {
    std::swap(descriptor, other.descriptor);
    return *this;
  }
  ~File();
  explicit operator bool() const { return descriptor >= 0; }
  int get() const { return descriptor; }
  int release() { return std::exchange(descriptor, -1); }

private:
  int descriptor = -1;
};

/// The first bytes of a regular file, all of them if there are at most `maxBytes`. None where it cannot be read.
std::optional<std::string> readFile(const std::string &path, uint64_t maxBytes = ~uint64_t(0));

/// Writes to a temporary name, `<name>.XXXXXX.tmp` in the same folder, then renames: whoever opens `path` sees the old
/// file, the new one or none. Not flushed to the device: after a power cut a file may be short or empty, which readers
/// have to find out. Returns 0, or the errno of what failed; nothing is left behind then.
int replaceFile(const std::string &path, std::initializer_list<std::string_view> parts);

/// The name of the file that replaceFile writes by way of this name, or did when its process died; empty for names of
/// another form.
std::string_view nameBehindTemporary(std::string_view name);

/// Makes a folder, for the user alone, and those above it. Returns 0 or an errno.
int makeFolders(const std::string &path);

/// An exclusive lock between threads and processes, by flock: the system drops it when its holder dies. The file is
/// removed on release.
class FileLock {
public:
  /// Holds nothing where the file cannot be made or locked, or not within `patience`.
  static FileLock acquire(const std::string &path, std::chrono::milliseconds patience);

  FileLock() = default;
  FileLock(FileLock &&) = default;
  FileLock &operator=(FileLock &&) = delete;
  ~FileLock();
  bool isHeld() const { return bool(file); }
  /// Why it is not held: 0 where it was never asked for, ETIMEDOUT where patience ended.
  int error() const { return reason; }

private:
  bool isNamed() const; ///< whether `path` still is the file that is locked

  File file;
  std::string path;
  int reason = 0;
};

} // namespace falloff::runtime

#endif
