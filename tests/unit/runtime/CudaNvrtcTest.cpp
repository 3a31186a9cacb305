// SPDX-License-Identifier: Apache-2.0
//
// NVRTC makes cubins and PTX, and its log is part of the error.
#include "runtime/cuda/Nvrtc.h"
#include "gtest/gtest.h"

using namespace falloff::cuda;

namespace {

const char *source = "extern \"C\" __global__ void reverse(float *values) {\n"
                     "  __shared__ float kept[32];\n"
                     "  kept[threadIdx.x] = values[threadIdx.x];\n"
                     "  __syncthreads();\n"
                     "  values[threadIdx.x] = kept[31 - threadIdx.x];\n"
                     "}\n"
                     "extern \"C\" __global__ void clear(float *values) { values[threadIdx.x] = 0; }\n";

TEST(CudaNvrtc, CompilesToCubinAndPtx) {
  Compiled cubin = compile(source, "reverse.cu", 80, false);
  EXPECT_EQ(cubin.image.substr(0, 4), "\177ELF");
  EXPECT_GT(cubin.seconds, 0);
  std::vector<KernelResources> kernels = readResources(cubin.log);
  ASSERT_EQ(kernels.size(), 2u) << cubin.log;
  const KernelResources &reverse = kernels[kernels[0].kernel == "reverse" ? 0 : 1];
  EXPECT_EQ(reverse.kernel, "reverse");
  EXPECT_EQ(reverse.sharedBytes, 128);
  EXPECT_GT(reverse.registers, 0);
  EXPECT_EQ(reverse.spillStoreBytes + reverse.spillLoadBytes + reverse.stackBytes, 0);
  Compiled ptx = compile(source, "reverse.cu", 90, true);
  EXPECT_NE(ptx.image.find(".target sm_90"), std::string::npos);
  EXPECT_NE(ptx.image.find(".visible .entry reverse("), std::string::npos);
  EXPECT_EQ(ptx.image.find('\0'), std::string::npos);
}

/// 96 floats that are all needed at once, and 64 registers.
const char *crowded = "extern \"C\" __global__ void __launch_bounds__(1024) crowd(float *values) {\n"
                      "  float kept[96];\n"
                      "#pragma unroll\n"
                      "  for (int i = 0; i < 96; ++i)\n"
                      "    kept[i] = values[i * 1024 + threadIdx.x];\n"
                      "  __syncthreads();\n"
                      "#pragma unroll\n"
                      "  for (int i = 0; i < 96; ++i)\n"
                      "    values[i * 1024 + threadIdx.x] = kept[i] * kept[(i * 37 + 11) % 96];\n"
                      "}\n";

TEST(CudaNvrtc, CompilesAgainWhatRegistersDoNotHold) {
  Compiled cubin = compile(crowded, "crowded.cu", 80, false);
  std::vector<KernelResources> kernels = readResources(cubin.log);
  ASSERT_EQ(kernels.size(), 1u) << cubin.log;
  EXPECT_EQ(cubin.log.rfind("falloff: compiled again with --register-usage-level", 0), 0u) << cubin.log;
  EXPECT_GT(kernels[0].stackBytes, 0);
  EXPECT_EQ(compile(source, "reverse.cu", 80, false).log.find("compiled again"), std::string::npos);
}

TEST(CudaNvrtc, TakesTheLeanerOfTwo) {
  auto made = [](const char *image, int stackBytes, int spillBytes) {
    Compiled compiled;
    compiled.image = image;
    compiled.log = "ptxas info    : Compiling entry function 'a' for 'sm_90'\n    " + std::to_string(stackBytes) +
                   " bytes stack frame, " + std::to_string(spillBytes) + " bytes spill stores, 0 bytes spill loads\n";
    return compiled;
  };
  Compiled second = leaner(made("first", 8, 20), made("second", 0, 0));
  EXPECT_EQ(second.image, "second");
  EXPECT_NE(second.log.find("28 without, 0 with it; took the second\n"), std::string::npos) << second.log;
  EXPECT_EQ(readResources(second.log).at(0).spillStoreBytes, 0);
  Compiled first = leaner(made("first", 8, 20), made("second", 8, 32));
  EXPECT_EQ(first.image, "first");
  EXPECT_NE(first.log.find("28 without, 40 with it; took the first\n"), std::string::npos) << first.log;
  EXPECT_EQ(leaner(made("first", 8, 20), made("second", 8, 20)).image, "first");
}

TEST(CudaNvrtc, ReadsWhatPtxasReports) {
  std::vector<KernelResources> kernels =
      readResources("ptxas info    : 0 bytes gmem\n"
                    "ptxas info    : Compiling entry function 'a' for 'sm_90'\n"
                    "ptxas info    : Function properties for a\n"
                    "ptxas         .     16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads\n"
                    "ptxas info    : Used 168 registers, used 1 barriers, 2048 bytes smem, 400 bytes cmem[0]\n"
                    "ptxas info    : Compiling entry function 'b' for 'sm_90'\n"
                    "ptxas info    : Used 10 registers, used 0 barriers\n");
  ASSERT_EQ(kernels.size(), 2u);
  EXPECT_EQ(kernels[0].kernel, "a");
  EXPECT_EQ(kernels[0].registers, 168);
  EXPECT_EQ(kernels[0].stackBytes, 16);
  EXPECT_EQ(kernels[0].spillStoreBytes, 8);
  EXPECT_EQ(kernels[0].spillLoadBytes, 12);
  EXPECT_EQ(kernels[0].sharedBytes, 2048);
  EXPECT_EQ(kernels[1].kernel, "b");
  EXPECT_EQ(kernels[1].registers, 10);
}

TEST(CudaNvrtc, OneThatTheDriverUnderstandsComesFirst) {
  EXPECT_EQ(nvrtcMajors(0), (std::vector<int>{13, 12, 11}));
  EXPECT_EQ(nvrtcMajors(12), (std::vector<int>{12, 11, 13}));
  EXPECT_EQ(nvrtcMajors(13), (std::vector<int>{13, 12, 11}));
  EXPECT_EQ(nvrtcMajors(14), (std::vector<int>{13, 12, 11}));
}

TEST(CudaNvrtc, AnErrorHoldsTheLog) {
  try {
    compile("extern \"C\" __global__ void k() { int a = missing; }", "broken.cu", 80, false);
    FAIL() << "expects an error";
  } catch (const NvrtcError &error) {
    std::string text = error.what();
    EXPECT_EQ(text.rfind("broken.cu: NVRTC " + Nvrtc::shared().version(), 0), 0u) << text;
    EXPECT_NE(text.find("does not compile it for sm_80: NVRTC_ERROR_COMPILATION"), std::string::npos) << text;
    EXPECT_NE(text.find("broken.cu(1): error: identifier \"missing\" is undefined"), std::string::npos) << text;
  }
}

TEST(CudaNvrtc, AnArchitectureThatItDoesNotHave) {
  try {
    compile(source, "old.cu", 35, false);
    FAIL() << "expects an error";
  } catch (const NvrtcError &error) {
    std::string text = error.what();
    EXPECT_NE(text.find("expects an architecture that NVRTC " + Nvrtc::shared().version() + " compiles for ("),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("sm_80"), std::string::npos);
    EXPECT_NE(text.find("but got sm_35"), std::string::npos);
    EXPECT_NE(text.find("FALLOFF_NVRTC"), std::string::npos);
  }
}

} // namespace
