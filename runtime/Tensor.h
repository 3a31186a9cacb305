// SPDX-License-Identifier: Apache-2.0
//
// A view of memory that someone else owns.
#ifndef FALLOFF_RUNTIME_TENSOR_H
#define FALLOFF_RUNTIME_TENSOR_H

#include <array>
#include <cstdint>

namespace falloff::runtime {

enum class DType : uint8_t { F32, BF16, F16 };

inline int64_t sizeOf(DType dtype) { return dtype == DType::F32 ? 4 : 2; }

/// `Tensor::device` of memory that the processor reads; else the number of a CUDA device.
constexpr int32_t hostDevice = -1;

/// Four dimensions, (batch, tokens, heads, dim) for q, k, v and out; (batch, heads, queries, 1) for log-sum-exp.
/// Strides are in elements, of either sign or zero.
struct Tensor {
  void *data = nullptr;
  DType dtype = DType::F32;
  std::array<int64_t, 4> sizes{}, strides{};
  int32_t device = hostDevice;
};

} // namespace falloff::runtime

#endif
