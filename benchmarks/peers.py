# SPDX-License-Identifier: Apache-2.0
"""Against torch on the same tensors: dense against SDPA, radial against compiled FlexAttention.

FlexAttention gets the same pairs (rounding `exact`) as a mask and its blocks beforehand; results
are compared before times are. Its block mask takes long to make: that is printed beside our plan.

The bar over FlexAttention, 7 on Zen 5, is one of bf16. It has none in float32, where no kernel
could meet it: FlexAttention reaches 103 to 115 GFLOP/s on the kept blocks there, and seven times
that is more than the 576 GFLOP/s of the processor's own peak.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import falloff

from .measure import Line, median_ratio, processor, seconds_of

HEADS, HEAD_DIM = 2, 128
FACTOR = {"Zen 5": 1.0, "Zen 4": 0.5}.get(processor()["kind"])  # of the bars; None: only reported
SHAPES = ((21, 400), (12, 1440))  # frames, patches: 8,400 and 17,280 tokens


def bar(on_zen_5: float) -> float | None:
    return None if FACTOR is None else on_zen_5 * FACTOR


def lines(quick: bool) -> Iterator[Line]:
    import torch

    torch.set_num_threads(processor()["threads"])
    repeats = 3 if quick else 5
    for frames, patches in SHAPES[: 1 if quick else None]:
        for name, dtype, over_sdpa in (("bf16", torch.bfloat16, 3.5), ("fp32", torch.float32, 1.8)):
            shape = (1, HEADS, frames * patches, HEAD_DIM)
            torch.manual_seed(0)
            q, k, v = (torch.randn(shape).to(dtype) for _ in range(3))
            where = f"{name} {frames * patches:,} tokens"
            yield _sdpa(where, q, k, v, name, over_sdpa, repeats)
            if shutil.which("g++"):
                yield from _flex(where, q, k, v, name, frames, patches, repeats)
            else:
                print("compiled FlexAttention needs g++, which is not here: not measured")


def _sdpa(where: str, q: Any, k: Any, v: Any, dtype: str, over_sdpa: float, repeats: int) -> Line:
    from torch.nn.functional import scaled_dot_product_attention

    plan = falloff.load("dense").bind(frames=1, tokens_per_frame=q.shape[2]).plan(dtype=dtype)

    def theirs() -> Any:
        return scaled_dot_product_attention(q, k, v)

    def ours() -> Any:
        return falloff.attention(q, k, v, plan, layout="BHSD")

    _compare(ours(), theirs(), where)
    ratio, slow, fast = median_ratio(lambda: seconds_of(theirs), lambda: seconds_of(ours), repeats)
    note = f"torch {slow:.3f} s, Falloff {fast:.3f} s"
    return Line(f"{where}: dense over torch SDPA", ratio, "x", bar(over_sdpa), note=note)


def _flex(
    where: str, q: Any, k: Any, v: Any, dtype: str, frames: int, patches: int, repeats: int
) -> Iterator[Line]:
    import torch
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    tokens = frames * patches
    mask_mod = radial_mask_mod(patches)
    blocks: list[Any] = []
    making = seconds_of(
        lambda: blocks.append(create_block_mask(mask_mod, None, None, tokens, tokens, device="cpu"))
    )
    compiled = torch.compile(flex_attention, dynamic=False)
    mask = falloff.load("radial").bind(frames=frames, tokens_per_frame=patches)
    plans: list[falloff.Plan] = []
    planning = seconds_of(lambda: plans.append(mask.plan(rounding="exact", dtype=dtype)))

    def theirs() -> Any:
        return compiled(q, k, v, block_mask=blocks[0])

    def ours() -> Any:
        return falloff.attention(q, k, v, plans[0], layout="BHSD")

    _compare(ours(), theirs(), where)
    ratio, slow, fast = median_ratio(lambda: seconds_of(theirs), lambda: seconds_of(ours), repeats)
    note = f"torch {slow:.3f} s, Falloff {fast:.3f} s, density {mask.density:.3f}"
    over_flex = bar(7.0) if dtype == "bf16" else None
    yield Line(f"{where}: radial over FlexAttention", ratio, "x", over_flex, note=note)
    yield Line(f"{where}: FlexAttention's block mask", making * 1e3, "ms", note="not compiled")
    yield Line(f"{where}: our plan", planning * 1e3, "ms")


def radial_mask_mod(patches: int) -> Callable[[Any, Any, Any, Any], Any]:
    """Eq. 4 of radial attention at decay 1 with one sink frame, in torch's terms."""
    import torch

    def mask_mod(b: Any, h: Any, q: Any, k: Any) -> Any:
        distance = (q // patches - k // patches).abs()
        power = torch.ones_like(distance)
        for exponent in range(1, 8):  # to 128 frames
            power = torch.where(distance >= 2**exponent, 2**exponent, power)
        width = (patches // power).clamp(min=1) - 1
        beat = distance % ((power + patches - 1) // patches) == 0
        rays = ((q % patches - k % patches).abs() <= width) & beat
        return rays | (distance <= 1) | (k < patches)

    return mask_mod


def _compare(ours: Any, theirs: Any, where: str) -> None:
    worst = float((ours.float() - theirs.float()).abs().max())
    if not worst < 2e-2:
        raise SystemExit(f"{where}: results differ by {worst:g}, so times mean nothing")
