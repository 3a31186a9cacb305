// SPDX-License-Identifier: Apache-2.0
//
// What tests of several processes need: a folder that goes again, and children.
#ifndef FALLOFF_TESTS_UNIT_RUNTIME_PROCESSES_H
#define FALLOFF_TESTS_UNIT_RUNTIME_PROCESSES_H

#include "gtest/gtest.h"
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace falloff::test {

class TemporaryFolder {
public:
  TemporaryFolder() {
    char name[] = "/tmp/falloff-folder-XXXXXX";
    path = mkdtemp(name);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

/// Starts a process that runs `body` and exits with its result.
inline pid_t start(const std::function<int()> &body) {
  pid_t child = fork();
  if (child == 0)
    _exit(body());
  return child;
}

/// Exit status of a child, or minus the signal that ended it.
inline int finish(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// Exit status of `body` in a process of its own, and what it wrote to stderr.
inline std::pair<int, std::string> runCaptured(const std::function<int()> &body) {
  int ends[2];
  if (pipe(ends) != 0)
    return {-1, "no pipe"};
  pid_t child = start([&] {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    return body();
  });
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, size_t(count));
  close(ends[0]);
  return {finish(child), text};
}

inline int linesIn(const std::string &text) { return int(std::count(text.begin(), text.end(), '\n')); }

} // namespace falloff::test

#endif
