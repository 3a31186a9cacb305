// SPDX-License-Identifier: Apache-2.0
//
// Contexts, memory and modules. Every call of the driver that needs a context makes the device's own current and puts
// back what was; torch and others keep theirs.
#include "runtime/cuda/Device.h"
#include <algorithm>
#include <array>

namespace falloff::cuda {

namespace {

/// Numbers of cuda.h.
constexpr int capabilityMajor = 75, capabilityMinor = 76, sharedBytesOptIn = 97;
constexpr int maxDynamicSharedBytes = 8, sharedMemoryCarveout = 9, maxThreadsPerBlock = 0;
constexpr unsigned nonBlockingStream = 1;
constexpr int jitErrorLog = 5, jitErrorLogBytes = 6;

/// The driver refuses what waits or allocates while a stream is captured with results from here to `lastCapture`.
constexpr int lastCapture = 909;

bool isOfCapture(int status) { return status >= Status::captureUnsupported && status <= lastCapture; }

/// While it lives, this thread may allocate, copy and load though another stream is captured, here or in another
/// thread: what it does has no part in that capture, and does not spoil it.
class BesideCaptures {
public:
  explicit BesideCaptures(const Driver &driver) : driver(driver) { driver->cuThreadExchangeStreamCaptureMode(&mode); }
  ~BesideCaptures() { driver->cuThreadExchangeStreamCaptureMode(&mode); }
  BesideCaptures(const BesideCaptures &) = delete;
  BesideCaptures &operator=(const BesideCaptures &) = delete;

private:
  const Driver &driver;
  int mode = 2; ///< CU_STREAM_CAPTURE_MODE_RELAXED; then what was before
};

const char *runOnce = "; call it once before the capture";

std::string capabilityText(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

std::string megabytes(size_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", double(bytes) / (1 << 20));
  return text;
}

std::mutex devicesMutex;
std::map<int, Device *> &knownDevices() {
  static auto *devices = new std::map<int, Device *>(); // never deleted: buffers may outlive what is static
  return *devices;
}

/// The entry points that an image may have (compiler/cuda).
const char *const entryPoints[] = {"falloff_attention", "falloff_merge",    "falloff_sums",
                                   "falloff_means",     "falloff_quantise", "falloff_queries"};

} // namespace

int architectureFor(int capability) {
  int best = 0;
  for (int architecture : deviceArchitectures)
    if (architecture <= capability)
      best = architecture;
  return best;
}

/// NVIDIA promises nothing of a desktop's cubins on Tegra: Orin and, before CUDA 13 named it 11.0, Thor.
bool cubinsRun(int architecture, int capability) {
  return architecture / 10 == capability / 10 && capability != 87 && capability != 101;
}

bool Device::runsCubins() const { return cubinsRun(target, computeCapability); }

// ---- memory

DeviceBuffer &DeviceBuffer::operator=(DeviceBuffer &&other) noexcept {
  std::swap(device, other.device);
  std::swap(start, other.start);
  std::swap(bytes, other.bytes);
  return *this;
}

DeviceBuffer::~DeviceBuffer() {
  if (device && start)
    device->giveBack(start);
}

DeviceBuffer Device::allocate(size_t bytes, const std::string &what) {
  Current current(*this);
  BesideCaptures beside(api);
  std::lock_guard<std::mutex> lock(mutex);
  while (!unused.empty() && api->cuMemFree_v2(unused.back()) == Status::success)
    unused.pop_back();
  DeviceBuffer buffer;
  int status = api->cuMemAlloc_v2(&buffer.start, std::max<size_t>(bytes, 1));
  std::string where = what + " on cuda:" + std::to_string(number);
  if (status == Status::outOfMemory)
    throw OutOfMemory("expects " + megabytes(bytes) + " for " + where + ", but got " + api.describe(status) +
                      "; torch.cuda.empty_cache() gives back what torch keeps for itself");
  if (isOfCapture(status))
    throw DriverError("expects " + where + " before a stream is captured, but got " + api.describe(status) + runOnce,
                      status);
  api.check(status, "memory for " + where);
  buffer.device = this;
  buffer.bytes = bytes;
  return buffer;
}

void Device::giveBack(uint64_t address) {
  std::lock_guard<std::mutex> lock(mutex);
  unused.push_back(address);
}

void Device::upload(const std::vector<Part> &parts, const std::string &what) {
  Current current(*this);
  BesideCaptures beside(api);
  std::lock_guard<std::mutex> lock(mutex);
  if (!uploads)
    api.check(api->cuStreamCreate(&uploads, nonBlockingStream), "a stream to copy on");
  for (const Part &part : parts)
    if (part.bytes)
      api.check(api->cuMemcpyHtoDAsync_v2(part.to, part.from, part.bytes, uploads), "copying " + what);
  api.check(api->cuStreamSynchronize(uploads), "copying " + what);
}

// ---- the device

Device::Current::Current(const Device &device) : device(device) {
  device.api.check(device.api->cuCtxPushCurrent_v2(device.context),
                   "making the context of cuda:" + std::to_string(device.number) + " current");
}

Device::Current::~Current() {
  void *popped = nullptr;
  device.api->cuCtxPopCurrent_v2(&popped);
}

Device::Device(int ordinal) : api(Driver::shared()), number(ordinal) {
  std::string who = "cuda:" + std::to_string(ordinal);
  if (ordinal < 0 || ordinal >= api.devices())
    throw DriverError("expects one of " + std::to_string(api.devices()) + " NVIDIA devices that there are, but got " +
                      who);
  api.check(api->cuDeviceGet(&device, ordinal), who);
  char text[256] = "";
  api.check(api->cuDeviceGetName(text, sizeof text, device), "the name of " + who);
  model = text;
  auto attribute = [&](int which) {
    int value = 0;
    api.check(api->cuDeviceGetAttribute(&value, which, device), "an attribute of " + who);
    return value;
  };
  computeCapability = attribute(capabilityMajor) * 10 + attribute(capabilityMinor);
  blockSharedBytes = attribute(sharedBytesOptIn);
  target = architectureFor(computeCapability);
  if (!target) {
    std::string known;
    for (int architecture : deviceArchitectures)
      known += (known.empty() ? "" : ", ") + capabilityText(architecture);
    throw DriverError("expects an NVIDIA device of a compute capability that there are kernels for (" + known +
                      "), but got " + who + " (" + model + ") of " + capabilityText(computeCapability));
  }
  api.check(api->cuDevicePrimaryCtxRetain(&context, device), "the primary context of " + who);
}

Device &Device::get(int ordinal) {
  std::lock_guard<std::mutex> lock(devicesMutex);
  Device *&device = knownDevices()[ordinal];
  if (!device)
    device = new Device(ordinal);
  return *device;
}

bool Device::isCapturing(Stream stream) const {
  Current current(*this);
  int capturing = 0, status = api->cuStreamIsCapturing(stream, &capturing);
  if (isOfCapture(status)) // the legacy stream, while one is captured that waits for it
    return true;
  api.check(status, "the state of the stream");
  return capturing != 0;
}

// ---- kernels

void *LoadedKernel::find(const std::string &name) const {
  auto found = functions.find(name);
  if (found == functions.end())
    throw DriverError("expects a kernel image with the entry point " + name + ", but got one without");
  return found->second;
}

const LoadedKernel &Device::load(const std::shared_ptr<const KernelImage> &image, Stream stream) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (auto found = kernels.find(image.get()); found != kernels.end())
      return *found->second;
  }
  if (isCapturing(stream))
    throw DriverError("expects a kernel that is loaded on cuda:" + std::to_string(number) +
                      " before its stream is captured, but got a new one" + runOnce);
  Current current(*this);
  BesideCaptures beside(api);
  std::lock_guard<std::mutex> lock(mutex);
  auto found = kernels.find(image.get());
  if (found == kernels.end())
    found = kernels.emplace(image.get(), loadAnew(image)).first;
  return *found->second;
}

void Device::checkFits(const KernelImage &image) const {
  bool same = image.architecture / 10 == computeCapability / 10;
  if (image.architecture > computeCapability || (!image.isPtx && !same))
    throw DriverError("expects a kernel for cuda:" + std::to_string(number) + " (" + model + "), which is sm_" +
                      std::to_string(computeCapability) + ", but got " + (image.isPtx ? "PTX" : "a cubin") + " for " +
                      (image.isPtx ? "compute_" : "sm_") + std::to_string(image.architecture));
  if (image.shape.sharedBytes > blockSharedBytes)
    throw DriverError("expects a kernel of at most " + std::to_string(blockSharedBytes) +
                      " bytes of shared memory, as cuda:" + std::to_string(number) + " (" + model +
                      ") has, but got one of " + std::to_string(image.shape.sharedBytes));
}

void *Device::loadModule(const KernelImage &image) const {
  std::array<char, 4096> log{};
  const int names[] = {jitErrorLog, jitErrorLogBytes};
  void *values[] = {log.data(), reinterpret_cast<void *>(uintptr_t(log.size() - 1))};
  void *module = nullptr;
  int status = api->cuModuleLoadDataEx(&module, image.code.c_str(), 2, names, values);
  if (status == Status::success)
    return module;
  std::string what = "loading a kernel for sm_" + std::to_string(image.architecture) +
                     " on cuda:" + std::to_string(number) + " (" + model + ")";
  std::string message = what + ": the driver of CUDA " + api.version() + " gives " + api.describe(status);
  if (status == Status::outOfMemory)
    throw OutOfMemory(message);
  if (status == Status::unsupportedPtxVersion || status == Status::invalidImage || status == Status::noBinaryForDevice)
    message +=
        "; either the code is damaged, or NVRTC is newer than the driver: update the driver, or name an NVRTC of "
        "CUDA " +
        api.version() + " or earlier with FALLOFF_NVRTC (pip install nvidia-cuda-nvrtc-cu12 brings one of CUDA 12)";
  if (isOfCapture(status))
    message += runOnce;
  if (log[0])
    message += std::string("\n") + log.data();
  throw DriverError(message, status);
}

std::unique_ptr<LoadedKernel> Device::loadAnew(const std::shared_ptr<const KernelImage> &image) const {
  checkFits(*image);
  void *module = loadModule(*image); // stays loaded, also where what follows fails
  auto kernel = std::make_unique<LoadedKernel>();
  kernel->image = image;
  for (const char *name : entryPoints) {
    void *function = nullptr;
    if (api->cuModuleGetFunction(&function, module, name) != Status::success)
      continue; // the entry points of recipes are not in every image
    // Asking for an attribute loads the code now, where the driver would else do so at the first launch, in a capture.
    int threads = 0;
    api.check(api->cuFuncGetAttribute(&threads, maxThreadsPerBlock, function), name);
    kernel->functions[name] = function;
  }
  if (image->shape.sharedBytes)
    api.check(
        api->cuFuncSetAttribute(kernel->find("falloff_attention"), maxDynamicSharedBytes, image->shape.sharedBytes),
        "shared memory of falloff_attention");
  // As much of the L1 cache as there is: CTAs share a multiprocessor as the shape plans it. It is a wish, whatever
  // comes of it.
  if (image->shape.sharedBytes)
    api->cuFuncSetAttribute(kernel->find("falloff_attention"), sharedMemoryCarveout, 100);
  return kernel;
}

} // namespace falloff::cuda
