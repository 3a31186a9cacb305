// SPDX-License-Identifier: Apache-2.0
//
// Functions of cuda.h about the driver, devices and contexts.
#include "tests/ptxsim/driver/State.h"

#include <cstring>

using namespace ptxsim::driver;

namespace {

/// Attributes of cuda.h that programs ask here.
enum Attribute : int {
  MaxThreadsPerBlock = 1,
  WarpSize = 10,
  MultiprocessorCount = 16,
  CapabilityMajor = 75,
  CapabilityMinor = 76,
  SharedBytesPerMultiprocessor = 81,
  SharedBytesOptIn = 97,
};

const char *nameOf(int status) {
  switch (status) {
#define CASE(VALUE, NAME)                                                                                              \
  case VALUE:                                                                                                          \
    return NAME;
    CASE(Status::success, "CUDA_SUCCESS")
    CASE(Status::invalidValue, "CUDA_ERROR_INVALID_VALUE")
    CASE(Status::outOfMemory, "CUDA_ERROR_OUT_OF_MEMORY")
    CASE(Status::notInitialised, "CUDA_ERROR_NOT_INITIALIZED")
    CASE(Status::noDevice, "CUDA_ERROR_NO_DEVICE")
    CASE(Status::invalidDevice, "CUDA_ERROR_INVALID_DEVICE")
    CASE(Status::invalidImage, "CUDA_ERROR_INVALID_IMAGE")
    CASE(Status::invalidContext, "CUDA_ERROR_INVALID_CONTEXT")
    CASE(Status::noBinaryForDevice, "CUDA_ERROR_NO_BINARY_FOR_GPU")
    CASE(Status::invalidPtx, "CUDA_ERROR_INVALID_PTX")
    CASE(Status::invalidHandle, "CUDA_ERROR_INVALID_HANDLE")
    CASE(Status::notFound, "CUDA_ERROR_NOT_FOUND")
    CASE(Status::illegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS")
    CASE(Status::misalignedAddress, "CUDA_ERROR_MISALIGNED_ADDRESS")
    CASE(Status::launchFailed, "CUDA_ERROR_LAUNCH_FAILED")
    CASE(Status::captureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED")
    CASE(Status::captureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED")
    CASE(Status::captureImplicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT")
#undef CASE
  }
  return nullptr;
}

const char *wordsOf(int status) {
  switch (status) {
  case Status::success:
    return "no error";
  case Status::outOfMemory:
    return "out of memory";
  case Status::noDevice:
    return "no CUDA-capable device is detected";
  case Status::captureUnsupported:
    return "operation not permitted when stream is capturing";
  default:
    return "as the simulated driver says";
  }
}

int attributeOf(const Device &device, int attribute) {
  switch (attribute) {
  case MaxThreadsPerBlock:
    return 1024;
  case WarpSize:
    return 32;
  case MultiprocessorCount:
    return 4;
  case CapabilityMajor:
    return device.capability / 10;
  case CapabilityMinor:
    return device.capability % 10;
  case SharedBytesPerMultiprocessor:
    return int(device.memory.sharedBytesPerBlock) + 1024;
  case SharedBytesOptIn:
    return int(device.memory.sharedBytesPerBlock);
  default:
    throw Refusal{Status::invalidValue};
  }
}

void copyName(char *to, int bytes, const std::string &name) {
  require(to && bytes > 0);
  std::strncpy(to, name.c_str(), size_t(bytes) - 1);
  to[bytes - 1] = '\0';
}

} // namespace

extern "C" {

int cuInit(unsigned flags) {
  return answer([&](State &state) {
    require(flags == 0);
    state.start();
  });
}

int cuDriverGetVersion(int *version) {
  *version = int(setting("PTXSIM_DRIVER_VERSION", 13000));
  return Status::success;
}

int cuGetErrorName(int status, const char **name) {
  *name = nameOf(status);
  return *name ? Status::success : Status::invalidValue;
}

/// A fault's own message where there is one, so that it reaches whoever prints errors.
int cuGetErrorString(int status, const char **words) {
  return answer([&](State &state) {
    require(nameOf(status));
    bool isFault = status == Status::illegalAddress || status == Status::misalignedAddress ||
                   status == Status::launchFailed || status == Status::invalidValue || status == Status::invalidPtx;
    *words = isFault && !state.lastFault.empty() ? state.lastFault.c_str() : wordsOf(status);
  });
}

/// What NVIDIA's libraries ask each other by; NVRTC does where a driver is loaded, and takes no for an answer.
int cuGetExportTable(const void **table, const void *) {
  *table = nullptr;
  return Status::invalidValue;
}

int cuDeviceGetCount(int *count) {
  return answer([&](State &state) {
    require(state.isStarted, Status::notInitialised);
    *count = int(state.devices.size());
  });
}

int cuDeviceGet(int *device, int ordinal) {
  return answer([&](State &state) { *device = state.device(ordinal).ordinal; });
}

int cuDeviceGetName(char *name, int bytes, int device) {
  return answer(
      [&](State &state) { copyName(name, bytes, "simulated sm_" + std::to_string(state.device(device).capability)); });
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
  return answer([&](State &state) { *value = attributeOf(state.device(device), attribute); });
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
  return answer([&](State &state) {
    state.device(device);
    *context = state.primary[size_t(device)].get();
  });
}

int cuDevicePrimaryCtxRelease_v2(int device) {
  return answer([&](State &state) { state.device(device); });
}

int cuCtxPushCurrent_v2(void *context) {
  return answer([&](State &state) {
    require(state.isStarted, Status::notInitialised);
    require(context, Status::invalidContext);
    contextStack().push_back(static_cast<Context *>(context));
  });
}

int cuCtxPopCurrent_v2(void **context) {
  return answer([&](State &) {
    require(!contextStack().empty(), Status::invalidContext);
    if (context)
      *context = contextStack().back();
    contextStack().pop_back();
  });
}

int cuCtxGetCurrent(void **context) {
  return answer([&](State &) { *context = contextStack().empty() ? nullptr : contextStack().back(); });
}

int cuCtxSetCurrent(void *context) {
  return answer([&](State &) {
    if (!contextStack().empty())
      contextStack().pop_back();
    if (context)
      contextStack().push_back(static_cast<Context *>(context));
  });
}

int cuCtxGetDevice(int *device) {
  return answer([&](State &state) { *device = state.current().device->ordinal; });
}

int cuCtxSynchronize() {
  return answer([&](State &state) { state.refuseInCapture(state.current()); });
}
}
