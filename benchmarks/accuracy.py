# SPDX-License-Identifier: Apache-2.0
"""Errors against attention in float64: bf16, the recipe int8, and int8 without smoothing.

Metrics and thresholds are those that SpargeAttn tunes by: cosine of the flattened outputs (0.98),
sum |O' - O| / sum |O| (0.07), root of the mean square of O' - O (0.07). Keys are normal, or have
what keys of trained models have (SageAttention, arXiv:2410.02367, figure 4): an offset that all
tokens share, or channels far larger than the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import falloff
import ml_dtypes
import numpy as np

from .measure import Line

TOKENS, HEADS, HEAD_DIM = 2048, 2, 128
LIMITS = {"1 - cosine": 0.02, "relative L1": 0.07, "RMSE": 0.07}
KEYS = ("normal", "offset", "outlier channels", "offset and outlier channels")


def lines(quick: bool) -> Iterator[Line]:
    mask = falloff.load("dense").bind(frames=1, tokens_per_frame=TOKENS)
    for keys in KEYS[: 2 if quick else None]:
        q, k, v = tensors_of(keys)
        exact = _attention(*(x.astype(np.float64) for x in (q, k, v)))
        results = {
            "bf16": falloff.attention(q, k, v, mask),
            "int8, not smoothed": _attention(_rounded(q), _rounded(k), v.astype(np.float64)),
            "int8": falloff.attention(q, k, v, mask, recipe="int8"),
        }
        for name, result in results.items():
            for metric, error in errors(result.astype(np.float64), exact).items():
                limit = LIMITS[metric] if name == "int8" else None
                yield Line(f"keys {keys}; {name}: {metric}", error, "", limit, at_most=True)


def tensors_of(keys: str) -> list[Any]:
    """q, k, v in BSHD: normal numbers in bf16, k with what `keys` says."""
    random = np.random.default_rng(0)
    shape = (1, TOKENS, HEADS, HEAD_DIM)
    q, k, v = (random.standard_normal(shape, np.float32) for _ in range(3))
    if "outlier" in keys:
        k[..., :4] *= 10
    if "offset" in keys:
        k += 8 * random.standard_normal((1, 1, HEADS, HEAD_DIM), np.float32)
    return [x.astype(ml_dtypes.bfloat16) for x in (q, k, v)]


def errors(result: Any, exact: Any) -> dict[str, float]:
    cosine = (result * exact).sum() / np.sqrt((result**2).sum() * (exact**2).sum())
    return {
        "1 - cosine": 1 - float(cosine),
        "relative L1": float(np.abs(result - exact).sum() / np.abs(exact).sum()),
        "RMSE": float(np.sqrt(((result - exact) ** 2).mean())),
    }


def _attention(q: Any, k: Any, v: Any) -> Any:
    """Dense attention in float64."""
    scores = np.einsum("bqhd,bkhd->bhqk", q, k) * HEAD_DIM**-0.5
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return np.einsum("bhqk,bkhd->bqhd", weights, v)


def _rounded(rows: Any) -> Any:
    """Rows in whole steps of 1/127 of their largest number."""
    rows = rows.astype(np.float64)
    scales = np.abs(rows).max(axis=-1, keepdims=True) / 127
    return np.rint(rows / scales) * scales
