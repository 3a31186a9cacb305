// SPDX-License-Identifier: Apache-2.0
//
// Look-ups, stores and who makes an entry. Readers take no lock: files appear whole by a rename.
#include "runtime/DiskCache.h"
#include "runtime/CacheEntry.h"
#include "runtime/Hash.h"
#include "runtime/Log.h"
#include "runtime/Settings.h"
#include <cerrno>
#include <fcntl.h>
#include <map>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace falloff::runtime {

static std::string textOf(int error) { return std::generic_category().message(error); }

const char *nameOf(EntryKind kind) { return kind == EntryKind::Kernel ? "kernel" : "plan"; }

std::shared_ptr<DiskCache> DiskCache::shared() {
  static std::mutex mutex;
  static auto &caches = *new std::map<std::string, std::shared_ptr<DiskCache>>; // outlives threads at exit
  if (isCacheDisabled())
    return nullptr;
  std::string folder = cacheFolder();
  std::lock_guard<std::mutex> lock(mutex);
  std::shared_ptr<DiskCache> &cache = caches[folder];
  if (!cache) {
    cache = std::make_shared<DiskCache>(folder);
    if (folder.empty())
      log(LogLevel::Warning, "there is no folder for the cache on disk: expects HOME, XDG_CACHE_HOME or "
                             "FALLOFF_CACHE_DIR to be set");
  }
  return folder.empty() ? nullptr : cache;
}

DiskCache::DiskCache(std::string folder, Options options)
    : root(std::move(folder)), options(options), untrimmed(options.maxBytes) {}

std::string DiskCache::pathOf(EntryKind kind, std::string_view key, const char *extension) const {
  // With the version, so that two of them do not overwrite each other's entries.
  Hash128 hash = KeyBytes().add(entryVersion).add(int(kind)).add(key).hash();
  return root + "/" + nameOf(kind) + "s/" + hash.hex() + extension;
}

/// Entries hold code that will run: they are taken only from a folder that nobody else can write to.
static bool isSafe(const struct stat &status) {
  return (status.st_uid == ::geteuid() || status.st_uid == 0) && !(status.st_mode & S_IWOTH);
}

bool DiskCache::isTrusted() {
  std::call_once(examined, [this] {
    struct stat status;
    if (::stat(root.c_str(), &status) != 0 || isSafe(status))
      return; // what is not there yet will be the user's own
    trusted = false;
    log(LogLevel::Warning, "the cache in '" + root +
                               "' is not used: expects a folder that belongs to this user, and that others cannot "
                               "write to (chmod o-w)");
  });
  return trusted;
}

/// Makes what is missing of the folder. Returns 0 or an errno.
int DiskCache::prepare() {
  int error = makeFolders(root);
  struct stat status;
  if (error == 0 && (::stat(root.c_str(), &status) != 0 || !isSafe(status)))
    return EACCES; // someone else made it meanwhile
  for (const char *part : {"/kernels", "/plans", "/locks"})
    if (error == 0)
      error = makeFolders(root + part);
  // Tells backups to leave the folder out (bford.info/cachedir).
  std::string tag = root + "/CACHEDIR.TAG";
  if (error == 0 && ::stat(tag.c_str(), &status) != 0)
    error =
        replaceFile(tag, {"Signature: 8a477f597d28d172789f06886806bc55\n",
                          "# Plans and kernels that Falloff can make again; `falloff cache clear` removes them.\n"});
  return error;
}

bool DiskCache::isWritable() {
  if (!isTrusted() || !writable)
    return false;
  std::call_once(prepared, [this] {
    if (int error = prepare())
      giveUpWriting(textOf(error));
  });
  return writable;
}

void DiskCache::giveUpWriting(const std::string &why) {
  if (writable.exchange(false))
    log(LogLevel::Warning, "cannot write to the cache in '" + root + "': " + why +
                               "; going on without (FALLOFF_CACHE_DIR names another folder)");
}

std::optional<std::string> DiskCache::find(EntryKind kind, std::string_view key) {
  if (!isTrusted())
    return std::nullopt;
  std::string path = pathOf(kind, key, ".entry");
  std::optional<std::string> file = readFile(path);
  if (!file)
    return std::nullopt;
  std::optional<std::string_view> value = readEntry(*file, key);
  if (!value) {
    log(LogLevel::Info, "'" + path + "' is not a whole entry for its key, and will be made again");
    return std::nullopt;
  }
  ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0); // used now; of no matter where it is refused
  size_t offset = size_t(value->data() - file->data());
  file->resize(offset + value->size());
  file->erase(0, offset);
  return file;
}

bool DiskCache::store(EntryKind kind, std::string_view key, std::string_view value,
                      const std::vector<Source> &sources) {
  int64_t bytes = int64_t(value.size() + key.size()) + 48;
  for (const Source &source : sources)
    bytes += int64_t(source.second.size());
  if (bytes > options.maxBytes / 4 || !isWritable())
    return false;
  int error = 0;
  for (const Source &source : sources)
    if (error == 0)
      error = replaceFile(pathOf(kind, key, ("." + source.first).c_str()), {source.second});
  std::string path = pathOf(kind, key, ".entry"), file = writeEntry(key, value);
  if (error == 0)
    error = replaceFile(path, {file});
  if (error == ENOENT) { // someone removed the folders
    error = makeFolders(path.substr(0, path.rfind('/')));
    if (error == 0)
      error = replaceFile(path, {file});
  }
  if (error != 0) {
    giveUpWriting(textOf(error));
    return false;
  }
  log(LogLevel::Debug, std::string("stored a ") + nameOf(kind) + " in '" + path + "'");
  // The first store of a process looks, then one in many: all processes together stay near the bound.
  if (untrimmed.fetch_add(bytes) + bytes > options.maxBytes / 16) {
    untrimmed = 0;
    trim(options.maxBytes);
  }
  return true;
}

std::string DiskCache::getOrMake(EntryKind kind, std::string_view key, const std::function<Made()> &make) {
  if (std::optional<std::string> found = find(kind, key))
    return std::move(*found);
  FileLock lock;
  if (isWritable()) {
    std::string name = pathOf(kind, key, ".lock");
    FileLock taken = FileLock::acquire(root + "/locks" + name.substr(name.rfind('/')), options.patience);
    if (taken.error() == ETIMEDOUT)
      log(LogLevel::Warning, std::string("another process has held the lock on a ") + nameOf(kind) +
                                 " of the cache in '" + root + "' for too long; making it here as well");
    else if (taken.error() != 0)
      log(LogLevel::Info, "no lock in the cache in '" + root + "': " + textOf(taken.error()));
    if (std::optional<std::string> found = find(kind, key)) // while waiting
      return std::move(*found);
    Made made = make();
    store(kind, key, made.value, made.sources);
    return std::move(made.value);
  }
  return make().value;
}

} // namespace falloff::runtime
