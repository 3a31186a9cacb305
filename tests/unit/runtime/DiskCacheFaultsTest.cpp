// SPDX-License-Identifier: Apache-2.0
//
// The cache on disk among processes that die, and on disks that are full or closed.
#include "runtime/DiskCache.h"
#include "tests/unit/runtime/Processes.h"
#include <atomic>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <random>
#include <set>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>

using namespace falloff::runtime;
using namespace falloff::test;
namespace fs = std::filesystem;

namespace {

/// Appends a byte to a file; its size counts calls over all processes.
void count(const std::string &path) {
  int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  (void)!write(file, "x", 1);
  close(file);
}

TEST(DiskCacheFaults, OneMakeForManyThreads) {
  TemporaryFolder folder;
  DiskCache cache(folder.path);
  std::atomic<int> makes{0}, right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&] {
      right += cache.getOrMake(EntryKind::Kernel, "key", [&] {
        ++makes;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        return DiskCache::Made{"value", {}};
      }) == "value";
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(makes, 1);
  EXPECT_EQ(right, 16);
}

TEST(DiskCacheFaults, OneMakeForManyProcesses) {
  TemporaryFolder folder;
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i)
    children.push_back(start([&] {
      DiskCache cache(folder.path + "/cache");
      for (const char *key : {"one", "two", "three"}) {
        std::string value = cache.getOrMake(EntryKind::Kernel, key, [&] {
          count(folder.path + "/makes");
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
          return DiskCache::Made{std::string("value of ") + key, {}};
        });
        if (value != std::string("value of ") + key)
          return 1;
      }
      return 0;
    }));
  for (pid_t child : children)
    EXPECT_EQ(finish(child), 0);
  EXPECT_EQ(fs::file_size(folder.path + "/makes"), 3u);
}

/// A process that makes "key" and never ends; it holds the lock when this returns.
static pid_t startHolder(const std::string &folder) {
  int ready[2];
  EXPECT_EQ(pipe(ready), 0);
  pid_t holder = start([&] {
    DiskCache(folder).getOrMake(EntryKind::Kernel, "key", [&] {
      (void)!write(ready[1], "x", 1);
      pause();
      return DiskCache::Made{"never", {}};
    });
    return 0;
  });
  char byte;
  EXPECT_EQ(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  close(ready[1]);
  return holder;
}

TEST(DiskCacheFaults, AKilledMakerIsReplaced) {
  TemporaryFolder folder;
  pid_t holder = startHolder(folder.path);
  pid_t next = start([&] {
    std::string value =
        DiskCache(folder.path).getOrMake(EntryKind::Kernel, "key", [&] { return DiskCache::Made{"value", {}}; });
    return value == "value" ? 0 : 1;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(waitpid(next, nullptr, WNOHANG), 0); // waits
  kill(holder, SIGKILL);
  EXPECT_EQ(finish(holder), -SIGKILL);
  EXPECT_EQ(finish(next), 0);
  EXPECT_EQ(DiskCache(folder.path).find(EntryKind::Kernel, "key"), "value");
}

TEST(DiskCacheFaults, AStoppedMakerIsNotWaitedForForever) {
  TemporaryFolder folder;
  pid_t holder = startHolder(folder.path);
  auto [status, said] = runCaptured([&] {
    DiskCache::Options options;
    options.patience = std::chrono::milliseconds(20);
    std::string value = DiskCache(folder.path, options).getOrMake(EntryKind::Kernel, "key", [&] {
      return DiskCache::Made{"value", {}};
    });
    return value == "value" ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(linesIn(said), 1) << said;
  kill(holder, SIGKILL);
  finish(holder);
}

//===-- Writers that die ------------------------------------------------------------------------------------------===//

constexpr int keys = 4;

std::string keyOf(int number) { return "key " + std::to_string(number); }

/// Bytes that say themselves whether they are whole: a seed, then what follows from it and the key.
std::string valueOf(int number, uint64_t seed) {
  std::mt19937_64 random(seed * keys + number);
  std::string value(8 * (1 + seed % 8192), '\0');
  for (size_t at = 0; at < value.size(); at += 8) {
    uint64_t word = at == 0 ? seed : random();
    std::memcpy(value.data() + at, &word, 8);
  }
  return value;
}

bool isWhole(int number, const std::string &value) {
  uint64_t seed = 0;
  if (value.size() < 8)
    return false;
  std::memcpy(&seed, value.data(), 8);
  return value == valueOf(number, seed);
}

/// Reads all keys; false if something was found that is not whole.
bool readAll(DiskCache &cache, int &hits) {
  for (int number = 0; number < keys; ++number)
    if (std::optional<std::string> found = cache.find(EntryKind::Kernel, keyOf(number))) {
      ++hits;
      if (!isWhole(number, *found))
        return false;
    }
  return true;
}

TEST(DiskCacheFaults, WritersKilledAtRandomPoints) {
  constexpr int rounds = 200;
  TemporaryFolder folder;
  std::string stop = folder.path + "/stop", path = folder.path + "/cache";
  pid_t reader = start([&] {
    DiskCache cache(path);
    int hits = 0;
    while (!fs::exists(stop))
      if (!readAll(cache, hits))
        return 1;
    return hits > 0 ? 0 : 2;
  });
  std::mt19937 random(22);
  DiskCache cache(path);
  int hits = 0, temporary = 0;
  for (int round = 0; round < rounds; ++round) {
    pid_t writer = start([&] {
      DiskCache own(path);
      for (uint64_t seed = uint64_t(round) * 1000;; ++seed)
        own.store(EntryKind::Kernel, keyOf(int(seed % keys)), valueOf(int(seed % keys), seed), {"source"});
      return 0;
    });
    usleep(random() % 4000);
    kill(writer, SIGKILL);
    ASSERT_EQ(finish(writer), -SIGKILL);
    ASSERT_TRUE(readAll(cache, hits)) << "after writer " << round;
  }
  EXPECT_EQ(replaceFile(stop, {""}), 0);
  EXPECT_EQ(finish(reader), 0);
  EXPECT_GT(hits, 0);
  for (const auto &entry : fs::directory_iterator(path + "/kernels"))
    temporary += !nameBehindTemporary(entry.path().filename().string()).empty();
  EXPECT_GT(temporary, 0) << "no writer died while it wrote";
  cache.clear();
  EXPECT_TRUE(fs::is_empty(path + "/kernels"));
}

//===-- Disks that take nothing -----------------------------------------------------------------------------------===//

/// In a process of its own: stores fail, with one warning in all; makes go on.
void expectGoesOnWithout(const std::string &folder, const std::function<void()> &prepare) {
  auto [status, said] = runCaptured([&] {
    prepare();
    DiskCache cache(folder);
    for (int i = 0; i < 3; ++i) {
      if (cache.store(EntryKind::Plan, "plan", std::string(1 << 20, 'x')))
        return 1;
      if (cache.getOrMake(EntryKind::Kernel, keyOf(i), [] { return DiskCache::Made{std::string(1 << 20, 'y'), {}}; })
              .size() != 1 << 20)
        return 2;
    }
    return 0;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(linesIn(said), 1) << said;
  EXPECT_NE(said.find("falloff: warning: "), std::string::npos) << said;
}

int temporaryFilesIn(const std::string &folder) {
  int count = 0;
  for (const auto &entry : fs::recursive_directory_iterator(folder))
    count += !nameBehindTemporary(entry.path().filename().string()).empty();
  return count;
}

TEST(DiskCacheFaults, FilesThatMayNotGrow) {
  TemporaryFolder folder;
  expectGoesOnWithout(folder.path, [] {
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
  });
  EXPECT_EQ(temporaryFilesIn(folder.path), 0);
}

TEST(DiskCacheFaults, FullDisk) {
  TemporaryFolder folder;
  std::string disk = folder.path + "/disk";
  fs::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=256k,mode=0700") != 0)
    GTEST_SKIP() << "expects to be allowed to mount a small file system";
  expectGoesOnWithout(disk, [] {});
  EXPECT_EQ(temporaryFilesIn(disk), 0);
  EXPECT_TRUE(DiskCache(disk).store(EntryKind::Plan, "small", "fits"));
  umount(disk.c_str());
}

TEST(DiskCacheFaults, ReadOnlyFolder) {
  TemporaryFolder folder;
  ASSERT_TRUE(DiskCache(folder.path).store(EntryKind::Kernel, "key", "value"));
  for (const char *part : {"", "/kernels", "/plans", "/locks"})
    chmod((folder.path + part).c_str(), 0555);
  for (const auto &entry : fs::directory_iterator(folder.path + "/kernels"))
    chmod(entry.path().c_str(), 0444);
  auto drop = [] {
    if (geteuid() == 0 && seteuid(65534) != 0) // root may write anywhere
      _exit(3);
  };
  expectGoesOnWithout(folder.path, drop);
  auto [status, said] = runCaptured([&] { // what is there is read all the same
    drop();
    return DiskCache(folder.path).find(EntryKind::Kernel, "key") == "value" ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(said, "");
  expectGoesOnWithout(folder.path + "/not/there", drop);
  for (const char *part : {"", "/kernels", "/plans", "/locks"}) // so that it can be removed
    chmod((folder.path + part).c_str(), 0755);
}

//===-- Folders that are not as they should be --------------------------------------------------------------------===//

/// What findProblem says; a process says the same, once, when it would use the cache.
std::string problemOf(const std::string &folder) {
  std::string problem = DiskCache(folder).findProblem();
  auto [status, said] = runCaptured([&] {
    DiskCache cache(folder);
    bool stored = cache.store(EntryKind::Plan, "key", "value"), found = bool(cache.find(EntryKind::Plan, "key"));
    return stored || found ? 1 : 0;
  });
  EXPECT_EQ(status, 0) << "used in spite of: " << problem;
  EXPECT_EQ(linesIn(said), 1) << said;
  std::string reason = problem.substr(problem.find(": ") + 2);
  EXPECT_NE(said.find(reason), std::string::npos) << said << problem;
  return problem;
}

TEST(DiskCacheFaults, AFileInTheWay) {
  TemporaryFolder folder;
  ASSERT_EQ(replaceFile(folder.path + "/file", {"x"}), 0);
  expectGoesOnWithout(folder.path + "/file", [] {});
  expectGoesOnWithout(folder.path + "/file/below", [] {});
  EXPECT_EQ(problemOf(folder.path + "/file/below"), "cannot be written to: Not a directory");
  ASSERT_EQ(replaceFile(folder.path + "/kernels", {"x"}), 0);
  EXPECT_EQ(problemOf(folder.path), "cannot be written to: 'kernels': Not a directory");
}

TEST(DiskCacheFaults, FoldersThatCannotBe) {
  TemporaryFolder folder;
  ASSERT_EQ(symlink("nowhere", (folder.path + "/link").c_str()), 0);
  EXPECT_EQ(problemOf(folder.path + "/link"), "cannot be written to: No such file or directory");
  EXPECT_EQ(problemOf(folder.path + "/" + std::string(300, 'n')), "cannot be written to: File name too long");
}

TEST(DiskCacheFaults, AFolderThatOthersWriteTo) {
  TemporaryFolder folder;
  ASSERT_TRUE(DiskCache(folder.path).store(EntryKind::Kernel, "key 0", "value"));
  for (const char *part : {"", "/kernels", "/plans", "/locks"})
    for (mode_t mode : {0777, 0775, 0702, 01777}) {
      std::string path = folder.path + part;
      chmod(path.c_str(), mode);
      expectGoesOnWithout(folder.path, [] {});
      std::string problem = problemOf(folder.path);
      EXPECT_NE(problem.find("is not used: expects folders"), std::string::npos) << problem;
      EXPECT_NE(problem.find("'" + path + "' has mode"), std::string::npos) << problem;
      chmod(path.c_str(), 0755); // others may read
      EXPECT_EQ(DiskCache(folder.path).findProblem(), "");
      EXPECT_TRUE(DiskCache(folder.path).find(EntryKind::Kernel, "key 0"));
    }
}

TEST(DiskCacheFaults, AFolderOfAnotherUser) {
  if (geteuid() != 0)
    GTEST_SKIP() << "expects to be allowed to give a folder away";
  TemporaryFolder folder;
  ASSERT_TRUE(DiskCache(folder.path).store(EntryKind::Plan, "key", "value"));
  for (const char *part : {"/plans", ""}) {
    ASSERT_EQ(chown((folder.path + part).c_str(), 65534, 65534), 0);
    EXPECT_NE(problemOf(folder.path).find("'" + folder.path + part + "' belongs to user 65534"), std::string::npos);
    ASSERT_EQ(chown((folder.path + part).c_str(), 0, 0), 0);
  }
}

TEST(DiskCacheFaults, AFolderThatAppearsIsLookedAt) {
  TemporaryFolder folder;
  std::string path = folder.path + "/later";
  auto [status, said] = runCaptured([&] {
    DiskCache cache(path);
    if (cache.find(EntryKind::Plan, "key"))
      return 1;
    DiskCache(path).store(EntryKind::Plan, "key", "value"); // by someone else, with a folder open to all
    chmod(path.c_str(), 0777);
    return cache.find(EntryKind::Plan, "key") ? 2 : 0;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(linesIn(said), 1) << said;
}

TEST(DiskCacheFaults, AskingLeavesFoldersAlone) {
  TemporaryFolder folder;
  std::string path = folder.path + "/new";
  EXPECT_EQ(DiskCache(path).findProblem(), "");
  std::set<std::string> names;
  for (const auto &entry : fs::recursive_directory_iterator(path))
    names.insert(entry.path().filename());
  EXPECT_EQ(names, (std::set<std::string>{"CACHEDIR.TAG", "kernels", "locks", "plans"}));
}

} // namespace
