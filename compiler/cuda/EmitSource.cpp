// SPDX-License-Identifier: Apache-2.0
//
// The order is that of reading: from what the kernel is given to what it does. Each part is named before it begins.
#include "compiler/cuda/EmitSource.h"
#include "compiler/cuda/EmitFunctor.h"
#include "compiler/cuda/KernelParts.h"
#include "compiler/cuda/KernelTable.h"
#include <utility>
#include <vector>

namespace falloff::cuda {
namespace {

/// Lines of constants, their comments in one column.
std::string constantsOf(const KernelShape &shape) {
  auto number = [](const char *name, int64_t value) {
    return std::string("constexpr int ") + name + " = " + std::to_string(value) + ";";
  };
  auto truth = [](const char *name, bool value) {
    return std::string("constexpr bool ") + name + " = " + (value ? "true" : "false") + ";";
  };
  std::vector<std::pair<std::string, const char *>> lines = {
      {number("queryBlock", shape.queryBlock), "queries of a block of threads"},
      {number("keyBlock", shape.keyBlock), "keys of a step"},
      {number("headDim", shape.headDim), "of q and k, padded"},
      {number("valueDim", shape.valueDim), "of v, padded"},
      {number("threads", shape.threads), "of a block"},
      {number("stages", shape.stages), "blocks of keys in shared memory"},
      {number("residentBlocks", shape.residentBlocks), "blocks of threads on a multiprocessor, at least"},
      {truth("isBf16", shape.element == Element::BF16), "tensors; else fp16"},
      {truth("isAligned", shape.aligned), "rows begin on and are whole words of 16 bytes"},
  };
  if (shape.arithmetic != Arithmetic::Plain)
    lines.push_back({truth("fp8Values", shape.arithmetic == Arithmetic::Int8Fp8), "p v in e4m3"});
  std::string text;
  for (const auto &[line, comment] : lines)
    text += line + std::string(35 - line.size(), ' ') + "// " + comment + "\n";
  return text;
}

std::string part(const std::string &name, const std::string &text) {
  return "\n//===--- " + name + " ---===//\n\n" + text;
}

/// Text that a macro leaves out, if there is one.
std::string guarded(const std::string &text, const char *macro) {
  return macro ? std::string("#ifndef ") + macro + "\n" + text + "#endif\n" : text;
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
  const char *leftOutBy = nullptr; // of the attention's kernel, and then of those that follow
  for (const std::string &name : kernelParts(shape.arithmetic)) {
    if (name == "Attention")
      leftOutBy = leavesOutAttention;
    text += part(name + ".cuh", guarded(partText(name + ".cuh"), leftOutBy));
    if (leftOutBy)
      leftOutBy = leavesOutOthers;
  }
  return text;
}

} // namespace falloff::cuda
