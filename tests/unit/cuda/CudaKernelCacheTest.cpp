// SPDX-License-Identifier: Apache-2.0
//
// Sources of kernels, what they are kept under, and what happens to entries that are no kernels. NVRTC compiles.
#include "compiler/cuda/EmitSource.h"
#include "compiler/cuda/KernelCache.h"
#include "compiler/cuda/KernelTable.h"
#include "runtime/DiskCache.h"
#include "runtime/cuda/Nvrtc.h"
#include "tests/unit/CausalProgram.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

using namespace falloff;
using namespace falloff::cuda;
using runtime::DiskCache;
using runtime::EntryKind;

namespace {

KernelShape shapeFor(int architecture, int64_t headDim) {
  KernelRequest request;
  request.architecture = architecture;
  request.headDim = request.valueDim = headDim;
  request.queryCapacity = request.keyCapacity = 64;
  return kernelShape(request);
}

std::string keyOf(const KernelSpec &spec, bool toPtx = false) {
  return kernelKey(spec, emitSource(spec.shape, spec.program), toPtx, Nvrtc::shared().version());
}

bool isElf(const std::string &code) {
  return code.compare(0, 4,
                      "\x7f"
                      "ELF") == 0;
}

TEST(CudaSource, IsWholeAndTheSame) {
  SetProgram program = causal();
  std::string source = emitSource(shapeFor(90, 64), &program);
  EXPECT_EQ(source, emitSource(shapeFor(90, 64), &program));
  EXPECT_EQ(source.find("// SPDX-License-Identifier: Apache-2.0\n"), 0u);
  EXPECT_EQ(source.find("SPDX", 10), std::string::npos) << "once";
  EXPECT_EQ(source.find("#include"), std::string::npos);
  size_t at = 0; // in this order
  for (const char *word : {"--- KernelArguments.h ---", "--- constants ---", "constexpr int headDim = 64;",
                           "--- functor ---", "__device__ bool contains", "--- Layout.cuh ---", "--- Attention.cuh ---",
                           "falloff_attention", "--- Merge.cuh ---", "falloff_merge"}) {
    at = source.find(word, at);
    ASSERT_NE(at, std::string::npos) << word << " in\n" << source;
  }
  EXPECT_NE(emitSource(shapeFor(90, 64), nullptr).find("functorTests = false"), std::string::npos);
}

TEST(CudaKernelCache, KeysTellApartWhatChangesCode) {
  SetProgram program = causal(), other = causal();
  other.nodes[0].equal = 0;
  KernelSpec spec{&program, shapeFor(90, 64), 90}, same = spec, another = spec, wider = spec, older = spec;
  another.program = &other;
  wider.shape = shapeFor(90, 96);
  older.architecture = 80;
  EXPECT_EQ(keyOf(spec), keyOf(same));
  EXPECT_NE(keyOf(spec), keyOf(another));
  EXPECT_NE(keyOf(spec), keyOf(wider));
  EXPECT_NE(keyOf(spec), keyOf(older));
  EXPECT_NE(keyOf(spec), keyOf(spec, true));
  EXPECT_NE(kernelKey(spec, "", false, "13.0"), kernelKey(spec, "", false, "13.1"));
  EXPECT_EQ(keyOf(spec).find("attention of bf16, D 64 for sm_90, cubin by NVRTC 1"), 0u) << keyOf(spec);
}

TEST(CudaKernelCache, OneCompileHoweverManyThreadsAsk) {
  SetProgram program = causal("once");
  KernelSpec spec{&program, shapeFor(80, 32), 80};
  std::vector<std::shared_ptr<const KernelImage>> images(4);
  std::vector<std::thread> threads;
  for (auto &image : images)
    threads.emplace_back([&] { image = kernelOnce(spec); });
  for (std::thread &thread : threads)
    thread.join();
  for (const auto &image : images)
    EXPECT_EQ(image, images[0]);
  EXPECT_TRUE(isElf(images[0]->code));
  EXPECT_EQ(images[0]->architecture, 80);
  EXPECT_FALSE(images[0]->isPtx);
  EXPECT_EQ(images[0]->shape.headDim, 32);
  // On disk, with its source beside it.
  std::optional<std::string> bytes = DiskCache::shared()->find(EntryKind::Kernel, keyOf(spec));
  ASSERT_TRUE(bytes);
  EXPECT_EQ(readImage(*bytes)->code, images[0]->code);
  int sources = 0;
  for (const auto &file : std::filesystem::directory_iterator(DiskCache::shared()->folder() + "/kernels")) {
    std::stringstream text;
    text << std::ifstream(file.path()).rdbuf();
    sources += file.path().extension() == ".cu" && text.str() == emitSource(spec.shape, &program);
  }
  EXPECT_EQ(sources, 1);
}

TEST(CudaKernelCache, WhatIsOnDiskIsNotCompiled) {
  SetProgram program = causal("shipped");
  KernelSpec spec{&program, shapeFor(80, 32), 80};
  KernelImage left; // by another process
  left.shape = spec.shape;
  left.architecture = 80;
  left.code = "as good as a cubin";
  DiskCache::shared()->store(EntryKind::Kernel, keyOf(spec), writeImage(left));
  EXPECT_EQ(kernelOnce(spec)->code, left.code);
  // ... unless the driver does not take it.
  EXPECT_TRUE(isElf(kernelAnew(spec)->code));
  EXPECT_TRUE(isElf(kernelOnce(spec)->code));
  EXPECT_TRUE(isElf(readImage(*DiskCache::shared()->find(EntryKind::Kernel, keyOf(spec)))->code));
}

TEST(CudaKernelCache, EntriesThatAreNoKernelsAreCompiledAgain) {
  KernelImage foreign;
  foreign.architecture = 90; // asked for 80
  foreign.code = "a cubin of another architecture";
  int number = 0;
  for (const std::string &bytes : {std::string(), std::string("no image"), writeImage(foreign)}) {
    SetProgram program = causal("corrupt" + std::to_string(number++));
    KernelSpec spec{&program, shapeFor(80, 32), 80};
    DiskCache::shared()->store(EntryKind::Kernel, keyOf(spec), bytes);
    EXPECT_TRUE(isElf(kernelOnce(spec)->code));
    std::optional<std::string> kept = DiskCache::shared()->find(EntryKind::Kernel, keyOf(spec));
    EXPECT_TRUE(kept && readImage(*kept));
  }
}

TEST(CudaKernelCache, PtxAndDumpsOnRequest) {
  SetProgram program = causal("dumped");
  KernelSpec spec{&program, shapeFor(80, 32), 80};
  std::filesystem::path folder = DiskCache::shared()->folder() + "/dump";
  setenv("FALLOFF_CUDA_IMAGE", "ptx", 1);
  setenv("FALLOFF_DUMP_DIR", folder.c_str(), 1);
  std::shared_ptr<const KernelImage> image = kernelOnce(spec);
  unsetenv("FALLOFF_DUMP_DIR");
  EXPECT_TRUE(image->isPtx);
  EXPECT_NE(image->code.find(".target sm_80"), std::string::npos);
  std::vector<std::string> names;
  for (const auto &file : std::filesystem::directory_iterator(folder))
    names.push_back(file.path().filename());
  std::sort(names.begin(), names.end());
  ASSERT_EQ(names.size(), 3u);
  EXPECT_EQ(names[0].find("attention-of-bf16-D-32-sm_80-"), 0u) << names[0];
  EXPECT_EQ(names[0].substr(names[0].size() - 3), ".cu");
  EXPECT_EQ(names[1].substr(names[1].size() - 6), ".cubin");
  EXPECT_EQ(names[2].substr(names[2].size() - 4), ".ptx");
  setenv("FALLOFF_CUDA_IMAGE", "sass", 1);
  try {
    kernelOnce(spec);
    ADD_FAILURE();
  } catch (const std::runtime_error &error) {
    EXPECT_STREQ(error.what(), "expects FALLOFF_CUDA_IMAGE to be cubin or ptx, but got 'sass'");
  }
  unsetenv("FALLOFF_CUDA_IMAGE");
}

TEST(CudaKernelCache, ALogIsPartOfTheError) {
  SetProgram program = causal();
  KernelSpec spec{&program, shapeFor(80, 32), 80};
  spec.shape.keyBlock = 33; // a part asks for multiples of 32
  try {
    kernelOnce(spec);
    ADD_FAILURE();
  } catch (const NvrtcError &error) {
    EXPECT_NE(std::string(error.what()).find("attention.cu("), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("blocks are multiples of 32"), std::string::npos) << error.what();
  }
}

} // namespace
