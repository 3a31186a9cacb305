# SPDX-License-Identifier: Apache-2.0
"""The machine that is measured, its bars, and times on it.

On a GPU times are CUDA events around the whole operation: what it allocates, quantises and launches
is inside. Before each run a buffer larger than the L2 cache is written, so that runs begin with
nothing of theirs in it. Contenders take turns, and a time is the median of a contender's runs.

`Processor` stands in for a GPU in dry runs: it says that the program works, and measures nothing.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

from falloff import _falloff

# FlashAttention-2's published forward rate, head dimension 128, bf16, TFLOP/s: (devices' names,
# compute capability, rate). A bar is nine tenths of it.
FLASH_ATTENTION_2 = [
    (("A100",), 80, 230.0),
    (("RTX 4090",), 89, 164.0),
    (("H100", "H200", "H800", "GH200"), 90, 340.0),
]
SHARE_OF_PUBLISHED = 0.9
# Radial over compiled FlexAttention on the same pairs, by compute capability.
OVER_FLEX = {80: 1.2, 89: 1.2, 90: 1.0, 120: 1.2}


class Gpu:
    kind = "cuda"
    dry = False

    def __init__(self) -> None:
        import torch

        self.torch = torch
        self.properties = torch.cuda.get_device_properties(0)
        self.name: str = self.properties.name
        self.architecture = 10 * self.properties.major + self.properties.minor
        self.target = _falloff.cuda_target(0)  # of which kernels it takes: sm_86 for 8.7
        self.flush = torch.empty(2 * self.properties.L2_cache_size, dtype=torch.int8, device="cuda")

    def describe(self) -> dict[str, Any]:
        query = ["nvidia-smi", "--query-gpu=driver_version,power.limit", "--format=csv,noheader"]
        shown = subprocess.run(query, capture_output=True, text=True, check=False).stdout
        driver, _, power = shown.splitlines()[0].partition(", ") if shown else ("", "", "")
        return {
            "gpu": self.name,
            "compute_capability": self.architecture / 10,
            "multiprocessors": self.properties.multi_processor_count,
            "memory_gib": round(self.properties.total_memory / 2**30, 1),
            "l2_mib": self.properties.L2_cache_size / 2**20,
            "power_limit": power.strip(),
            "driver": driver.strip(),
            "torch": self.torch.__version__,
            "cuda": self.torch.version.cuda,
            "cudnn": self.torch.backends.cudnn.version(),
        }

    def published(self) -> float | None:
        """FlashAttention-2's published rate on such a device."""
        for names, architecture, rate in FLASH_ATTENTION_2:
            if architecture == self.architecture and any(n in self.name for n in names):
                return rate
        return None

    def over_flex(self) -> float | None:
        return OVER_FLEX.get(self.architecture)

    def times(self, calls: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
        """Median seconds of each, in turns, with a cold L2. The first two runs do not count."""
        cuda = self.torch.cuda
        found: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(repeats + 2):
            for name, call in calls.items():
                begin, end = (cuda.Event(enable_timing=True) for _ in range(2))
                self.flush.zero_()
                begin.record()
                call()
                end.record()
                end.synchronize()
                found[name].append(begin.elapsed_time(end) / 1e3)
        return {name: statistics.median(values[2:]) for name, values in found.items()}


class Processor:
    kind = "cpu"
    dry = True
    name = "dry run"
    target = "cpu"
    architecture = 0

    def describe(self) -> dict[str, Any]:
        return {"gpu": "none: a dry run"}

    def published(self) -> float | None:
        return None

    def over_flex(self) -> float | None:
        return None

    def times(self, calls: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
        found = {}
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            found[name] = time.perf_counter() - begin
        return found


Device = Gpu | Processor
