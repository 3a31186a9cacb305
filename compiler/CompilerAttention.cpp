// SPDX-License-Identifier: Apache-2.0
//
// Attention: from a plan to kernels, of the processor or of the device that tensors lie on.

#include "compiler/BackEndErrors.h"
#include "compiler/CompilerImpl.h"
#include "compiler/cpu/Attention.h"
#include "compiler/cpu/Target.h"
#include "compiler/cuda/Attention.h"
#include "runtime/cuda/Device.h"
#include "runtime/cuda/Nvrtc.h"
#include "llvm/Config/llvm-config.h"

namespace falloff {

static std::optional<runtime::Recipe> parseRecipe(const std::string &name) {
  if (name.empty())
    return std::nullopt;
  std::string fault = runtime::recipeFault(name, runtime::BackEnd::Cpu);
  if (!fault.empty())
    throw Error(fault);
  return *runtime::findRecipe(name, runtime::BackEnd::Cpu);
}

static cpu::Options cpuOptions(const AttentionOptions &options) {
  if (options.stream || options.workspace)
    throw Error("expects stream and workspace for tensors on a CUDA device alone, but got q on the CPU");
  cpu::Options launch;
  launch.scale = options.scale;
  launch.textLengths = options.textLengths;
  launch.threads = options.threads;
  launch.features = options.features;
  launch.recipe = parseRecipe(options.recipe);
  return launch;
}

static cuda::Options cudaOptions(const AttentionOptions &options) {
  if (options.threads != 0 || !(options.features.empty() || options.features == "native"))
    throw Error("expects threads and features for tensors on the CPU alone, but got q on a CUDA device");
  cuda::Options launch;
  launch.launch = {options.scale, options.textLengths};
  launch.recipe = options.recipe;
  launch.stream = options.stream;
  launch.workspace = options.workspace;
  launch.workspaceBytes = options.workspaceBytes;
  return launch;
}

static bool isOnHost(const runtime::Tensor &q) { return q.device == runtime::hostDevice; }

void attention(const Plan &plan, const runtime::Tensor &q, const runtime::Tensor &k, const runtime::Tensor &v,
               const runtime::Tensor &out, const runtime::Tensor &lse, const AttentionOptions &options) {
  translated([&] {
    if (isOnHost(q))
      cpu::attention(plan.data(), programOf(plan), q, k, v, out, lse, cpuOptions(options));
    else
      cuda::attention({plan.impl->plan, programOf(plan)}, {q, k, v, out, lse}, cudaOptions(options));
  });
}

int64_t prepare(const Plan &plan, const runtime::Tensor &q, const runtime::Tensor &k, const runtime::Tensor &v,
                const AttentionOptions &options, const runtime::Tensor &out) {
  return translated([&]() -> int64_t {
    if (!isOnHost(q))
      return cuda::prepare({plan.impl->plan, programOf(plan)}, {q, k, v, out, {}}, cudaOptions(options));
    cpu::prepare(plan.data(), programOf(plan), q, k, v, cpuOptions(options));
    return 0;
  });
}

std::string cudaTarget(int device) {
  return translated([&] { return cuda::targetOf(device); });
}

bool isCapturing(int device, void *stream) {
  return translated([&] { return cuda::Device::get(device).isCapturing(stream); });
}

static runtime::DType parseDType(const std::string &text) {
  if (text == "bf16")
    return runtime::DType::BF16;
  if (text == "fp32")
    return runtime::DType::F32;
  throw Error("expects dtype bf16 or fp32, but got '" + text + "'");
}

std::string printKernel(const Plan &plan, const std::string &dtype, const std::string &stage,
                        const std::string &features, const std::string &recipe) {
  bool quantised = parseRecipe(recipe).has_value();
  return translated(
      [&] { return cpu::printKernel(plan.data(), programOf(plan), parseDType(dtype), stage, features, quantised); });
}

std::string describeTarget(const std::string &features) {
  return translated([&] { return cpu::describeTarget(features); });
}

Toolchain toolchain() {
  return {LLVM_VERSION_STRING, cpu::hostName(), cpu::nameOf(cpu::hostLevel()), cpu::hostVectorFeatures()};
}

} // namespace falloff
