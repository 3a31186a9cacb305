# SPDX-License-Identifier: Apache-2.0
"""The recipe int8 over our own bf16: the same plan, tensors and pairs; quantising is included.

Both calls take the tensors as they are: the mean of k, rounding and packing are in the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import falloff

from .measure import Line, median_ratio, operations, processor, seconds_of, tensors

BAR = 1.15
SHAPES = ((21, 400, 15), (21, 1560, 5))  # frames, patches, repeats


def lines(quick: bool) -> Iterator[Line]:
    counts = sorted({1, min(2, processor()["threads"])})
    for frames, patches, repeats in SHAPES[: 1 if quick else None]:
        for head_dim in (128, 64):
            for threads in counts:
                for pattern in ("dense", "radial"):
                    yield _case(frames, patches, repeats, head_dim, threads, pattern)


def _case(
    frames: int, patches: int, repeats: int, head_dim: int, threads: int, pattern: str
) -> Line:
    q, k, v = tensors(frames * patches, 1, head_dim, "bf16")
    mask = falloff.load(pattern).bind(frames=frames, tokens_per_frame=patches)
    plan = mask.plan(dtype="bf16", head_dim=head_dim)

    def timed(recipe: str | None) -> float:
        call: dict[str, Any] = {"threads": threads, "recipe": recipe}
        return seconds_of(lambda: falloff.attention(q, k, v, plan, **call))

    for recipe in (None, "int8"):  # kernels are compiled before
        timed(recipe)
    ratio, _, seconds = median_ratio(lambda: timed(None), lambda: timed("int8"), repeats)
    rate = operations(plan.pairs_computed, 1, head_dim) / seconds / 1e9
    where = f"D={head_dim}, {frames * patches:,} tokens, {threads} thread{'s'[: threads - 1]}"
    name = f"{where}: {pattern}, int8 over bf16"
    return Line(name, ratio, "x", BAR, note=f"{rate:.0f} GOP/s on the pairs computed")
