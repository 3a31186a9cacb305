# SPDX-License-Identifier: Apache-2.0
"""Compiling a kernel before it is timed."""

from __future__ import annotations

from typing import Any

import falloff


def compile_kernel(mask: falloff.Mask, plan: falloff.Plan, q: Any, k: Any, v: Any) -> None:
    """Runs one query, in BSHD, through tiles like those of `plan`, which takes the same kernel."""
    segments = [
        segment for segment in plan.as_dict()["grid"]["segments"] if all(segment["extents"])
    ]
    tiles: dict[str, Any] = {
        f"tile_{side}": {segment["name"]: segment[f"{side}_tile"] for segment in segments}
        for side in ("query", "key")
    }
    few = mask.slice(queries=(0, 1)).plan(**tiles, rounding=plan.as_dict()["rounding"])
    falloff.attention(q[:, :1], k, v, few)
