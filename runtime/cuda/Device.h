// SPDX-License-Identifier: Apache-2.0
//
// One CUDA device: its primary context, which it shares with torch and all else that uses the runtime interface, its
// memory, and the kernels that are loaded there.
#ifndef FALLOFF_RUNTIME_CUDA_DEVICE_H
#define FALLOFF_RUNTIME_CUDA_DEVICE_H

#include "runtime/cuda/Driver.h"
#include "runtime/cuda/KernelImage.h"
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace falloff::cuda {

/// A CUstream, which is a cudaStream_t; null is the legacy default stream.
using Stream = void *;

/// Architectures that kernels are compiled for.
constexpr int deviceArchitectures[] = {80, 86, 89, 90, 100, 103, 120};

/// The one of them whose kernels a device of a compute capability (as 86) runs best; 0: none. Cubins run on devices of
/// their own generation (the capability's first number) alone, and not on those of Jetson boards; PTX on all that come
/// after, by the driver's compiler.
int architectureFor(int capability);
bool cubinsRun(int architecture, int capability);

class Device;

/// Memory of a device. At the end it is given back, and freed before the device allocates again: freeing at once would
/// spoil a capture, and waits for all that was launched.
class DeviceBuffer {
public:
  DeviceBuffer() = default;
  DeviceBuffer(DeviceBuffer &&other) noexcept { *this = std::move(other); }
  DeviceBuffer &operator=(DeviceBuffer &&other) noexcept;
  ~DeviceBuffer();
  uint64_t address() const { return start; }
  size_t size() const { return bytes; }

private:
  friend class Device;
  Device *device = nullptr;
  uint64_t start = 0;
  size_t bytes = 0;
};

/// A kernel's image on one device. It stays there: graphs that someone captured may launch it at any time.
class LoadedKernel {
public:
  const KernelShape &shape() const { return image->shape; }
  /// An entry point. Throws DriverError where the image lacks it.
  void *find(const std::string &name) const;

private:
  friend class Device;
  std::shared_ptr<const KernelImage> image;
  std::map<std::string, void *> functions; ///< by entry point
};

class Device {
public:
  /// The device of that number among those that the driver shows. It lives until the process ends. Throws DriverError:
  /// no driver, no such device, or one that no kernel exists for.
  static Device &get(int ordinal);

  int ordinal() const { return number; }
  const std::string &name() const { return model; }
  int capability() const { return computeCapability; } ///< 86 for 8.6
  int architecture() const { return target; }          ///< that kernels are compiled for, one of `deviceArchitectures`
  bool runsCubins() const;                             ///< of that architecture; else PTX alone
  int sharedBytes() const { return blockSharedBytes; } ///< the most that one CTA may have
  const Driver &driver() const { return api; }

  /// Makes the device's context current for calls of the driver while it lives.
  class Current {
  public:
    explicit Current(const Device &device);
    ~Current();
    Current(const Current &) = delete;
    Current &operator=(const Current &) = delete;

  private:
    const Device &device;
  };

  /// Whether launches on a stream are captured for a graph. Then nothing may be allocated or loaded.
  bool isCapturing(Stream stream) const;

  /// The image, loaded at the first call with it. `stream` is the one that the kernel is to be launched on: while it is
  /// captured, a kernel that is not loaded yet is an error. Throws DriverError where the image is for another
  /// architecture, damaged, or more than the device holds.
  const LoadedKernel &load(const std::shared_ptr<const KernelImage> &image, Stream stream = nullptr);

  /// Throws OutOfMemory that says what for.
  DeviceBuffer allocate(size_t bytes, const std::string &what);

  struct Part {
    uint64_t to;
    const void *from;
    size_t bytes;
  };
  /// Copies from the host; all of it is there on return, for every stream.
  void upload(const std::vector<Part> &parts, const std::string &what);

private:
  friend class DeviceBuffer;
  explicit Device(int ordinal);
  std::unique_ptr<LoadedKernel> loadAnew(const std::shared_ptr<const KernelImage> &image) const;
  void *loadModule(const KernelImage &image) const;
  void checkFits(const KernelImage &image) const;
  void giveBack(uint64_t address);

  const Driver &api;
  int number = 0, device = 0, computeCapability = 0, target = 0, blockSharedBytes = 0;
  std::string model;
  void *context = nullptr;
  Stream uploads = nullptr; ///< waits for no other stream, and none waits for it
  std::mutex mutex;
  std::vector<uint64_t> unused; ///< given back, not freed yet
  std::map<const KernelImage *, std::unique_ptr<LoadedKernel>> kernels;
};

} // namespace falloff::cuda

#endif
