// SPDX-License-Identifier: Apache-2.0
//
// Kernels of CUDA devices as text, images and figures.
#include "python/bindings/Bindings.h"

#include <pybind11/stl.h>

namespace py = pybind11;
using namespace falloff;

static CudaKernelOptions makeOptions(std::string target, std::string dtype, std::string recipe, int64_t headDim,
                                     bool aligned) {
  return {std::move(target), std::move(dtype), std::move(recipe), headDim, aligned};
}

static std::string printOf(const Plan &plan, std::string target, std::string dtype, std::string recipe, int64_t headDim,
                           bool aligned) {
  return printCudaKernel(plan, makeOptions(std::move(target), std::move(dtype), std::move(recipe), headDim, aligned));
}

static CudaKernel compileOf(const Plan &plan, std::string target, std::string dtype, std::string recipe,
                            int64_t headDim, bool aligned, bool ptx) {
  return compileCuda(plan, makeOptions(std::move(target), std::move(dtype), std::move(recipe), headDim, aligned), ptx);
}

void falloff::python::bindCudaKernel(py::module_ &module) {
  using Released = py::call_guard<py::gil_scoped_release>;
  using Entry = CudaKernel::Entry;
  py::class_<Entry>(module, "CudaEntry")
      .def_readonly("name", &Entry::name)
      .def_readonly("registers", &Entry::registers)
      .def_readonly("stack_bytes", &Entry::stackBytes)
      .def_readonly("spill_store_bytes", &Entry::spillStoreBytes)
      .def_readonly("spill_load_bytes", &Entry::spillLoadBytes)
      .def_readonly("shared_bytes", &Entry::sharedBytes);
  py::class_<CudaKernel>(module, "CudaKernel")
      .def_readonly("source", &CudaKernel::source)
      .def_property_readonly("image", [](const CudaKernel &kernel) { return py::bytes(kernel.image); })
      .def_readonly("log", &CudaKernel::log)
      .def_readonly("nvrtc_version", &CudaKernel::nvrtcVersion)
      .def_readonly("seconds", &CudaKernel::seconds)
      .def_readonly("query_block", &CudaKernel::queryBlock)
      .def_readonly("key_block", &CudaKernel::keyBlock)
      .def_readonly("head_dim", &CudaKernel::headDim)
      .def_readonly("threads", &CudaKernel::threads)
      .def_readonly("stages", &CudaKernel::stages)
      .def_readonly("resident_blocks", &CudaKernel::residentBlocks)
      .def_readonly("shared_bytes", &CudaKernel::sharedBytes)
      .def_readonly("entries", &CudaKernel::entries);
  module.def("print_cuda_kernel", &printOf, Released(), py::arg("plan"), py::arg("target"), py::arg("dtype"),
             py::arg("recipe"), py::arg("head_dim"), py::arg("aligned"));
  module.def("compile_cuda", &compileOf, Released(), py::arg("plan"), py::arg("target"), py::arg("dtype"),
             py::arg("recipe"), py::arg("head_dim"), py::arg("aligned"), py::arg("ptx"));
}
