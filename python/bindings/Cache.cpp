// SPDX-License-Identifier: Apache-2.0
//
// The cache on disk, for listing and clearing.
#include "python/bindings/Bindings.h"
#include "runtime/DiskCache.h"
#include "runtime/Settings.h"

#include <cerrno>
#include <pybind11/stl.h>
#include <system_error>

namespace py = pybind11;
using namespace falloff;
using runtime::DiskCache;

static std::pair<int64_t, int64_t> clear(const std::string &folder) {
  DiskCache::Removed removed;
  try {
    py::gil_scoped_release released;
    removed = DiskCache(folder).clear();
  } catch (const std::system_error &error) {
    errno = error.code().value();
    PyErr_SetFromErrnoWithFilename(PyExc_OSError, folder.c_str());
    throw py::error_already_set();
  }
  return {removed.entries, removed.bytes};
}

void falloff::python::bindCache(py::module_ &module) {
  using Entry = DiskCache::Entry;
  py::class_<Entry>(module, "CacheEntry")
      .def_property_readonly("kind", [](const Entry &entry) { return runtime::nameOf(entry.kind); })
      .def_readonly("name", &Entry::name)
      .def_property_readonly("key", [](const Entry &entry) { return py::bytes(entry.key); })
      .def_readonly("bytes", &Entry::bytes)
      .def_readonly("last_used_ns", &Entry::lastUsed);
  module.def("cache_folder", &runtime::cacheFolder);
  module.def(
      "cache_entries", [](const std::string &folder) { return DiskCache(folder).entries(); },
      py::call_guard<py::gil_scoped_release>(), py::arg("folder"));
  module.def("clear_cache", &clear, py::arg("folder"));
}
