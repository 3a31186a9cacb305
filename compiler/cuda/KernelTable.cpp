// SPDX-License-Identifier: Apache-2.0
//
// The table. Registers decide how many queries a warp takes, shared memory the keys of a block, the stages, and how
// many CTAs share a multiprocessor; two of them hide each other's softmax.
#include "compiler/cuda/KernelTable.h"
#include "runtime/cuda/KernelArguments.h"
#include <algorithm>
#include <stdexcept>

namespace falloff::cuda {
namespace {

struct Machine {
  int32_t architecture;
  int32_t sharedBytes;   ///< that one CTA may take
  int32_t sharedBytesSm; ///< of a multiprocessor; each CTA costs `reserved` more than it asks for
};
constexpr int32_t kib = 1024, reserved = 1 * kib;

const Machine machines[] = {
    {80, 163 * kib, 164 * kib},  {86, 99 * kib, 100 * kib},   {89, 99 * kib, 100 * kib},  {90, 227 * kib, 228 * kib},
    {100, 227 * kib, 228 * kib}, {103, 227 * kib, 228 * kib}, {120, 99 * kib, 100 * kib},
};

const Machine &machineOf(int32_t architecture) {
  for (const Machine &machine : machines)
    if (machine.architecture == architecture)
      return machine;
  std::string known;
  for (const Machine &machine : machines)
    known += (known.empty() ? "sm_" : ", sm_") + std::to_string(machine.architecture);
  throw std::invalid_argument("expects an architecture of " + known + ", but got sm_" + std::to_string(architecture));
}

int32_t padded(int64_t dimension, const char *name) {
  if (dimension < 1 || dimension > 256)
    throw std::invalid_argument(std::string("expects a ") + name + " dimension from 1 to 256, but got " +
                                std::to_string(dimension));
  return int32_t((dimension + 31) / 32 * 32);
}

/// Dynamic shared memory: queries, then rings of keys and values; outputs take their place at the end. Quantised ones
/// have scales beside them: four bytes a query, 128 a block of keys.
int32_t sharedBytes(const KernelShape &shape) {
  const bool isPlain = shape.arithmetic == Arithmetic::Plain;
  const int32_t queryBytes = isPlain ? shape.headDim * 2 : shape.headDim + 4;
  const int32_t keyBytes = isPlain ? shape.headDim * 2 : shape.headDim;
  const int32_t valueBytes = shape.arithmetic == Arithmetic::Int8Fp8 ? shape.valueDim : shape.valueDim * 2;
  const int32_t stage = shape.keyBlock * (keyBytes + valueBytes) + (isPlain ? 0 : 128);
  return std::max(shape.queryBlock * queryBytes + shape.stages * stage, shape.queryBlock * shape.valueDim * 2);
}

bool fits(const Machine &machine, const KernelShape &shape) {
  const int32_t bytes = sharedBytes(shape) + cornerBytes;
  return bytes <= machine.sharedBytes && shape.residentBlocks * (bytes + reserved) <= machine.sharedBytesSm;
}

/// The largest ring that leaves room for `shape.residentBlocks` CTAs: keys of a block first, since each block costs two
/// barriers, then stages. False if there is none.
bool chooseRing(const Machine &machine, KernelShape &shape, int32_t keys) {
  const bool isFp8 = shape.arithmetic == Arithmetic::Int8Fp8; // keys and values come as numbers, gathered before
  for (shape.keyBlock = keys; shape.keyBlock >= 32; shape.keyBlock /= 2)
    // Rows that are gathered and not aligned are copied through registers: a second stage would bring nothing.
    for (shape.stages = shape.aligned || isFp8 ? 2 : 1; shape.stages > 0; --shape.stages)
      if (fits(machine, shape))
        return true;
  return false;
}

/// Keys of a block at most: 64, or 32 for tiles of few keys. Where one of the two would leave a kernel a register or
/// two short, as NVRTC 13.0 assigns them, it is the other; the tests of the compile matrix found where. It does not
/// depend on strides: keys of a block share scales, and results must be the same however tensors lie.
int32_t mostKeys(const KernelShape &shape, const KernelRequest &request) {
  const int32_t columns = std::max(shape.headDim, shape.valueDim);
  if (request.architecture / 10 == 10) {
    if (shape.arithmetic == Arithmetic::Int8 && columns == 128)
      return 32;
    if (shape.arithmetic == Arithmetic::Int8Fp8 && columns == 256)
      return 64;
  }
  return request.keyCapacity > 32 ? 64 : 32;
}

} // namespace

KernelShape kernelShape(const KernelRequest &request) {
  const Machine &machine = machineOf(request.architecture);
  if (request.arithmetic == Arithmetic::Int8Fp8 && request.architecture < 89)
    throw std::invalid_argument("expects sm_89 or later for the recipe int8-fp8, but got sm_" +
                                std::to_string(request.architecture) + "; the recipe int8 runs there");
  if (request.queryCapacity < 1 || request.keyCapacity < 1)
    throw std::invalid_argument("expects tiles of at least one token, but got " +
                                std::to_string(request.queryCapacity) + " queries and " +
                                std::to_string(request.keyCapacity) + " keys");
  KernelShape shape;
  shape.element = request.element;
  shape.arithmetic = request.arithmetic;
  shape.aligned = request.aligned && request.headDim % 8 == 0 && request.valueDim % 8 == 0;
  shape.headDim = padded(request.headDim, "head");
  shape.valueDim = padded(request.valueDim, "value");
  shape.queryBlock = request.queryCapacity > 64 ? 128 : 64;
  // 32 queries a warp halve what it reads of shared memory, but above 128 columns their outputs do not fit in
  // registers.
  const bool wide = std::max(shape.headDim, shape.valueDim) > 128;
  const int32_t queriesOfWarp = wide || shape.queryBlock == 64 ? 16 : 32;
  shape.threads = shape.queryBlock / queriesOfWarp * 32;
  const int32_t keys = mostKeys(shape, request);
  const bool isPlain = shape.arithmetic == Arithmetic::Plain;
  const bool isLight = shape.arithmetic != Arithmetic::Int8Fp8 && // whose sums have two levels
                       (queriesOfWarp == 16 || (isPlain && std::max(shape.headDim, shape.valueDim) <= 32));
  const int32_t most = wide ? 256 / shape.threads : isLight ? 3 : 2;
  for (shape.residentBlocks = most; shape.residentBlocks > 0; --shape.residentBlocks)
    if (chooseRing(machine, shape, keys)) {
      shape.sharedBytes = sharedBytes(shape);
      return shape;
    }
  throw std::invalid_argument("expects head dimensions whose blocks fit in " + std::to_string(machine.sharedBytes) +
                              " bytes of shared memory, but got " + std::to_string(request.headDim) + " and " +
                              std::to_string(request.valueDim));
}

const std::vector<int32_t> &architectures() {
  static const std::vector<int32_t> all = [] {
    std::vector<int32_t> list;
    for (const Machine &machine : machines)
      list.push_back(machine.architecture);
    return list;
  }();
  return all;
}

int32_t sharedBytesOf(int32_t architecture) { return machineOf(architecture).sharedBytes; }

std::vector<std::string> kernelParts(Arithmetic arithmetic) {
  const bool int8 = arithmetic != Arithmetic::Plain, fp8 = arithmetic == Arithmetic::Int8Fp8;
  std::vector<std::string> parts = {"Instructions"};
  if (int8)
    parts.push_back("InstructionsQuantised");
  parts.insert(parts.end(), {"Layout", "Load", "Steps", "Mask", int8 ? "Int8Scores" : "Scores",
                             fp8 ? "Fp8Values" : "Values", "Softmax", "Epilogue", "Attention", "Merge"});
  if (int8)
    parts.insert(parts.end(), {"QuantiseRows", "QuantiseSums", "Quantise", "QuantiseQueries"});
  return parts;
}

} // namespace falloff::cuda
