// SPDX-License-Identifier: Apache-2.0
//
// falloff::Plan: its data is copied out as numpy arrays, since a plan is read there by people and tests only.
#include "compiler/Compiler.h"
#include "python/bindings/Bindings.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>

namespace py = pybind11;
using namespace falloff;
using runtime::RowTable;

template <typename T>
static py::array_t<T> toArray(const std::vector<T> &values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

/// The runs of a table, one a row: first tile, one past the last, test (0 full, 1 partial, more: limited).
static py::array_t<int64_t> runs(const RowTable &table) {
  py::array_t<int64_t> result({static_cast<py::ssize_t>(table.runs.size()), py::ssize_t(3)});
  int64_t *out = result.mutable_data();
  for (runtime::Run run : table.runs) {
    *out++ = run.first();
    *out++ = run.last();
    *out++ = run.test();
  }
  return result;
}

static py::list splits(const RowTable &table) {
  py::list result;
  for (const runtime::Split &split : table.splits)
    result.append(py::make_tuple(split.row, split.firstTiles));
  return result;
}

static void bindRowTable(py::module_ &module) {
  py::class_<RowTable>(module, "RowTable")
      .def_property_readonly("row_start", [](const RowTable &table) { return toArray(table.rowStart); })
      .def_property_readonly("runs", &runs)
      .def_property_readonly("row_order", [](const RowTable &table) { return toArray(table.rowOrder); })
      .def_property_readonly("splits", &splits)
      .def_readonly("pairs_in_mask", &RowTable::pairsInMask)
      .def_readonly("pairs_computed", &RowTable::pairsComputed)
      .def_readonly("pairs_issued", &RowTable::pairsIssued)
      .def_readonly("pairs_lost", &RowTable::pairsLost);
}

static void bindGrid(py::module_ &module) {
  using runtime::Grid;
  py::class_<Grid>(module, "Grid")
      .def_property_readonly("kind",
                             [](const Grid &grid) { return grid.kind == runtime::GridKind::Box ? "box" : "flat"; })
      .def_readonly("segments", &Grid::segments)
      .def_readonly("flat_query_tile", &Grid::flatQueryTile)
      .def_readonly("flat_key_tile", &Grid::flatKeyTile)
      .def_readonly("tokens", &Grid::tokens)
      .def_readonly("query_tiles", &Grid::queryTiles)
      .def_readonly("key_tiles", &Grid::keyTiles)
      .def_property_readonly("queries",
                             [](const Grid &grid) { return std::pair(grid.queries.first, grid.queries.last); })
      .def_property_readonly("keys", [](const Grid &grid) { return std::pair(grid.keys.first, grid.keys.last); });
}

static py::object dense(const Plan &plan, int64_t head, int64_t batch) {
  std::vector<uint8_t> pairs;
  {
    py::gil_scoped_release released;
    pairs = plan.dense(head, batch);
  }
  const runtime::Grid &grid = plan.data().grid;
  return python::toBoolMatrix(std::move(pairs), grid.queries.last - grid.queries.first,
                              grid.keys.last - grid.keys.first);
}

/// int64 (query tiles, key tiles, 2): pairs in the mask, pairs computed.
static py::array_t<int64_t> tilePairs(const Plan &plan, int64_t first, int64_t last, int64_t head, int64_t batch) {
  std::vector<int64_t> counts;
  {
    py::gil_scoped_release released;
    counts = plan.tilePairs(first, last, head, batch);
  }
  const py::ssize_t shape[] = {last - first, plan.data().grid.keyTiles, 2};
  return py::array_t<int64_t>(shape, counts.data());
}

/// Tables and numbers that the sets of a plan's program read, an entry for each of its tables.
static py::list programData(const Plan &plan) {
  py::list result;
  for (const runtime::MaskData &data : plan.programData()) {
    py::list tables;
    for (const std::vector<int32_t> &table : data.tables)
      tables.append(toArray(table));
    result.append(py::make_tuple(tables, toArray(data.numbers)));
  }
  return result;
}

static py::list coordinates(const Plan &plan) {
  py::list result;
  for (const runtime::Coordinate &coordinate : plan.data().coordinates)
    result.append(py::make_tuple(coordinate.segment, coordinate.axis, coordinate.table));
  return result;
}

py::object falloff::python::toMatrix(const LeadingPairs &pairs) {
  py::array_t<int64_t> result({static_cast<py::ssize_t>(pairs.queries), static_cast<py::ssize_t>(pairs.keys)});
  std::copy(pairs.pairs.begin(), pairs.pairs.end(), result.mutable_data());
  return result;
}

static py::object leadingPairs(const Plan &plan, int64_t querySegment, int64_t keySegment, int64_t head) {
  LeadingPairs pairs;
  {
    py::gil_scoped_release released;
    pairs = plan.leadingPairs(querySegment, keySegment, head);
  }
  return python::toMatrix(pairs);
}

/// Bytes of what kernels read of a plan: rows, runs, and the tables of its masks.
static int64_t bytes(const Plan &plan) {
  auto size = [](const auto &values) { return int64_t(values.size() * sizeof(values[0])); };
  int64_t total = 0;
  for (const RowTable &table : plan.data().tables) {
    total += size(table.rowStart) + size(table.runs) + size(table.rowOrder);
    for (const runtime::Split &split : table.splits)
      total += int64_t(sizeof split.row) + size(split.firstTiles);
  }
  for (const runtime::MaskData &mask : plan.data().masks) {
    total += size(mask.numbers);
    for (const std::vector<int32_t> &table : mask.tables)
      total += size(table);
  }
  return total;
}

/// `blocks` is bool, (batches, heads, query tiles, key tiles).
static Plan fromBlockMask(const py::array_t<bool, py::array::c_style | py::array::forcecast> &blocks, int64_t tokens,
                          int64_t queryTile, int64_t keyTile) {
  std::vector<std::vector<uint8_t>> matrices(blocks.shape(0) * blocks.shape(1));
  size_t size = blocks.shape(2) * blocks.shape(3);
  for (size_t index = 0; index < matrices.size(); ++index)
    matrices[index].assign(blocks.data() + index * size, blocks.data() + (index + 1) * size);
  int64_t batches = blocks.shape(0);
  py::gil_scoped_release released;
  return Plan::fromBlockMask(matrices, batches, tokens, queryTile, keyTile);
}

void falloff::python::bindPlan(py::module_ &module) {
  bindRowTable(module);
  bindGrid(module);
  py::class_<Plan>(module, "Plan")
      .def_property_readonly("pattern", [](const Plan &plan) { return plan.data().pattern; })
      .def_property_readonly("parameters", [](const Plan &plan) { return plan.data().parameters; })
      .def_property_readonly("rounding", [](const Plan &plan) { return plan.data().rounding; })
      .def_property_readonly(
          "major", [](const Plan &plan) { return plan.data().major == runtime::Major::Query ? "query" : "key"; })
      .def_property_readonly("density", [](const Plan &plan) { return plan.data().density; })
      .def_property_readonly("batches", [](const Plan &plan) { return plan.data().batches; })
      .def_property_readonly("table_of", [](const Plan &plan) { return plan.data().tableOf; })
      .def_property_readonly(
          "grid", [](const Plan &plan) -> const runtime::Grid & { return plan.data().grid; },
          py::return_value_policy::reference_internal)
      .def_property_readonly("tables",
                             [](py::object self) {
                               py::list result;
                               for (const RowTable &table : self.cast<const Plan &>().data().tables)
                                 result.append(py::cast(table, py::return_value_policy::reference_internal, self));
                               return result;
                             })
      .def_property_readonly("bytes", &bytes)
      .def("dense", &dense, py::arg("head"), py::arg("batch"))
      .def("of_head", &Plan::ofHead, py::arg("head"), py::call_guard<py::gil_scoped_release>())
      .def("tile_pairs", &tilePairs, py::arg("first"), py::arg("last"), py::arg("head"), py::arg("batch"))
      .def("program", &Plan::program)
      .def("program_data", &programData)
      .def_property_readonly("coordinates", &coordinates)
      .def_property_readonly("segment_ids", [](const Plan &plan) { return plan.data().segmentIds; })
      .def("leading_pairs", &leadingPairs, py::arg("query_segment"), py::arg("key_segment"), py::arg("head"))
      .def_static("from_block_mask", &fromBlockMask, py::arg("blocks"), py::arg("tokens"), py::arg("query_tile"),
                  py::arg("key_tile"));
}
