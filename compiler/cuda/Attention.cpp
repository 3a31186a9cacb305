// SPDX-License-Identifier: Apache-2.0
//
// What a call needs is made once for each plan, device and kind of tensors; later calls look it up, at a cost that does
// not grow with the plan or the pattern.
#include "compiler/cuda/Attention.h"
#include "compiler/cuda/KernelCache.h"
#include "compiler/cuda/KernelTable.h"
#include "runtime/Log.h"
#include "runtime/PlanLayout.h"
#include "runtime/Recipe.h"
#include "runtime/Settings.h"
#include "runtime/TensorCheck.h"
#include "runtime/cuda/Nvrtc.h"
#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>
#include <tuple>

namespace falloff::cuda {

using runtime::DType;
using runtime::Tensor;

namespace {

/// All that a call needs on its device.
struct Ready {
  const LoadedKernel *kernel = nullptr; ///< the device's own
  std::shared_ptr<const DevicePlan> plan;
};

/// The present kernels of plans that someone holds.
class ReadyCalls {
public:
  using Plan = std::shared_ptr<const runtime::Plan>;
  using Key = std::tuple<const runtime::Plan *, const Device *, Element, Arithmetic, bool, int64_t, int64_t,
                         runtime::CudaImage>;

  /// No kernel: it is not there.
  Ready find(const Key &key, const Plan &plan) {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = entries.find(key);
    // Another plan may have the address of one that is gone.
    return found == entries.end() || found->second.plan.lock() != plan ? Ready() : found->second.ready;
  }
  void add(const Key &key, const Plan &plan, Ready ready) {
    std::lock_guard<std::mutex> lock(mutex);
    entries[key] = {plan, std::move(ready)};
  }
  /// Lets go of tables of plans that are gone. Before others are copied, which frees their memory.
  void dropDead() {
    std::lock_guard<std::mutex> lock(mutex);
    for (auto entry = entries.begin(); entry != entries.end();)
      entry = entry->second.plan.expired() ? entries.erase(entry) : std::next(entry);
  }

private:
  struct Entry {
    std::weak_ptr<const runtime::Plan> plan;
    Ready ready;
  };
  std::mutex mutex;
  std::map<Key, Entry> entries;
};

ReadyCalls &readyCalls() {
  static auto *calls = new ReadyCalls(); // never deleted: threads may call at exit
  return *calls;
}

std::string number(int64_t value) { return std::to_string(value); }

Arithmetic arithmeticOf(const std::string &recipe, const Device &device) {
  if (recipe.empty())
    return Arithmetic::Plain;
  std::string fault = runtime::recipeFault(recipe, runtime::BackEnd::Cuda);
  if (!fault.empty())
    throw std::invalid_argument(fault);
  if (!runtime::findRecipe(recipe, runtime::BackEnd::Cuda)->roundsValues)
    return Arithmetic::Int8;
  if (device.capability() < 89)
    throw std::invalid_argument("expects a device of compute capability 8.9 or later for recipe " + recipe +
                                ", but got " + device.name() + " of " + number(device.capability() / 10) + "." +
                                number(device.capability() % 10) + "; recipe int8 runs there");
  return Arithmetic::Int8Fp8;
}

std::string checkPlace(const Tensor &q) {
  if (q.device == runtime::hostDevice)
    return "expects q on a CUDA device, but got the CPU";
  if (q.dtype == DType::F32)
    return "expects tensors of float16 or bfloat16 on " + runtime::nameOfDevice(q.device) + ", but got float32";
  return "";
}

void check(const Schedule &schedule, const AttentionTensors &tensors, const Options &options) {
  const Tensor &q = tensors.q;
  std::string error = checkPlace(q);
  if (error.empty())
    error = runtime::checkInputs(*schedule.plan, q, tensors.k, tensors.v, options.launch.textLengths);
  if (error.empty() && tensors.out.data)
    error = runtime::checkOutputs(*schedule.plan, q, tensors.v, tensors.out, tensors.lse);
  if (!error.empty())
    throw std::invalid_argument(error);
}

/// A tensor whose rows lie one behind the other, somewhere; for what is asked before there is one.
Tensor compactLike(const Tensor &q, const Tensor &v) {
  Tensor out = q;
  out.data = nullptr;
  out.sizes[3] = v.sizes[3];
  int64_t stride = 1;
  for (int dimension : {3, 2, 1, 0}) {
    out.strides[dimension] = stride;
    stride *= out.sizes[dimension];
  }
  return out;
}

KernelRequest requestFor(const Schedule &schedule, const AttentionTensors &tensors, const Options &options,
                         const Device &device) {
  AttentionTensors laid = tensors;
  if (!laid.out.data)
    laid.out = compactLike(tensors.q, tensors.v);
  const runtime::Grid &grid = schedule.plan->grid;
  KernelRequest request;
  request.architecture = device.architecture();
  request.element = tensors.q.dtype == DType::F16 ? Element::F16 : Element::BF16;
  request.arithmetic = arithmeticOf(options.recipe, device);
  request.aligned = areAligned(laid);
  request.headDim = tensors.q.sizes[3];
  request.valueDim = tensors.v.sizes[3];
  request.queryCapacity = std::max<int64_t>(grid.queryCapacity, 1);
  request.keyCapacity = std::max<int64_t>(grid.keyCapacity, 1);
  return request;
}

KernelSpec specFor(const Schedule &schedule, const KernelRequest &request, const Device &device) {
  KernelSpec spec;
  spec.shape = kernelShape(request);
  spec.architecture = request.architecture;
  spec.needsPtx = !device.runsCubins();
  if (!runtime::hasTestedTile(*schedule.plan))
    return spec;
  if (!schedule.program)
    throw std::invalid_argument("expects a set program for a plan with tested tiles, but got none");
  spec.program = schedule.program;
  return spec;
}

/// An image from disk may be damaged in a way that its checksum does not show, such as by another driver: the driver
/// refuses it, and it is compiled anew. One that NVRTC made just now would become the same again.
const LoadedKernel &load(Device &device, const KernelSpec &spec, Stream stream) {
  std::shared_ptr<const KernelImage> image = kernelOnce(spec);
  std::string refused;
  try {
    return device.load(image, stream);
  } catch (const DriverError &error) {
    if (image->file.empty() || (error.status != Status::invalidImage && error.status != Status::noBinaryForDevice &&
                                error.status != Status::invalidPtx))
      throw;
    refused = "expects a kernel that runs, but got '" + image->file + "': " + error.what();
  }
  std::shared_ptr<const KernelImage> anew;
  try {
    anew = kernelAnew(spec);
  } catch (const NvrtcError &error) {
    throw NvrtcError(refused + "\nand it cannot be compiled anew: " + error.what());
  }
  log(runtime::LogLevel::Warning, refused.substr(0, refused.find('\n')) + "; it was compiled anew");
  return device.load(anew, stream);
}

Ready makeReady(const Schedule &schedule, const AttentionTensors &tensors, const Options &options) {
  check(schedule, tensors, options);
  Device &device = Device::get(tensors.q.device);
  const KernelRequest request = requestFor(schedule, tensors, options, device);
  const ReadyCalls::Key key{schedule.plan.get(), &device,         request.element,  request.arithmetic,
                            request.aligned,     request.headDim, request.valueDim, runtime::cudaImage()};
  if (Ready found = readyCalls().find(key, schedule.plan); found.kernel)
    return found;
  readyCalls().dropDead();
  const KernelSpec spec = specFor(schedule, request, device);
  Ready ready;
  ready.kernel = &load(device, spec, options.stream);
  ready.plan = DevicePlan::get(device, schedule.plan, spec.shape.queryBlock, spec.shape.keyBlock, options.stream);
  readyCalls().add(key, schedule.plan, ready);
  return ready;
}

} // namespace

int64_t prepare(const Schedule &schedule, const AttentionTensors &tensors, const Options &options) {
  Ready ready = makeReady(schedule, tensors, options);
  return workspaceBytes(ready.kernel->shape(), *ready.plan, tensors.q.sizes[0], tensors.q.sizes[2], tensors.k.sizes[2]);
}

void attention(const Schedule &schedule, const AttentionTensors &tensors, const Options &options) {
  if (!tensors.out.data)
    throw std::invalid_argument("expects an out with memory, but got none");
  Ready ready = makeReady(schedule, tensors, options);
  launch(*ready.kernel, *ready.plan, *schedule.plan, tensors, options.launch, options.stream, options.workspace,
         options.workspaceBytes);
}

std::string targetOf(int ordinal) { return "sm_" + number(Device::get(ordinal).architecture()); }

} // namespace falloff::cuda
