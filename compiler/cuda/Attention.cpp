// SPDX-License-Identifier: Apache-2.0
#include "compiler/cuda/Attention.h"
#include "compiler/cuda/KernelCache.h"
#include "compiler/cuda/KernelTable.h"
#include "runtime/PlanLayout.h"
#include "runtime/Recipe.h"
#include "runtime/TensorCheck.h"
#include <algorithm>
#include <stdexcept>

namespace falloff::cuda {

using runtime::DType;
using runtime::Tensor;

namespace {

/// All that a call needs on its device.
struct Ready {
  const LoadedKernel *kernel = nullptr; ///< the device's own
  std::shared_ptr<const DevicePlan> plan;
};

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

KernelSpec specFor(const Schedule &schedule, const AttentionTensors &tensors, const Options &options,
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
  KernelSpec spec;
  spec.shape = kernelShape(request);
  spec.architecture = request.architecture;
  if (!runtime::hasTestedTile(*schedule.plan))
    return spec;
  if (!schedule.program)
    throw std::invalid_argument("expects a set program for a plan with tested tiles, but got none");
  spec.program = schedule.program;
  return spec;
}

/// An image from disk may be damaged in a way that its checksum does not show, such as by another driver: the driver
/// refuses it, and it is compiled anew.
const LoadedKernel &load(Device &device, const KernelSpec &spec, Stream stream) {
  try {
    return device.load(kernelOnce(spec), stream);
  } catch (const DriverError &error) {
    if (error.status != Status::invalidImage && error.status != Status::noBinaryForDevice &&
        error.status != Status::invalidPtx)
      throw;
  }
  return device.load(kernelAnew(spec), stream);
}

Ready makeReady(const Schedule &schedule, const AttentionTensors &tensors, const Options &options) {
  check(schedule, tensors, options);
  Device &device = Device::get(tensors.q.device);
  KernelSpec spec = specFor(schedule, tensors, options, device);
  Ready ready;
  ready.kernel = &load(device, spec, options.stream);
  ready.plan = DevicePlan::get(device, schedule.plan, spec.shape.queryBlock, spec.shape.keyBlock, options.stream);
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
