// SPDX-License-Identifier: Apache-2.0
//
// falloff::attention over views, and what can be printed of its kernels.
#include "compiler/Compiler.h"
#include "python/bindings/Bindings.h"
#include "python/bindings/View.h"

#include <pybind11/stl.h>

namespace py = pybind11;
using namespace falloff;
using falloff::python::View;

static void runAttention(const Plan &plan, const View &q, const View &k, const View &v, View &out,
                         const std::optional<View> &lse, std::optional<float> scale, std::vector<int64_t> textLengths,
                         int threads, std::string features) {
  AttentionOptions options;
  options.scale = scale;
  options.textLengths = std::move(textLengths);
  options.threads = threads;
  options.features = std::move(features);
  runtime::Tensor lseTensor = lse ? lse->tensor() : runtime::Tensor();
  py::gil_scoped_release released;
  attention(plan, q.tensor(), k.tensor(), v.tensor(), out.tensor(), lseTensor, options);
}

void falloff::python::bindAttention(py::module_ &module) {
  using Released = py::call_guard<py::gil_scoped_release>;
  module.def("attention", &runAttention, py::arg("plan"), py::arg("q"), py::arg("k"), py::arg("v"), py::arg("out"),
             py::arg("lse"), py::arg("scale"), py::arg("text_lengths"), py::arg("threads"), py::arg("features"));
  module.def("print_kernel", &printKernel, Released(), py::arg("plan"), py::arg("dtype"), py::arg("stage"),
             py::arg("features"));
  module.def("describe_target", &describeTarget, py::arg("features"));
  py::class_<Toolchain>(module, "Toolchain")
      .def_readonly("llvm", &Toolchain::llvm)
      .def_readonly("processor", &Toolchain::processor)
      .def_readonly("level", &Toolchain::level)
      .def_readonly("features", &Toolchain::features);
  module.def("toolchain", &toolchain);
}
