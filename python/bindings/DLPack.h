// SPDX-License-Identifier: Apache-2.0
//
// The structures of DLPack, the protocol by which array libraries hand each other memory without copying. Layout as in
// dlpack.h 1.0 (github.com/dmlc/dlpack, Apache-2.0): `DLManagedTensor` travels in capsules named "dltensor",
// `DLManagedTensorVersioned` in those named "dltensor_versioned".
#ifndef FALLOFF_PYTHON_BINDINGS_DLPACK_H
#define FALLOFF_PYTHON_BINDINGS_DLPACK_H

#include <cstdint>

namespace falloff::python {

struct DLDevice {
  static constexpr int32_t cpu = 1, cuda = 2, cudaPinned = 3, cudaManaged = 13;
  int32_t type; ///< memory that is pinned lies on the CPU; others than these four nothing here reads
  int32_t id;
};

struct DLDataType {
  uint8_t code; ///< 0 int, 1 uint, 2 float, 4 bfloat, 5 complex, 6 bool
  uint8_t bits;
  uint16_t lanes;
};

struct DLTensor {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides; ///< in elements; null: compact, row-major
  uint64_t byteOffset;
};

struct DLManagedTensor {
  DLTensor tensor;
  void *context;
  void (*deleter)(DLManagedTensor *);
};

struct DLManagedTensorVersioned {
  static constexpr uint64_t readOnlyFlag = 1;

  struct {
    uint32_t major, minor;
  } version;
  void *context;
  void (*deleter)(DLManagedTensorVersioned *);
  uint64_t flags;
  DLTensor tensor;
};

} // namespace falloff::python

#endif
