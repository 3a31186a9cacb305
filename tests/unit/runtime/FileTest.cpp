// SPDX-License-Identifier: Apache-2.0
//
// Files appear whole, and one holder at a time has a lock, alive or not.
#include "runtime/File.h"
#include "tests/unit/runtime/Processes.h"
#include <atomic>
#include <cerrno>
#include <csignal>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <vector>

using namespace falloff::runtime;
using namespace falloff::test;
using std::chrono::milliseconds;

namespace {

TEST(File, ReplacesAndReads) {
  TemporaryFolder folder;
  std::string path = folder.path + "/file";
  EXPECT_FALSE(readFile(path));
  EXPECT_EQ(replaceFile(path, {"one", "", "two"}), 0);
  EXPECT_EQ(readFile(path), "onetwo");
  EXPECT_EQ(replaceFile(path, {"three"}), 0);
  EXPECT_EQ(readFile(path), "three");
  EXPECT_EQ(readFile(path, 2), "th");
  EXPECT_EQ(replaceFile(folder.path + "/none/file", {"x"}), ENOENT);
  EXPECT_FALSE(readFile(folder.path)); // a folder
  ASSERT_EQ(mkfifo((folder.path + "/pipe").c_str(), 0600), 0);
  EXPECT_FALSE(readFile(folder.path + "/pipe")); // does not wait for a writer
}

TEST(File, FailuresLeaveNothingBehind) {
  TemporaryFolder folder;
  ASSERT_EQ(mkdir((folder.path + "/taken").c_str(), 0700), 0);
  EXPECT_NE(replaceFile(folder.path + "/taken", {"x"}), 0); // a folder is in the way
  int files = 0;
  for (const auto &entry : std::filesystem::directory_iterator(folder.path))
    files += entry.is_regular_file();
  EXPECT_EQ(files, 0);
}

TEST(File, TemporaryNamesSayWhatIsBehind) {
  EXPECT_EQ(nameBehindTemporary("plan.entry.aZ09bc.tmp"), "plan.entry");
  for (const char *name : {"", ".tmp", ".aZ09bc.tmp", "plan.entry", "plan.tmp", "plan.aZ09b.tmp", "plan.aZ09b-.tmp",
                           "plan.aZ09bc.tmp2", "plan-aZ09bc.tmp"})
    EXPECT_EQ(nameBehindTemporary(name), "") << name;
  TemporaryFolder folder;
  pid_t child = start([&] {
    rlimit limit{0, 0};
    setrlimit(RLIMIT_FSIZE, &limit); // the first byte kills it
    return replaceFile(folder.path + "/file", {"x"});
  });
  EXPECT_EQ(finish(child), -SIGXFSZ);
  int files = 0;
  for (const auto &entry : std::filesystem::directory_iterator(folder.path)) {
    EXPECT_EQ(nameBehindTemporary(entry.path().filename().string()), "file");
    ++files;
  }
  EXPECT_EQ(files, 1);
}

TEST(File, MakesFolders) {
  TemporaryFolder folder;
  EXPECT_EQ(makeFolders(folder.path + "/a/b/c"), 0);
  EXPECT_EQ(makeFolders(folder.path + "/a/b/c"), 0);
  EXPECT_EQ(replaceFile(folder.path + "/a/file", {"x"}), 0);
  EXPECT_EQ(makeFolders(folder.path + "/a/file/d"), ENOTDIR);
  ASSERT_EQ(symlink("nowhere", (folder.path + "/link").c_str()), 0);
  EXPECT_EQ(makeFolders(folder.path + "/link"), ENOENT);
  EXPECT_EQ(makeFolders(folder.path + "/link/d"), ENOENT);
  EXPECT_EQ(makeFolders(folder.path + "/" + std::string(300, 'n')), ENAMETOOLONG);
}

TEST(FileLock, OneHolderAtATime) {
  TemporaryFolder folder;
  std::string path = folder.path + "/lock";
  std::atomic<int> inside{0}, most{0}, held{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&] {
      FileLock lock = FileLock::acquire(path, milliseconds(60000));
      held += lock.isHeld();
      int now = ++inside;
      most = std::max(most.load(), now);
      std::this_thread::sleep_for(milliseconds(1));
      --inside;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(held, 16);
  EXPECT_EQ(most, 1);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(FileLock, PatienceEnds) {
  TemporaryFolder folder;
  FileLock first = FileLock::acquire(folder.path + "/lock", milliseconds(0));
  EXPECT_TRUE(first.isHeld());
  FileLock second = FileLock::acquire(folder.path + "/lock", milliseconds(20));
  EXPECT_FALSE(second.isHeld());
  EXPECT_EQ(second.error(), ETIMEDOUT);
  EXPECT_EQ(FileLock::acquire(folder.path + "/none/lock", milliseconds(0)).error(), ENOENT);
}

TEST(FileLock, AKilledHolderHoldsNothing) {
  TemporaryFolder folder;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  pid_t holder = start([&] {
    FileLock lock = FileLock::acquire(folder.path + "/lock", milliseconds(0));
    (void)!write(ready[1], "x", 1);
    pause();
    return int(lock.isHeld());
  });
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_FALSE(FileLock::acquire(folder.path + "/lock", milliseconds(0)).isHeld());
  kill(holder, SIGKILL);
  EXPECT_EQ(finish(holder), -SIGKILL);
  EXPECT_TRUE(FileLock::acquire(folder.path + "/lock", milliseconds(0)).isHeld());
}

} // namespace
