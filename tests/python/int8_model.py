# SPDX-License-Identifier: Apache-2.0
"""The formulas of the recipe int8 in numpy, from docs/int8.md: one row a group.

Tensors are (batch, tokens, heads, dim).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import exact_attention
from exact_attention import Exact

F32 = np.float32
Floats = npt.NDArray[np.float32]


def quantise(rows: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Whole numbers of [-127, 127] and the scale of each row, of float32 (..., dim)."""
    rows = np.asarray(rows, F32)
    with np.errstate(all="ignore"):
        largest = np.abs(rows).max(axis=-1)
        usable = np.isfinite(largest) & (largest >= F32(2.0**-100))
        safe = np.where(usable, largest, F32(1))
        scaled = np.where(usable[..., None], rows, F32(0)) * (F32(127) / safe)[..., None]
        scales = np.where(usable, safe / F32(127), F32(0))
    scales = np.where(np.isfinite(largest), scales, F32(np.nan))
    return np.rint(scaled).astype(np.int8), scales.astype(F32)


def mean_key(k: npt.ArrayLike, valid: npt.NDArray[np.bool_]) -> Floats:
    """(batch, heads, dim), over the valid keys of each batch entry: bool (batch, keys)."""
    k = np.asarray(k).astype(np.float64)
    means = np.zeros((k.shape[0], *k.shape[2:]), F32)
    for b in range(k.shape[0]):
        if valid[b].any():
            means[b] = k[b, valid[b]].mean(axis=0).astype(F32)
    return means


@dataclass
class Rounded:
    q: npt.NDArray[np.float64]  # what scores are made of, scales included
    k: npt.NDArray[np.float64]
    restored: npt.NDArray[np.float64]  # (batch, heads, queries): q . mean, which scores lack


def rounded(q: npt.ArrayLike, k: npt.ArrayLike, valid: npt.NDArray[np.bool_]) -> Rounded:
    q, k = (np.asarray(x).astype(F32) for x in (q, k))
    mean = mean_key(k, valid)
    numbers, scales = quantise(q)
    key_numbers, key_scales = quantise(k - mean[:, None])
    means = np.repeat(mean, q.shape[2] // k.shape[2], axis=1).astype(np.float64)
    return Rounded(
        numbers.astype(np.float64) * scales[..., None],
        key_numbers.astype(np.float64) * key_scales[..., None],
        np.einsum("bqhd,bhd->bhq", q.astype(np.float64), means),
    )


def attention(
    q: npt.ArrayLike,
    k: npt.ArrayLike,
    v: npt.ArrayLike,
    pairs: npt.NDArray[np.bool_],
    scale: float | None = None,
    valid: npt.NDArray[np.bool_] | None = None,
) -> Exact:
    """What the recipe means, exact but for the rounding of q and k. `valid`: default all keys."""
    q, k = np.asarray(q), np.asarray(k)
    scale = q.shape[3] ** -0.5 if scale is None else scale
    if valid is None:
        valid = np.ones(k.shape[:2], bool)
    round_ = rounded(q, k, valid)
    exact = exact_attention.attention(round_.q, round_.k, v, pairs, scale)
    exact.lse = exact.lse + scale * round_.restored
    # Means are known to half a unit in the last place, and so is what they add.
    exact.size = exact.size + abs(scale) * np.abs(round_.restored)
    return exact
