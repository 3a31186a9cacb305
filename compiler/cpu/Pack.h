// SPDX-License-Identifier: Apache-2.0
//
// Gathers rows of q, k and v from tensors of any strides into the panels that kernels read (layouts: KernelSpec.h).
#ifndef FALLOFF_COMPILER_CPU_PACK_H
#define FALLOFF_COMPILER_CPU_PACK_H

#include "compiler/cpu/KernelSpec.h"
#include "runtime/Tensor.h"
#include <cstdint>

namespace falloff::cpu {

/// Tokens of one (batch entry, head) of a tensor, and where they begin: token t is row t - firstToken.
struct Rows {
  const char *data = nullptr;
  runtime::DType dtype = runtime::DType::F32;
  int64_t tokenStride = 0, elementStride = 0; ///< in elements
  int64_t dim = 0, firstToken = 0;

  Rows(const runtime::Tensor &tensor, int64_t batch, int64_t head, int64_t firstToken);
  const char *row(int64_t token) const { return data + (token - firstToken) * tokenStride * runtime::sizeOf(dtype); }
};

/// One panel of keys: `tokens[i]` for lane i; zeros where tokens[i] < 0 and past the last. `depth` as in StepArguments.
void packKeys(const KernelSpec &spec, const Rows &rows, const int32_t *tokens, int64_t count, int64_t depth, void *out);

/// The values of one panel of keys, for each of `valuePanels` value panels, `valueStride` bytes apart.
void packValues(const KernelSpec &spec, const Rows &rows, const int32_t *tokens, int64_t count, int64_t valuePanels,
                int64_t valueStride, void *out);

/// Queries in groups; `count` padded with zeros to `rows`. With `negate`, times -1.
void packQueries(const KernelSpec &spec, const Rows &from, const int32_t *tokens, int64_t count, int64_t rows,
                 int64_t depth, bool negate, void *out);

inline float fromBf16(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  __builtin_memcpy(&value, &wide, 4);
  return value;
}

/// Rounds to nearest even; NaN stays NaN.
inline uint16_t toBf16(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  uint32_t rounded = bits + 0x7fff + ((bits >> 16) & 1);
  return uint16_t((value != value ? bits | 0x400000 : rounded) >> 16);
}

} // namespace falloff::cpu

#endif
