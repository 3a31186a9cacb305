// SPDX-License-Identifier: Apache-2.0
//
// Attention: from a plan to kernels, of the processor or of the device that tensors lie on.

#include "compiler/CompilerImpl.h"
#include "compiler/cpu/Attention.h"
#include "compiler/cpu/Target.h"
#include "runtime/TensorCheck.h"
#include "llvm/Config/llvm-config.h"
#include <new>

namespace falloff {

static const SetProgram *programOf(const Plan &plan) {
  return plan.impl->classes.empty() ? nullptr : &plan.impl->classes[0].program();
}

/// Runs `body`, turning what the back end throws into Error; want of memory stays what it is.
template <typename Body>
static auto translated(Body body) {
  try {
    return body();
  } catch (const Error &) {
    throw;
  } catch (const std::bad_alloc &) {
    throw;
  } catch (const std::exception &error) {
    throw Error(error.what());
  }
}

static std::optional<runtime::Recipe> parseRecipe(const std::string &name) {
  if (name.empty())
    return std::nullopt;
  std::string fault = runtime::recipeFault(name, runtime::BackEnd::Cpu);
  if (!fault.empty())
    throw Error(fault);
  return *runtime::findRecipe(name, runtime::BackEnd::Cpu);
}

static void checkHost(const runtime::Tensor &q) {
  if (q.device != runtime::hostDevice)
    throw Error("expects tensors on the CPU, but got " + runtime::nameOfDevice(q.device) +
                ", which this build has no kernels for");
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

void attention(const Plan &plan, const runtime::Tensor &q, const runtime::Tensor &k, const runtime::Tensor &v,
               const runtime::Tensor &out, const runtime::Tensor &lse, const AttentionOptions &options) {
  checkHost(q);
  cpu::Options launch = cpuOptions(options);
  translated([&] { cpu::attention(plan.data(), programOf(plan), q, k, v, out, lse, launch); });
}

int64_t prepare(const Plan &plan, const runtime::Tensor &q, const runtime::Tensor &k, const runtime::Tensor &v,
                const AttentionOptions &options) {
  checkHost(q);
  cpu::Options launch = cpuOptions(options);
  return translated([&] {
    cpu::prepare(plan.data(), programOf(plan), q, k, v, launch);
    return int64_t(0);
  });
}

std::string cudaTarget(int device) {
  throw Error("expects tensors on the CPU, but got " + runtime::nameOfDevice(device) +
              ", which this build has no kernels for");
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
