// SPDX-License-Identifier: Apache-2.0
//
// The order is that of reading: from what the kernel is given to what it does. Each part is named before it begins.
#include "compiler/cuda/EmitSource.h"
#include "compiler/cuda/EmitFunctor.h"
#include "compiler/cuda/KernelParts.h"
#include "compiler/cuda/KernelTable.h"

namespace falloff::cuda {
namespace {

std::string constant(const char *name, int64_t value, const char *comment) {
  std::string line = std::string("constexpr int ") + name + " = " + std::to_string(value) + ";";
  return line + std::string(line.size() < 32 ? 32 - line.size() : 1, ' ') + "// " + comment + "\n";
}

std::string truth(const char *name, bool value, const char *comment) {
  std::string line = std::string("constexpr bool ") + name + " = " + (value ? "true;" : "false;");
  return line + std::string(line.size() < 32 ? 32 - line.size() : 1, ' ') + "// " + comment + "\n";
}

std::string constantsOf(const KernelShape &shape) {
  return constant("queryBlock", shape.queryBlock, "queries of a block of threads") +
         constant("keyBlock", shape.keyBlock, "keys of a step") +
         constant("headDim", shape.headDim, "of q and k, padded") +
         constant("valueDim", shape.valueDim, "of v, padded") + constant("threads", shape.threads, "of a block") +
         constant("stages", shape.stages, "blocks of keys in shared memory") +
         constant("residentBlocks", shape.residentBlocks, "blocks of threads on a multiprocessor, at least") +
         truth("isBf16", shape.element == Element::BF16, "tensors; else fp16") +
         truth("isAligned", shape.aligned, "rows begin on 16 bytes, and their elements are neighbours") +
         truth("int8Scores", shape.arithmetic != Arithmetic::Plain, "q k in whole numbers") +
         truth("fp8Values", shape.arithmetic == Arithmetic::Int8Fp8, "p v in e4m3");
}

std::string part(const std::string &name, const std::string &text) {
  return "\n//===--- " + name + " ---===//\n\n" + text;
}

/// The functor of plans that test no tile.
std::string functorOf(const SetProgram *program) {
  if (program)
    return emitFunctor(*program);
  SetProgram everything;
  everything.nodes.resize(1);
  everything.contains = 0;
  return emitFunctor(everything);
}

} // namespace

std::string emitSource(const KernelShape &shape, const SetProgram *program) {
  std::string text = "// SPDX-License-Identifier: Apache-2.0\n//\n// Falloff, " + describe(shape) +
                     ". Constants and functor are generated; what follows them is the same for every pattern.\n";
  text += part("KernelArguments.h", partText("KernelArguments.h")) + "\nusing namespace falloff::cuda;\n";
  if (shape.arithmetic != Arithmetic::Plain)
    text += part("QuantiseGrid.h", partText("QuantiseGrid.h")) +
            part("RecipeFormulas.h", partText("RecipeFormulas.h")) + "\nnamespace recipe = falloff::recipe;\n";
  text += part("constants", constantsOf(shape)) + part("functor", functorOf(program));
  for (const std::string &name : kernelParts(shape.arithmetic))
    text += part(name + ".cuh", partText(name + ".cuh"));
  return text;
}

} // namespace falloff::cuda
