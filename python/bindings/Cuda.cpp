// SPDX-License-Identifier: Apache-2.0
//
// Which NVRTC and which driver are taken (runtime/cuda), for `falloff doctor`.
#include "python/bindings/Bindings.h"
#include "runtime/cuda/Driver.h"
#include "runtime/cuda/Nvrtc.h"

#include <filesystem>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

namespace py = pybind11;
using namespace falloff;
using Path = std::filesystem::path;

namespace {

/// A library that was looked for, as Python reads it. What it says of files is decoded as Python decodes their names.
struct FoundLibrary {
  cuda::Library library;
  std::string version, problem;
  std::vector<std::string> devices;
};

py::object decode(const std::string &text) {
  return py::reinterpret_steal<py::object>(PyUnicode_DecodeFSDefaultAndSize(text.data(), ssize_t(text.size())));
}

py::list decodeAll(const std::vector<std::string> &texts) {
  py::list list;
  for (const std::string &text : texts)
    list.append(decode(text));
  return list;
}

/// Where nothing was found, only what the loader says: `looked` has the places.
std::string problemOf(const cuda::Library &library, const std::string &problem) {
  return library ? problem : library.problem;
}

FoundLibrary findNvrtc() {
  cuda::NvrtcReport report = cuda::Nvrtc::find();
  return {report.library, report.version, problemOf(report.library, report.problem), {}};
}

FoundLibrary findDriver() {
  cuda::DriverReport report = cuda::Driver::find();
  return {report.library, report.version, problemOf(report.library, report.problem), report.devices};
}

void setPackageFolders(const std::vector<Path> &folders) {
  cuda::setPackageFolders(std::vector<std::string>(folders.begin(), folders.end()));
}

} // namespace

void falloff::python::bindCuda(py::module_ &module) {
  py::class_<FoundLibrary>(module, "FoundLibrary")
      .def_property_readonly("found", [](const FoundLibrary &found) { return bool(found.library); })
      .def_property_readonly("path", [](const FoundLibrary &found) { return decode(found.library.path); })
      .def_property_readonly("source", [](const FoundLibrary &found) { return found.library.source; })
      .def_readonly("version", &FoundLibrary::version)
      .def_property_readonly("looked", [](const FoundLibrary &found) { return decodeAll(found.library.looked); })
      .def_property_readonly("problem", [](const FoundLibrary &found) { return decode(found.problem); })
      .def_property_readonly("devices", [](const FoundLibrary &found) { return decodeAll(found.devices); });
  module.def("find_nvrtc", &findNvrtc, py::call_guard<py::gil_scoped_release>());
  module.def("find_driver", &findDriver, py::call_guard<py::gil_scoped_release>());
  module.def("set_package_folders", &setPackageFolders, py::arg("folders"));
}
