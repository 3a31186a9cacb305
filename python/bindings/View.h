// SPDX-License-Identifier: Apache-2.0
//
// A view of a numpy array, a torch tensor or any object that speaks DLPack: where its elements lie, and something that
// keeps them there. Nothing is copied, and neither torch nor ml_dtypes is imported.
#ifndef FALLOFF_PYTHON_BINDINGS_VIEW_H
#define FALLOFF_PYTHON_BINDINGS_VIEW_H

#include "runtime/Tensor.h"

#include <pybind11/pybind11.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace falloff::python {

struct View {
  void *data = nullptr;
  std::string dtype; ///< "float32", "bfloat16"; others by the name that numpy gives them
  int64_t itemSize = 0;
  std::vector<int64_t> shape, strides; ///< strides in elements
  bool readOnly = false;
  int32_t device = runtime::hostDevice; ///< as runtime::Tensor::device
  std::shared_ptr<void> owner;          ///< destroyed under the GIL

  /// `name` is how messages call the tensor. Throws TypeError if `object` is no tensor, ValueError if neither the CPU
  /// nor a CUDA device can read it.
  ///
  /// Memory of a CUDA device is taken with a `stream` alone, which will use it: the handle of a CUstream, or -1.
  /// Libraries that speak DLPack then make that stream wait for what writes the tensor, unless it is -1. Of torch
  /// tensors the address is read and nothing waits.
  static View of(pybind11::handle object, const std::string &name, std::optional<int64_t> stream);
  /// Where the memory of a tensor lies, as runtime::Tensor::device; throws as `of`.
  static int32_t deviceOf(pybind11::handle object, const std::string &name);
  int64_t elements() const;
  /// Whether elements lie one behind the other, the last dimension's beside each other.
  bool isContiguous() const;
  /// The same memory with its dimensions in another order.
  View permute(const std::vector<size_t> &order) const;
  /// The same bits taken for "float32", "bfloat16" or "float16"; throws std::invalid_argument if those have another
  /// size.
  View asDType(const std::string &type) const;
  /// Whether the ranges of addresses meet; elements between others may make this true of two that share none.
  bool mayOverlap(const View &other) const;
  /// Copies the elements of `other`, of equal shape and type, in here. Both are memory of the CPU.
  void copyFrom(const View &other);
  /// As kernels take it; a fourth dimension of 1 is added to three. Throws std::invalid_argument if that cannot be.
  runtime::Tensor tensor() const;
};

} // namespace falloff::python

#endif
