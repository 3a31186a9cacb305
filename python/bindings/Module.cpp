// SPDX-License-Identifier: Apache-2.0
//
// The extension module `falloff._falloff`.
#include "python/bindings/Bindings.h"

using namespace falloff::python;

PYBIND11_MODULE(_falloff, module) {
  module.doc() = "The compiler's door and views of tensors; use the package `falloff` instead.";
  bindErrors(module);
  bindView(module);
  bindPattern(module);
  bindPlan(module); // before Mask, whose signatures name it
  bindMask(module);
  bindAttention(module);
  bindCache(module);
  bindCuda(module);
  bindCudaKernel(module);
}
