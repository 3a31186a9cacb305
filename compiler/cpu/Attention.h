// SPDX-License-Identifier: Apache-2.0
//
// Attention over a plan on this processor: packs keys and values, compiles what is not compiled yet, and walks the
// plan's rows on threads.
#ifndef FALLOFF_COMPILER_CPU_ATTENTION_H
#define FALLOFF_COMPILER_CPU_ATTENTION_H

#include "compiler/passes/SetProgram.h"
#include "runtime/Plan.h"
#include "runtime/Recipe.h"
#include "runtime/Tensor.h"
#include <optional>
#include <string>
#include <vector>

namespace falloff::cpu {

struct Options {
  std::optional<float> scale;            ///< default 1/sqrt(head dimension)
  std::vector<int64_t> textLengths;      ///< by batch entry, of the segment with axis `token`; empty: whole
  int threads = 0;                       ///< 0: all processors this process may use
  std::string features;                  ///< see parseLevel
  std::optional<runtime::Recipe> recipe; ///< of Q K^T; without one it is in the tensors' type
};

/// out = softmax(scale q k^T over the plan's pairs) v, and lse, if it has data, the natural log of the sum of the
/// exponentials. q is (batch, queries, heads, D), k (batch, keys, key heads, D), v (batch, keys, key heads, Dv), out
/// (batch, queries, heads, Dv), all of one dtype; lse is float32 (batch, heads, queries, 1). A query without a key
/// gives 0 and -inf. `program` is the set program that the plan was made from; it may be null where every tile is
/// full.
///
/// With a recipe, scores are made as runtime/Recipe.h says, and weights and v meet in bf16 where the level has it.
///
/// The result is the same to the bit for any number of threads. Throws std::invalid_argument where `validate` finds
/// something, std::runtime_error if a kernel does not compile.
void attention(const runtime::Plan &plan, const SetProgram *program, const runtime::Tensor &q, const runtime::Tensor &k,
               const runtime::Tensor &v, const runtime::Tensor &out, const runtime::Tensor &lse,
               const Options &options);

/// What is wrong with the arguments of `attention`; empty if nothing is.
std::string validate(const runtime::Plan &plan, const runtime::Tensor &q, const runtime::Tensor &k,
                     const runtime::Tensor &v, const runtime::Tensor &out, const runtime::Tensor &lse,
                     const Options &options);

/// Compiles what `attention` would need, so that a first call does not. Throws as it does.
void prepare(const runtime::Plan &plan, const SetProgram *program, const runtime::Tensor &q, const runtime::Tensor &k,
             const runtime::Tensor &v, const Options &options);

/// The kernels that `attention` would run: stage "mlir", "llvm" or "asm". Throws std::invalid_argument for another.
std::string printKernel(const runtime::Plan &plan, const SetProgram *program, runtime::DType dtype,
                        const std::string &stage, const std::string &features, bool quantised = false);

} // namespace falloff::cpu

#endif
