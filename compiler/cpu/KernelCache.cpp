// SPDX-License-Identifier: Apache-2.0
//
// The two caches of kernels. On disk an entry is an object file, with its MLIR beside it.
#include "compiler/cpu/KernelCache.h"
#include "compiler/cpu/CompilerVersion.h"
#include "compiler/cpu/Target.h"
#include "runtime/DiskCache.h"
#include "runtime/Dump.h"
#include "runtime/Log.h"
#include "runtime/MemoryCache.h"
#include "runtime/Settings.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/TargetParser/Host.h"
#include <cctype>
#include <chrono>
#include <cstdio>

namespace falloff::cpu {
namespace {

using runtime::DiskCache;
using runtime::EntryKind;
using runtime::LogLevel;

/// "functor" of "functor 1 0 2 ...": the words of a kernel's name up to the first number.
std::string title(const std::string &what) {
  size_t end = 0;
  for (size_t at = 0; at < what.size() && !(std::isdigit(what[at]) && (at == 0 || what[at - 1] == ' ')); ++at)
    end = what[at] == ' ' ? end : at + 1;
  return what.substr(0, end);
}

void report(const char *how, const std::string &what, Level level, double seconds) {
  if (!runtime::isLogged(LogLevel::Info))
    return;
  char time[32];
  std::snprintf(time, sizeof time, "%.1f ms", seconds * 1e3);
  log(LogLevel::Info, std::string(how) + " kernel '" + title(what) + "' for " + nameOf(level) + " in " + time);
}

/// Writes everything about a kernel where FALLOFF_DUMP_DIR says.
void dump(const std::string &folder, const std::string &what, Level level, const ModuleMaker &make,
          const std::string &object) {
  std::string stem = title(what) + "-" + nameOf(level) + "-" + runtime::hash128(what).hex().substr(0, 8);
  runtime::dumpFiles(folder, stem,
                     {{".mlir", print(level, make, Listing::Mlir)},
                      {".ll", print(level, make, Listing::Llvm)},
                      {".s", print(level, make, Listing::Assembly)},
                      {".o", object}});
}

/// Object code, and whether it was compiled here.
struct Object {
  std::string bytes;
  bool isNew = false;
};

Object compileHere(const std::string &what, Level level, const ModuleMaker &make, std::string *source) {
  Object object{compileObject(level, make, source), true};
  if (std::string folder = runtime::dumpFolder(); !folder.empty())
    dump(folder, what, level, make, object.bytes);
  return object;
}

Object objectOf(const std::string &what, Level level, const ModuleMaker &make) {
  std::shared_ptr<DiskCache> disk = DiskCache::shared();
  if (!disk || !runtime::dumpFolder().empty())
    return compileHere(what, level, make, nullptr);
  bool isNew = false;
  std::string bytes = disk->getOrMake(EntryKind::Kernel, kernelKey(what, level), [&] {
    std::string source;
    Object made = compileHere(what, level, make, &source);
    isNew = true;
    return DiskCache::Made{std::move(made.bytes), {std::move(source), ".mlir"}};
  });
  return {std::move(bytes), isNew};
}

std::shared_ptr<Code> load(const std::string &what, Level level, const ModuleMaker &make) {
  auto start = std::chrono::steady_clock::now();
  Object object = objectOf(what, level, make);
  std::shared_ptr<Code> code;
  try {
    code = loadObject(object.bytes);
  } catch (const std::runtime_error &error) {
    if (object.isNew)
      throw;
    log(LogLevel::Warning, std::string("a kernel of the cache does not load and is compiled again: ") + error.what());
    object = compileHere(what, level, make, nullptr);
    code = loadObject(object.bytes);
    if (std::shared_ptr<DiskCache> disk = DiskCache::shared())
      disk->store(EntryKind::Kernel, kernelKey(what, level), object.bytes);
  }
  code->compileSeconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report(object.isNew ? "compiled" : "loaded", what, level, code->compileSeconds);
  return code;
}

} // namespace

std::string kernelKey(const std::string &what, Level level) {
  TargetNames names = targetNames(level);
  return "kernel of " + compilerVersion() + "\nfor " + llvm::sys::getProcessTriple() + ", " + names.cpu + " " +
         names.features + ", tuned for " + llvm::sys::getHostCPUName().str() + "\n" + what;
}

std::shared_ptr<const Code> compileOnce(const std::string &what, Level level, const ModuleMaker &make) {
  constexpr int64_t maxBytes = int64_t(128) << 20, linker = 256 << 10; // what ORC keeps for one, nearly
  static auto &kernels = *new runtime::MemoryCache<Code>(maxBytes);    // outlives threads at exit
  return kernels.getOrMake(runtime::KeyBytes().add(level).add(what).hash(), [&] {
    std::shared_ptr<const Code> code = load(what, level, make);
    return runtime::MemoryCache<Code>::Made{code, linker + 2 * int64_t(code->object().size())};
  });
}

} // namespace falloff::cpu
