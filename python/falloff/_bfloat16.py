# SPDX-License-Identifier: Apache-2.0
"""bfloat16, which numpy lacks, as its bits: the upper half of a float32's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def widen(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The numbers that bits are, exactly."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def narrow(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Bits of the nearest bfloat16, ties to even; NaN stays NaN."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return np.where(np.isnan(values), 0x7FC0, rounded).astype(np.uint16)


class Widened:
    """Bits as an array of float32, of which a part is made when it is indexed."""

    dtype = np.dtype(np.float32)

    def __init__(self, bits: NDArray[np.uint16]) -> None:
        self._bits = bits
        self.shape, self.ndim = bits.shape, bits.ndim

    def __getitem__(self, place: Any) -> NDArray[np.float32]:
        return widen(self._bits[place])
