# SPDX-License-Identifier: Apache-2.0
"""torch tensors on simulated CUDA devices: torch's own tensor class over memory of a driver.

This torch may be built without CUDA. Tensors are wrappers, whose device, type, shape and strides
are torch's as on any machine; memory, allocation and copies come from the simulated driver, and so
do streams, which torch.cuda would ask of a build with CUDA.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import falloff
import ml_dtypes
import numpy as np
import torch

import simulated_cuda
from bad_input import error
from cuda_scenarios import LIKE_FIRST, make, plan_of_radial, split_plan
from device_arrays import DeviceArray

NUMPY = {
    torch.bfloat16: np.dtype(ml_dtypes.bfloat16),
    torch.float16: np.dtype(np.float16),
    torch.float32: np.dtype(np.float32),
    torch.uint8: np.dtype(np.uint8),
}
TORCH = {dtype: name for name, dtype in NUMPY.items()}


class CudaTensor(torch.Tensor):
    array: DeviceArray

    @staticmethod
    def __new__(cls, array: DeviceArray, requires_grad: bool = False) -> CudaTensor:
        made: CudaTensor = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            array.shape,
            strides=[stride // array.dtype.itemsize for stride in array.strides],
            dtype=TORCH[array.dtype],
            device=f"cuda:{array.driver.device}",
            requires_grad=requires_grad,
        )
        made.array = array
        return made

    def data_ptr(self) -> int:
        return self.array.address

    def copy_(self, source: torch.Tensor, non_blocking: bool = False) -> CudaTensor:
        """Here, since torch's own asks for CUDA before it dispatches."""
        assert isinstance(source, CudaTensor)
        device = simulated_cuda.by_number(self.array.driver.device)
        allocated.append(streams_of[-1])
        device.synchronise()
        device.call(
            "cuMemcpyDtoD_v2",
            ctypes.c_uint64(self.array.address),
            ctypes.c_uint64(source.array.address),
            ctypes.c_size_t(source.nbytes),
        )
        return self

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        like, *rest = arguments
        if function is torch.ops.aten.new_empty.default:
            device = simulated_cuda.by_number(like.array.driver.device)
            allocated.append(streams_of[-1])
            kind = (options or {}).get("dtype") or like.dtype
            return CudaTensor(device.empty(tuple(rest[0]), NUMPY[kind]))
        raise NotImplementedError(function)


streams_of: list[int] = []  # torch's current stream, innermost last
allocated: list[int] = []  # the current stream of each allocation and copy


class Stream:
    def __init__(self, handle: int, device: Any = None) -> None:
        self.cuda_stream = handle


@contextmanager
def current(stream: Stream) -> Iterator[None]:
    streams_of.append(stream.cuda_stream)
    try:
        yield
    finally:
        streams_of.pop()


def _current(device: Any) -> Stream:
    return Stream(streams_of[-1])


@contextmanager
def torch_streams(handle: int) -> Iterator[None]:
    """Within, torch's current stream is one of the simulated driver's."""
    allocated.clear()
    with (
        mock.patch.object(torch.cuda, "current_stream", _current),
        mock.patch.object(torch.cuda, "default_stream", return_value=Stream(0)),
        mock.patch.object(torch.cuda, "ExternalStream", Stream),
        mock.patch.object(torch.cuda, "stream", current),
        current(Stream(handle)),
    ):
        yield


def results_follow_the_tensors() -> None:
    """Result, log-sum-exp and workspace are torch's, on the tensors' device and stream."""
    for number in (0, LIKE_FIRST):
        for plan in (plan_of_radial(), split_plan()):
            call = make(number, plan=plan)
            q, k, v = (CudaTensor(array) for array in call.arrays)
            stream = call.device.stream()
            with torch_streams(stream):
                out, lse = falloff.attention(q, k, v, plan, return_lse=True)
                size = falloff.prepare(q, k, v, plan)
            assert isinstance(out, CudaTensor)
            assert (out.dtype, out.device, out.shape) == (q.dtype, q.device, q.shape)
            assert (lse.dtype, lse.shape) == (torch.float32, (1, q.shape[2], q.shape[1]))
            assert allocated == [stream] * (2 + (size > 0))
            call.check(out.array)
            assert np.isfinite(call.device.take(lse.array)).all()


def a_stream_beside_torchs() -> None:
    """Memory is allocated for the stream that was asked for."""
    call = make()
    q, k, v = (CudaTensor(array) for array in call.arrays)
    mine, other = call.device.stream(), call.device.stream()
    with torch_streams(mine):
        for given, expected in ((None, mine), (mine, mine), (other, other), (Stream(other), other)):
            allocated.clear()
            out = falloff.attention(q, k, v, call.plan, stream=given)
            call.check(out.array)
            assert allocated == [expected]
        allocated.clear()
        call.check(falloff.attention(q, k, v, call.plan, stream=0).array)
        assert allocated == [0]


def an_out_that_is_an_input() -> None:
    for index in range(3):
        call = make()
        arrays = [CudaTensor(array) for array in call.arrays]
        with torch_streams(call.device.stream()):
            out = falloff.attention(*arrays, call.plan, out=arrays[index])
            assert len(allocated) == 2, "a result apart, and a copy"
        assert out is arrays[index]
        call.check(out.array)


def gradients_and_errors() -> None:
    call = make()
    q, k, v = (CudaTensor(array) for array in call.arrays)
    leaf = CudaTensor(call.arrays[0], requires_grad=True)
    with torch_streams(0):
        out = falloff.attention(leaf, k, v, call.plan)
        assert not out.requires_grad
        call.check(out.array)
        error(ValueError, lambda: falloff.attention(q, k, v, call.plan, out=leaf), "out.detach()")
        wide = CudaTensor(call.device.array(call.host[0].astype(np.float32)))
        error(TypeError, lambda: falloff.attention(wide, k, v, call.plan), "float32", "q.half()")
        far = make(LIKE_FIRST).arrays[1]
        error(
            ValueError,
            lambda: falloff.attention(q, CudaTensor(far), v, call.plan),
            f"cuda:{LIKE_FIRST}",
            'pass k.to("cuda:0")',
        )
        host = torch.zeros(v.shape, dtype=torch.bfloat16)
        error(ValueError, lambda: falloff.attention(q, k, host, call.plan), 'pass v.to("cuda:0")')
        error(ValueError, lambda: falloff.attention(host, k, v, call.plan), 'pass k.to("cpu")')
