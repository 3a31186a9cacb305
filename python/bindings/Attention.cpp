// SPDX-License-Identifier: Apache-2.0
//
// falloff::attention over views, and what can be printed of its kernels.
#include "compiler/Compiler.h"
#include "python/bindings/Bindings.h"
#include "python/bindings/View.h"
#include "runtime/Recipe.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

namespace py = pybind11;
using namespace falloff;
using falloff::python::View;

static AttentionOptions makeOptions(std::string features, std::string recipe, uintptr_t stream) {
  AttentionOptions options;
  options.features = std::move(features);
  options.recipe = std::move(recipe);
  options.stream = reinterpret_cast<void *>(stream);
  return options;
}

static void runAttention(const Plan &plan, const View &q, const View &k, const View &v, View &out,
                         const std::optional<View> &lse, std::optional<float> scale, std::vector<int64_t> textLengths,
                         int threads, std::string features, std::string recipe, uintptr_t stream,
                         const std::optional<View> &workspace) {
  AttentionOptions options = makeOptions(std::move(features), std::move(recipe), stream);
  options.scale = scale;
  options.textLengths = std::move(textLengths);
  options.threads = threads;
  if (workspace) {
    options.workspace = workspace->data;
    options.workspaceBytes = workspace->elements() * workspace->itemSize;
  }
  runtime::Tensor lseTensor = lse ? lse->tensor() : runtime::Tensor();
  py::gil_scoped_release released;
  attention(plan, q.tensor(), k.tensor(), v.tensor(), out.tensor(), lseTensor, options);
}

static int64_t runPrepare(const Plan &plan, const View &q, const View &k, const View &v, const std::optional<View> &out,
                          std::string features, std::string recipe, uintptr_t stream) {
  AttentionOptions options = makeOptions(std::move(features), std::move(recipe), stream);
  runtime::Tensor outTensor = out ? out->tensor() : runtime::Tensor();
  py::gil_scoped_release released;
  return prepare(plan, q.tensor(), k.tensor(), v.tensor(), options, outTensor);
}

/// Whole numbers and scale of a group of the recipe int8.
static std::pair<py::array_t<int8_t>, float>
quantiseGroup(const py::array_t<float, py::array::c_style | py::array::forcecast> &group) {
  py::array_t<int8_t> numbers(std::vector<py::ssize_t>(group.shape(), group.shape() + group.ndim()));
  float scale = runtime::quantiseGroup(group.data(), group.size(), numbers.mutable_data());
  return {std::move(numbers), scale};
}

void falloff::python::bindAttention(py::module_ &module) {
  using Released = py::call_guard<py::gil_scoped_release>;
  module.def("attention", &runAttention, py::arg("plan"), py::arg("q"), py::arg("k"), py::arg("v"), py::arg("out"),
             py::arg("lse"), py::arg("scale"), py::arg("text_lengths"), py::arg("threads"), py::arg("features"),
             py::arg("recipe"), py::arg("stream"), py::arg("workspace"));
  module.def("prepare", &runPrepare, py::arg("plan"), py::arg("q"), py::arg("k"), py::arg("v"), py::arg("out"),
             py::arg("features"), py::arg("recipe"), py::arg("stream"));
  module.def("cuda_target", &cudaTarget, Released(), py::arg("device"));
  module.def(
      "is_capturing",
      [](int device, uintptr_t stream) { return isCapturing(device, reinterpret_cast<void *>(stream)); }, Released(),
      py::arg("device"), py::arg("stream"));
  module.def("print_kernel", &printKernel, Released(), py::arg("plan"), py::arg("dtype"), py::arg("stage"),
             py::arg("features"), py::arg("recipe"));
  module.def("quantise_group", &quantiseGroup, py::arg("group"));
  module.def("describe_target", &describeTarget, py::arg("features"));
  py::class_<Toolchain>(module, "Toolchain")
      .def_readonly("llvm", &Toolchain::llvm)
      .def_readonly("processor", &Toolchain::processor)
      .def_readonly("level", &Toolchain::level)
      .def_readonly("features", &Toolchain::features);
  module.def("toolchain", &toolchain);
}
