# SPDX-License-Identifier: Apache-2.0
"""From a linked pattern to a kernel that has run, in a new process with its libraries loaded."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from .measure import Line


def lines(quick: bool) -> Iterator[Line]:
    for pattern in ("dense", "radial", "sliding_tile"):
        for dtype in ("bf16", "fp32"):
            case = json.dumps([pattern, dtype])
            command = [sys.executable, "-m", "benchmarks.compiling", case]
            runs = [
                float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                for _ in range(2 if quick else 5)
            ]
            yield Line(
                f"{pattern}, {dtype} D=128: pattern to kernel, cold",
                statistics.median(runs) * 1e3,
                "ms",
                300,
                at_most=True,
            )


def one(pattern: str, dtype: str) -> float:
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


if __name__ == "__main__":
    print(one(*json.loads(sys.argv[1])))
