# SPDX-License-Identifier: Apache-2.0
"""What sparsity gains: radial at its default rounding over our own dense, against 1 ÷ density."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import falloff
from falloff.demo.kernel import compile_kernel

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
            full = falloff.load("dense").bind(**sizes)
            masks = {
                decay: falloff.load("radial", decay=decay).bind(**sizes) for decay in (1.0, 0.2)
            }
            dense = full.plan(dtype=dtype)
            plans = {decay: mask.plan(dtype=dtype) for decay, mask in masks.items()}
            for mask, plan in ((full, dense), *((masks[decay], plans[decay]) for decay in plans)):
                compile_kernel(mask, plan, q, k, v)
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
