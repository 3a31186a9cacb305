# SPDX-License-Identifier: Apache-2.0
"""Masked attention in float64 for a few queries, to hold the kernels against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import falloff

from .nonlocal_means import Job


def sample_error(
    out: NDArray[np.float32],
    job: Job,
    mask: falloff.Mask,
    plan: falloff.Plan,
    samples: int = 256,
    seed: int = 0,
) -> float:
    """The largest error of `out` (1, tokens, 1, 16) in queries drawn at random, in grey levels."""
    count = min(samples, job.tokens)
    queries = np.sort(np.random.default_rng(seed).choice(job.tokens, count, replace=False))
    k, v = job.k[0, :, 0].astype(np.float64), job.v[0, :, 0].astype(np.float64)
    kept = Pairs(mask, plan)
    worst = 0.0
    for chunk in np.array_split(queries, -(-count // 16)):
        pairs = np.stack([kept.of(int(query)) for query in chunk])
        scores = np.where(pairs, job.q[0, chunk, 0].astype(np.float64) @ k.T, -np.inf)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        expected = weights @ v / weights.sum(axis=1, keepdims=True)
        worst = max(worst, float(np.abs(out[0, chunk, 0] - expected).max()))
    return worst


class Pairs:
    """The pairs that a plan computes, read from its runs of tiles and its mask's interpreter.

    Holds for the patterns of this demo, which have no `only`: a filled tile keeps every pair.
    """

    def __init__(self, mask: falloff.Mask, plan: falloff.Plan) -> None:
        segments = plan.as_dict()["grid"]["segments"]
        self.query_tile = np.concatenate([tiles_of(segment, "query") for segment in segments])
        self.key_tile = np.concatenate([tiles_of(segment, "key") for segment in segments])
        self.mask, self.rows = mask, plan.rows()

    def of(self, query: int) -> NDArray[np.bool_]:
        """Which keys a query's softmax runs over, bool (keys,)."""
        whole, tested = np.zeros((2, self.key_tile.max() + 1), dtype=bool)
        for first, end, kind in self.rows[self.query_tile[query]]:
            (tested if kind == "partial" else whole)[first:end] = True
        kept: NDArray[np.bool_] = whole[self.key_tile]
        if tested.any():
            seen = self.mask.slice(queries=(query, query + 1)).to_dense()[0]
            kept = kept | (tested[self.key_tile] & seen)
        return kept


def tiles_of(segment: dict[str, Any], side: str) -> NDArray[np.int64]:
    """Number of the tile that each token of a segment lies in: boxes are numbered row-major."""
    number = np.zeros(1, dtype=np.int64)
    for extent, box in zip(segment["extents"], segment[f"{side}_tile"], strict=True):
        along = np.arange(extent) // box
        number = (number[:, None] * -(-extent // box) + along).ravel()
    return number + int(segment[f"first_{side}_tile"])
