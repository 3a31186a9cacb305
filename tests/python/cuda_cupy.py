# SPDX-License-Identifier: Apache-2.0
"""Arrays with the interface that CuPy documents, on simulated CUDA devices.

CuPy itself needs NVIDIA's runtime library to import. This module takes its name and offers what
Falloff asks of it: `ndarray`, `empty`, and of `cuda` devices, streams and which are current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import falloff
import ml_dtypes
import numpy as np

import simulated_cuda
from cuda_scenarios import LIKE_FIRST, make, plan_of_radial, split_plan
from device_arrays import DeviceArray

current_devices = [0]
current_streams: list[int] = [0]
allocated: list[tuple[int, int]] = []  # device and stream of each allocation


class ndarray:  # noqa: N801 - as CuPy calls it
    def __init__(self, array: DeviceArray) -> None:
        self.array, self.dtype = array, array.dtype

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def __dlpack__(self, stream: Any = None) -> Any:  # as before `max_version`
        return self.array.__dlpack__(stream=stream)

    def __setitem__(self, key: Any, source: ndarray) -> None:
        assert key is Ellipsis
        device = simulated_cuda.by_number(current_devices[-1])
        device.write(self.array, device.take(source.array))


ndarray.__module__ = "cupy"


@contextmanager
def _pushed(stack: list[int], value: int) -> Iterator[None]:
    stack.append(value)
    try:
        yield
    finally:
        stack.pop()


class Stream:
    null: Stream

    def __init__(self, ptr: int, device_id: int = -1) -> None:
        self.ptr = ptr

    def __enter__(self) -> Stream:
        current_streams.append(self.ptr)
        return self

    def __exit__(self, *_: Any) -> None:
        current_streams.pop()


Stream.null = Stream(0)


def empty(shape: tuple[int, ...], dtype: Any) -> ndarray:
    allocated.append((current_devices[-1], current_streams[-1]))
    device = simulated_cuda.by_number(current_devices[-1])
    return ndarray(device.empty(shape, np.dtype(dtype)))


@contextmanager
def imported() -> Iterator[None]:
    """Within, this is the CuPy of the process."""
    module = ModuleType("cupy")
    module.ndarray, module.empty = ndarray, empty  # type: ignore[attr-defined]
    module.cuda = SimpleNamespace(  # type: ignore[attr-defined]
        Device=lambda number: _pushed(current_devices, number),
        Stream=Stream,
        ExternalStream=Stream,
        get_current_stream=lambda: Stream(current_streams[-1]),
    )
    sys.modules["cupy"] = module
    try:
        yield
    finally:
        del sys.modules["cupy"]


def results_are_cupys() -> None:
    for number in (LIKE_FIRST, 0):
        for plan in (plan_of_radial(), split_plan()):
            call = make(number, plan=plan)
            mine, other = call.device.stream(), call.device.stream()
            arrays = [ndarray(array) for array in call.arrays]
            with imported(), Stream(mine):
                for given, expected in ((None, mine), (other, other), (0, 0)):
                    allocated.clear()
                    out, lse = falloff.attention(*arrays, plan, return_lse=True, stream=given)
                    size = falloff.prepare(*arrays, plan)
                    assert allocated == [(number, expected)] * (2 + (size > 0))
                    assert isinstance(out, ndarray)
                    assert out.dtype == ml_dtypes.bfloat16
                    assert lse.dtype == np.float32
                    call.check(out.array)


def an_out_that_is_an_input() -> None:
    call = make()
    arrays = [ndarray(array) for array in call.arrays]
    with imported():
        out = falloff.attention(*arrays, call.plan, out=arrays[1])
    assert out is arrays[1]
    call.check(out.array)
