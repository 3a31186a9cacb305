// SPDX-License-Identifier: Apache-2.0
//
// The two caches of kernels. On disk an entry is an image, with its CUDA C++ beside it. In memory a kernel goes by what
// its source is emitted from, so that what is there costs no text.
#include "compiler/cuda/KernelCache.h"
#include "compiler/cuda/EmitSource.h"
#include "runtime/DiskCache.h"
#include "runtime/Dump.h"
#include "runtime/Log.h"
#include "runtime/MemoryCache.h"
#include "runtime/Settings.h"
#include "runtime/cuda/Nvrtc.h"
#include <chrono>
#include <cstdio>
#include <vector>

namespace falloff::cuda {
namespace {

using runtime::DiskCache;
using runtime::EntryKind;
using runtime::LogLevel;
using Images = runtime::MemoryCache<KernelImage>;

constexpr const char *sourceName = "attention.cu"; // in NVRTC's messages

/// Not every shape reads every constant of a part.
const std::vector<std::string> &options() {
  static const std::vector<std::string> all = {"--diag-suppress=177"};
  return all;
}

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
  Compiled compiled = compile(built.source, sourceName, spec.architecture, !built.image.isPtx, options());
  const std::string &ptx = built.image.isPtx ? built.image.code : compiled.image;
  const std::string &cubin = built.image.isPtx ? compiled.image : built.image.code;
  runtime::dumpFiles(
      folder, describe(spec.shape) + "-" + targetOf(spec) + "-" + runtime::hash128(built.source).hex().substr(0, 8),
      {{".cu", built.source}, {".ptx", ptx}, {".cubin", cubin}});
}

BuiltKernel build(const KernelSpec &spec, std::string source, bool toPtx) {
  BuiltKernel built;
  built.source = std::move(source);
  Compiled compiled = compile(built.source, sourceName, spec.architecture, toPtx, options());
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

/// From disk, else from NVRTC; `anew`: never from disk.
std::shared_ptr<const KernelImage> load(const KernelSpec &spec, bool toPtx, bool anew) {
  auto start = std::chrono::steady_clock::now();
  std::string source = emitSource(spec.shape, spec.program);
  std::shared_ptr<DiskCache> disk = DiskCache::shared();
  if (!disk || !runtime::dumpFolder().empty())
    return std::make_shared<KernelImage>(build(spec, std::move(source), toPtx).image);
  std::string key = kernelKey(spec, source, toPtx, Nvrtc::shared().version());
  if (!anew) {
    bool isNew = false;
    std::string bytes = disk->getOrMake(EntryKind::Kernel, key, [&] {
      isNew = true;
      return bytesOf(build(spec, source, toPtx));
    });
    std::optional<KernelImage> image = readImage(bytes);
    if (image && image->architecture == spec.architecture && image->isPtx == toPtx) {
      if (!isNew)
        report("loaded", spec, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      return std::make_shared<KernelImage>(std::move(*image));
    }
    log(LogLevel::Warning, "an entry of the cache is no kernel of a device, and is compiled again");
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
  return describe(spec.shape) + " for " + targetOf(spec) + ", " + (toPtx ? "PTX" : "cubin") + " by NVRTC " +
         nvrtcVersion + ", source " + runtime::hash128(source).hex();
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
