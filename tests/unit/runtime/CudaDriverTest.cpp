// SPDX-License-Identifier: Apache-2.0
//
// No driver, one that is too old and one that lacks functions are one clear error each. Nothing is loaded by this
// process itself: those that it forks would find it.
#include "runtime/cuda/Device.h"
#include "tests/unit/runtime/Processes.h"
#include <dlfcn.h>

using namespace falloff::cuda;
using falloff::test::runCaptured;
using falloff::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

/// What is wrong with the driver where a library is loaded under the driver's name, and that `Device` says the same.
std::string problemWith(const char *library) {
  TemporaryFolder folder;
  std::string path = folder.path + "/libcuda.so.1";
  fs::copy_file(library, path);
  std::string text = runCaptured([&] {
                       if (!dlopen(path.c_str(), RTLD_NOW))
                         return 1;
                       std::string problem = Driver::find().problem;
                       try {
                         Device::get(0);
                         problem += " and then works";
                       } catch (const DriverError &error) {
                         if (error.what() != problem)
                           problem += std::string(" and then ") + error.what();
                       }
                       return write(STDERR_FILENO, problem.data(), problem.size()) > 0 ? 0 : 1;
                     }).second;
  size_t at = text.find(path);
  return at == std::string::npos ? text : text.replace(at, path.size(), "PATH");
}

TEST(CudaDriver, TooOld) {
  EXPECT_EQ(
      problemWith(FakeLibraryOld),
      "expects an NVIDIA driver of CUDA 12.0 or later, but got one of CUDA 11.8, PATH (process); update the NVIDIA "
      "driver of this machine");
}

TEST(CudaDriver, LacksFunctions) {
  std::string text = problemWith(FakeLibraryHalf);
  EXPECT_EQ(text.rfind("expects an NVIDIA driver, but got PATH (process), which lacks cuInit, cuGetErrorName, ", 0), 0u)
      << text;
}

TEST(CudaDriver, None) {
  DriverReport report = Driver::find();
  if (report.library)
    GTEST_SKIP() << "this machine has a driver: " << report.library.path;
  EXPECT_EQ(report.problem, "expects an NVIDIA driver, but got none; looked in process: libraries that are loaded; "
                            "loader: libcuda.so.1; tensors on the CPU need none");
  EXPECT_THROW(Device::get(0), DriverError);
}

TEST(CudaDevice, ArchitecturesOfDevices) {
  EXPECT_EQ(architectureFor(75), 0);
  EXPECT_EQ(architectureFor(80), 80);
  EXPECT_EQ(architectureFor(86), 86);
  EXPECT_EQ(architectureFor(87), 86);
  EXPECT_EQ(architectureFor(89), 89);
  EXPECT_EQ(architectureFor(90), 90);
  EXPECT_EQ(architectureFor(103), 103);
  EXPECT_EQ(architectureFor(110), 103); // as PTX
  EXPECT_EQ(architectureFor(121), 120);
  EXPECT_EQ(architectureFor(130), 120); // as PTX
  for (int capability : {80, 86, 89, 90, 100, 103, 120, 121})
    EXPECT_TRUE(cubinsRun(architectureFor(capability), capability)) << capability;
  for (int capability : {87, 101, 110, 130})
    EXPECT_FALSE(cubinsRun(architectureFor(capability), capability)) << capability;
}

} // namespace
