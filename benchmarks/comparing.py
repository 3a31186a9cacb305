# SPDX-License-Identifier: Apache-2.0
"""Memory of `falloff compare`: at 131,040 tokens, where a map of one head would take 64 GiB."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .measure import Line

TOKENS_PER_FRAME, HEAD_DIM = 1560, 64


def lines(quick: bool) -> Iterator[Line]:
    for frames, heads in ((21, 1),) if quick else ((21, 1), (84, 1)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "qkv.npz"
            shape = (1, frames * TOKENS_PER_FRAME, heads, HEAD_DIM)
            random = np.random.default_rng(0)
            arrays = {
                n: random.standard_normal(shape, np.float32).astype(np.float16) for n in "qkv"
            }
            np.savez(path, **arrays)
            command = [sys.executable, "-m", "benchmarks.comparing", str(path), str(frames)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        yield Line(
            f"compare radial, {shape[1]:,} tokens, D={HEAD_DIM}: peak of the process",
            found["peak"],
            "MiB",
            640,
            at_most=True,
            note=f"{found['loaded']:.0f} MiB of it before anything was read",
        )


def one(path: str, frames: str) -> None:
    from falloff.cli import main

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    loaded = peak()
    size = ["--frames", frames, "--tokens-per-frame", str(TOKENS_PER_FRAME), "--set", "decay=0.2"]
    main(["compare", "radial", *size, "--qkv", path, "--dtype", "bf16"])
    print(json.dumps({"loaded": loaded, "peak": peak()}))


if __name__ == "__main__":
    one(*sys.argv[1:])
