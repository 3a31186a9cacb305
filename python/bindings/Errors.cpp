// SPDX-License-Identifier: Apache-2.0
//
// A compiler's error arrives in Python as falloff.CompileError, with the file and the line that it stands at; a
// device's as falloff.DeviceError; want of memory as MemoryError.
#include "compiler/Compiler.h"
#include "python/bindings/Bindings.h"
#include <new>

namespace py = pybind11;

static void translate(std::exception_ptr thrown) {
  if (!thrown)
    return;
  try {
    std::rethrow_exception(thrown);
  } catch (const falloff::DeviceError &error) {
    py::object type =
        py::module_::import("falloff.errors").attr(error.isOutOfMemory ? "DeviceMemoryError" : "DeviceError");
    PyErr_SetString(type.ptr(), error.what());
  } catch (const falloff::Error &error) {
    py::object type = py::module_::import("falloff.errors").attr("CompileError");
    py::object instance = type(error.message, error.file, error.line, error.column);
    PyErr_SetObject(type.ptr(), instance.ptr());
  } catch (const std::bad_alloc &) {
    PyErr_SetString(PyExc_MemoryError, "expects more memory than the system gives");
  }
}

void falloff::python::bindErrors(py::module_ &module) { py::register_local_exception_translator(&translate); }
