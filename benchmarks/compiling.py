# SPDX-License-Identifier: Apache-2.0
"""From a linked pattern to a kernel that has run, and from a CUDA kernel's source to what NVRTC
makes of it; each in a new process."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from .measure import Line

# NVRTC: recipe, targets, and at most so many seconds to a cubin and to PTX.
_CUDA = (
    ("", ("sm_80", "sm_90", "sm_120"), 0.6, 0.3),
    ("int8", ("sm_80", "sm_90"), None, None),
    ("int8-fp8", ("sm_89", "sm_90", "sm_120"), 1.0, 0.3),
)


def lines(quick: bool) -> Iterator[Line]:
    for pattern in ("dense", "radial", "sliding_tile"):
        for dtype in ("bf16", "fp32"):
            yield Line(
                f"{pattern}, {dtype} D=128: pattern to kernel, cold",
                _median("run", [pattern, dtype], 2 if quick else 5) * 1e3,
                "ms",
                300,
                at_most=True,
            )
    for recipe, targets, to_cubin, to_ptx in _CUDA:
        for target in targets[:1] if quick else targets:
            for image, bar in (("cubin", to_cubin), ("PTX", to_ptx)):
                yield Line(
                    f"radial, {recipe or 'bf16'} D=128 {target}: source to {image}, cold",
                    _median("nvrtc", [recipe, target, image], 2 if quick else 5) * 1e3,
                    "ms",
                    None if bar is None else bar * 1e3,
                    at_most=True,
                )


def _median(what: str, arguments: list[str], runs: int) -> float:
    """Seconds that new processes print."""
    command = [sys.executable, "-m", "benchmarks.compiling", json.dumps([what, *arguments])]
    return statistics.median(
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(runs)
    )


def one(what: str, *arguments: str) -> float:
    return {"run": until_run, "nvrtc": until_compiled}[what](*arguments)


def until_run(pattern: str, dtype: str) -> float:
    """Seconds from a loaded pattern to the end of its first attention over a few tokens."""
    import falloff

    from .measure import seconds_of, tensors

    linked = falloff.load(pattern)
    axes = {axis for segment in linked.segments.values() for axis in segment}
    plane: dict[str, Any] = (
        {"height": 16, "width": 16} if "row" in axes else {"tokens_per_frame": 256}
    )
    mask = linked.bind(frames=4, **plane)
    q, k, v = tensors(mask.tokens, 1, 128, dtype)

    def first() -> None:
        falloff.attention(q, k, v, mask.plan(dtype=dtype))

    return seconds_of(first)


def until_compiled(recipe: str, target: str, image: str) -> float:
    """Seconds from a plan to an image: the source is emitted, NVRTC is loaded and compiles."""
    import falloff
    from falloff import _falloff

    from .measure import seconds_of

    mask = falloff.load("radial").bind(frames=21, height=30, width=52)
    plan = mask.plan(target=target)._impl
    choice = (target, "bf16", recipe, 128, True)
    return seconds_of(lambda: _falloff.compile_cuda(plan, *choice, ptx=image == "PTX"))


if __name__ == "__main__":
    print(one(*json.loads(sys.argv[1])))
