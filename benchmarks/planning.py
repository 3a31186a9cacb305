# SPDX-License-Identifier: Apache-2.0
"""Time and memory of a plan: radial at its default rounding, tiles of 1 x 128 patches, one core."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from .measure import Line

#      frames, tokens per frame, rounding, tile; bar in ms; bar in MiB
CASES: tuple[tuple[int, int, str, str | None, float | None, float | None], ...] = (
    (21, 1560, "nearest", "1x128", None, None),
    (33, 3600, "nearest", "1x128", 20, None),
    (33, 3600, "nearest", None, 100, None),
    (128, 3600, "nearest", "1x128", None, None),
    (256, 4096, "nearest", "1x128", 50, 24),
    (256, 4096, "exact", "1x128", 100, 40),
)


def lines(quick: bool) -> Iterator[Line]:
    for frames, patches, rounding, tile, ms, mib in CASES[: 3 if quick else None]:
        case = json.dumps([frames, patches, rounding, tile])
        command = [sys.executable, "-m", "benchmarks.planning", case]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        result = json.loads(done.stdout)
        name = f"plan of {frames * patches:,} tokens, {rounding}, {tile or 'tile searched'}"
        note = f"{result['runs']:,} runs of tiles; the first plan {result['first_ms']:.2g} ms"
        yield Line(f"{name}: time", result["ms"], "ms", ms, at_most=True, note=note)
        yield Line(f"{name}: memory", result["mib"], "MiB", mib, at_most=True)


def one(frames: int, patches: int, rounding: str, tile: str | None) -> dict[str, Any]:
    """In a process of its own, on one core: the memory of a plan, then its best time of 5."""
    import falloff

    from .measure import seconds_of

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    pattern = falloff.load("radial")
    pattern.bind(frames=2, tokens_per_frame=256).plan()  # libraries touched once
    mask = pattern.bind(frames=frames, tokens_per_frame=patches)
    plans: list[falloff.Plan] = []
    ctypes.CDLL(None).malloc_trim(0)  # or the plan could hide in memory that was freed before
    before = _memory("VmRSS", reset_peak=True)
    first = seconds_of(lambda: plans.append(mask.plan(tile=tile, rounding=rounding))) * 1e3
    mib = (_memory("VmHWM") - before) / 1024
    plan = plans.pop()
    runs = sum(len(row) for row in plan.rows())
    del plan
    ms = min(seconds_of(lambda: mask.plan(tile=tile, rounding=rounding)) for _ in range(5)) * 1e3
    return {"ms": ms, "first_ms": first, "mib": mib, "runs": runs}


def _memory(field: str, reset_peak: bool = False) -> int:
    """A line of /proc/self/status, in KiB."""
    if reset_peak:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field))


if __name__ == "__main__":
    print(json.dumps(one(*json.loads(sys.argv[1]))))
