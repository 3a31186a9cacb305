// SPDX-License-Identifier: Apache-2.0
//
// One write a message, so that lines of threads and processes do not mix.
#include "runtime/Log.h"
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace falloff::runtime {
namespace {

const char *const names[] = {"off", "error", "warning", "info", "debug"};

void write(LogLevel level, const std::string &message) {
  std::string line = std::string("falloff: ") + names[int(level)] + ": " + message + "\n";
  // Nothing can be done where stderr takes no more.
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

LogLevel wanted() {
  const char *text = std::getenv("FALLOFF_LOG_LEVEL");
  if (!text || !*text)
    return LogLevel::Warning;
  for (int level = 0; level < 5; ++level)
    if (std::strcmp(text, names[level]) == 0)
      return LogLevel(level);
  static std::atomic<bool> said{false};
  if (!said.exchange(true))
    write(LogLevel::Warning,
          std::string("expects FALLOFF_LOG_LEVEL of off, error, warning, info or debug, but got '") + text + "'");
  return LogLevel::Warning;
}

} // namespace

bool isLogged(LogLevel level) { return level != LogLevel::Off && level <= wanted(); }

void log(LogLevel level, const std::string &message) {
  if (isLogged(level))
    write(level, message);
}

} // namespace falloff::runtime
