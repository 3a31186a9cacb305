// SPDX-License-Identifier: Apache-2.0
//
// Look-ups, stores and who makes an entry. Readers take no lock: files appear whole by a rename.
#include "runtime/DiskCache.h"
#include "runtime/CacheEntry.h"
#include "runtime/Hash.h"
#include "runtime/Log.h"
#include "runtime/Settings.h"
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
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

std::string DiskCache::lockOf(EntryKind kind, std::string_view key) const {
  std::string path = pathOf(kind, key, ".lock");
  return root + "/locks" + path.substr(path.rfind('/'));
}

/// What lets others write to a folder; empty where nothing does, or it is not there.
static std::string faultOf(const std::string &folder) {
  struct stat status;
  if (::stat(folder.c_str(), &status) != 0)
    return "";
  char mode[8];
  std::snprintf(mode, sizeof mode, "%o", unsigned(status.st_mode & 07777));
  std::string fault;
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    fault = "belongs to user " + std::to_string(status.st_uid);
  else if (status.st_mode & (S_IWGRP | S_IWOTH))
    fault = std::string("has mode ") + mode + " (chmod go-w)";
  return fault.empty() ? fault
                       : "expects folders that belong to this user, and that nobody else can write to, but '" + folder +
                             "' " + fault;
}

/// Entries hold code that will run: they are taken only from folders that nobody else can write to.
DiskCache::Trust DiskCache::examine(std::string &fault) const {
  struct stat status;
  if (::stat(root.c_str(), &status) != 0)
    return Trust::Unknown;
  for (const char *part : {"", "/kernels", "/plans", "/locks"}) // what is missing nobody else can make
    if (fault.empty())
      fault = faultOf(root + part);
  return fault.empty() ? Trust::Given : Trust::Refused;
}

DiskCache::Trust DiskCache::trust() {
  Trust known = trusted;
  if (known != Trust::Unknown)
    return known;
  std::string fault;
  Trust found = examine(fault);
  if (found != Trust::Unknown && trusted.exchange(found) == Trust::Unknown && found == Trust::Refused)
    log(LogLevel::Warning, "the cache in '" + root + "' is not used: " + fault);
  return found;
}

/// Makes what is missing of the folder. Returns why it cannot; empty where it could.
std::string DiskCache::prepare() const {
  std::error_code failed;
  bool heldNothing = !std::filesystem::exists(root, failed) || std::filesystem::is_empty(root, failed);
  for (const char *part : {"", "/kernels", "/plans", "/locks"})
    if (int error = makeFolders(root + part))
      return (*part ? "'" + std::string(part + 1) + "': " : "") + textOf(error);
  std::string fault;
  if (examine(fault) == Trust::Refused) // someone else made it meanwhile
    return fault;
  if (!heldNothing)
    return "";
  // Tells backups to leave the folder out (bford.info/cachedir), which must not befall what others keep in it.
  int error = replaceFile(root + "/CACHEDIR.TAG",
                          {"Signature: 8a477f597d28d172789f06886806bc55\n",
                           "# Plans and kernels that Falloff can make again; `falloff cache clear` removes them.\n"});
  return error ? textOf(error) : "";
}

std::string DiskCache::findProblem() const {
  std::string fault;
  if (examine(fault) == Trust::Refused)
    return "is not used: " + fault;
  std::string why = prepare();
  constexpr std::string_view key = "whether files can be written";
  for (EntryKind kind : {EntryKind::Kernel, EntryKind::Plan})
    if (why.empty()) {
      std::string path = pathOf(kind, key);
      if (int error = replaceFile(path, {writeEntry(key, "")}))
        why = "'" + std::string(nameOf(kind)) + "s': " + textOf(error);
      else
        ::unlink(path.c_str());
    }
  if (why.empty()) {
    int error = FileLock::acquire(lockOf(EntryKind::Plan, key), std::chrono::milliseconds(0)).error();
    if (error != 0 && error != ETIMEDOUT) // another process may ask as well
      why = "'locks': " + textOf(error);
  }
  return why.empty() ? why : "cannot be written to: " + why;
}

bool DiskCache::isWritable() {
  if (!writable || trust() == Trust::Refused)
    return false;
  std::call_once(prepared, [this] {
    if (std::string why = prepare(); !why.empty())
      giveUpWriting(why);
  });
  return writable;
}

void DiskCache::giveUpWriting(const std::string &why) {
  if (writable.exchange(false))
    log(LogLevel::Warning, "cannot write to the cache in '" + root + "': " + why +
                               "; going on without (FALLOFF_CACHE_DIR names another folder)");
}

std::optional<std::string> DiskCache::find(EntryKind kind, std::string_view key) { return read(kind, key, true); }

std::optional<std::string> DiskCache::read(EntryKind kind, std::string_view key, bool warns) {
  std::string path = pathOf(kind, key);
  std::optional<std::string> file;
  if (trust() == Trust::Given)
    file = readFile(path);
  if (isLogged(LogLevel::Debug))
    log(LogLevel::Debug, std::string("looked up a ") + nameOf(kind) + ": " + (file ? "" : "no ") + "'" + path + "'");
  if (!file)
    return std::nullopt;
  std::optional<std::string_view> value = readEntry(*file, key);
  if (!value) {
    if (warns)
      log(LogLevel::Warning, "expects a whole entry of the cache, but got a damaged file '" + path +
                                 "', which counts as none: the " + nameOf(kind) + " has to be made again");
    return std::nullopt;
  }
  ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0); // used now; of no matter where it is refused
  size_t offset = size_t(value->data() - file->data());
  file->resize(offset + value->size());
  file->erase(0, offset);
  return file;
}

bool DiskCache::store(EntryKind kind, std::string_view key, std::string_view value, const CacheSource &source) {
  int64_t bytes = int64_t(value.size() + key.size() + source.text.size()) + 48;
  if (bytes > options.maxBytes / 4 || !isWritable())
    return false;
  int error = 0;
  if (!source.text.empty())
    error = replaceFile(pathOf(kind, key, source.extension), {source.text});
  std::string path = pathOf(kind, key), file = writeEntry(key, value);
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
    FileLock taken = FileLock::acquire(lockOf(kind, key), options.patience);
    if (taken.error() == ETIMEDOUT)
      log(LogLevel::Warning, std::string("another process has held the lock on a ") + nameOf(kind) +
                                 " of the cache in '" + root + "' for too long; making it here as well");
    else if (taken.error() != 0)
      log(LogLevel::Info, "no lock in the cache in '" + root + "': " + textOf(taken.error()));
    if (std::optional<std::string> found = read(kind, key, false)) // while waiting; `find` has warned of damage
      return std::move(*found);
    Made made = make();
    store(kind, key, made.value, made.source);
    return std::move(made.value);
  }
  return make().value;
}

} // namespace falloff::runtime
