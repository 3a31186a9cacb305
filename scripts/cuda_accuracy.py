# SPDX-License-Identifier: Apache-2.0
"""Errors of the CUDA kernels' recipes against float64: the table of docs/int8.md, in the simulator.

python scripts/cuda_accuracy.py          runs the kernels again, and writes figures and table
python scripts/cuda_accuracy.py --page   writes the table from the figures that are kept

Tensors and metrics are those of `python -m benchmarks accuracy`, of fewer tokens and one head: a
simulated device takes seconds for what a real one does in microseconds. Figures are kept in
docs/cuda-accuracy.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "python")]

PAGE = ROOT / "docs" / "int8.md"
FIGURES = ROOT / "docs" / "cuda-accuracy.json"
TOKENS = 1024
RECIPES = {"bf16": 80, "int8": 80, "int8-fp8": 89}  # by the architecture that is simulated
BEGIN, END = "<!-- cuda accuracy -->\n", "<!-- end -->"
Errors = dict[str, float]


def run(keys: str, recipe: str) -> Errors:
    """In a process with simulated devices."""
    import falloff
    import numpy as np
    from benchmarks import accuracy

    import simulated_cuda

    q, k, v = (x[:, :TOKENS, :1] for x in accuracy.tensors_of(keys))
    device = simulated_cuda.device(RECIPES[recipe])
    mask = falloff.load("dense").bind(frames=1, tokens_per_frame=TOKENS)
    plan = mask.plan(tile="1x128", tile_key="1x64")
    chosen = None if recipe == "bf16" else recipe
    on_device = [device.put(np.ascontiguousarray(x)) for x in (q, k, v)]
    out = device.empty(q.shape, q.dtype)
    size = falloff.prepare(*on_device, plan, recipe=chosen)
    workspace = device.empty((max(size, 1),), np.uint8)
    falloff.attention(*on_device, plan, out=out, recipe=chosen, workspace=workspace)
    device.synchronise()
    exact = accuracy._attention(*(x.astype(np.float64) for x in (q, k, v)))
    return accuracy.errors(out.numpy().astype(np.float64), exact)


def measure() -> dict[str, Errors]:
    from benchmarks.accuracy import KEYS

    import simulated_cuda

    with simulated_cuda.pool() as workers:
        futures = {
            f"{keys}; {recipe}": workers.submit(run, keys, recipe)
            for keys in KEYS
            for recipe in RECIPES
        }
        return {name: future.result() for name, future in futures.items()}


def page(figures: dict[str, Errors], text: str) -> str:
    """The page with the table that the figures give."""
    lines = ["| keys | arithmetic | 1 − cosine | relative L1 | RMSE |", "|---|---|---|---|---|"]
    for name, errors in figures.items():
        keys, recipe = name.split("; ")
        cells = [keys, recipe, *(f"{error:.1e}" for error in errors.values())]
        lines.append(f"| {' | '.join(cells)} |")
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        sys.exit(f"cuda-accuracy: error: expects {BEGIN.strip()} and {END} in {PAGE.name}")
    return before + BEGIN + "\n" + "\n".join(lines) + "\n\n" + END + after


def main() -> None:
    figures: Any
    if "--page" in sys.argv[1:]:
        figures = json.loads(FIGURES.read_text())
    else:
        figures = measure()
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    PAGE.write_text(page(figures, PAGE.read_text()))


if __name__ == "__main__":
    main()
