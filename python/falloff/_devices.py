# SPDX-License-Identifier: Apache-2.0
"""Tensors on CUDA devices, whichever library they are of: the stream that work joins, and memory.

torch and CuPy allocate results and workspace themselves, on the stream that the kernels join, so
that their pools know when memory is free again. Neither is imported here: a tensor's class tells.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from falloff._falloff import View
from falloff._values import to_size

_PER_THREAD = 2  # the handle of the default stream of each thread


def library_of(tensor: Any) -> str:
    """``"torch"``, ``"cupy"`` or, of any other class, an empty text."""
    for base in type(tensor).__mro__:
        root = base.__module__.partition(".")[0]
        if root in ("torch", "cupy"):
            return root
    return ""


def name_of(device: int | None) -> str:
    return "the CPU" if device is None else f"cuda:{device}"


def common_device(tensors: Mapping[str, Any]) -> int | None:
    """The CUDA device that tensors lie on, None for the CPU; by name, the first decides.

    Raises ValueError where they lie apart.
    """
    first, *others = [
        (name, tensor, device_of(tensor, name))
        for name, tensor in tensors.items()
        if tensor is not None
    ]
    for name, tensor, device in others:
        if device != first[2]:
            remedy = "move it there first"
            if library_of(tensor) == "torch":
                target = "cpu" if first[2] is None else f"cuda:{first[2]}"
                remedy = f'pass {name}.to("{target}")'
            raise ValueError(
                f"expects {name} on {name_of(first[2])}, where {first[0]} lies, "
                f"but got {name_of(device)}; {remedy}"
            )
    return first[2]


def device_of(tensor: Any, name: str) -> int | None:
    return tensor.device if isinstance(tensor, View) else View.device_of(tensor, name)


@dataclass(frozen=True)
class Queue:
    """A stream of a CUDA device, as the handle of a CUstream, and who allocates for it."""

    device: int
    stream: int
    like: Any  # a tensor of the library that allocates

    @classmethod
    def of(cls, tensor: Any, device: int, stream: Any) -> Queue:
        """The stream that was given, else the current one of the tensor's library, else the
        device's default stream."""
        handle = _current(tensor, device) if stream is None else _handle(stream)
        return cls(device, handle, tensor)

    def empty(self, what: str, shape: tuple[int, ...], dtype: str | None) -> Any:
        """Memory of the library of ``like``, in its type or another; ``what`` is the argument to
        give instead."""
        library = library_of(self.like)
        if not library:
            raise TypeError(
                f"expects {what}= of shape {shape} in {dtype or 'the type of q'} on "
                f"{name_of(self.device)} for q of type {type(self.like).__name__}, "
                "since memory there is asked of torch and CuPy alone"
            )
        module = sys.modules[library]
        with self._current_stream():
            if library == "torch":
                wanted = self.like.dtype if dtype is None else getattr(module, dtype)
                return self.like.new_empty(shape, dtype=wanted)
            return module.empty(shape, self.like.dtype if dtype is None else dtype)

    def copy(self, source: Any, target: Any) -> None:
        """Queues a copy between tensors of that library."""
        with self._current_stream():
            if library_of(self.like) == "torch":
                target.copy_(source)
            else:
                target[...] = source

    @contextmanager
    def _current_stream(self) -> Iterator[None]:
        """Within, the library allocates on this device for this stream."""
        library = library_of(self.like)
        module = sys.modules[library]
        with ExitStack() as stack:
            if library == "cupy":
                stack.enter_context(module.cuda.Device(self.device))
            if _current(self.like, self.device) != self.stream:
                external = _external(module, self.stream, self.device)
                stack.enter_context(
                    module.cuda.stream(external) if library == "torch" else external
                )
            yield


def _current(tensor: Any, device: int) -> int:
    """The stream that a tensor's library queues work on; 0, the default stream, if it is none of
    those that have one."""
    library = library_of(tensor)
    if library == "torch":
        return int(sys.modules["torch"].cuda.current_stream(device).cuda_stream)
    if library == "cupy":
        cuda = sys.modules["cupy"].cuda
        with cuda.Device(device):
            return int(cuda.get_current_stream().ptr)
    return 0


def _external(module: Any, stream: int, device: int) -> Any:
    """A stream as an object of torch or CuPy."""
    if module.__name__ == "cupy":
        if stream == _PER_THREAD:
            return module.cuda.Stream.ptds
        return module.cuda.ExternalStream(stream, device) if stream > 1 else module.cuda.Stream.null
    if stream > 1:
        return module.cuda.ExternalStream(stream, device=device)
    return module.cuda.default_stream(device)


def _handle(stream: Any) -> int:
    """The handle of a stream of torch, CuPy, the protocol ``__cuda_stream__``, or an integer."""
    if hasattr(stream, "__cuda_stream__"):
        handle = stream.__cuda_stream__()[1]
    elif hasattr(stream, "cuda_stream"):
        handle = stream.cuda_stream
    elif hasattr(stream, "ptr"):
        handle = stream.ptr
    else:
        handle = stream
    number = to_size("stream", handle)
    if not 0 <= number < 2**64:
        raise ValueError(f"expects stream as the handle of a CUDA stream, but got {number}")
    return number
