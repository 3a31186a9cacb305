// SPDX-License-Identifier: Apache-2.0
//
// Linked into every test program: its cache is a folder of its own, which goes when it ends, and never the user's; and
// NVRTC is looked for in the environment of Python that the build takes.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

namespace {

struct CacheFolder {
  char path[64];
  pid_t owner = getpid();

  CacheFolder() {
    std::snprintf(path, sizeof path, "%s", "/tmp/falloff-test-XXXXXX");
    if (!mkdtemp(path)) {
      std::perror("expects to make a folder in /tmp");
      std::exit(1);
    }
    setenv("FALLOFF_CACHE_DIR", path, 1);
    for (const char *name : {"FALLOFF_DISABLE_CACHE", "FALLOFF_DUMP_DIR", "FALLOFF_LOG_LEVEL"})
      unsetenv(name);
    setenv("VIRTUAL_ENV", FALLOFF_PYTHON_ENVIRONMENT, 1);
  }
  ~CacheFolder() {
    std::error_code ignored;
    if (getpid() == owner)
      std::filesystem::remove_all(path, ignored);
  }
} folder;

} // namespace
