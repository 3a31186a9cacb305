// SPDX-License-Identifier: Apache-2.0
//
// NVRTC is found in the order that Library.h gives, and what is found and of no use is an error that names it. Nothing
// is loaded by this process itself: those that it forks would find it.
#include "runtime/cuda/Nvrtc.h"
#include "tests/unit/runtime/Processes.h"
#include <fstream>

using namespace falloff::cuda;
using falloff::test::runCaptured;
using falloff::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

/// What `body` returns, in a process of its own: what it loads does not stay.
std::string inProcess(const std::function<std::string()> &body) {
  return runCaptured([&] {
           std::string text = body();
           return write(STDERR_FILENO, text.data(), text.size()) == ssize_t(text.size()) ? 0 : 1;
         })
      .second;
}

std::string problemOf() {
  try {
    Nvrtc nvrtc;
    return "none: " + nvrtc.library().path;
  } catch (const NvrtcError &error) {
    return error.what();
  }
}

/// Nothing of NVRTC but what a test puts there: this machine's own is hidden from the search, not from the loader.
void forgetPlaces() {
  setPackageFolders({});
  setenv("CUDA_HOME", "/nonexistent", 1);
  unsetenv("CUDA_PATH");
  unsetenv("FALLOFF_NVRTC");
}

std::string place(const char *fake, const std::string &folder, const std::string &name) {
  fs::create_directories(folder);
  fs::copy_file(fake, folder + "/" + name);
  return folder + "/" + name;
}

TEST(CudaLibrary, TheVariableIsTheOnlyPlaceThen) {
  std::string missing = inProcess([] {
    setenv("FALLOFF_NVRTC", "/nonexistent/libnvrtc.so.13", 1);
    return problemOf();
  });
  EXPECT_NE(missing.find("looked in FALLOFF_NVRTC: /nonexistent/libnvrtc.so.13; of no use: "), std::string::npos)
      << missing;
  EXPECT_EQ(missing.find("wheels"), std::string::npos) << missing;
  EXPECT_NE(missing.find("; name another with FALLOFF_NVRTC, or unset it"), std::string::npos) << missing;
  std::string old = inProcess([] {
    setenv("FALLOFF_NVRTC", FakeLibraryOld, 1);
    return problemOf();
  });
  EXPECT_EQ(old, std::string("expects NVRTC 12.4 or later, but got 11.8, ") + FakeLibraryOld +
                     " (FALLOFF_NVRTC); name another with FALLOFF_NVRTC, or unset it to have one looked for "
                     "(pip install nvidia-cuda-nvrtc brings it)");
}

TEST(CudaLibrary, OneThatLacksFunctions) {
  std::string half = inProcess([] {
    setenv("FALLOFF_NVRTC", FakeLibraryHalf, 1);
    return problemOf();
  });
  EXPECT_NE(
      half.find(std::string("but got ") + FakeLibraryHalf + " (FALLOFF_NVRTC), which lacks nvrtcGetErrorString, "),
      std::string::npos)
      << half;
}

TEST(CudaLibrary, NoneAndBroken) {
  TemporaryFolder folder;
  std::string library = folder.path + "/lib64";
  fs::create_directories(library);
  std::ofstream(library + "/libnvrtc.so.13") << "not a library";
  std::string text = inProcess([&] {
    forgetPlaces();
    setenv("CUDA_HOME", folder.path.c_str(), 1);
    Library found = findLibrary({"libnvrtc.so", {13}});
    return found ? "found " + found.source + " after " + found.looked[1] : problemOf();
  });
  // A machine may have one where its loader looks.
  if (text.rfind("found loader", 0) == 0) {
    EXPECT_NE(text.find("CUDA_HOME: " + library), std::string::npos) << text;
    return;
  }
  EXPECT_EQ(text.rfind("expects NVRTC, which compiles kernels for NVIDIA devices, but got none; looked in ", 0), 0u);
  EXPECT_NE(text.find("process: libraries that are loaded; CUDA_HOME: " + library), std::string::npos) << text;
  EXPECT_NE(text.find("loader: libnvrtc.so.13, libnvrtc.so.12, libnvrtc.so.11"), std::string::npos) << text;
  EXPECT_NE(text.find("of no use: " + library + "/libnvrtc.so.13: "), std::string::npos) << text;
  EXPECT_NE(text.find("pip install nvidia-cuda-nvrtc"), std::string::npos) << text;
}

TEST(CudaLibrary, TheOrderOfPlaces) {
  TemporaryFolder folder;
  std::string packages = folder.path + "/packages";
  std::string wheel = place(FakeLibraryHalf, packages + "/nvidia/cu13/lib", "libnvrtc.so.13");
  std::string older = place(FakeLibraryOld, packages + "/nvidia/cuda_nvrtc/lib", "libnvrtc.so.11");
  std::string toolkit = place(FakeLibraryHalf, folder.path + "/cuda/lib64", "libnvrtc.so.13");
  auto find = [&](const std::function<void()> &prepare) {
    return inProcess([&] {
      forgetPlaces();
      prepare();
      NvrtcReport report = Nvrtc::find();
      return report.library.source + " " + report.library.path + " " + report.version;
    });
  };
  auto withToolkit = [&] { setenv("CUDA_HOME", (folder.path + "/cuda").c_str(), 1); };
  EXPECT_EQ(find(withToolkit), "CUDA_HOME " + toolkit + " 13.1");
  auto withWheels = [&] {
    withToolkit();
    setPackageFolders({folder.path + "/nowhere", packages});
  };
  EXPECT_EQ(find(withWheels), "wheels " + wheel + " 13.1");
  auto withProcess = [&] {
    withWheels();
    findLibrary({"libnvrtc.so", {11}, true, "FALLOFF_TEST_LIBRARY"});
  };
  setenv("FALLOFF_TEST_LIBRARY", older.c_str(), 1);
  EXPECT_EQ(find(withProcess), "process " + older + " 11.8");
  auto withVariable = [&] {
    withProcess();
    setenv("FALLOFF_NVRTC", toolkit.c_str(), 1);
  };
  EXPECT_EQ(find(withVariable), "FALLOFF_NVRTC " + toolkit + " 13.1");
}

} // namespace
