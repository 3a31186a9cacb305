# SPDX-License-Identifier: Apache-2.0
"""The formulas of the recipes int8 and int8-fp8 in numpy, from docs/int8.md.

Tensors are (batch, tokens, heads, dim). Each row of q is a group, and of k unless `groups` says
otherwise: (keys,), equal for keys that share a scale; negative: a key that no kernel reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np
import numpy.typing as npt

import exact_attention
from exact_attention import Exact

F32 = np.float32
Floats = npt.NDArray[np.float32]
Groups = npt.NDArray[np.int64]
E4M3_LARGEST = 448


def quantise(rows: Floats, largest: Floats | None = None) -> tuple[npt.NDArray[np.int8], Floats]:
    """Whole numbers of [-127, 127] and the scale of each row, of float32 (..., dim). `largest` is
    that of each row's group; by default a row is one."""
    rows = np.asarray(rows, F32)
    with np.errstate(all="ignore"):
        if largest is None:
            largest = np.abs(rows).max(axis=-1)
        usable = np.isfinite(largest) & (largest >= F32(2.0**-100))
        safe = np.where(usable, largest, F32(1))
        scaled = np.where(usable[..., None], rows, F32(0)) * (F32(127) / safe)[..., None]
        scales = np.where(usable, safe / F32(127), F32(0))
    scales = np.where(np.isfinite(largest), scales, F32(np.nan))
    return np.rint(scaled).astype(np.int8), scales.astype(F32)


def largest_of_groups(rows: Floats, valid: npt.NDArray[np.bool_], groups: Groups) -> Floats:
    """Of rows (batch, keys, heads, dim) the largest magnitude among valid keys of a key's group,
    (batch, keys, heads). NaN where there is one."""
    magnitudes = np.where(valid[..., None], np.abs(rows).max(axis=-1), F32(0))
    largest = np.zeros((groups.max() + 1, *magnitudes[:, 0].shape), F32)
    for key in np.flatnonzero(groups >= 0):
        largest[groups[key]] = np.maximum(largest[groups[key]], magnitudes[:, key])
    return np.moveaxis(largest[groups], 0, 1)


def groups_of_lanes(tiles: Sequence[npt.NDArray[np.int64]], keys: int, block: int) -> Groups:
    """Groups of a GPU: of each tile's keys, in blocks of so many lanes, lanes i of equal
    i % 8 // 2."""
    groups = np.full(keys, -1)
    blocks = 0
    for tile in tiles:
        for first in range(0, len(tile), block):
            lanes = np.arange(len(tile[first : first + block]))
            groups[tile[first : first + block]] = 4 * blocks + lanes % 8 // 2
            blocks += 1
    return groups


def round_values(v: npt.ArrayLike, valid: npt.NDArray[np.bool_]) -> Floats:
    """v in e4m3, scales included: a column is a group."""
    v = np.where(valid[..., None, None], np.asarray(v).astype(F32), F32(0))
    largest = np.abs(v).max(axis=1)
    scales = np.where(largest >= F32(2.0**-100), largest / F32(E4M3_LARGEST), F32(0))
    inverse = np.divide(F32(1), scales, out=np.zeros_like(scales), where=scales > 0)
    numbers = (v * inverse[:, None]).astype(ml_dtypes.float8_e4m3fn)
    return numbers.astype(F32) * scales[:, None]


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


def rounded(
    q: npt.ArrayLike, k: npt.ArrayLike, valid: npt.NDArray[np.bool_], groups: Groups | None = None
) -> Rounded:
    q, k = (np.asarray(x).astype(F32) for x in (q, k))
    mean = mean_key(k, valid)
    numbers, scales = quantise(q)
    smoothed = k - mean[:, None]
    largest = None if groups is None else largest_of_groups(smoothed, valid, groups)
    key_numbers, key_scales = quantise(smoothed, largest)
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
    groups: Groups | None = None,
    rounds_values: bool = False,
) -> Exact:
    """What the recipe means, exact but for the rounding of q and k, and of v if `rounds_values`.
    `valid`: default all keys."""
    q, k = np.asarray(q), np.asarray(k)
    scale = q.shape[3] ** -0.5 if scale is None else scale
    if valid is None:
        valid = np.ones(k.shape[:2], bool)
    round_ = rounded(q, k, valid, groups)
    if rounds_values:
        v = round_values(v, valid)
    exact = exact_attention.attention(round_.q, round_.k, v, pairs, scale)
    exact.lse = exact.lse + scale * round_.restored
    # Means are known to half a unit in the last place, and so is what they add.
    exact.size = exact.size + abs(scale) * np.abs(round_.restored)
    return exact
