// SPDX-License-Identifier: Apache-2.0
//
// falloff::Pattern, and the segments that a pattern and a plan describe.
#include "compiler/Compiler.h"
#include "python/bindings/Bindings.h"

#include <pybind11/stl.h>

namespace py = pybind11;
using namespace falloff;
using Released = py::call_guard<py::gil_scoped_release>;

static Mask bindSizes(const Pattern &pattern, std::vector<std::pair<std::string, int64_t>> extents, Values parameters,
                      std::vector<std::string> order) {
  return pattern.bind({std::move(extents), std::move(parameters), std::move(order)});
}

static void bindParameterInfo(py::module_ &module) {
  py::class_<ParameterInfo>(module, "ParameterInfo")
      .def_readonly("name", &ParameterInfo::name)
      .def_readonly("kind", &ParameterInfo::kind)
      .def_readonly("per_head", &ParameterInfo::perHead)
      .def_readonly("value", &ParameterInfo::value);
}

static void bindSegment(py::module_ &module) {
  using runtime::Segment;
  py::class_<Segment>(module, "Segment")
      .def_readonly("name", &Segment::name)
      .def_readonly("axes", &Segment::axes)
      .def_readonly("extents", &Segment::extents)
      .def_readonly("query_tile", &Segment::queryTile)
      .def_readonly("key_tile", &Segment::keyTile)
      .def_readonly("first_token", &Segment::firstToken)
      .def_readonly("first_query_tile", &Segment::firstQueryTile)
      .def_readonly("first_key_tile", &Segment::firstKeyTile);
}

void falloff::python::bindPattern(py::module_ &module) {
  bindParameterInfo(module);
  bindSegment(module);
  py::class_<Pattern>(module, "Pattern")
      .def_static("load", &Pattern::load, Released(), py::arg("name_or_path"), py::arg("parameters"),
                  py::arg("library"))
      .def_property_readonly("name", &Pattern::name)
      .def_property_readonly("parameters", &Pattern::parameters)
      .def_property_readonly("segments", &Pattern::segments)
      .def("bind", &bindSizes, Released(), py::arg("extents"), py::arg("parameters"), py::arg("order"));
}
