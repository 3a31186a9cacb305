// SPDX-License-Identifier: Apache-2.0
//
// The cache on disk, for listing, clearing and asking what is wrong with it. Folders are bytes to the system: they pass
// as Python's own paths do, and those that are no UTF-8 as well.
#include "python/bindings/Bindings.h"
#include "runtime/DiskCache.h"
#include "runtime/Settings.h"

#include <cerrno>
#include <filesystem>
#include <optional>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <system_error>

namespace py = pybind11;
using namespace falloff;
using runtime::DiskCache;
using Path = std::filesystem::path;

static std::pair<int64_t, int64_t> clear(const Path &folder) {
  DiskCache::Removed removed;
  try {
    py::gil_scoped_release released;
    removed = DiskCache(folder.string()).clear();
  } catch (const std::system_error &error) {
    errno = error.code().value();
    PyErr_SetFromErrnoWithFilename(PyExc_OSError, folder.c_str());
    throw py::error_already_set();
  }
  return {removed.entries, removed.bytes};
}

static std::optional<Path> cacheFolder() {
  std::string folder = runtime::cacheFolder();
  return folder.empty() ? std::nullopt : std::optional<Path>(folder);
}

/// Text, since it names folders in it.
static py::object cacheProblem(const Path &folder) {
  std::string problem;
  {
    py::gil_scoped_release released;
    problem = DiskCache(folder.string()).findProblem();
  }
  if (problem.empty())
    return py::none();
  return py::reinterpret_steal<py::object>(PyUnicode_DecodeFSDefaultAndSize(problem.data(), ssize_t(problem.size())));
}

void falloff::python::bindCache(py::module_ &module) {
  using Entry = DiskCache::Entry;
  py::class_<Entry>(module, "CacheEntry")
      .def_property_readonly("kind", [](const Entry &entry) { return runtime::nameOf(entry.kind); })
      .def_readonly("name", &Entry::name)
      .def_property_readonly("key", [](const Entry &entry) { return py::bytes(entry.key); })
      .def_readonly("bytes", &Entry::bytes)
      .def_readonly("last_used_ns", &Entry::lastUsed);
  module.def("cache_folder", &cacheFolder);
  module.def("cache_problem", &cacheProblem, py::arg("folder"));
  module.def(
      "cache_entries", [](const Path &folder) { return DiskCache(folder.string()).entries(); },
      py::call_guard<py::gil_scoped_release>(), py::arg("folder"));
  module.def("clear_cache", &clear, py::arg("folder"));
}
