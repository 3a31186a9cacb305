# SPDX-License-Identifier: Apache-2.0
"""What sparsity gains: radial at its default rounding over our own dense, against 1 ÷ density."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import falloff

from .measure import Line, seconds_of, tensors

SHAPES = ((21, 1560), (33, 3600))
HEAD_DIM = 128


def lines(quick: bool) -> Iterator[Line]:
    for frames, patches in SHAPES[: 1 if quick else None]:
        for dtype in ("bf16", "fp32"):
            q, k, v = tensors(frames * patches, 1, HEAD_DIM, dtype)

            def taken(plan: falloff.Plan, q=q, k=k, v=v) -> float:  # type: ignore[no-untyped-def]
                return seconds_of(lambda: falloff.attention(q, k, v, plan))

            sizes: dict[str, Any] = {"frames": frames, "tokens_per_frame": patches}
            dense = falloff.load("dense").bind(**sizes).plan(dtype=dtype)
            masks = {
                decay: falloff.load("radial", decay=decay).bind(**sizes) for decay in (1.0, 0.2)
            }
            plans = {decay: mask.plan(dtype=dtype) for decay, mask in masks.items()}
            _warm_up(dtype)
            before = {decay: taken(plan) for decay, plan in plans.items()}
            whole = taken(dense)
            for decay, plan in plans.items():
                sparse = (before[decay] + taken(plan)) / 2
                density = masks[decay].density
                yield Line(
                    f"{dtype} {frames} x {patches}, radial decay {decay}, density {density:.3f}",
                    whole / sparse,
                    "x dense",
                    0.75 / density,
                    note=f"dense {whole:.2f} s, radial {sparse:.2f} s",
                )


def _warm_up(dtype: str) -> None:
    """Compiles both kernels on a small clip."""
    q, k, v = tensors(4 * 256, 1, HEAD_DIM, dtype)
    for name in ("dense", "radial"):
        mask = falloff.load(name).bind(frames=4, tokens_per_frame=256)
        falloff.attention(q, k, v, mask.plan(dtype=dtype))
