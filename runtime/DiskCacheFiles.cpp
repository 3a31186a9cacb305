// SPDX-License-Identifier: Apache-2.0
//
// The files of the cache as a whole: listing them, and removing those used longest ago. Other processes may do the same
// at the same time, so a file that is gone already is not an error. The folder may be one that a user keeps other
// things in: only files with the names that a store gives are the cache's, and all others stay.
#include "runtime/CacheEntry.h"
#include "runtime/DiskCache.h"
#include "runtime/Log.h"
#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <map>
#include <sys/stat.h>
#include <system_error>
#include <tuple>
#include <unistd.h>

namespace falloff::runtime {
namespace {

constexpr EntryKind kinds[] = {EntryKind::Kernel, EntryKind::Plan};
constexpr int64_t second = 1000000000;

int64_t nanoseconds(const timespec &time) { return int64_t(time.tv_sec) * second + time.tv_nsec; }

struct FoundFile {
  std::string name;
  int64_t bytes = 0, changed = 0;
};

std::vector<FoundFile> filesIn(const std::string &folder) {
  std::vector<FoundFile> files;
  DIR *open = ::opendir(folder.c_str());
  if (!open)
    return files;
  while (dirent *entry = ::readdir(open)) {
    struct stat status;
    if (::lstat((folder + "/" + entry->d_name).c_str(), &status) == 0 && S_ISREG(status.st_mode))
      files.push_back({entry->d_name, int64_t(status.st_size), nanoseconds(status.st_mtim)});
  }
  ::closedir(open);
  return files;
}

/// Whether a store gives a file this name: an entry's hash with this extension.
bool isNameWith(std::string_view name, std::string_view extension) {
  constexpr size_t digits = 32; // of Hash128::hex
  return name.size() == digits + extension.size() && name.substr(digits) == extension &&
         name.find_first_not_of("0123456789abcdef") >= digits;
}

bool isNameInGroup(std::string_view name) {
  return isNameWith(name, ".entry") || isNameWith(name, ".mlir") || isNameWith(name, ".cu");
}

/// An entry and its source, which live and go together.
struct FileGroup {
  EntryKind kind = EntryKind::Kernel;
  std::string name;
  std::vector<std::string> extensions;
  int64_t bytes = 0, entryBytes = -1;
  int64_t lastUsed = 0; ///< of the entry; of its source where there is none
};

/// Groups of a kind; temporary files go to `temporary`.
std::vector<FileGroup> groupsIn(const std::string &folder, EntryKind kind, std::vector<FoundFile> &temporary) {
  std::map<std::string, FileGroup> groups;
  for (FoundFile &file : filesIn(folder)) {
    if (isNameInGroup(nameBehindTemporary(file.name)))
      temporary.push_back({folder + "/" + file.name, file.bytes, file.changed});
    if (!isNameInGroup(file.name))
      continue;
    size_t dot = file.name.find('.');
    FileGroup &group = groups[file.name.substr(0, dot)];
    group.kind = kind;
    group.extensions.push_back(file.name.substr(dot));
    group.bytes += file.bytes;
    if (group.extensions.back() == ".entry") {
      group.entryBytes = file.bytes;
      group.lastUsed = file.changed;
    } else if (group.entryBytes < 0) {
      group.lastUsed = std::max(group.lastUsed, file.changed);
    }
  }
  std::vector<FileGroup> result;
  for (auto &[name, group] : groups) {
    group.name = name;
    result.push_back(std::move(group));
  }
  return result;
}

std::string folderOf(const std::string &root, EntryKind kind) { return root + "/" + nameOf(kind) + "s"; }

/// 0 or an errno; a file that is gone is no error.
int removeFile(const std::string &path) { return ::unlink(path.c_str()) == 0 || errno == ENOENT ? 0 : errno; }

int removeGroup(const std::string &root, const FileGroup &group) {
  int error = 0;
  for (const std::string &extension : group.extensions)
    if (int failed = removeFile(folderOf(root, group.kind) + "/" + group.name + extension))
      error = failed;
  return error;
}

/// Temporary files that nobody writes any more, and locks that nobody holds; all that are older than `age`.
void removeRemains(const std::string &root, const std::vector<FoundFile> &temporary, int64_t age) {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  int64_t limit = nanoseconds(now) - age;
  for (const FoundFile &file : temporary)
    if (file.changed <= limit)
      removeFile(file.name);
  for (const FoundFile &file : filesIn(root + "/locks"))
    if (isNameWith(file.name, ".lock") && file.changed <= limit)
      FileLock::acquire(root + "/locks/" + file.name, std::chrono::milliseconds(0)); // removed on release
}

} // namespace

std::vector<DiskCache::Entry> DiskCache::entries() const {
  std::vector<Entry> entries;
  std::vector<FoundFile> temporary;
  for (EntryKind kind : kinds)
    for (const FileGroup &group : groupsIn(folderOf(root, kind), kind, temporary)) {
      if (group.entryBytes < 0)
        continue;
      Entry entry{kind, group.name, "", group.bytes, group.lastUsed};
      constexpr uint64_t longestKey = 1 << 20;
      std::optional<std::string> beginning = readFile(folderOf(root, kind) + "/" + group.name + ".entry", longestKey);
      if (beginning)
        entry.key = readEntryKey(*beginning, uint64_t(group.entryBytes)).value_or("");
      entries.push_back(std::move(entry));
    }
  std::sort(entries.begin(), entries.end(),
            [](const Entry &a, const Entry &b) { return std::tie(b.lastUsed, a.name) < std::tie(a.lastUsed, b.name); });
  return entries;
}

DiskCache::Removed DiskCache::trim(int64_t maxBytes) {
  std::vector<FoundFile> temporary;
  std::vector<FileGroup> groups;
  int64_t total = 0;
  for (EntryKind kind : kinds)
    for (FileGroup &group : groupsIn(folderOf(root, kind), kind, temporary)) {
      total += group.bytes;
      groups.push_back(std::move(group));
    }
  constexpr int64_t hour = 3600 * second;
  removeRemains(root, temporary, hour);
  std::sort(groups.begin(), groups.end(),
            [](const FileGroup &a, const FileGroup &b) { return a.lastUsed < b.lastUsed; });
  Removed removed;
  for (const FileGroup &group : groups) {
    if (total - removed.bytes <= maxBytes)
      break;
    if (removeGroup(root, group) != 0)
      continue;
    ++removed.entries;
    removed.bytes += group.bytes;
  }
  if (removed.entries > 0)
    log(LogLevel::Info, "removed " + std::to_string(removed.entries) + " entries, " + std::to_string(removed.bytes) +
                            " bytes, from the cache in '" + root + "'");
  return removed;
}

DiskCache::Removed DiskCache::clear() {
  Removed removed;
  std::vector<FoundFile> temporary;
  for (EntryKind kind : kinds)
    for (const FileGroup &group : groupsIn(folderOf(root, kind), kind, temporary)) {
      if (int error = removeGroup(root, group))
        throw std::system_error(error, std::generic_category(),
                                "cannot remove '" + folderOf(root, kind) + "/" + group.name + "'");
      removed.entries += group.entryBytes >= 0;
      removed.bytes += group.bytes;
    }
  removeRemains(root, temporary, 0);
  return removed;
}

} // namespace falloff::runtime
