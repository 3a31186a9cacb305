# SPDX-License-Identifier: Apache-2.0
"""CUDA devices that are simulated: Falloff's own compiler, NVRTC, runtime and launches, and a
driver whose devices run PTX on the processor (tests/ptxsim).

A driver is one of a process, and whoever looks for one finds it; so what needs a simulated one runs
in processes of its own:

    with simulated_cuda.pool() as workers:
        workers.submit(function_of_a_module, argument).result()

A function there asks `simulated_cuda.device(architecture)` for a device.
"""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from device_arrays import DeviceArray, Driver

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURES = (80, 86, 89, 90, 100, 103, 120)
TWINS = len(ARCHITECTURES)  # the number of a device like the first
VARIABLE = "FALLOFF_SIMULATED_DRIVER"


def library() -> Path:
    """The simulated driver: what the variable names, else the youngest that a build left, but for
    those with sanitizers, which no Python can load."""
    if given := os.environ.get(VARIABLE):
        return Path(given).resolve()
    built = [
        path
        for path in ROOT.glob("build/*/ptxsim/libcuda.so.1")
        if path.parts[-3] not in ("asan", "fuzz")
    ]
    if not built:
        raise FileNotFoundError(
            f"expects a simulated driver below {ROOT}/build: ninja -C BUILD all"
        )
    return max(built, key=lambda path: path.stat().st_mtime)


@contextmanager
def pool(workers: int | None = None, **environment: str) -> Iterator[ProcessPoolExecutor]:
    """Processes with the simulated devices; by default one a processor."""
    count = workers or len(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    given = (library(), environment)
    executor = ProcessPoolExecutor(count, context, initializer=_start, initargs=given)
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _start(path: Path, environment: dict[str, str]) -> None:
    """Before anything in this process looks for a driver."""
    os.environ.update(environment)
    os.environ["PTXSIM_DEVICES"] = str(TWINS + 1)
    os.environ["PTXSIM_ARCHITECTURE"] = ",".join(map(str, (*ARCHITECTURES, ARCHITECTURES[0])))
    os.environ["FALLOFF_CUDA_IMAGE"] = "ptx"
    ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)


class Device(Driver):
    """Asked of besides: what launches counted, and which bytes they wrote."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        for name in ("ptxsimLastFault", "ptxsimCounts"):
            getattr(self.library, name).restype = ctypes.c_char_p
        self.library.ptxsimAllocations.restype = ctypes.c_int64

    def reset(self) -> None:
        self.library.ptxsimReset()

    def counts(self) -> list[dict[str, Any]]:
        """Of each kernel since the last reset; see tests/ptxsim/driver/SimulatedDriver.h."""
        found: list[dict[str, Any]] = json.loads(self.library.ptxsimCounts())
        return found

    def fault(self) -> str:
        text: bytes = self.library.ptxsimLastFault()
        return text.decode()

    def allocations(self) -> int:
        return int(self.library.ptxsimAllocations())

    def forget(self, array: DeviceArray) -> None:
        """Makes an array's memory unwritten, gaps between its elements too."""
        memory = array.memory
        self.call("ptxsimForget", memory.address, ctypes.c_size_t(memory.size))

    def raw(self, array: DeviceArray, unwritten: int) -> npt.NDArray[np.uint8]:
        """All bytes of an array's memory, those that nobody wrote as `unwritten`."""
        memory = array.memory
        found = np.empty(memory.size, np.uint8)
        self.call(
            "ptxsimReadAny",
            found.ctypes.data_as(ctypes.c_void_p),
            memory.address,
            ctypes.c_size_t(memory.size),
            ctypes.c_uint8(unwritten),
        )
        return found

    def take(self, array: DeviceArray) -> npt.NDArray[Any]:
        """An array's elements, NaN where nobody wrote one. Nothing between them was written."""
        low, high = (self.raw(array, mark) for mark in (0, 0xFF))
        written = (low == high).astype(np.uint8)

        def view(buffer: npt.NDArray[np.uint8], dtype: Any) -> npt.NDArray[Any]:
            return np.ndarray(array.shape, dtype, buffer, array.offset, array.strides)

        view(written, f"u{array.dtype.itemsize}")[...] = 0
        assert not written.any(), f"{written.sum()} bytes between elements were written"
        return np.array(view(high, array.dtype))

    def write(self, array: DeviceArray, values: npt.NDArray[Any]) -> None:
        """Other elements for an array whose elements lie one behind the other."""
        packed = np.ascontiguousarray(values)
        assert packed.nbytes == array.memory.size
        source = ctypes.c_void_p(packed.ctypes.data)
        self.call("cuMemcpyHtoD_v2", array.memory.address, source, ctypes.c_size_t(packed.nbytes))

    def put(self, array: npt.NDArray[Any]) -> DeviceArray:
        """A copy that lies as `array` does in the memory that it is a view of."""
        base = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        flat = np.lib.stride_tricks.as_strided(base, (base.size,), (base.itemsize,))
        made = self.array(flat)
        start = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        view = DeviceArray(self, made.memory, array.dtype, array.shape)
        view.strides, view.offset = tuple(array.strides), start
        return view

    def stream(self) -> int:
        handle = ctypes.c_void_p()
        self.call("cuStreamCreate", ctypes.byref(handle), 1)  # waits for no other
        assert handle.value
        return handle.value


_devices: dict[int, Device] = {}


def device(architecture: int = ARCHITECTURES[0]) -> Device:
    return by_number(ARCHITECTURES.index(architecture))


def by_number(number: int) -> Device:
    """The device, whose context becomes this thread's."""
    if number not in _devices:
        _devices[number] = Device(number)
    _devices[number].call("cuCtxSetCurrent", _devices[number].context)
    return _devices[number]
