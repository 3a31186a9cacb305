// SPDX-License-Identifier: Apache-2.0
//
// The two caches of kernels. On disk an entry is an image, with its CUDA C++ beside it. In memory a kernel goes by what
// its source is emitted from, so that what is there costs no text.
#include "compiler/cuda/KernelCache.h"
#include "compiler/cuda/CompileKernel.h"
#include "compiler/cuda/EmitSource.h"
#include "runtime/DiskCache.h"
#include "runtime/Dump.h"
#include "runtime/Log.h"
#include "runtime/MemoryCache.h"
#include "runtime/Settings.h"
#include "runtime/cuda/Driver.h"
#include "runtime/cuda/Nvrtc.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <tuple>
#include <vector>

namespace falloff::cuda {
namespace {

using runtime::DiskCache;
using runtime::EntryKind;
using runtime::LogLevel;
using Images = runtime::MemoryCache<KernelImage>;

std::string targetOf(const KernelSpec &spec) { return "sm_" + std::to_string(spec.architecture); }

bool isPtx(const KernelSpec &spec) { return spec.needsPtx || runtime::cudaImage() == runtime::CudaImage::Ptx; }

void report(const char *how, const KernelSpec &spec, double seconds) {
  if (!runtime::isLogged(LogLevel::Info))
    return;
  char time[32];
  std::snprintf(time, sizeof time, "%.1f ms", seconds * 1e3);
  log(LogLevel::Info,
      std::string(how) + " kernel '" + describe(spec.shape) + "' for " + targetOf(spec) + " in " + time);
}

/// Writes everything about a kernel where FALLOFF_DUMP_DIR says.
void dump(const std::string &folder, const KernelSpec &spec, const BuiltKernel &built) {
  Compiled compiled = compileKernel(built.source, spec.architecture, !built.image.isPtx);
  const std::string &ptx = built.image.isPtx ? built.image.code : compiled.image;
  const std::string &cubin = built.image.isPtx ? compiled.image : built.image.code;
  runtime::dumpFiles(
      folder, describe(spec.shape) + "-" + targetOf(spec) + "-" + runtime::hash128(built.source).hex().substr(0, 8),
      {{".cu", built.source}, {".ptx", ptx}, {".cubin", cubin}});
}

BuiltKernel build(const KernelSpec &spec, std::string source, bool toPtx) {
  BuiltKernel built;
  built.source = std::move(source);
  Compiled compiled = compileKernel(built.source, spec.architecture, toPtx);
  built.image.shape = spec.shape;
  built.image.architecture = spec.architecture;
  built.image.isPtx = toPtx;
  built.image.code = std::move(compiled.image);
  built.log = std::move(compiled.log);
  built.seconds = compiled.seconds;
  report("compiled", spec, built.seconds);
  if (std::string folder = runtime::dumpFolder(); !folder.empty())
    dump(folder, spec, built);
  return built;
}

DiskCache::Made bytesOf(BuiltKernel built) { return {writeImage(built.image), {std::move(built.source), ".cu"}}; }

/// An entry's value as the kernel that was asked for; none, with a warning that names its file, where it is another or
/// none at all.
std::shared_ptr<const KernelImage> imageOf(const KernelSpec &spec, bool toPtx, const std::string &bytes,
                                           const std::string &file) {
  std::optional<KernelImage> image = readImage(bytes);
  if (!image || image->architecture != spec.architecture || image->isPtx != toPtx) {
    log(LogLevel::Warning, "expects a kernel for " + targetOf(spec) + " in the cache, but got another value in '" +
                               file + "', which counts as none: the kernel has to be made again");
    return nullptr;
  }
  image->file = file;
  return std::make_shared<KernelImage>(std::move(*image));
}

/// A key, but for the version of NVRTC, which stands between.
std::pair<std::string, std::string> keyEnds(const KernelSpec &spec, const std::string &source, bool toPtx) {
  return {describe(spec.shape) + " for " + targetOf(spec) + ", " + (toPtx ? "PTX" : "cubin") + " by NVRTC ",
          ", source " + runtime::hash128(source).hex()};
}

/// The keys of a kernel by whichever NVRTC, the best last: the newest of those that the driver's CUDA covers, which is
/// those of its major version, or, of PTX, none that is newer. Files that are no entries, since the kernel may have
/// been in one of them, go into `useless`.
std::vector<std::string> keysOnDisk(const DiskCache &disk, const KernelSpec &spec, const std::string &source,
                                    bool toPtx, std::vector<std::string> &useless) {
  const auto [before, after] = keyEnds(spec, source, toPtx);
  const int driver = Driver::knownVersion(), newest = toPtx ? driver : driver / 1000 * 1000 + 999;
  std::map<std::tuple<bool, int, int>, std::string> keys;
  for (const DiskCache::Entry &entry : disk.entries()) {
    if (entry.kind != EntryKind::Kernel)
      continue;
    const std::string &key = entry.key, file = disk.folder() + "/kernels/" + entry.name + ".entry";
    if (disk.pathOf(EntryKind::Kernel, key) != file)
      useless.push_back(file);
    int major = 0, minor = 0;
    if (key.size() > before.size() + after.size() && key.compare(0, before.size(), before) == 0 &&
        key.compare(key.size() - after.size(), after.size(), after) == 0 &&
        std::sscanf(key.c_str() + before.size(), "%d.%d", &major, &minor) == 2)
      keys[{driver == 0 || major * 1000 + minor * 10 <= newest, major, minor}] = key;
  }
  std::vector<std::string> found;
  for (auto &[merit, key] : keys)
    found.push_back(std::move(key));
  return found;
}

/// A kernel that any NVRTC left on disk, for a machine that has none. Where there is none, `error` and where it was
/// looked for in vain.
std::shared_ptr<const KernelImage> loadWithoutNvrtc(DiskCache &disk, const KernelSpec &spec, const std::string &source,
                                                    bool toPtx, const NvrtcError &error) {
  std::vector<std::string> useless, keys = keysOnDisk(disk, spec, source, toPtx, useless);
  for (; !keys.empty(); keys.pop_back()) {
    std::string file = disk.pathOf(EntryKind::Kernel, keys.back());
    std::optional<std::string> bytes = disk.find(EntryKind::Kernel, keys.back());
    if (std::shared_ptr<const KernelImage> image = bytes ? imageOf(spec, toPtx, *bytes, file) : nullptr) {
      // Who names an NVRTC means to use it.
      log(std::getenv("FALLOFF_NVRTC") ? LogLevel::Warning : LogLevel::Info,
          "took '" + keys.back() + "' from '" + file + "', for want of NVRTC: " + error.what());
      return image;
    }
    useless.push_back(file);
  }
  std::string message = std::string(error.what()) + "; nor is there " + describe(spec.shape) + " for " +
                        targetOf(spec) + " in the cache in '" + disk.folder() + "'";
  constexpr size_t most = 4; // named
  for (size_t at = 0; at < std::min(useless.size(), most); ++at)
    message += (at == 0 ? ", where files are of no use: '" : ", '") + useless[at] + "'";
  if (useless.size() > most)
    message += " and " + std::to_string(useless.size() - most) + " more";
  throw NvrtcError(message);
}

/// From disk, else from NVRTC; `anew`: never from disk.
std::shared_ptr<const KernelImage> load(const KernelSpec &spec, bool toPtx, bool anew) {
  auto start = std::chrono::steady_clock::now();
  std::string source = emitSource(spec.shape, spec.program), key;
  std::shared_ptr<DiskCache> disk = DiskCache::shared();
  if (!disk || !runtime::dumpFolder().empty())
    return std::make_shared<KernelImage>(build(spec, std::move(source), toPtx).image);
  try {
    key = kernelKey(spec, source, toPtx, Nvrtc::shared().version());
  } catch (const NvrtcError &error) {
    if (anew)
      throw;
    return loadWithoutNvrtc(*disk, spec, source, toPtx, error);
  }
  if (!anew) {
    std::shared_ptr<const KernelImage> made;
    std::string bytes = disk->getOrMake(EntryKind::Kernel, key, [&] {
      BuiltKernel built = build(spec, source, toPtx);
      made = std::make_shared<KernelImage>(built.image);
      return bytesOf(std::move(built));
    });
    if (made)
      return made;
    if (std::shared_ptr<const KernelImage> image = imageOf(spec, toPtx, bytes, disk->pathOf(EntryKind::Kernel, key))) {
      report("loaded", spec, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      return image;
    }
  }
  BuiltKernel built = build(spec, std::move(source), toPtx);
  auto image = std::make_shared<KernelImage>(built.image);
  DiskCache::Made made = bytesOf(std::move(built));
  disk->store(EntryKind::Kernel, key, made.value, made.source);
  return image;
}

Images &images() {
  static auto &images = *new Images(int64_t(128) << 20); // outlives threads at exit
  return images;
}

runtime::Hash128 memoryKey(const KernelSpec &spec, bool toPtx) {
  const KernelShape &shape = spec.shape;
  runtime::KeyBytes key;
  key.add(spec.architecture).add(toPtx).add(shape.element).add(shape.arithmetic).add(shape.aligned);
  for (int32_t number : {shape.queryBlock, shape.keyBlock, shape.headDim, shape.valueDim, shape.threads, shape.stages,
                         shape.residentBlocks, shape.sharedBytes})
    key.add(number);
  if (!spec.program)
    return key.hash();
  key.add(spec.program->key());
  for (const SetProgram::SegmentInfo &segment : spec.program->segments) { // members are named after them
    key.add(segment.name).add(int64_t(segment.axes.size()));
    for (const std::string &axis : segment.axes)
      key.add(axis);
  }
  return key.hash();
}

} // namespace

std::string kernelKey(const KernelSpec &spec, const std::string &source, bool toPtx, const std::string &nvrtcVersion) {
  const auto [before, after] = keyEnds(spec, source, toPtx);
  return before + nvrtcVersion + after;
}

BuiltKernel buildKernel(const KernelSpec &spec, bool toPtx) {
  return build(spec, emitSource(spec.shape, spec.program), toPtx);
}

std::shared_ptr<const KernelImage> kernelOnce(const KernelSpec &spec) {
  bool toPtx = isPtx(spec);
  return images().getOrMake(memoryKey(spec, toPtx), [&] {
    std::shared_ptr<const KernelImage> image = load(spec, toPtx, false);
    return Images::Made{image, int64_t(image->code.size())};
  });
}

std::shared_ptr<const KernelImage> kernelAnew(const KernelSpec &spec) {
  bool toPtx = isPtx(spec);
  runtime::Hash128 key = memoryKey(spec, toPtx);
  images().remove(key);
  return images().getOrMake(key, [&] {
    std::shared_ptr<const KernelImage> image = load(spec, toPtx, true);
    return Images::Made{image, int64_t(image->code.size())};
  });
}

} // namespace falloff::cuda
