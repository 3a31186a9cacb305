// SPDX-License-Identifier: Apache-2.0
//
// The driver behind one table of symbols.
#include "runtime/cuda/Driver.h"
#include <atomic>
#include <mutex>

namespace falloff::cuda {

namespace {

const char *remedy = "update the NVIDIA driver of this machine";

std::atomic<int> openedVersion{0};

std::string describeStatus(const DriverSymbols &symbols, int status) {
  const char *name = nullptr, *words = nullptr;
  if (symbols.cuGetErrorName(status, &name) != 0 || !name)
    return "error " + std::to_string(status);
  std::string text = name;
  if (symbols.cuGetErrorString(status, &words) == 0 && words)
    text += std::string(" (") + words + ")";
  return text;
}

std::string readSymbols(const Library &library, DriverSymbols &symbols) {
  std::string missing;
#define FALLOFF_READ(NAME, PARAMETERS)                                                                                 \
  symbols.NAME = reinterpret_cast<int(*) PARAMETERS>(library.find(#NAME));                                             \
  if (!symbols.NAME)                                                                                                   \
    missing += std::string(missing.empty() ? "" : ", ") + #NAME;
  FALLOFF_DRIVER_SYMBOLS(FALLOFF_READ)
#undef FALLOFF_READ
  return missing;
}

std::string nameOf(const DriverSymbols &symbols, int ordinal) {
  int device = 0;
  char name[256] = "";
  if (symbols.cuDeviceGet(&device, ordinal) != 0 || symbols.cuDeviceGetName(name, sizeof name, device) != 0)
    return "device " + std::to_string(ordinal);
  return name;
}

/// Fills what it can of a report; the symbols are whole where it has no problem.
void open(DriverReport &report, DriverSymbols &symbols) {
  Library &library = report.library;
  library = findLibrary({"libcuda.so", {1}, true});
  if (!library) {
    report.problem = "expects an NVIDIA driver, but got none; looked in " + library.places() +
                     (library.problem.empty() ? "" : "; of no use: " + library.problem) +
                     "; tensors on the CPU need none";
    return;
  }
  std::string where = library.path + " (" + library.source + ")";
  auto version = reinterpret_cast<int (*)(int *)>(library.find("cuDriverGetVersion"));
  int number = 0;
  if (!version || version(&number) != 0) {
    report.problem = "expects an NVIDIA driver, but got " + where + ", which does not tell its version; " + remedy;
    return;
  }
  int major = number / 1000, minor = number % 1000 / 10;
  report.version = std::to_string(major) + "." + std::to_string(minor);
  openedVersion = number;
  if (std::make_pair(major, minor) < std::make_pair(oldestDriver[0], oldestDriver[1])) {
    report.problem = "expects an NVIDIA driver of CUDA " + std::to_string(oldestDriver[0]) + "." +
                     std::to_string(oldestDriver[1]) + " or later, but got one of CUDA " + report.version + ", " +
                     where + "; " + remedy;
    return;
  }
  if (std::string missing = readSymbols(library, symbols); !missing.empty()) {
    report.problem = "expects an NVIDIA driver, but got " + where + ", which lacks " + missing + "; " + remedy;
    return;
  }
  if (int status = symbols.cuInit(0)) {
    report.problem = "the NVIDIA driver " + where + " does not start: cuInit gives " + describeStatus(symbols, status) +
                     (status == Status::noDevice ? "; CUDA_VISIBLE_DEVICES may hide a device that there is" : "");
    return;
  }
  int count = 0;
  symbols.cuDeviceGetCount(&count);
  for (int ordinal = 0; ordinal < count; ++ordinal)
    report.devices.push_back(nameOf(symbols, ordinal));
}

std::mutex sharedMutex;
const Driver *sharedDriver = nullptr; // never deleted: what it opened is used until the process ends

} // namespace

Driver::Driver() {
  open(report, symbols);
  if (!report.problem.empty())
    throw DriverError(report.problem);
  count = int(report.devices.size());
}

const Driver &Driver::shared() {
  std::lock_guard<std::mutex> lock(sharedMutex);
  if (!sharedDriver)
    sharedDriver = new Driver();
  return *sharedDriver;
}

DriverReport Driver::find() {
  std::lock_guard<std::mutex> lock(sharedMutex);
  if (sharedDriver)
    return sharedDriver->report;
  DriverReport report;
  DriverSymbols symbols;
  open(report, symbols);
  return report;
}

int Driver::knownVersion() { return openedVersion; }

std::string Driver::describe(int status) const { return describeStatus(symbols, status); }

void Driver::check(int status, const std::string &what) const {
  if (status == Status::success)
    return;
  std::string message = what + ": the driver gives " + describe(status);
  if (status == Status::outOfMemory)
    throw OutOfMemory(message);
  if (status == Status::notInitialised) // cuInit has succeeded, so it was in another process
    message += "; a process that was forked from one that uses CUDA cannot use it: start processes with spawn";
  throw DriverError(message, status);
}

} // namespace falloff::cuda
