// SPDX-License-Identifier: Apache-2.0
//
// falloff::Mask.
#include "compiler/Compiler.h"
#include "python/bindings/Bindings.h"

#include <pybind11/stl.h>

namespace py = pybind11;
using namespace falloff;
using Released = py::call_guard<py::gil_scoped_release>;
using Range = std::pair<int64_t, int64_t>;

static Range toPair(runtime::TokenRange range) { return {range.first, range.last}; }

static PlanOptions toOptions(std::string grid, std::string tileQuery, std::string tileKey, std::string rounding,
                             std::string major, std::string target, std::string dtype, int64_t headDim) {
  PlanOptions options;
  options.grid = std::move(grid);
  options.tileQuery = std::move(tileQuery);
  options.tileKey = std::move(tileKey);
  options.rounding = std::move(rounding);
  options.major = std::move(major);
  options.target = std::move(target);
  options.dtype = std::move(dtype);
  options.headDim = headDim;
  return options;
}

static py::object dense(const Mask &mask, int64_t head) {
  std::vector<uint8_t> pairs;
  {
    py::gil_scoped_release released;
    pairs = mask.dense(head);
  }
  auto [queries, keys] = std::pair(mask.queries(), mask.keys());
  return python::toBoolMatrix(std::move(pairs), queries.last - queries.first, keys.last - keys.first);
}

static py::object sample(const Mask &mask, const std::vector<int64_t> &queries, const std::vector<int64_t> &keys,
                         int64_t head) {
  std::vector<uint8_t> pairs;
  {
    py::gil_scoped_release released;
    pairs = mask.sample(queries, keys, head);
  }
  return python::toBoolMatrix(std::move(pairs), queries.size(), keys.size());
}

static py::tuple emptyRow(const Mask &mask) {
  EmptyRow row;
  {
    py::gil_scoped_release released;
    row = mask.emptyRow();
  }
  return py::make_tuple(row.query, row.count, row.head);
}

static py::object leadingPairs(const Mask &mask, int64_t querySegment, int64_t keySegment, int64_t head) {
  LeadingPairs pairs;
  {
    py::gil_scoped_release released;
    pairs = mask.leadingPairs(querySegment, keySegment, head);
  }
  return python::toMatrix(pairs);
}

static void bindOptions(py::module_ &module) {
  py::class_<PlanOptions>(module, "PlanOptions")
      .def(py::init(&toOptions), py::kw_only(), py::arg("grid"), py::arg("tile_query"), py::arg("tile_key"),
           py::arg("rounding"), py::arg("major"), py::arg("target"), py::arg("dtype"), py::arg("head_dim"))
      .def_readonly("tile_query", &PlanOptions::tileQuery)
      .def_readonly("tile_key", &PlanOptions::tileKey)
      .def_readonly("target", &PlanOptions::target)
      .def_readonly("dtype", &PlanOptions::dtype)
      .def_readonly("head_dim", &PlanOptions::headDim);
}

void falloff::python::bindMask(py::module_ &module) {
  bindOptions(module);
  py::class_<Mask>(module, "Mask")
      .def_property_readonly("name", &Mask::name)
      .def_property_readonly("tokens", &Mask::tokens)
      .def_property_readonly("queries", [](const Mask &mask) { return toPair(mask.queries()); })
      .def_property_readonly("keys", [](const Mask &mask) { return toPair(mask.keys()); })
      .def_property_readonly("heads", &Mask::heads)
      .def_property_readonly("parameters", &Mask::parameters)
      .def("density", &Mask::density, Released())
      .def("densities", &Mask::densities, Released())
      .def("pairs", &Mask::pairs, Released(), py::arg("head"))
      .def("contains", &Mask::contains, py::arg("query"), py::arg("key"), py::arg("head"))
      .def("dense", &dense, py::arg("head"))
      .def("sample", &sample, py::arg("queries"), py::arg("keys"), py::arg("head"))
      .def("empty_row", &emptyRow)
      .def("leading_pairs", &leadingPairs, py::arg("query_segment"), py::arg("key_segment"), py::arg("head"))
      .def(
          "slice",
          [](const Mask &mask, Range queries, Range keys) {
            return mask.slice({queries.first, queries.second}, {keys.first, keys.second});
          },
          Released(), py::arg("queries"), py::arg("keys"))
      .def("plan", &Mask::plan, Released(), py::arg("options"))
      .def("print", &Mask::print, Released(), py::arg("stage"), py::arg("options"));
}
