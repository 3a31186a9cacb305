// SPDX-License-Identifier: Apache-2.0
//
// One call as launches: its batch entries in chunks, each attention and then the merge of split rows; before, of a
// quantised recipe, what rounds queries, keys and values.
#include "runtime/cuda/Launch.h"
#include "runtime/PlanLayout.h"
#include "runtime/TensorCheck.h"
#include "runtime/cuda/QuantiseGrid.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace falloff::cuda {

using runtime::DType;
using runtime::Tensor;

namespace {

constexpr int64_t maxGridSide = 65535; ///< of a grid's y and z

/// Offsets in the workspace; each part begins on 256 bytes, and has unwritten ones behind it as in DevicePlan.
struct Workspace {
  int64_t partialValues, partialMaxima, partialSums;
  int64_t queryNumbers, queryScales, queryShifts;
  int64_t keyMeans, keyNumbers, keyScales, valueScales, valueNumbers, sums; ///< of quantised recipes
  int64_t bytes;
};

class Parts {
public:
  int64_t add(int64_t bytes) {
    int64_t at = size;
    if (bytes > 0)
      size = (at + bytes + 16 + 255) / 256 * 256;
    return at;
  }
  int64_t bytes() const { return size; }

private:
  int64_t size = 0;
};

bool roundsValues(const KernelShape &shape) { return shape.arithmetic == Arithmetic::Int8Fp8; }

Workspace layOutWorkspace(const KernelShape &shape, const DevicePlan &plan, int64_t batches, int64_t heads,
                          int64_t keyHeads) {
  Parts parts;
  Workspace at{};
  int64_t rows = batches * heads * plan.slots() * plan.queryBlock();
  at.partialValues = parts.add(rows * shape.valueDim * 4);
  at.partialMaxima = parts.add(rows * 4);
  at.partialSums = parts.add(rows * 4);
  if (shape.arithmetic != Arithmetic::Plain) {
    int64_t queries = batches * heads * plan.queryLanes();
    at.queryNumbers = parts.add(queries * shape.headDim);
    at.queryScales = parts.add(queries * 4);
    at.queryShifts = parts.add(queries * 4);
    int64_t pairs = batches * keyHeads, keys = pairs * plan.keyLanes();
    at.keyMeans = parts.add(pairs * shape.headDim * 4);
    at.keyNumbers = parts.add(keys * shape.headDim);
    at.keyScales = parts.add(keys / shape.keyBlock * keyBlockNumbers * 4);
    at.sums = parts.add(pairs * sumParts(plan.keyLanes()) *
                        sumColumns(shape.headDim, shape.valueDim, roundsValues(shape)) * 8);
    if (roundsValues(shape)) {
      at.valueScales = parts.add(pairs * shape.valueDim * 4);
      at.valueNumbers = parts.add(keys * shape.valueDim);
    }
  }
  at.bytes = parts.bytes();
  return at;
}

/// Batch entries that one launch takes: text lengths are a list in its arguments.
int64_t batchesAtOnce(int64_t batches, bool hasTextLengths) {
  return std::min<int64_t>(batches, hasTextLengths ? textBatches : maxGridSide);
}

bool isAligned(const Tensor &tensor) {
  if (reinterpret_cast<uintptr_t>(tensor.data) % 16 || tensor.strides[3] != 1 || tensor.sizes[3] % 8)
    return false;
  for (int dimension : {0, 1, 2})
    if (tensor.sizes[dimension] > 1 && tensor.strides[dimension] % 8)
      return false;
  // Kernels multiply a token's number by its stride in bytes, in 32 bits each.
  return tensor.sizes[1] < 2 || std::abs(tensor.strides[1]) < int64_t(1) << 30;
}

TensorView viewOf(const Tensor &tensor, int64_t firstBatch) {
  TensorView view{};
  view.data = static_cast<char *>(tensor.data) + firstBatch * tensor.strides[0] * runtime::sizeOf(tensor.dtype);
  view.batch = tensor.strides[0];
  view.token = tensor.sizes[1] > 1 ? tensor.strides[1] : 0; // any, of one token; aligned kernels rely on multiples of 8
  view.head = tensor.strides[2];
  view.dim = tensor.strides[3];
  return view;
}

std::string expects(const std::string &what, const std::string &got) { return "expects " + what + ", but got " + got; }

std::string checkKernel(const KernelShape &shape, const DevicePlan &plan, const AttentionTensors &tensors) {
  DType element = shape.element == Element::BF16 ? DType::BF16 : DType::F16;
  if (tensors.q.dtype != element)
    return expects(std::string("q of ") + runtime::nameOf(element) + ", as the kernel has",
                   runtime::nameOf(tensors.q.dtype));
  if (shape.queryBlock != plan.queryBlock() || shape.keyBlock != plan.keyBlock())
    return expects("a plan laid out for blocks of " + std::to_string(shape.queryBlock) + " x " +
                       std::to_string(shape.keyBlock) + ", as the kernel has",
                   std::to_string(plan.queryBlock()) + " x " + std::to_string(plan.keyBlock()));
  if (tensors.q.sizes[3] > shape.headDim || tensors.v.sizes[3] > shape.valueDim)
    return expects("head dimensions of q and v of at most " + std::to_string(shape.headDim) + " and " +
                       std::to_string(shape.valueDim) + ", as the kernel has",
                   std::to_string(tensors.q.sizes[3]) + " and " + std::to_string(tensors.v.sizes[3]));
  if (shape.aligned && !areAligned(tensors))
    return "expects rows that begin on 16 bytes and are whole words of 16 bytes, as the kernel does, but got others; "
           "KernelShape::aligned = false takes any";
  return "";
}

std::string checkPointers(const AttentionTensors &tensors) {
  const std::pair<const char *, const Tensor *> all[] = {
      {"q", &tensors.q}, {"k", &tensors.k}, {"v", &tensors.v}, {"out", &tensors.out}};
  for (auto [name, tensor] : all)
    if (!tensor->data && tensor->sizes[0] * tensor->sizes[1] * tensor->sizes[2] > 0)
      return expects(std::string(name) + " with data", "none");
  return "";
}

/// |scale| in powers of two, above 0: kernels multiply -inf by it, and weights of a scale of 0 are all the same.
float scaleOfTwo(float scale) {
  return std::max(float(std::abs(double(scale)) * 1.4426950408889634), std::numeric_limits<float>::min());
}

/// The arguments of a call but for what changes from one chunk of batch entries to the next.
AttentionArguments argumentsOf(const DevicePlan &onDevice, const runtime::Plan &plan, const AttentionTensors &tensors,
                               const LaunchOptions &options) {
  AttentionArguments arguments{};
  onDevice.fill(arguments);
  arguments.heads = int(tensors.q.sizes[2]);
  arguments.keyHeads = int(tensors.k.sizes[2]);
  arguments.headDim = int(tensors.q.sizes[3]);
  arguments.valueDim = int(tensors.v.sizes[3]);
  arguments.lseBatch = tensors.lse.strides[0];
  arguments.lseHead = tensors.lse.strides[1];
  arguments.lseToken = tensors.lse.strides[2];
  float scale = options.scale.value_or(float(1 / std::sqrt(double(tensors.q.sizes[3]))));
  arguments.scale = scaleOfTwo(scale);
  arguments.scaleNatural = scale;
  arguments.negate = scale < 0;
  if (const runtime::Segment *text = runtime::textSegment(plan.grid); text && !options.textLengths.empty()) {
    arguments.textFirst = int(text->firstToken);
    arguments.textLast = int(text->firstToken + text->tokens());
  }
  return arguments;
}

void fillWorkspace(AttentionArguments &arguments, const Workspace &at, char *base) {
  arguments.partialValues = reinterpret_cast<float *>(base + at.partialValues);
  arguments.partialMaxima = reinterpret_cast<float *>(base + at.partialMaxima);
  arguments.partialSums = reinterpret_cast<float *>(base + at.partialSums);
  arguments.queryNumbers = reinterpret_cast<signed char *>(base + at.queryNumbers);
  arguments.queryScales = reinterpret_cast<float *>(base + at.queryScales);
  arguments.queryShifts = reinterpret_cast<float *>(base + at.queryShifts);
  arguments.keyMeans = reinterpret_cast<float *>(base + at.keyMeans);
  arguments.keyNumbers = reinterpret_cast<signed char *>(base + at.keyNumbers);
  arguments.keyScales = reinterpret_cast<float *>(base + at.keyScales);
  arguments.valueScales = reinterpret_cast<float *>(base + at.valueScales);
  arguments.valueNumbers = reinterpret_cast<unsigned char *>(base + at.valueNumbers);
  arguments.sums = reinterpret_cast<double *>(base + at.sums);
}

/// Puts the launches of one chunk on the stream.
class Launcher {
public:
  Launcher(const LoadedKernel &kernel, const DevicePlan &plan, Stream stream)
      : kernel(kernel), plan(plan), stream(stream) {}

  void launchChunk(AttentionArguments &arguments) const {
    int heads = arguments.heads, batches = arguments.batches;
    if (kernel.shape().arithmetic != Arithmetic::Plain)
      quantise(arguments);
    start("falloff_attention", plan.pieces(), heads, batches, kernel.shape().threads, kernel.shape().sharedBytes,
          arguments);
    start("falloff_merge", int64_t(plan.splitBlocks()) * (kernel.shape().valueDim / mergeColumns), heads, batches,
          kernel.shape().threads, 0, arguments);
  }

private:
  void quantise(AttentionArguments &arguments) const {
    const KernelShape &shape = kernel.shape();
    int heads = arguments.keyHeads, batches = arguments.batches;
    start("falloff_sums", sumParts(arguments.keyLanes), heads, batches, quantiseThreads, 0, arguments);
    start("falloff_means", meanBlocks(shape.headDim, shape.valueDim, roundsValues(shape)), heads, batches,
          quantiseThreads, 0, arguments);
    start("falloff_quantise", arguments.keyLanes / shape.keyBlock, heads, batches, quantiseThreads, 0, arguments);
    start("falloff_queries", queryParts(arguments.queryLanes), arguments.heads, batches, quantiseThreads, 0, arguments);
  }
  void start(const char *name, int64_t x, int64_t y, int64_t z, int threads, int sharedBytes,
             AttentionArguments &arguments) const {
    if (x == 0 || y == 0 || z == 0)
      return;
    const Driver &driver = plan.device().driver();
    void *parameters[] = {&arguments};
    int status = driver->cuLaunchKernel(kernel.find(name), unsigned(x), unsigned(y), unsigned(z), unsigned(threads), 1,
                                        1, unsigned(sharedBytes), stream, parameters, nullptr);
    std::string what = std::string("launching ") + name + " on cuda:" + std::to_string(plan.device().ordinal());
    if (status == Status::illegalAddress)
      what += ", after something that was launched earlier has failed";
    driver.check(status, what);
  }

  const LoadedKernel &kernel;
  const DevicePlan &plan;
  Stream stream;
};

} // namespace

bool areAligned(const AttentionTensors &tensors) {
  return isAligned(tensors.q) && isAligned(tensors.k) && isAligned(tensors.v) && isAligned(tensors.out);
}

int64_t workspaceBytes(const KernelShape &shape, const DevicePlan &plan, int64_t batches, int64_t heads,
                       int64_t keyHeads) {
  return layOutWorkspace(shape, plan, batchesAtOnce(batches, false), heads, keyHeads).bytes;
}

std::string validate(const KernelShape &shape, const DevicePlan &onDevice, const runtime::Plan &plan,
                     const AttentionTensors &tensors, const LaunchOptions &options) {
  std::string error = runtime::checkInputs(plan, tensors.q, tensors.k, tensors.v, options.textLengths);
  if (error.empty())
    error = runtime::checkOutputs(plan, tensors.q, tensors.v, tensors.out, tensors.lse);
  if (error.empty())
    error = checkKernel(shape, onDevice, tensors);
  if (error.empty())
    error = checkPointers(tensors);
  if (!error.empty())
    return error;
  if (tensors.q.device != onDevice.device().ordinal())
    return expects("q on " + runtime::nameOfDevice(onDevice.device().ordinal()) + ", where the plan lies",
                   runtime::nameOfDevice(tensors.q.device));
  if (tensors.q.sizes[2] > maxGridSide)
    return expects("at most " + std::to_string(maxGridSide) + " heads", std::to_string(tensors.q.sizes[2]));
  if (options.scale && !std::isfinite(*options.scale))
    return expects("a finite scale", std::to_string(*options.scale));
  return "";
}

void launch(const LoadedKernel &kernel, const DevicePlan &onDevice, const runtime::Plan &plan,
            const AttentionTensors &tensors, const LaunchOptions &options, Stream stream, void *workspace,
            int64_t workspaceSize) {
  const KernelShape &shape = kernel.shape();
  if (std::string error = validate(shape, onDevice, plan, tensors, options); !error.empty())
    throw std::invalid_argument(error);
  int64_t batches = tensors.q.sizes[0], heads = tensors.q.sizes[2];
  int64_t chunk = batchesAtOnce(batches, !options.textLengths.empty());
  Workspace at = layOutWorkspace(shape, onDevice, chunk, heads, tensors.k.sizes[2]);
  if (at.bytes > 0 && (!workspace || workspaceSize < at.bytes || reinterpret_cast<uintptr_t>(workspace) % 256))
    throw std::invalid_argument(
        expects("a workspace of " + std::to_string(at.bytes) + " bytes at a multiple of 256",
                std::to_string(workspaceSize) + " bytes at " + std::to_string(reinterpret_cast<uintptr_t>(workspace))));
  AttentionArguments arguments = argumentsOf(onDevice, plan, tensors, options);
  fillWorkspace(arguments, at, static_cast<char *>(workspace));
  const int *tableOf = arguments.tableOf;
  Device::Current current(onDevice.device());
  Launcher launcher(kernel, onDevice, stream);
  for (int64_t first = 0; first < batches; first += chunk) {
    arguments.batches = int(std::min(chunk, batches - first));
    arguments.q = viewOf(tensors.q, first);
    arguments.k = viewOf(tensors.k, first);
    arguments.v = viewOf(tensors.v, first);
    arguments.out = viewOf(tensors.out, first);
    if (tensors.lse.data)
      arguments.lse = static_cast<float *>(tensors.lse.data) + first * tensors.lse.strides[0];
    if (arguments.tableBatches > 1)
      arguments.tableOf = tableOf + first * arguments.tableHeads;
    if (!options.textLengths.empty())
      for (int64_t i = 0; i < arguments.batches; ++i)
        arguments.textLengths[i] = int(options.textLengths[size_t(first + i)]);
    launcher.launchChunk(arguments);
  }
}

} // namespace falloff::cuda
