// SPDX-License-Identifier: Apache-2.0
//
// Views of numpy arrays and of DLPack capsules. numpy cannot hand on bfloat16 by DLPack, so capsules are read here.
#include "python/bindings/View.h"
#include "python/bindings/Bindings.h"
#include "python/bindings/DLPack.h"
#include "runtime/TensorCheck.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstring>

namespace py = pybind11;
using namespace falloff;
using namespace falloff::python;

/// Keeps a Python object alive. Views die under the GIL.
static std::shared_ptr<void> keepAlive(py::object object) { return std::make_shared<py::object>(std::move(object)); }

static std::string typeName(py::handle object) { return py::str(py::type::handle_of(object).attr("__name__")); }

static View fromNumpy(const py::array &array, const std::string &name) {
  if (py::hasattr(array, "mask"))
    throw py::type_error("expects " + name + " without a numpy mask, but got a " + typeName(array) +
                         "; pass its .filled()");
  View view;
  py::dtype dtype = array.dtype();
  view.dtype = py::str(dtype.attr("name"));
  if (!dtype.attr("isnative").cast<bool>())
    throw py::type_error("expects " + name + " in native byte order, but got " +
                         std::string(py::str(dtype.attr("str"))) + "; pass " + name + ".astype('" + view.dtype + "')");
  view.itemSize = array.itemsize();
  view.data = const_cast<void *>(array.data());
  view.readOnly = !array.writeable();
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    bool steps = array.shape(axis) > 1;
    if (steps && view.itemSize && array.strides(axis) % view.itemSize)
      throw py::value_error("expects strides of " + name + " of whole elements, but got " +
                            std::to_string(array.strides(axis)) + " bytes; pass numpy.ascontiguousarray(" + name + ")");
    view.shape.push_back(array.shape(axis));
    view.strides.push_back(steps ? array.strides(axis) / view.itemSize : 0);
  }
  if (view.itemSize && reinterpret_cast<uintptr_t>(view.data) % std::min<int64_t>(view.itemSize, 16))
    throw py::value_error("expects " + name + " aligned to its elements, but got a misaligned array; pass " + name +
                          ".copy()");
  view.owner = keepAlive(array);
  return view;
}

static std::string nameOf(DLDataType type) {
  static const char *const kinds[] = {"int", "uint", "float", "opaque", "bfloat", "complex", "bool"};
  std::string kind = type.code < std::size(kinds) ? kinds[type.code] : "type" + std::to_string(type.code) + "_";
  std::string name = kind + std::to_string(type.bits);
  return type.lanes == 1 ? name : name + "x" + std::to_string(type.lanes);
}

/// `tell` gives what the tensor's library calls the device.
template <typename Told>
static int32_t deviceOf(int64_t type, int64_t id, const std::string &name, const Told &tell) {
  if (type == DLDevice::cpu || type == DLDevice::cudaPinned)
    return runtime::hostDevice;
  if (type == DLDevice::cuda || type == DLDevice::cudaManaged)
    return int32_t(id);
  const std::string told = tell();
  throw py::value_error("expects " + name + " on the CPU or a CUDA device, but got " +
                        (told.empty() ? "DLPack device type " + std::to_string(type) : told) + "; move it there first");
}

static View fromDLTensor(const DLTensor &tensor, bool readOnly, std::shared_ptr<void> owner, const std::string &name) {
  View view;
  view.device = deviceOf(tensor.device.type, tensor.device.id, name, [] { return std::string(); });
  view.data = static_cast<char *>(tensor.data) + tensor.byteOffset;
  view.dtype = nameOf(tensor.dtype);
  view.itemSize = (tensor.dtype.bits * tensor.dtype.lanes + 7) / 8;
  view.shape.assign(tensor.shape, tensor.shape + tensor.ndim);
  view.strides.resize(tensor.ndim);
  int64_t compact = 1;
  for (int32_t axis = tensor.ndim - 1; axis >= 0; --axis) {
    int64_t stride = tensor.strides ? tensor.strides[axis] : compact;
    view.strides[axis] = view.shape[axis] > 1 ? stride : 0;
    compact *= view.shape[axis];
  }
  view.readOnly = readOnly;
  view.owner = std::move(owner);
  return view;
}

/// Takes a capsule's tensor over: the capsule is renamed, and the deleter is called when the view dies.
template <typename Managed>
static std::shared_ptr<void> takeOver(py::handle capsule, Managed *managed, const char *usedName) {
  PyCapsule_SetName(capsule.ptr(), usedName);
  return {managed, [](Managed *tensor) {
            if (tensor->deleter)
              tensor->deleter(tensor);
          }};
}

static View fromCapsule(py::handle capsule, const std::string &name) {
  if (PyCapsule_IsValid(capsule.ptr(), "dltensor")) {
    auto *managed = static_cast<DLManagedTensor *>(PyCapsule_GetPointer(capsule.ptr(), "dltensor"));
    return fromDLTensor(managed->tensor, false, takeOver(capsule, managed, "used_dltensor"), name);
  }
  if (PyCapsule_IsValid(capsule.ptr(), "dltensor_versioned")) {
    auto *managed = static_cast<DLManagedTensorVersioned *>(PyCapsule_GetPointer(capsule.ptr(), "dltensor_versioned"));
    if (managed->version.major != 1)
      throw py::type_error("expects DLPack version 1 of " + name + ", but got " +
                           std::to_string(managed->version.major) + "." + std::to_string(managed->version.minor));
    bool readOnly = managed->flags & DLManagedTensorVersioned::readOnlyFlag;
    return fromDLTensor(managed->tensor, readOnly, takeOver(capsule, managed, "used_dltensor_versioned"), name);
  }
  throw py::type_error("expects " + name + ".__dlpack__() to return an unused DLPack capsule, but got " +
                       typeName(capsule));
}

/// What a library raises while it exports a tensor, in one line of ours.
[[noreturn]] static void raiseExport(const std::string &name, const py::error_already_set &error) {
  throw py::type_error("expects " + name + " as dense memory of the CPU or a CUDA device, but its export failed: " +
                       std::string(py::str(error.value())));
}

int32_t View::deviceOf(py::handle object, const std::string &name) {
  if (py::isinstance<py::array>(object) || !py::hasattr(object, "__dlpack_device__"))
    return runtime::hostDevice;
  try {
    auto device = py::tuple(object.attr("__dlpack_device__")());
    return ::deviceOf(py::int_(device[0]).cast<int64_t>(), device[1].cast<int64_t>(), name, [&] {
      return py::hasattr(object, "device") ? std::string(py::str(object.attr("device"))) : std::string();
    });
  } catch (py::error_already_set &error) {
    raiseExport(name, error);
  }
}

/// A torch tensor on a CUDA device. torch exports by DLPack from its current device alone.
static View fromTorch(py::object object, int32_t device) {
  View view;
  view.dtype = py::str(object.attr("dtype"));
  view.dtype = view.dtype.substr(view.dtype.rfind('.') + 1);
  view.itemSize = object.attr("element_size")().cast<int64_t>();
  view.data = reinterpret_cast<void *>(object.attr("data_ptr")().cast<uintptr_t>());
  view.shape = object.attr("shape").cast<std::vector<int64_t>>();
  view.strides = object.attr("stride")().cast<std::vector<int64_t>>();
  for (size_t axis = 0; axis < view.shape.size(); ++axis)
    if (view.shape[axis] <= 1)
      view.strides[axis] = 0;
  view.device = device;
  view.owner = keepAlive(std::move(object));
  return view;
}

/// Calls `__dlpack__`, of versions that know `max_version` or not.
static py::object exportCapsule(py::object object, int32_t device, int64_t stream) {
  py::dict options;
  if (device != runtime::hostDevice) // 0, the legacy default stream, is 1 there
    options["stream"] = py::int_(stream == 0 ? 1 : stream);
  else if (py::hasattr(object, "requires_grad") && object.attr("requires_grad").cast<bool>())
    object = object.attr("detach")();
  try {
    return object.attr("__dlpack__")(py::arg("max_version") = py::make_tuple(1, 0), **options);
  } catch (py::error_already_set &error) {
    if (!error.matches(PyExc_TypeError)) // made before DLPack had versions
      throw;
    return object.attr("__dlpack__")(**options);
  }
}

static View fromDLPack(py::object object, const std::string &name, std::optional<int64_t> stream) {
  int32_t device = View::deviceOf(object, name);
  if (device != runtime::hostDevice && !stream)
    throw py::value_error("expects " + name + " on the CPU, but got " + runtime::nameOfDevice(device) +
                          "; move it there first");
  try {
    bool isTorch = py::hasattr(object, "data_ptr") && py::hasattr(object, "is_cuda");
    if (isTorch && device != runtime::hostDevice)
      return fromTorch(std::move(object), device);
    return fromCapsule(exportCapsule(object, device, stream.value_or(-1)), name);
  } catch (py::error_already_set &error) {
    raiseExport(name, error);
  }
}

View View::of(py::handle object, const std::string &name, std::optional<int64_t> stream) {
  if (py::isinstance<py::array>(object))
    return fromNumpy(py::reinterpret_borrow<py::array>(object), name);
  if (py::hasattr(object, "__dlpack__"))
    return fromDLPack(py::reinterpret_borrow<py::object>(object), name, stream);
  throw py::type_error("expects " + name + " as a numpy array, a torch tensor or an object with __dlpack__, but got " +
                       typeName(object));
}

int64_t View::elements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

bool View::isContiguous() const {
  int64_t compact = 1;
  for (size_t axis = shape.size(); axis-- > 0; compact *= shape[axis])
    if (shape[axis] > 1 && strides[axis] != compact)
      return false;
  return true;
}

View View::permute(const std::vector<size_t> &order) const {
  if (order.size() != shape.size())
    throw std::invalid_argument("expects an order of " + std::to_string(shape.size()) + " dimensions, but got " +
                                std::to_string(order.size()));
  View view = *this;
  for (size_t axis = 0; axis < order.size(); ++axis) {
    view.shape[axis] = shape.at(order[axis]);
    view.strides[axis] = strides.at(order[axis]);
  }
  return view;
}

View View::asDType(const std::string &type) const {
  int64_t size = type == "float32" ? 4 : type == "bfloat16" || type == "float16" ? 2 : 0;
  if (size != itemSize)
    throw std::invalid_argument("expects elements of " + dtype + " to become others of their size, but got " + type);
  View view = *this;
  view.dtype = type;
  return view;
}

/// First and one past the last address that a view touches.
static std::pair<intptr_t, intptr_t> addresses(const View &view) {
  intptr_t first = reinterpret_cast<intptr_t>(view.data), last = first + view.itemSize;
  for (size_t axis = 0; axis < view.shape.size(); ++axis) {
    int64_t reach = (view.shape[axis] - 1) * view.strides[axis] * view.itemSize;
    (reach < 0 ? first : last) += reach;
  }
  return {first, last};
}

bool View::mayOverlap(const View &other) const {
  if (device != other.device || !elements() || !other.elements())
    return false;
  auto [first, last] = addresses(*this);
  auto [otherFirst, otherLast] = addresses(other);
  return first < otherLast && otherFirst < last;
}

static void copyAxis(const View &from, const View &to, size_t axis, const char *source, char *target) {
  if (axis == from.shape.size()) {
    std::memcpy(target, source, from.itemSize);
    return;
  }
  for (int64_t i = 0; i < from.shape[axis]; ++i)
    copyAxis(from, to, axis + 1, source + i * from.strides[axis] * from.itemSize,
             target + i * to.strides[axis] * to.itemSize);
}

void View::copyFrom(const View &other) {
  if (shape != other.shape || dtype != other.dtype)
    throw std::invalid_argument("expects views of equal shape and type");
  if (device != runtime::hostDevice || other.device != runtime::hostDevice)
    throw std::invalid_argument("expects views of memory of the CPU");
  if (readOnly)
    throw std::invalid_argument("expects a view that may be written");
  copyAxis(other, *this, 0, static_cast<const char *>(other.data), static_cast<char *>(data));
}

runtime::Tensor View::tensor() const {
  runtime::Tensor tensor;
  tensor.data = data;
  tensor.device = device;
  if (dtype == "bfloat16")
    tensor.dtype = runtime::DType::BF16;
  else if (dtype == "float32")
    tensor.dtype = runtime::DType::F32;
  else if (dtype == "float16")
    tensor.dtype = runtime::DType::F16;
  else
    throw std::invalid_argument("expects float32, bfloat16 or float16, but got " + dtype);
  if (shape.size() < 3 || shape.size() > 4)
    throw std::invalid_argument("expects 3 or 4 dimensions, but got " + std::to_string(shape.size()));
  tensor.sizes.fill(1);
  std::copy(shape.begin(), shape.end(), tensor.sizes.begin());
  std::copy(strides.begin(), strides.end(), tensor.strides.begin());
  return tensor;
}

py::object falloff::python::toBoolMatrix(std::vector<uint8_t> values, int64_t rows, int64_t columns) {
  auto *kept = new std::vector<uint8_t>(std::move(values));
  py::capsule owner(kept, [](void *pointer) { delete static_cast<std::vector<uint8_t> *>(pointer); });
  return py::array_t<bool>({rows, columns}, reinterpret_cast<const bool *>(kept->data()), owner);
}

/// None: the CPU.
static std::optional<int32_t> deviceObject(int32_t device) {
  return device == runtime::hostDevice ? std::nullopt : std::optional(device);
}

void falloff::python::bindView(py::module_ &module) {
  py::class_<View>(module, "View", "Where the elements of a tensor lie.")
      .def_static("of", &View::of, py::arg("object"), py::arg("name"), py::arg("stream") = py::none())
      .def_static(
          "device_of",
          [](py::handle object, const std::string &name) { return deviceObject(View::deviceOf(object, name)); },
          py::arg("object"), py::arg("name"))
      .def_property_readonly("shape", [](const View &view) { return py::tuple(py::cast(view.shape)); })
      .def_property_readonly("strides", [](const View &view) { return py::tuple(py::cast(view.strides)); })
      .def_readonly("dtype", &View::dtype)
      .def_readonly("read_only", &View::readOnly)
      .def_readonly("item_size", &View::itemSize)
      .def_property_readonly("is_contiguous", &View::isContiguous)
      .def_property_readonly("device", [](const View &view) { return deviceObject(view.device); })
      .def_property_readonly("address", [](const View &view) { return reinterpret_cast<uintptr_t>(view.data); })
      .def("permute", &View::permute, py::arg("order"))
      .def("as_dtype", &View::asDType, py::arg("dtype"))
      .def("may_overlap", &View::mayOverlap, py::arg("other"))
      .def("copy_from", &View::copyFrom, py::arg("other"));
}
