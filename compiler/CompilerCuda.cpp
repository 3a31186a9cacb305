// SPDX-License-Identifier: Apache-2.0
//
// Kernels of CUDA devices as text, images and figures, on any machine.
#include "compiler/BackEndErrors.h"
#include "compiler/CompilerImpl.h"
#include "compiler/cuda/EmitSource.h"
#include "compiler/cuda/KernelCache.h"
#include "compiler/cuda/KernelTable.h"
#include "runtime/PlanLayout.h"
#include "runtime/Recipe.h"
#include "runtime/cuda/Nvrtc.h"
#include <algorithm>

namespace falloff {

static int32_t parseTarget(const std::string &target) {
  std::string known;
  for (int32_t architecture : cuda::architectures()) {
    std::string name = "sm_" + std::to_string(architecture);
    if (name == target)
      return architecture;
    known += (known.empty() ? "" : ", ") + name;
  }
  throw Error("expects a target of " + known + ", but got '" + target + "'");
}

static cuda::Element parseElement(const std::string &dtype) {
  if (dtype == "bf16")
    return cuda::Element::BF16;
  if (dtype == "fp16")
    return cuda::Element::F16;
  throw Error("expects dtype bf16 or fp16 for kernels of CUDA devices, but got '" + dtype + "'");
}

static cuda::Arithmetic parseArithmetic(const std::string &recipe) {
  if (recipe.empty())
    return cuda::Arithmetic::Plain;
  std::string fault = runtime::recipeFault(recipe, runtime::BackEnd::Cuda);
  if (!fault.empty())
    throw Error(fault);
  return recipe == "int8" ? cuda::Arithmetic::Int8 : cuda::Arithmetic::Int8Fp8;
}

static cuda::KernelSpec specOf(const Plan &plan, const CudaKernelOptions &options) {
  cuda::KernelRequest request;
  request.architecture = parseTarget(options.target);
  request.element = parseElement(options.dtype);
  request.arithmetic = parseArithmetic(options.recipe);
  request.aligned = options.aligned;
  request.headDim = request.valueDim = options.headDim;
  request.queryCapacity = std::max<int64_t>(plan.data().grid.queryCapacity, 1);
  request.keyCapacity = std::max<int64_t>(plan.data().grid.keyCapacity, 1);
  cuda::KernelSpec spec;
  spec.program = runtime::hasTestedTile(plan.data()) ? programOf(plan) : nullptr; // as attention has it
  spec.shape = cuda::kernelShape(request);
  spec.architecture = request.architecture;
  return spec;
}

std::string printCudaKernel(const Plan &plan, const CudaKernelOptions &options) {
  return translated([&] {
    cuda::KernelSpec spec = specOf(plan, options);
    return cuda::emitSource(spec.shape, spec.program);
  });
}

CudaKernel compileCuda(const Plan &plan, const CudaKernelOptions &options, bool toPtx) {
  return translated([&] {
    cuda::KernelSpec spec = specOf(plan, options);
    cuda::BuiltKernel built = cuda::buildKernel(spec, toPtx);
    CudaKernel kernel;
    kernel.source = std::move(built.source);
    kernel.image = std::move(built.image.code);
    kernel.log = built.log.substr(0, built.log.find('\0'));
    kernel.nvrtcVersion = cuda::Nvrtc::shared().version();
    kernel.seconds = built.seconds;
    kernel.queryBlock = spec.shape.queryBlock;
    kernel.keyBlock = spec.shape.keyBlock;
    kernel.headDim = spec.shape.headDim;
    kernel.threads = spec.shape.threads;
    kernel.stages = spec.shape.stages;
    kernel.residentBlocks = spec.shape.residentBlocks;
    kernel.sharedBytes = spec.shape.sharedBytes;
    for (const cuda::KernelResources &entry : cuda::readResources(kernel.log))
      kernel.entries.push_back({entry.kernel, entry.registers, entry.stackBytes, entry.spillStoreBytes,
                                entry.spillLoadBytes, entry.sharedBytes});
    return kernel;
  });
}

} // namespace falloff
