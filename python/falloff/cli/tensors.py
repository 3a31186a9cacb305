# SPDX-License-Identifier: Apache-2.0
"""q, k and v from .npz files, mapped where that can be, so that files may be larger than memory."""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from falloff import _attention
from falloff._bfloat16 import Widened, narrow, widen
from falloff._falloff import View

_LOCAL_HEADER = 30  # bytes of a zip member's header before its name


def add_layout(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--layout",
        choices=list(_attention._ORDERS),
        default="BSHD",
        help="of the arrays: batch, tokens (S), heads, dim; three dimensions are one batch entry",
    )
    group.add_argument(
        "--scale", type=float, metavar="X", help="of the scores; default 1 / sqrt(dim)"
    )


def read(path: Path, names: Sequence[str]) -> list[NDArray[Any]]:
    """Arrays of a .npz file by name, with four dimensions. Nothing in the file is executed.

    Uncompressed ones (``np.savez``) are mapped and not read. Raises ValueError where the file is no
    .npz or an array is missing or has not three or four dimensions of floating point numbers.
    """
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise ValueError(f"expects {path} as a .npz file, but cannot read it as one") from None
    with archive:
        found = {name.removesuffix(".npy") for name in archive.namelist()}
        for name in names:
            if name not in found:
                raise ValueError(
                    f"expects {path} to hold {', '.join(names)}, but got "
                    f"{', '.join(sorted(found)) or 'nothing'}; np.savez(path, q=q, k=k, v=v) "
                    "writes them"
                )
        return [_as_four(path, name, _member(path, archive, name)) for name in names]


def read_floats(path: Path, names: Sequence[str], layout: str) -> list[NDArray[Any] | Widened]:
    """``read`` in (batch, tokens, heads, dim), for numpy, which has no bfloat16."""
    arrays = (array.transpose(_attention._ORDERS[layout]) for array in read(path, names))
    return [Widened(array) if array.dtype == np.uint16 else array for array in arrays]


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    info = archive.getinfo(f"{name}.npy")
    try:
        with archive.open(info) as file:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, fortran, dtype = read_header(file)
            offset = file.tell()
        if dtype.hasobject:
            raise ValueError
        if info.compress_type != zipfile.ZIP_STORED or 0 in shape:
            with archive.open(info) as file:
                whole: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
                return whole
        with path.open("rb") as raw:
            raw.seek(info.header_offset)
            header = raw.read(_LOCAL_HEADER)
        lengths = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        begin = info.header_offset + _LOCAL_HEADER + sum(lengths) + offset
        order: Literal["F", "C"] = "F" if fortran else "C"
        mapped: NDArray[Any] = np.memmap(
            path, dtype=dtype, mode="r", offset=begin, shape=shape, order=order
        )
        return mapped
    except (OSError, MemoryError):
        raise
    except Exception:  # whatever numpy and its readers of headers raise
        raise ValueError(
            f"expects {name} in {path} as an array of numbers, but cannot read it as .npy"
        ) from None


def _as_four(path: Path, name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Four dimensions; bfloat16, of which .npy files know the size alone, as its 16 bits."""
    if array.dtype.kind == "V" and array.dtype.itemsize == 2:
        array = array.view(np.uint16)
    elif array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise ValueError(
            f"expects {name} in {path} as floating point numbers of at most 64 bits, "
            f"but got {array.dtype}"
        )
    if array.ndim not in (3, 4):
        raise ValueError(
            f"expects {name} in {path} with 3 or 4 dimensions, but got shape {array.shape}"
        )
    return array if array.ndim == 4 else array[None]


def to_float32(array: NDArray[Any]) -> NDArray[np.float32]:
    """A float array, or bfloat16 as its bits, in float32; copied only where it has to be.

    Raises ValueError where a finite number would become infinite.
    """
    if array.dtype == np.uint16:
        return widen(array)
    try:
        with np.errstate(over="raise"):
            return array.astype(np.float32, copy=False)
    except FloatingPointError:
        raise ValueError(
            "expects q, k and v within float32's range, 3.4e38, but got a finite number beyond it"
        ) from None


class FileSource:
    """An array of a file, of which a head at a time is brought to the type of the kernels."""

    def __init__(self, array: NDArray[Any], layout: str, dtype: str) -> None:
        self._array = array.transpose(_attention._ORDERS[layout])
        self._dtype = dtype

    def whole(self) -> View:
        """A view of the array's shape and of nothing behind it."""
        bits = self._dtype == "bf16"
        nothing = np.broadcast_to(
            np.zeros((), np.uint16 if bits else np.float32), self._array.shape
        )
        view = View.of(nothing, "array")
        return view.as_dtype("bfloat16") if bits else view

    def head(self, index: int) -> View:
        part = self._array[:, :, index : index + 1]
        if self._dtype == "fp32":  # what is mapped lies at any byte
            return View.of(np.require(to_float32(part), requirements=["ALIGNED"]), "array")
        bits = part if part.dtype == np.uint16 else narrow(to_float32(part))
        return View.of(np.require(bits, requirements=["ALIGNED"]), "array").as_dtype("bfloat16")
