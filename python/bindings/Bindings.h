// SPDX-License-Identifier: Apache-2.0
//
// The parts of the extension module `falloff._falloff`, one function a class. Python code in falloff/ checks arguments,
// names what is wrong and documents; what stands here only crosses the border, and lets other Python threads run while
// the compiler or a kernel works.
#ifndef FALLOFF_PYTHON_BINDINGS_BINDINGS_H
#define FALLOFF_PYTHON_BINDINGS_BINDINGS_H

#include "compiler/Compiler.h"

#include <pybind11/pybind11.h>

#include <cstdint>
#include <vector>

namespace falloff::python {

void bindErrors(pybind11::module_ &module);
void bindView(pybind11::module_ &module);
void bindPattern(pybind11::module_ &module);
void bindMask(pybind11::module_ &module);
void bindPlan(pybind11::module_ &module);
void bindAttention(pybind11::module_ &module);
void bindCache(pybind11::module_ &module);
void bindCuda(pybind11::module_ &module);
void bindCudaKernel(pybind11::module_ &module);

/// int64 (queries, keys).
pybind11::object toMatrix(const LeadingPairs &pairs);

/// Hands a row-major matrix of 0 and 1 to numpy without copying it: bool, (rows, columns).
pybind11::object toBoolMatrix(std::vector<uint8_t> values, int64_t rows, int64_t columns);

} // namespace falloff::python

#endif
