// SPDX-License-Identifier: Apache-2.0
//
// The cache on disk as one process sees it: hits, misses, bounds, and what the environment says.
#include "runtime/DiskCache.h"
#include "runtime/CacheEntry.h"
#include "tests/unit/runtime/Processes.h"
#include <fcntl.h>
#include <fstream>
#include <set>
#include <sys/stat.h>

using namespace falloff::runtime;
using namespace falloff::test;
namespace fs = std::filesystem;

namespace {

std::vector<fs::path> filesIn(const std::string &folder) {
  std::vector<fs::path> files;
  for (const auto &entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().filename() != "CACHEDIR.TAG")
      files.push_back(entry.path());
  return files;
}

std::string contents(const fs::path &path) { return readFile(path.string()).value_or(""); }

/// Makes an entry the one used `seconds` ago.
void age(const fs::path &path, int seconds) {
  timespec times[2];
  clock_gettime(CLOCK_REALTIME, &times[0]);
  times[0].tv_sec -= seconds;
  times[1] = times[0];
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

/// Sets a variable for a test.
struct Variable {
  std::string name, before;
  bool had;
  Variable(const char *name, const char *value) : name(name), had(getenv(name)) {
    before = had ? getenv(name) : "";
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Variable() { had ? setenv(name.c_str(), before.c_str(), 1) : unsetenv(name.c_str()); }
};

TEST(DiskCache, KeepsAcrossInstances) {
  TemporaryFolder folder;
  DiskCache first(folder.path + "/deep/cache"), second(folder.path + "/deep/cache");
  EXPECT_FALSE(first.find(EntryKind::Kernel, "key"));
  EXPECT_TRUE(first.store(EntryKind::Kernel, "key", "value", {"source"}));
  EXPECT_EQ(second.find(EntryKind::Kernel, "key"), "value");
  EXPECT_FALSE(second.find(EntryKind::Plan, "key"));
  EXPECT_FALSE(second.find(EntryKind::Kernel, "other key"));
  std::set<std::string> extensions;
  for (const fs::path &file : filesIn(first.folder()))
    extensions.insert(file.extension());
  EXPECT_EQ(extensions, (std::set<std::string>{".entry", ".mlir"}));
  EXPECT_TRUE(first.store(EntryKind::Kernel, "of a device", "value", {"source of a device", ".cu"}));
  int sources = 0;
  for (const fs::path &file : filesIn(first.folder()))
    sources += file.extension() == ".cu" && contents(file) == "source of a device";
  EXPECT_EQ(sources, 1);
  struct stat status;
  ASSERT_EQ(stat(first.folder().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u); // code lies here
}

TEST(DiskCache, MakesOnce) {
  TemporaryFolder folder;
  DiskCache cache(folder.path);
  int makes = 0;
  auto make = [&] { return DiskCache::Made{"made " + std::to_string(++makes), {}}; };
  EXPECT_EQ(cache.getOrMake(EntryKind::Plan, "key", make), "made 1");
  EXPECT_EQ(cache.getOrMake(EntryKind::Plan, "key", make), "made 1");
  auto fail = [&]() -> DiskCache::Made { throw std::runtime_error("cannot"); };
  EXPECT_THROW(cache.getOrMake(EntryKind::Plan, "other", fail), std::runtime_error);
  EXPECT_EQ(cache.getOrMake(EntryKind::Plan, "other", make), "made 2");
  EXPECT_TRUE(fs::is_empty(folder.path + "/locks"));
}

TEST(DiskCache, CorruptEntriesAreMadeAgain) {
  TemporaryFolder folder;
  DiskCache cache(folder.path);
  ASSERT_TRUE(cache.store(EntryKind::Kernel, "key", std::string(1000, 'v')));
  fs::path path = filesIn(folder.path).at(0);
  std::string whole = contents(path);
  std::string another = writeEntry("another key", "value"), version = whole, flipped = whole, head = whole;
  version[8] = 2;
  flipped[700] = char(flipped[700] ^ 1);
  head[16] = char(head[16] ^ 1);
  std::vector<std::string> bad = {"",
                                  whole.substr(0, 20),
                                  whole.substr(0, 500),
                                  whole.substr(0, whole.size() - 1),
                                  head,
                                  whole + whole,
                                  another,
                                  version,
                                  flipped,
                                  std::string(2000, '\0'),
                                  std::string("\x7f"
                                              "ELF")};
  for (const std::string &bytes : bad) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    EXPECT_FALSE(cache.find(EntryKind::Kernel, "key"));
    EXPECT_EQ(cache.getOrMake(EntryKind::Kernel, "key", [] { return DiskCache::Made{"again", {}}; }), "again");
    EXPECT_EQ(cache.find(EntryKind::Kernel, "key"), "again");
  }
  std::ofstream(path, std::ios::binary | std::ios::trunc) << flipped;
  std::string said = runCaptured([&] {
                       cache.getOrMake(EntryKind::Kernel, "key", [] { return DiskCache::Made{"again", {}}; });
                       return 0;
                     }).second;
  EXPECT_EQ(said, "falloff: warning: expects a whole entry of the cache, but got a damaged file '" + path.string() +
                      "', which counts as none: the kernel has to be made again\n");
  fs::remove(path);
  fs::create_directory(path); // where a file should be
  EXPECT_FALSE(cache.find(EntryKind::Kernel, "key"));
}

TEST(DiskCache, BoundedByBytes) {
  TemporaryFolder folder;
  DiskCache::Options options;
  options.maxBytes = 100000;
  DiskCache cache(folder.path, options);
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(cache.store(EntryKind::Plan, "plan " + std::to_string(i), std::string(5000, 'x'), {"text"}));
    int64_t bytes = 0;
    for (const fs::path &file : filesIn(folder.path))
      bytes += int64_t(fs::file_size(file));
    EXPECT_LE(bytes, options.maxBytes + options.maxBytes / 16 + 6000);
  }
  EXPECT_TRUE(cache.find(EntryKind::Plan, "plan 59"));
  EXPECT_FALSE(cache.find(EntryKind::Plan, "plan 0"));
  EXPECT_FALSE(cache.store(EntryKind::Plan, "large", std::string(50000, 'x'))); // would drive out all others
}

TEST(DiskCache, TrimRemovesTheOldestUsed) {
  TemporaryFolder folder;
  DiskCache cache(folder.path);
  std::vector<std::string> keys = {"a", "b", "c", "d"};
  for (size_t i = 0; i < keys.size(); ++i) {
    ASSERT_TRUE(cache.store(EntryKind::Kernel, keys[i], std::string(1000, 'x'), {std::string(100, 's')}));
    std::string name = cache.entries().at(0).name;
    age(folder.path + "/kernels/" + name + ".entry", int(100 - i));
  }
  EXPECT_TRUE(cache.find(EntryKind::Kernel, "a")); // now the one used last
  std::vector<DiskCache::Entry> entries = cache.entries();
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].key, "a");
  EXPECT_EQ(entries[3].key, "b");
  EXPECT_EQ(entries[0].bytes, 1000 + 100 + 49);
  DiskCache::Removed removed = cache.trim(2 * 1149);
  EXPECT_EQ(removed.entries, 2);
  EXPECT_EQ(removed.bytes, 2 * 1149);
  EXPECT_TRUE(cache.find(EntryKind::Kernel, "a"));
  EXPECT_FALSE(cache.find(EntryKind::Kernel, "b"));
  EXPECT_FALSE(cache.find(EntryKind::Kernel, "c"));
  EXPECT_TRUE(cache.find(EntryKind::Kernel, "d"));
  EXPECT_EQ(filesIn(folder.path).size(), 4u); // no source without its entry
}

TEST(DiskCache, ClearLeavesNothing) {
  TemporaryFolder folder;
  DiskCache cache(folder.path);
  ASSERT_TRUE(cache.store(EntryKind::Kernel, "key", "value", {"source"}));
  ASSERT_TRUE(cache.store(EntryKind::Kernel, "of a device", "value", {"source", ".cu"}));
  ASSERT_TRUE(cache.store(EntryKind::Plan, "key", "value"));
  std::string name = "/" + std::string(31, '0') + "a";
  std::ofstream(folder.path + "/kernels" + name + ".mlir.123456.tmp") << "left by a process that died";
  std::ofstream(folder.path + "/locks" + name + ".lock");
  std::ofstream(folder.path + "/kernels" + name + ".entry") << "no entry";
  EXPECT_EQ(cache.entries().size(), 4u);
  EXPECT_EQ(cache.clear().entries, 4);
  EXPECT_TRUE(filesIn(folder.path).empty());
  EXPECT_TRUE(cache.entries().empty());
  EXPECT_EQ(cache.clear().entries, 0);
  EXPECT_TRUE(cache.store(EntryKind::Plan, "key", "value"));
  fs::remove_all(folder.path); // by someone else, while this process goes on
  EXPECT_TRUE(cache.store(EntryKind::Plan, "key", "value"));
  EXPECT_EQ(cache.find(EntryKind::Plan, "key"), "value");
}

TEST(DiskCache, BackupsLeaveOutWhatIsTheCachesAlone) {
  TemporaryFolder own, shared;
  std::ofstream(shared.path + "/thesis.txt") << "mine";
  for (const TemporaryFolder *folder : {&own, &shared})
    ASSERT_TRUE(DiskCache(folder->path).store(EntryKind::Plan, "key", "value"));
  EXPECT_TRUE(fs::exists(own.path + "/CACHEDIR.TAG"));
  EXPECT_FALSE(fs::exists(shared.path + "/CACHEDIR.TAG"));
}

TEST(DiskCache, ForeignFilesStay) {
  TemporaryFolder folder;
  DiskCache::Options options;
  options.maxBytes = 100000;
  DiskCache cache(folder.path, options);
  ASSERT_TRUE(cache.store(EntryKind::Kernel, "first", std::string(5000, 'x'), {"source"}));
  std::string digits(32, '7');
  std::vector<std::string> foreign = {"my-video.mp4",
                                      "notes",
                                      ".hidden",
                                      ".tmp-123456",
                                      "draft.tmp",
                                      "mine.entry",
                                      "mine.lock",
                                      "mine.mlir",
                                      "mine.cu",
                                      "mine.abc123.tmp",
                                      digits,
                                      digits + ".mp4",
                                      digits + ".entry.old",
                                      digits + ".entry.tmp",
                                      digits + ".mp4.abc123.tmp",
                                      digits + "7.entry",
                                      digits.substr(1) + ".entry",
                                      std::string(32, 'F') + ".entry"};
  std::vector<std::string> paths;
  for (const char *part : {"", "/kernels", "/plans", "/locks"})
    for (const std::string &name : foreign) {
      paths.push_back(folder.path + part + "/" + name);
      std::ofstream(paths.back()) << std::string(60000, 'v');
      age(paths.back(), 1000000); // the oldest, were they entries
    }
  for (int i = 0; i < 60; ++i)
    ASSERT_TRUE(cache.store(EntryKind::Plan, std::to_string(i), std::string(5000, 'x')));
  EXPECT_FALSE(cache.find(EntryKind::Kernel, "first")); // evicted
  int64_t bytes = 0;
  for (const DiskCache::Entry &entry : cache.entries())
    bytes += entry.bytes;
  EXPECT_GT(bytes, options.maxBytes / 2); // they are not counted either
  cache.trim(0);
  EXPECT_TRUE(cache.entries().empty());
  ASSERT_TRUE(cache.store(EntryKind::Kernel, "last", "value", {"source"}));
  EXPECT_EQ(cache.clear().entries, 1);
  EXPECT_EQ(filesIn(folder.path).size(), paths.size());
  for (const std::string &path : paths)
    EXPECT_EQ(contents(path).size(), 60000u) << path;
}

TEST(DiskCache, LookUpsAreLogged) {
  TemporaryFolder folder;
  auto lookUp = [&](const char *level) {
    return runCaptured([&] {
             setenv("FALLOFF_LOG_LEVEL", level, 1);
             DiskCache cache(folder.path);
             cache.find(EntryKind::Plan, "key");
             cache.store(EntryKind::Plan, "key", "value");
             cache.find(EntryKind::Plan, "key");
             cache.clear();
             return 0;
           })
        .second;
  };
  EXPECT_EQ(lookUp("info"), "");
  std::string said = lookUp("debug");
  EXPECT_EQ(linesIn(said), 3) << said;
  EXPECT_NE(said.find("debug: looked up a plan: no '" + folder.path), std::string::npos) << said;
  EXPECT_NE(said.find("debug: looked up a plan: '" + folder.path), std::string::npos) << said;
}

TEST(DiskCache, TheEnvironmentNamesIt) {
  Variable none("FALLOFF_CACHE_DIR", nullptr), xdg("XDG_CACHE_HOME", "/tmp/xdg"), home("HOME", "/tmp/home");
  EXPECT_EQ(DiskCache::shared()->folder(), "/tmp/xdg/falloff");
  EXPECT_EQ(DiskCache::shared(), DiskCache::shared());
  {
    Variable relative("XDG_CACHE_HOME", "cache");
    EXPECT_EQ(DiskCache::shared()->folder(), "/tmp/home/.cache/falloff");
  }
  Variable given("FALLOFF_CACHE_DIR", "/tmp/given/../there");
  EXPECT_EQ(DiskCache::shared()->folder(), "/tmp/there");
  Variable disabled("FALLOFF_DISABLE_CACHE", "1");
  EXPECT_EQ(DiskCache::shared(), nullptr);
  Variable enabled("FALLOFF_DISABLE_CACHE", "0");
  EXPECT_NE(DiskCache::shared(), nullptr);
}

TEST(DiskCache, NoHomeIsOneWarning) {
  auto [status, said] = runCaptured([] {
    for (const char *name : {"FALLOFF_CACHE_DIR", "XDG_CACHE_HOME", "HOME"})
      unsetenv(name);
    return DiskCache::shared() || DiskCache::shared();
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(linesIn(said), 1) << said;
}

} // namespace
