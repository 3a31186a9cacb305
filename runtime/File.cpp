// SPDX-License-Identifier: Apache-2.0
//
// POSIX calls, each tried again where a signal interrupts it.
#include "runtime/File.h"
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace falloff::runtime {
namespace {

constexpr std::string_view temporaryPattern = ".XXXXXX.tmp", temporaryEnd = ".tmp";

template <typename Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR)
    result = call();
  return result;
}

int writeAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t count = retried([&] { return ::write(descriptor, bytes.data(), bytes.size()); });
    if (count < 0)
      return errno;
    if (count == 0)
      return EIO;
    bytes.remove_prefix(size_t(count));
  }
  return 0;
}

} // namespace

File::~File() {
  if (descriptor >= 0)
    ::close(descriptor);
}

std::optional<std::string> readFile(const std::string &path, uint64_t maxBytes) {
  // Not to wait for a writer, should the name be that of a pipe.
  File file(retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
  struct stat status;
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return std::nullopt;
  std::string bytes(std::min(uint64_t(status.st_size), maxBytes), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t count = retried([&] { return ::read(file.get(), bytes.data() + done, bytes.size() - done); });
    if (count < 0)
      return std::nullopt;
    if (count == 0)
      break; // shorter than it said: someone cut it
    done += size_t(count);
  }
  bytes.resize(done);
  return bytes;
}

int replaceFile(const std::string &path, std::initializer_list<std::string_view> parts) {
  std::string temporary = path + std::string(temporaryPattern);
  File file(retried([&] { return ::mkostemps(temporary.data(), int(temporaryEnd.size()), O_CLOEXEC); }));
  if (!file)
    return errno;
  int error = 0;
  for (std::string_view part : parts)
    if (error == 0)
      error = writeAll(file.get(), part);
  // Some file systems say only now that there is no room.
  if (error == 0 && ::close(file.release()) != 0)
    error = errno;
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0)
    error = errno;
  if (error != 0)
    ::unlink(temporary.c_str());
  return error;
}

std::string_view nameBehindTemporary(std::string_view name) {
  if (name.size() <= temporaryPattern.size())
    return {};
  std::string_view tail = name.substr(name.size() - temporaryPattern.size());
  for (size_t at = 0; at < tail.size(); ++at) {
    bool isAny = temporaryPattern[at] == 'X';
    if (isAny ? !std::isalnum(static_cast<unsigned char>(tail[at])) : tail[at] != temporaryPattern[at])
      return {};
  }
  return name.substr(0, name.size() - tail.size());
}

int makeFolders(const std::string &path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    std::string part = path.substr(0, end);
    struct stat status;
    // Asked first: what exists need not be writable.
    if (::stat(part.c_str(), &status) == 0) {
      if (!S_ISDIR(status.st_mode))
        return ENOTDIR;
    } else if (::mkdir(part.c_str(), 0700) != 0) {
      if (errno != EEXIST)
        return errno;
      if (::stat(part.c_str(), &status) != 0) // a link to nowhere; else someone else made it meanwhile
        return errno;
    }
    if (end == std::string::npos)
      return 0;
  }
}

FileLock FileLock::acquire(const std::string &path, std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point deadline = Clock::now() + patience;
  FileLock lock;
  lock.path = path;
  for (auto pause = std::chrono::milliseconds(1);; pause = std::min(2 * pause, std::chrono::milliseconds(16))) {
    lock.file = File(retried([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); }));
    if (!lock.file) {
      lock.reason = errno;
      return lock;
    }
    // A call that waits could not give up on a holder that is stopped, or forked and left the lock to a child.
    if (::flock(lock.file.get(), LOCK_EX | LOCK_NB) == 0) {
      // The holder before may have removed the file after it was opened here.
      if (lock.isNamed())
        return lock;
      lock.file = File();
      continue;
    }
    int error = errno;
    lock.file = File();
    if (error != EWOULDBLOCK && error != EINTR) {
      lock.reason = error;
      return lock;
    }
    if (Clock::now() >= deadline) {
      lock.reason = ETIMEDOUT;
      return lock;
    }
    std::this_thread::sleep_for(pause);
  }
}

bool FileLock::isNamed() const {
  struct stat ours, named;
  return ::fstat(file.get(), &ours) == 0 && ::stat(path.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
         ours.st_dev == named.st_dev;
}

FileLock::~FileLock() {
  if (!file)
    return;
  if (isNamed())
    ::unlink(path.c_str());
  ::flock(file.get(), LOCK_UN); // for a forked child, too, that still has the descriptor
}

} // namespace falloff::runtime
