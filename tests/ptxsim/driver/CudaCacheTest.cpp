// SPDX-License-Identifier: Apache-2.0
//
// Entries of kernels on disk that are damaged, and a machine without NVRTC that has a warm cache: each call runs in a
// process of its own, as on another day. What can be made again is, and one warning names the file; what cannot is one
// error that names the file and the remedy.
//
// All rows of v are alike, so outputs are that row, to what bf16 rounds of weights that add up to 1.
#include "compiler/Compiler.h"
#include "runtime/CacheEntry.h"
#include "runtime/DiskCache.h"
#include "runtime/cuda/KernelImage.h"
#include "runtime/cuda/Nvrtc.h"
#include "tests/ptxsim/driver/LoadedDriver.h"
#include "tests/unit/runtime/Processes.h"
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

using namespace falloff;
using runtime::DiskCache;
using runtime::EntryKind;
using test::linesIn;
using test::LoadedDriver;
using test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

constexpr int64_t tokens = 96, dim = 32;

/// Token t, column d: for q and k of different signs and sizes; for v the same in each row.
float valueAt(int64_t token, int64_t column, bool isOfValues) {
  return isOfValues ? float(column + 1) / 64 : float((token * 7 + column * 5) % 17 - 8) / 16;
}

uint16_t toBf16(float value) { // of those above, exactly
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return uint16_t(bits >> 16);
}

float fromBf16(uint16_t bits) {
  uint32_t word = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

/// Whether one call of attention over every pair is right, and has written all of its output.
bool callOnce() {
  cuda::Device &device = cuda::Device::get(0);
  std::vector<cuda::DeviceBuffer> buffers;
  auto make = [&](bool isOfValues) {
    std::vector<uint16_t> bits;
    for (int64_t at = 0; at < tokens * dim; ++at)
      bits.push_back(toBf16(valueAt(at / dim, at % dim, isOfValues)));
    buffers.push_back(device.allocate(bits.size() * 2, "a tensor"));
    LoadedDriver::get().write(device, buffers.back().address(), bits.data(), bits.size() * 2);
    return runtime::Tensor{reinterpret_cast<void *>(buffers.back().address()),
                           runtime::DType::BF16,
                           {1, tokens, 1, dim},
                           {tokens * dim, dim, dim, 1},
                           0};
  };
  runtime::Tensor q = make(false), k = make(false), v = make(true), out = make(true);
  LoadedDriver::get().call<int(uint64_t, size_t)>("ptxsimForget", buffers.back().address(), buffers.back().size());
  Plan plan = Plan::fromBlockMask({std::vector<uint8_t>(9, 1)}, 1, tokens, 32, 32);
  attention(plan, q, k, v, out, {}, {});
  std::vector<uint16_t> found(size_t(tokens * dim), 0x7fff); // NaN
  LoadedDriver::get().read(device, found.data(), buffers.back().address(), found.size() * 2);
  bool isRight = true;
  for (int64_t at = 0; at < tokens * dim; ++at) // values are below 1
    isRight &= std::abs(fromBf16(found[size_t(at)]) - valueAt(0, at % dim, true)) <= 1.0f / 256;
  return isRight;
}

struct Outcome {
  bool isRight = false;
  std::string said; ///< warnings, and the error's words
};

/// A process that has a cache in `folder`, and whose NVRTC is hidden or not.
struct Machine {
  std::string folder;
  bool hasNvrtc = true, isReadOnly = false;
  const char *driverVersion = "13000", *logLevel = "warning";

  Outcome run() const {
    LoadedDriver::get();
    auto [status, said] = test::runCaptured([&] {
      setenv("FALLOFF_CACHE_DIR", folder.c_str(), 1);
      setenv("FALLOFF_CUDA_IMAGE", "ptx", 1);
      setenv("FALLOFF_LOG_LEVEL", logLevel, 1);
      setenv("PTXSIM_DRIVER_VERSION", driverVersion, 1);
      if (!hasNvrtc)
        setenv("FALLOFF_NVRTC", "/nonexistent/libnvrtc.so.13", 1);
      if (hasNvrtc && isReadOnly)
        cuda::Nvrtc::shared();                                 // while it may still be opened
      if (isReadOnly && geteuid() == 0 && seteuid(65534) != 0) // root may write anywhere
        return 3;
      try {
        return callOnce() ? 0 : 1;
      } catch (const DeviceError &error) {
        std::fprintf(stderr, "%s", error.what());
        return 2;
      }
    });
    return {status == 0, said};
  }
};

std::string readAll(const std::string &path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void writeAll(const std::string &path, const std::string &bytes) { std::ofstream(path, std::ios::binary) << bytes; }

/// A cache that holds the kernel of the call.
class CudaCache : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_TRUE(Machine{folder.path}.run().isRight);
    std::vector<DiskCache::Entry> entries = DiskCache(folder.path).entries();
    ASSERT_EQ(entries.size(), 1u);
    key = entries[0].key;
    file = DiskCache(folder.path).pathOf(EntryKind::Kernel, key);
    whole = readAll(file);
  }
  void makeReadOnly(bool isReadOnly) const {
    for (const char *part : {"", "/kernels", "/plans", "/locks"})
      chmod((folder.path + part).c_str(), isReadOnly ? 0555 : 0755);
    for (const auto &entry : fs::directory_iterator(folder.path + "/kernels"))
      chmod(entry.path().c_str(), isReadOnly ? 0444 : 0644);
  }
  cuda::KernelImage image() const {
    return *cuda::readImage(*runtime::readEntry(whole, key)); // views bytes of `whole`
  }
  std::string entryOf(const cuda::KernelImage &image) const {
    return runtime::writeEntry(key, cuda::writeImage(image));
  }
  /// The key of the same kernel by another NVRTC.
  std::string keyBy(const std::string &version) const {
    size_t first = key.find("NVRTC ") + 6;
    return std::string(key).replace(first, key.find(',', first) - first, version);
  }

  TemporaryFolder folder;
  std::string key, file, whole;
};

#define EXPECT_HAS(TEXT, PART) EXPECT_NE((TEXT).find(PART), std::string::npos) << (TEXT)

/// Holds each machine to what is said of it above, where the entry's file holds `bytes`.
void expectNamed(const std::string &folder, const std::string &file, const std::string &bytes,
                 const std::function<void(bool)> &makeReadOnly) {
  writeAll(file, bytes);
  Outcome without = Machine{folder, false}.run();
  EXPECT_FALSE(without.isRight);
  EXPECT_HAS(without.said, "'" + file + "'");
  EXPECT_HAS(without.said, "pip install nvidia-cuda-nvrtc");
  EXPECT_EQ(readAll(file), bytes) << "what is of no use is left for people to look at";

  makeReadOnly(true);
  Outcome stays = Machine{folder, true, true}.run();
  EXPECT_TRUE(stays.isRight) << stays.said;
  EXPECT_HAS(stays.said, "'" + file + "'");
  EXPECT_HAS(stays.said, "cannot write to the cache in '" + folder + "': ");
  EXPECT_HAS(stays.said, "FALLOFF_CACHE_DIR");
  EXPECT_EQ(linesIn(stays.said), 2) << stays.said;
  EXPECT_EQ(readAll(file), bytes);
  makeReadOnly(false);

  Outcome again = Machine{folder}.run();
  EXPECT_TRUE(again.isRight) << again.said;
  EXPECT_EQ(again.said.find("falloff: warning: expects "), 0u) << again.said;
  EXPECT_HAS(again.said, "'" + file + "'");
  EXPECT_EQ(linesIn(again.said), 1) << again.said;
  Outcome last = Machine{folder, false}.run(); // what was made again serves
  EXPECT_TRUE(last.isRight);
  EXPECT_EQ(last.said.find("falloff: warning: took '"), 0u) << last.said; // for want of the NVRTC that is named
  EXPECT_EQ(linesIn(last.said), 1) << last.said;
}

TEST_F(CudaCache, DamagedFiles) {
  std::string flipped = whole, key = whole;
  flipped[whole.size() / 2] ^= 1;
  key[40] ^= 1;
  for (const std::string &bytes : {std::string(), whole.substr(0, 20), whole.substr(0, whole.size() / 2), flipped, key})
    expectNamed(folder.path, file, bytes, [&](bool isReadOnly) { makeReadOnly(isReadOnly); });
}

/// Whole by their checksums.
TEST_F(CudaCache, OtherThingsInside) {
  cuda::KernelImage older = image(), foreign = image(), cut = image();
  older.architecture = 80;
  size_t target = foreign.code.find(".target sm_90");
  ASSERT_NE(target, std::string::npos);
  foreign.code.replace(target, 13, ".target sm_120"); // the driver refuses it
  cut.code.resize(cut.code.size() / 2);
  for (const std::string &bytes :
       {runtime::writeEntry(key, "no image"), entryOf(older), entryOf(foreign), entryOf(cut)})
    expectNamed(folder.path, file, bytes, [&](bool isReadOnly) { makeReadOnly(isReadOnly); });
}

TEST_F(CudaCache, AWarmCacheNeedsNoNvrtc) {
  for (bool isReadOnly : {false, true}) {
    makeReadOnly(isReadOnly);
    Outcome outcome = Machine{folder.path, false, isReadOnly}.run();
    EXPECT_TRUE(outcome.isRight);
    EXPECT_EQ(outcome.said.find("falloff: warning: took '" + key + "' from '" + file + "', for want of NVRTC: "), 0u)
        << outcome.said;
    EXPECT_EQ(linesIn(outcome.said), 1) << outcome.said;
  }
  makeReadOnly(false);
  TemporaryFolder empty;
  Outcome cold = Machine{empty.path, false}.run();
  EXPECT_FALSE(cold.isRight);
  EXPECT_EQ(cold.said.find("expects NVRTC, which compiles kernels for NVIDIA devices, but got none; looked in "
                           "FALLOFF_NVRTC: /nonexistent/libnvrtc.so.13"),
            0u)
      << cold.said;
  EXPECT_HAS(cold.said, "; nor is there attention of bf16, D 32 for sm_90 in the cache in '" + empty.path + "'");
}

/// Of several the driver's CUDA decides; a damaged one is passed over, with its warning.
TEST_F(CudaCache, WithoutNvrtcTheNewestThatTheDriverTakes) {
  DiskCache cache(folder.path);
  for (const char *version : {"12.4", "12.9", "12.10", "99.0"})
    ASSERT_TRUE(cache.store(EntryKind::Kernel, keyBy(version), cuda::writeImage(image())));
  auto taken = [&](const char *driver) {
    Outcome outcome = Machine{folder.path, false, false, driver, "info"}.run();
    EXPECT_TRUE(outcome.isRight) << outcome.said;
    return outcome.said;
  };
  EXPECT_HAS(taken("12040"), "took '" + keyBy("12.4") + "' from '"); // PTX is taken by no driver that is older
  EXPECT_HAS(taken("12100"), "took '" + keyBy("12.10") + "' from '");
  EXPECT_HAS(taken("13000"), "took '" + key + "' from '");
  std::string damaged = cache.pathOf(EntryKind::Kernel, keyBy("12.10"));
  std::string bytes = readAll(damaged);
  bytes.back() ^= 1;
  writeAll(damaged, bytes);
  std::string said = taken("12100");
  EXPECT_HAS(said, "warning: expects a whole entry of the cache, but got a damaged file '" + damaged + "'");
  EXPECT_HAS(said, "took '" + keyBy("12.9") + "' from '");
}

/// Who has one takes none of another's.
TEST_F(CudaCache, AnNvrtcMakesItsOwn) {
  DiskCache cache(folder.path);
  ASSERT_TRUE(cache.store(EntryKind::Kernel, keyBy("99.0"), cuda::writeImage(image())));
  fs::remove(file);
  Outcome outcome = Machine{folder.path, true, false, "13000", "info"}.run();
  EXPECT_TRUE(outcome.isRight);
  EXPECT_HAS(outcome.said, "compiled kernel");
  EXPECT_TRUE(cache.find(EntryKind::Kernel, key));
  EXPECT_TRUE(cache.find(EntryKind::Kernel, keyBy("99.0")));
}

} // namespace
