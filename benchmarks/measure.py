# SPDX-License-Identifier: Apache-2.0
"""What the figures share: lines of the table with their bars, the machine, and timing.

Times on a shared machine drift, so nothing here compares two times taken far apart: contenders run
in turns, and a figure is the median of the ratios of neighbours.
"""

from __future__ import annotations

import ctypes
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

BUILD = Path(os.environ.get("FALLOFF_BUILD", "build/release"))


@dataclass(frozen=True)
class Line:
    """One measured number. `bar` is what it must reach (`at_most`: stay under); None: reported."""

    what: str
    value: float
    unit: str
    bar: float | None = None
    floor: float | None = None  # short of `bar` but past this: acceptable
    at_most: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.bar is None:
            return ""
        sign = -1 if self.at_most else 1
        if sign * self.value >= sign * self.bar:
            return "ok"
        short = self.floor is not None and sign * self.value >= sign * self.floor
        return "short" if short else "MISSED"


@cache
def processor() -> dict[str, Any]:
    """Model, kind and number of processors that this process may use."""
    fields: dict[str, str] = {}
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else []:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    amd = fields.get("vendor_id") == "AuthenticAMD"
    wide = "avx512_bf16" in fields.get("flags", "")
    kinds = {"25": "Zen 4", "26": "Zen 5"} if amd and wide else {}
    return {
        "model": fields.get("model name", "unknown"),
        "kind": kinds.get(fields.get("cpu family", ""), "other"),
        "threads": len(os.sched_getaffinity(0)),
    }


@cache
def _peak_library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(BUILD / "lib" / "libfalloff-peak.so"))
    library.falloffPeak.restype = ctypes.c_double
    library.falloffPeak.argtypes = [ctypes.c_int64, ctypes.c_int]
    return library


def peak(dtype: str, threads: int, seconds: float = 0.15) -> float:
    """Operations a second of the register loop of peak.c on so many threads at once."""
    loop = _peak_library().falloffPeak
    rounds = int(seconds * 3e9 / 14)

    def one(_: int) -> float:
        return float(loop(rounds, dtype == "bf16"))

    with ThreadPoolExecutor(threads) as pool:
        begin = time.perf_counter()
        total = sum(pool.map(one, range(threads)))
        return total / (time.perf_counter() - begin)


def seconds_of(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def median_ratio(
    above: Callable[[], float], below: Callable[[], float], repeats: int
) -> tuple[float, float, float]:
    """The two measured in turns: (median of above ÷ below, median above, median below)."""
    pairs = [(above(), below()) for _ in range(repeats)]
    ratio = statistics.median(a / b for a, b in pairs)
    return ratio, statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def tensors(
    tokens: int, heads: int, head_dim: int, dtype: str, count: int = 3, seed: int = 0
) -> Sequence[Any]:
    """q, k, v in BSHD of normal numbers, with one batch entry; fp32 or bf16 (ml_dtypes)."""
    random = np.random.default_rng(seed)
    kind = ml_dtypes.bfloat16 if dtype == "bf16" else np.float32
    shape = (1, tokens, heads, head_dim)
    return [random.standard_normal(shape, np.float32).astype(kind) for _ in range(count)]


def operations(pairs: float, heads: int, head_dim: int) -> float:
    """Operations of attention over `pairs` a head: two products, each a multiply and an add."""
    return pairs * heads * 4 * head_dim
