# SPDX-License-Identifier: Apache-2.0
"""The caches: look-ups, kernels from disk in a new process, plans at new sizes, memory.

Every process here has a cache of its own, never the user's.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .measure import BUILD, Line

PROGRAM = BUILD / "bin" / "falloff-bench-cache"
PATTERNS = Path(__file__).resolve().parent.parent / "patterns"

#     frames, tokens per frame, tile, rounding
FILES: tuple[tuple[int, int, str, str], ...] = (
    (21, 1560, "1x128", "nearest"),
    (33, 3600, "1x128", "nearest"),
    (33, 3600, "", "nearest"),
    (256, 4096, "1x128", "nearest"),
    (256, 4096, "1x128", "exact"),
)


def lines(quick: bool) -> Iterator[Line]:
    with tempfile.TemporaryDirectory(prefix="falloff-bench-") as folder:
        yield from _look_ups(folder)
        yield from _kernels(folder, 3 if quick else 9)
        yield from _new_size(folder, 3 if quick else 9)
        yield from _files(folder, FILES[:3] if quick else FILES)
        if not quick:
            yield from _memory(folder)


def _look_ups(folder: str) -> Iterator[Line]:
    found = _run(folder, PROGRAM, "look-ups", PATTERNS)
    names = {
        "value": "look-up in the memory cache",
        "plan": "mask.plan() of a plan that is there",
        "kernel": "kernel that is there",
        "functor": "functor that is there, key and all",
    }
    for name, what in names.items():
        for threads in (1, 2, 16):
            among = "one thread" if threads == 1 else f"{threads} threads at once"
            us = found[f"{name}_{threads}"] / 1e3
            yield Line(f"{what}, {among}", us, "µs", 2, at_most=True, note="of a processor")


def _kernels(folder: str, repeats: int) -> Iterator[Line]:
    for dtype in ("bf16", "fp32"):
        command = (PROGRAM, "load", PATTERNS, "radial", dtype)
        cold = _run(folder, *command)
        warm = [_run(folder, *command) for _ in range(repeats)]
        for kernel in ("step", "functor"):
            ms = statistics.median(run[kernel] for run in warm)
            first = "the first of its process" if kernel == "step" else "the second"
            compiled = cold[kernel]
            note = f"{first}; compiled: {compiled:.0f} ms" if compiled > 2 * ms else first
            yield Line(
                f"radial's {kernel}, {dtype}, from disk", ms, "ms", 10, at_most=True, note=note
            )


def _new_size(folder: str, repeats: int) -> Iterator[Line]:
    """In a process that has planned another size before."""
    runs = [
        _run(folder, sys.executable, "-m", "benchmarks.runtime", "size") for _ in range(repeats)
    ]
    what = "plan of 118,800 tokens, tile 1x128, at a new size"
    note = f"binding before: {statistics.median(run['bind'] for run in runs):.2g} ms"
    ms = statistics.median(run["plan"] for run in runs)
    yield Line(what, ms, "ms", 20, at_most=True, note=note)


def _files(folder: str, cases: tuple[tuple[int, int, str, str], ...]) -> Iterator[Line]:
    """What a plan costs to make, and what to read: whether a file pays."""
    for frames, patches, tile, rounding in cases:
        found = _run(folder, PROGRAM, "plan", PATTERNS, frames, patches, tile, rounding)
        size = f"{found['bytes'] / (1 << 20):.2g} MiB, written in {found['write']:.2g} ms"
        name = f"{frames * patches:,} tokens, {rounding}, {tile or 'tile searched'}"
        yield Line(f"plan of {name}: made", found["plan"], "ms")
        ratio = found["read"] / found["plan"]
        yield Line(f"plan of {name}: read ÷ made", ratio, "", 1, at_most=True, note=size)


def _memory(folder: str) -> Iterator[Line]:
    found = _run(folder, sys.executable, "-m", "benchmarks.runtime", "memory")
    note = f"{found['made']:.0f} MiB of plans were made; the cache's bound is 256"
    yield Line("memory that plans leave behind", found["kept"], "MiB", 320, at_most=True, note=note)


def _run(folder: str, *command: object) -> dict[str, Any]:
    environment = os.environ | {"FALLOFF_CACHE_DIR": folder, "FALLOFF_DISABLE_CACHE": "0"}
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def one_size() -> dict[str, float]:
    """Milliseconds to bind a size that this process has not seen, and to plan it."""
    import falloff

    from .measure import seconds_of

    pattern = falloff.load("radial")
    pattern.bind(frames=21, tokens_per_frame=1560).plan(tile="1x128")
    masks: list[falloff.Mask] = []
    size = {"frames": 33, "tokens_per_frame": 3600}
    bind = seconds_of(lambda: masks.append(pattern.bind(**size)))
    plan = seconds_of(lambda: masks[0].plan(tile="1x128"))
    return {"bind": bind * 1e3, "plan": plan * 1e3}


def memory() -> dict[str, float]:
    """MiB that a process keeps after it made many large plans and holds none of them."""
    import falloff

    pattern = falloff.load("radial")
    pattern.bind(frames=2, tokens_per_frame=256).plan()
    before, made = _resident(), 0
    for frames in range(200, 230):
        plan = pattern.bind(frames=frames, tokens_per_frame=4096).plan(
            tile="1x128", rounding="exact"
        )
        made += 8 * sum(len(table.runs) for table in plan._impl.tables)
        del plan
    return {"kept": _resident() - before, "made": made / (1 << 20)}


def _resident() -> float:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    print(json.dumps(one_size() if sys.argv[1] == "size" else memory()))
