# SPDX-License-Identifier: Apache-2.0
"""Arrays in the memory of a CUDA device by the driver alone: no torch, no CuPy.

Each array is an allocation of its own and exactly as large as its elements, so that memory checkers
see what lies one byte beside it. Where the process has loaded a simulated driver (tests/ptxsim),
that is the one that is used, and all this runs without a device.
"""

from __future__ import annotations

import ctypes
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_CUDA = 2  # DLPack's number of the device type
_CODES = {"i": 0, "u": 1, "f": 2}


class DriverError(RuntimeError):
    """A call of the driver that failed."""


class Driver:
    """libcuda.so.1, with the primary context of one device current in this thread."""

    def __init__(self, device: int = 0) -> None:
        try:
            self.library = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise DriverError(f"expects the CUDA driver, but got: {error}") from None
        self.device = device
        self.call("cuInit", 0)
        context = ctypes.c_void_p()
        number = ctypes.c_int()
        self.call("cuDeviceGet", ctypes.byref(number), device)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), number)
        self.context = context
        self.call("cuCtxPushCurrent_v2", context)

    def call(self, name: str, *arguments: Any) -> None:
        status = getattr(self.library, name)(*arguments)
        if status != 0:
            raise DriverError(f"{name} gives error {status}")

    def devices(self) -> int:
        count = ctypes.c_int()
        self.call("cuDeviceGetCount", ctypes.byref(count))
        return count.value

    def name(self) -> str:
        number, text = ctypes.c_int(), ctypes.create_string_buffer(256)
        self.call("cuDeviceGet", ctypes.byref(number), self.device)
        self.call("cuDeviceGetName", text, len(text), number)
        return text.value.decode(errors="replace")

    def architecture(self) -> int:
        """As 80, 89, 90."""
        number, parts = ctypes.c_int(), (ctypes.c_int(), ctypes.c_int())
        self.call("cuDeviceGet", ctypes.byref(number), self.device)
        for part, attribute in zip(parts, (75, 76), strict=True):  # compute capability
            self.call("cuDeviceGetAttribute", ctypes.byref(part), attribute, number)
        return 10 * parts[0].value + parts[1].value

    def synchronise(self) -> None:
        self.call("cuCtxSynchronize")

    def launch(
        self,
        ptx: str,
        kernel: str,
        arguments: Sequence[DeviceArray | ctypes.c_int],
        *,
        grid: int = 1,
        block: int = 32,
        shared_bytes: int = 0,
    ) -> None:
        """Loads PTX, launches an entry point of it once, and waits. Arguments are arrays, passed as
        their addresses, or C integers."""
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("cuModuleLoadDataEx", ctypes.byref(module), ptx.encode(), 0, None, None)
        try:
            self.call("cuModuleGetFunction", ctypes.byref(function), module, kernel.encode())
            values = [
                ctypes.c_uint64(value.address) if isinstance(value, DeviceArray) else value
                for value in arguments
            ]
            pointers = [ctypes.cast(ctypes.pointer(v), ctypes.c_void_p) for v in values]
            packed = (ctypes.c_void_p * max(len(pointers), 1))(*pointers)
            sizes = (grid, 1, 1, block, 1, 1, shared_bytes)
            self.call("cuLaunchKernel", function, *sizes, None, packed, None)
            self.synchronise()
        finally:
            self.library.cuModuleUnload(module)

    def array(self, values: Array) -> DeviceArray:
        """A copy on the device with the strides that `values` has, gaps included."""
        low, high = _reach(values.shape, values.strides, values.itemsize)
        made = DeviceArray(self, _Memory(self, high - low), values.dtype, values.shape)
        made.strides, made.offset = tuple(values.strides), -low
        if values.size:
            first = values.__array_interface__["data"][0] + low
            size = ctypes.c_size_t(high - low)
            pointer = ctypes.c_void_p(first)
            self.call("cuMemcpyHtoDAsync_v2", made.memory.address, pointer, size, None)
            self.call("cuStreamSynchronize", None)
        return made

    def empty(self, shape: Sequence[int], dtype: Any) -> DeviceArray:
        """Memory that nobody has written."""
        kind = np.dtype(dtype)
        memory = _Memory(self, math.prod(shape) * kind.itemsize)
        return DeviceArray(self, memory, kind, tuple(shape))


class _Memory:
    """An allocation, freed with its last array."""

    def __init__(self, driver: Driver, size: int) -> None:
        self.driver, self.size = driver, size
        self.address = ctypes.c_uint64()
        if size:
            driver.call("cuMemAlloc_v2", ctypes.byref(self.address), ctypes.c_size_t(size))

    def __del__(self) -> None:
        if self.size and self.address.value:
            self.driver.library.cuMemFree_v2(self.address)


class DeviceArray:
    """Speaks DLPack; `numpy()` copies back. Strides and offset are in bytes."""

    def __init__(
        self, driver: Driver, memory: _Memory, dtype: np.dtype[Any], shape: tuple[int, ...]
    ) -> None:
        self.driver, self.memory, self.dtype, self.shape = driver, memory, dtype, shape
        steps = itertools.accumulate(shape[:0:-1], lambda a, b: a * b, initial=dtype.itemsize)
        self.strides = tuple(steps)[::-1] if shape else ()
        self.offset = 0

    @property
    def address(self) -> int:
        return self.memory.address.value + self.offset

    def transpose(self, *axes: int) -> DeviceArray:
        view = DeviceArray(
            self.driver, self.memory, self.dtype, tuple(self.shape[axis] for axis in axes)
        )
        view.strides = tuple(self.strides[axis] for axis in axes)
        view.offset = self.offset
        return view

    def numpy(self) -> Array:
        """A contiguous copy; waits for the device."""
        low, high = _reach(self.shape, self.strides, self.dtype.itemsize)
        raw = np.zeros(high - low, np.uint8)
        if raw.size:
            source, size = ctypes.c_uint64(self.address + low), ctypes.c_size_t(raw.size)
            pointer = raw.ctypes.data_as(ctypes.c_void_p)
            self.driver.synchronise()
            self.driver.call("cuMemcpyDtoHAsync_v2", pointer, source, size, None)
            self.driver.call("cuStreamSynchronize", None)
        view = np.ndarray(self.shape, self.dtype, raw, -low, self.strides)
        return np.array(view)

    def __dlpack_device__(self) -> tuple[int, int]:
        return _CUDA, self.driver.device

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None, **_: Any) -> Any:
        return _capsule(self)


def _reach(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> tuple[int, int]:
    """First and one past the last byte, counted from the first element."""
    if 0 in shape:
        return 0, 0
    ends = [(size - 1) * stride for size, stride in zip(shape, strides, strict=True)]
    return sum(e for e in ends if e < 0), sum(e for e in ends if e > 0) + itemsize


# ---- DLPack 0.8, as capsules named "dltensor"


class _DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _DLManagedTensor(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, ctypes.POINTER(_DLManagedTensor))
_DLManagedTensor._fields_ = [
    ("tensor", _DLTensor),
    ("context", ctypes.c_void_p),
    ("deleter", _Deleter),
]
_alive: dict[int, Any] = {}  # what capsules refer to, by the address of their structure


@_Deleter
def _delete(managed: Any) -> None:
    _alive.pop(ctypes.addressof(managed.contents), None)


def _capsule(array: DeviceArray) -> Any:
    size = array.dtype.itemsize
    axes = len(array.shape)
    shape = (ctypes.c_int64 * axes)(*array.shape)
    strides = (ctypes.c_int64 * axes)(*(stride // size for stride in array.strides))
    code = 4 if array.dtype.name == "bfloat16" else _CODES[array.dtype.kind]
    managed = _DLManagedTensor()
    managed.tensor = _DLTensor(
        array.address, _CUDA, array.driver.device, axes, code, size * 8, 1, shape, strides, 0
    )
    managed.deleter = _delete
    address = ctypes.addressof(managed)
    _alive[address] = (managed, shape, strides, array)
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, _CapsuleEnd]
    return new(address, b"dltensor", _end_capsule)


_CapsuleEnd = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@_CapsuleEnd
def _end_capsule(capsule: int) -> None:
    """A capsule that nobody took over frees its tensor."""
    api = ctypes.pythonapi
    api.PyCapsule_IsValid.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    api.PyCapsule_GetPointer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    if api.PyCapsule_IsValid(capsule, b"dltensor"):
        _alive.pop(api.PyCapsule_GetPointer(capsule, b"dltensor"), None)
