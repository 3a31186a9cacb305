# SPDX-License-Identifier: Apache-2.0
"""What tests ask of the machine they run on: tensors on its device, and results back in numpy.

Two kinds, alike to tests: a GPU whose tensors are torch's, and whatever a driver gives (a GPU
without torch, or the simulated one), whose tensors are allocations of their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import falloff
import ml_dtypes
import numpy as np
import numpy.typing as npt

from device_arrays import Driver, DriverError

Array = npt.NDArray[Any]
DTYPES = {"bf16": np.dtype(ml_dtypes.bfloat16), "fp16": np.dtype(np.float16)}


class Machine(ABC):
    name: str
    torch: bool
    simulated = False
    architecture: int
    """As 80, 89, 90."""

    @abstractmethod
    def put(self, values: Array) -> Any:
        """A tensor on the device with the strides of `values`."""

    @abstractmethod
    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Filled with NaN, since kernels must write all of their results."""

    @abstractmethod
    def get(self, tensor: Any) -> Array:
        """A copy of a tensor, float32 where it was of 16 bits."""

    def attention(
        self, inputs: Sequence[Array], plan: falloff.Plan, *, layout: str = "BSHD", **options: Any
    ) -> tuple[Array, Array]:
        """Output and log-sum-exp of `falloff.attention` on q, k and v, (batch, tokens, heads, dim),
        which the device holds with `layout`'s dimensions; results are in the former order."""
        turn = (0, 1, 2, 3) if layout == "BSHD" else (0, 2, 1, 3)
        q, k, v = (self.put(values.transpose(turn)) for values in inputs)
        batch, queries, heads, _ = inputs[0].shape
        shape = (batch, queries, heads, inputs[2].shape[3])
        out = self.empty(tuple(shape[axis] for axis in turn), inputs[0].dtype)
        lse = self.empty((batch, heads, queries), np.float32)
        recipe = options.get("recipe")
        size = falloff.prepare(q, k, v, plan, layout=layout, out=out, recipe=recipe)
        options["workspace"] = self.workspace(size)
        falloff.attention(
            q, k, v, plan, layout=layout, out=out, lse=lse, return_lse=True, **options
        )
        return self.get(out).transpose(turn), self.get(lse)

    def workspace(self, size: int) -> Any:
        """Bytes that nobody has written; None where the tensors' library gives them."""
        return None


class TorchMachine(Machine):
    torch = True

    def __init__(self) -> None:
        import torch

        self.name = torch.cuda.get_device_name(0)
        major, minor = torch.cuda.get_device_capability(0)
        self.architecture = 10 * major + minor

    def put(self, values: Array) -> Any:
        import torch

        kind = {"bfloat16": torch.bfloat16}.get(values.dtype.name)
        bits = values.view(np.int16) if kind else values
        size = values.itemsize
        if any(stride <= 0 or stride % size for stride in values.strides):
            bits = np.ascontiguousarray(bits)
        strides = tuple(stride // size for stride in bits.strides)
        reach = 1 + sum((n - 1) * s for n, s in zip(bits.shape, strides, strict=True))
        whole = np.lib.stride_tricks.as_strided(bits, (max(reach, 0),), (size,))
        moved = torch.from_numpy(np.array(whole)).cuda()
        tensor = moved.as_strided(bits.shape, strides)
        return tensor.view(kind) if kind else tensor

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return self.put(np.full(shape, np.nan, dtype))

    def get(self, tensor: Any) -> Array:
        return np.asarray(tensor.float().cpu())


class DriverMachine(Machine):
    torch = False

    def __init__(self, driver: Driver, *, simulated: bool) -> None:
        self.driver, self.simulated = driver, simulated
        self.name = driver.name()
        self.architecture = driver.architecture()

    def put(self, values: Array) -> Any:
        return self.driver.array(values)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return self.driver.array(np.full(shape, np.nan, dtype))

    def workspace(self, size: int) -> Any:
        return self.driver.empty((max(size, 1),), np.uint8)

    def get(self, tensor: Any) -> Array:
        values: Array = tensor.numpy()
        return values.astype(np.float32) if values.itemsize == 2 else values


def find_machine(*, simulated: bool) -> tuple[Machine | None, str]:
    """The machine, or none and why there is none."""
    if not simulated:
        try:
            import torch

            if torch.cuda.is_available():
                return TorchMachine(), ""
        except ImportError:
            pass
    try:
        driver = Driver()
    except DriverError as error:
        return None, f"expects a CUDA device for tests/gpu: {error}"
    return DriverMachine(driver, simulated=simulated), ""
