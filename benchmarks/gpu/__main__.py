# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.gpu [--quick]`: attention on a GPU, each bar beside its figure.

Writes gpu-<device>.json. Whole operations on random data: what a call allocates, quantises and
launches is in its time, making plans and kernels is not. Exits 1 if a bar was missed.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path

from ..__main__ import RESULTS, commit, show
from ..measure import Line
from .cases import Case
from .devices import Device, Gpu, Processor
from .workloads import DRY, WORKLOADS

HOW = "CUDA events around whole calls, L2 flushed before each, medians, contenders in turns"


def find_device(dry: bool) -> Device:
    if dry:
        return Processor()
    try:
        import torch
    except ImportError:
        sys.exit("benchmarks.gpu: error: expects torch for CUDA, but found no torch")
    if not torch.cuda.is_available():
        sys.exit("benchmarks.gpu: error: expects a CUDA device, but torch sees none; --dry-run")
    return Gpu()


def measured(device: Device, quick: bool, only: str) -> Iterator[Line]:
    for work in DRY if device.dry else WORKLOADS:
        if (quick and not work.quick) or only.lower() not in work.name.lower():
            continue
        case = Case(work, device)
        print(f"\n{work.name}: {case.mask.tokens:,} tokens, density {case.mask.density:.3f}")
        for line in case.lines(5 if quick else 15):
            print(show(line), flush=True)
            yield line


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--quick", action="store_true", help="one workload, few runs")
    parser.add_argument("--only", default="", metavar="TEXT", help="workloads whose name holds it")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER")
    parser.add_argument(
        "--dry-run", action="store_true", help="tiny, on the CPU, nothing is written: does it work?"
    )
    options = parser.parse_args()
    device = find_device(options.dry_run)
    facts = device.describe()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    lines = list(measured(device, options.quick, options.only))
    missed = sum(line.verdict == "MISSED" for line in lines)
    if not device.dry:
        data = {
            "date": date.today().isoformat(),
            "commit": commit(),
            "machine": facts,
            "how": HOW,
            "quick": options.quick,
            "lines": [asdict(line) | {"verdict": line.verdict} for line in lines],
        }
        name = re.sub(r"[^a-z0-9]+", "-", device.name.lower().removeprefix("nvidia ")).strip("-")
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / f"gpu-{name}.json").write_text(json.dumps(data, indent=1) + "\n")
    print(f"\n{len(lines)} lines, {missed} bars missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
