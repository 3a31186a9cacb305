// SPDX-License-Identifier: Apache-2.0
//
// The CUDA driver, opened when it is first needed (Library.h) and never linked. A machine without one is a machine
// without NVIDIA devices: one clear error. Types are declared here, so that no header of CUDA is needed.
#ifndef FALLOFF_RUNTIME_CUDA_DRIVER_H
#define FALLOFF_RUNTIME_CUDA_DRIVER_H

#include "runtime/cuda/Library.h"
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

// What is used of the driver: one line a symbol, by the name that the library exports, which fixes the version of its
// interface.
#define FALLOFF_DRIVER_SYMBOLS(X)                                                                                      \
  X(cuInit, (unsigned flags))                                                                                          \
  X(cuDriverGetVersion, (int *version))                                                                                \
  X(cuGetErrorName, (int status, const char **name))                                                                   \
  X(cuGetErrorString, (int status, const char **words))                                                                \
  X(cuDeviceGetCount, (int *count))                                                                                    \
  X(cuDeviceGet, (int *device, int ordinal))                                                                           \
  X(cuDeviceGetName, (char *name, int bytes, int device))                                                              \
  X(cuDeviceGetAttribute, (int *value, int attribute, int device))                                                     \
  X(cuDevicePrimaryCtxRetain, (void **context, int device))                                                            \
  X(cuCtxPushCurrent_v2, (void *context))                                                                              \
  X(cuCtxPopCurrent_v2, (void **context))                                                                              \
  X(cuCtxSynchronize, ())                                                                                              \
  X(cuModuleLoadDataEx, (void **module, const void *image, unsigned options, const int *names, void *const *values))   \
  X(cuModuleUnload, (void *module))                                                                                    \
  X(cuModuleGetFunction, (void **function, void *module, const char *name))                                            \
  X(cuFuncSetAttribute, (void *function, int attribute, int value))                                                    \
  X(cuFuncGetAttribute, (int *value, int attribute, void *function))                                                   \
  X(cuLaunchKernel, (void *function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY, \
                     unsigned blockZ, unsigned sharedBytes, void *stream, void **parameters, void **extra))            \
  X(cuMemAlloc_v2, (uint64_t *address, size_t bytes))                                                                  \
  X(cuMemFree_v2, (uint64_t address))                                                                                  \
  X(cuMemcpyHtoDAsync_v2, (uint64_t to, const void *from, size_t bytes, void *stream))                                 \
  X(cuMemcpyDtoHAsync_v2, (void *to, uint64_t from, size_t bytes, void *stream))                                       \
  X(cuStreamCreate, (void **stream, unsigned flags))                                                                   \
  X(cuStreamDestroy_v2, (void *stream))                                                                                \
  X(cuStreamSynchronize, (void *stream))                                                                               \
  X(cuStreamIsCapturing, (void *stream, int *status))                                                                  \
  X(cuThreadExchangeStreamCaptureMode, (int *mode))

namespace falloff::cuda {

/// The oldest version of CUDA that a driver must be of.
constexpr int oldestDriver[2] = {12, 0};

/// Results of the driver that are told apart; all have a name of the driver's own.
enum Status : int {
  success = 0,
  invalidValue = 1,
  outOfMemory = 2,
  notInitialised = 3,
  deinitialised = 4,
  noDevice = 100,
  invalidImage = 200,
  noBinaryForDevice = 209,
  invalidPtx = 218,
  unsupportedPtxVersion = 222,
  illegalAddress = 700,
  captureUnsupported = 900,
};

/// The driver is missing, too old or refuses something. `status` is its result; 0 where it was not asked.
class DriverError : public std::runtime_error {
public:
  explicit DriverError(const std::string &message, int status = 0) : std::runtime_error(message), status(status) {}
  int status;
};

/// The device has too little memory left.
class OutOfMemory : public DriverError {
public:
  explicit OutOfMemory(const std::string &message) : DriverError(message, Status::outOfMemory) {}
};

struct DriverSymbols {
#define FALLOFF_MEMBER(NAME, PARAMETERS) int(*NAME) PARAMETERS = nullptr;
  FALLOFF_DRIVER_SYMBOLS(FALLOFF_MEMBER)
#undef FALLOFF_MEMBER
};

/// What was found, and why it is of no use, if so; for people.
struct DriverReport {
  Library library;
  std::string version; ///< of CUDA, "13.0"; empty: unknown
  std::string problem; ///< empty: it works
  std::vector<std::string> devices;
};

class Driver {
public:
  /// The driver of this process, opened at the first call and at those after one that threw. Throws DriverError that
  /// says where it was looked for, what is wrong with what was found, and what to do.
  static const Driver &shared();
  /// What `shared` has taken, or would take, and its devices.
  static DriverReport find();
  /// The version of CUDA of the driver that was opened last, 1000 major + 10 minor; 0: none was.
  static int knownVersion();
  /// Looks anew. Throws as `shared` does.
  Driver();

  const DriverSymbols *operator->() const { return &symbols; }
  const Library &library() const { return report.library; }
  const std::string &version() const { return report.version; }
  int devices() const { return count; }

  /// Throws DriverError or OutOfMemory for a result other than 0: `what` it was done for, the driver's name of the
  /// result and its words for it.
  void check(int status, const std::string &what) const;
  /// "CUDA_ERROR_INVALID_VALUE (invalid argument)"
  std::string describe(int status) const;

private:
  DriverSymbols symbols;
  DriverReport report;
  int count = 0;
};

} // namespace falloff::cuda

#endif
