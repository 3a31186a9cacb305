# SPDX-License-Identifier: Apache-2.0
"""Share of the register-loop peak that attention reaches: packing included, plan and kernel made.

Shares count the pairs computed. Radial is held against dense by all pairs of the tiles it keeps:
`pairs_issued` would count ragged tiles as whole ones, and so flatter radial.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import falloff
import numpy as np
from falloff.demo.kernel import compile_kernel
from falloff.demo.reference import tiles_of

from .measure import Line, operations, peak, processor, seconds_of, tensors

#       dtype, head dimension: bar, floor in percent
BARS = {
    ("bf16", 128): (75, 65),
    ("bf16", 64): (65, 55),
    ("fp32", 128): (85, 75),
    ("fp32", 64): (78, 70),
}
SHAPES = ((21, 400, 5), (21, 1560, 3), (42, 1560, 1))  # frames, patches, repeats


def lines(quick: bool) -> Iterator[Line]:
    counts = sorted({1, min(2, processor()["threads"])})
    for frames, patches, repeats in SHAPES[: 1 if quick else None]:
        for dtype, head_dim in BARS:
            for threads in counts:
                yield from _case(frames, patches, repeats, dtype, head_dim, threads)


def _case(
    frames: int, patches: int, repeats: int, dtype: str, head_dim: int, threads: int
) -> Iterator[Line]:
    bar, floor = BARS[dtype, head_dim]
    q, k, v = tensors(frames * patches, 1, head_dim, dtype)
    plans = {}
    for name, pattern, rounding in (
        ("dense", "dense", "nearest"),
        ("radial", "radial", "nearest"),
        ("radial exact", "radial", "exact"),
    ):
        mask = falloff.load(pattern).bind(frames=frames, tokens_per_frame=patches)
        plans[name] = mask.plan(dtype=dtype, head_dim=head_dim, rounding=rounding)
        compile_kernel(mask, plans[name], q, k, v)

    def timed(plan: falloff.Plan) -> float:
        return seconds_of(lambda: falloff.attention(q, k, v, plan, threads=threads))

    shares: dict[str, list[float]] = {name: [] for name in plans}
    for _ in range(repeats):
        for name, plan in plans.items():
            before = peak(dtype, threads)
            rate = operations(plan.pairs_computed, 1, head_dim) / timed(plan)
            shares[name].append(100 * rate / max(before, peak(dtype, threads)))
    share = {name: statistics.median(values) for name, values in shares.items()}
    issued = share["radial"] * tile_pairs(plans["radial"]) / plans["radial"].pairs_computed

    where = (
        f"{dtype} D={head_dim}, {frames * patches:,} tokens, {threads} thread{'s'[: threads - 1]}"
    )
    yield Line(f"{where}: dense", share["dense"], "% of peak", bar, floor)
    yield Line(f"{where}: radial", share["radial"], "% of peak", note="pairs computed")
    yield Line(
        f"{where}: radial under dense",
        share["dense"] - issued,
        "points",
        5,
        at_most=True,
        note="all pairs of the kept tiles",
    )
    yield Line(f"{where}: radial, exact", share["radial exact"], "% of peak")


def tile_pairs(plan: falloff.Plan) -> float:
    """Pairs of the tiles that a plan keeps, border and all. Ragged tiles count as they are, since
    the kernel computes no more; `pairs_issued` counts them as whole."""
    segments = plan.as_dict()["grid"]["segments"]
    queries, keys = (
        np.bincount(np.concatenate([tiles_of(segment, side) for segment in segments]))
        for side in ("query", "key")
    )
    before = np.concatenate([[0], np.cumsum(keys)])
    rows = zip(queries, plan.rows(), strict=False)  # rows of an empty segment come last
    return float(
        sum(n * sum(before[end] - before[first] for first, end, _ in row) for n, row in rows)
    )
