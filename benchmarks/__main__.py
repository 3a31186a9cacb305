# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks [FIGURE…] [--quick]`: measures, prints each bar beside its figure.

Writes benchmarks/results/FIGURE.json. Exits 1 if a bar was missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from datetime import date
from importlib import import_module
from pathlib import Path

from .measure import Line, processor

FIGURES = (
    "planning",
    "kernels",
    "int8",
    "accuracy",
    "peers",
    "sparsity",
    "compiling",
    "comparing",
    "runtime",
)
RESULTS = Path(__file__).parent / "results"


def show(line: Line) -> str:
    sign = "<=" if line.at_most else ">="
    bar = "" if line.bar is None else f"{sign} {line.bar:.4g}"
    text = (
        f"{line.what:<62} {line.value:9.4g} {line.unit:<9} {bar:>9}  {line.verdict:<6} {line.note}"
    )
    return text.rstrip()


def commit() -> str:
    """The commit that is measured: of this repository, or as a bundle for GPU machines says."""
    packed = RESULTS.parent.parent / "COMMIT"
    if packed.exists():
        return packed.read_text().strip()
    command = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(command, cwd=RESULTS.parent, capture_output=True, text=True, check=False)
    return found.stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(FIGURES))
    parser.add_argument("--quick", action="store_true", help="the smallest sizes only")
    options = parser.parse_args()
    unknown = set(options.figures) - set(FIGURES)
    if unknown:
        parser.error(f"expects figures of {', '.join(FIGURES)}, but got {', '.join(unknown)}")

    os.environ["FALLOFF_DISABLE_CACHE"] = "1"  # of the figures, `runtime` alone is about caches
    machine = processor()
    print(f"{machine['model']} ({machine['kind']}), {machine['threads']} threads")
    missed = short = 0
    for figure in options.figures or FIGURES:
        print(
            f"\n{figure}: {(import_module(f'benchmarks.{figure}').__doc__ or '').splitlines()[0]}"
        )
        lines = []
        for line in import_module(f"benchmarks.{figure}").lines(options.quick):
            print(show(line), flush=True)
            lines.append(line)
        missed += sum(line.verdict == "MISSED" for line in lines)
        short += sum(line.verdict == "short" for line in lines)
        RESULTS.mkdir(exist_ok=True)
        rows = [asdict(line) | {"verdict": line.verdict} for line in lines]
        data = {
            "date": date.today().isoformat(),
            "commit": commit(),
            "machine": machine,
            "quick": options.quick,
            "lines": rows,
        }
        (RESULTS / f"{figure}.json").write_text(json.dumps(data, indent=1) + "\n")
    print(f"\n{missed} bars missed, {short} short of the bar but above its floor")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
