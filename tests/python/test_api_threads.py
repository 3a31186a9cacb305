# SPDX-License-Identifier: Apache-2.0
"""Patterns, masks and plans shared by threads of Python."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import falloff
import numpy as np

THREADS = 8


def together(work: Callable[[int], object]) -> list[object]:
    """Runs `work` with 0, 1, ... in threads that begin at the same time."""
    barrier = threading.Barrier(THREADS)

    def run(index: int) -> object:
        barrier.wait()
        return work(index)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def test_one_pattern_is_bound_by_many() -> None:
    pattern = falloff.load("radial", decay=0.5)

    def work(index: int) -> bool:
        sizes = {"frames": 2 + index % 4, "tokens_per_frame": 9 + index}
        mask = pattern.bind(**sizes)
        own = falloff.load("radial", decay=0.5).bind(**sizes)
        exact = mask.plan(rounding="exact", tile="1x4").to_dense()
        return bool((mask.to_dense() == own.to_dense()).all() and (exact == own.to_dense()).all())

    for _ in range(5):
        assert all(together(work))


def test_one_mask_is_asked_by_many() -> None:
    mask = falloff.load("sparse_videogen").bind(
        frames=4, tokens_per_frame=10, text=3, places=2, kind=["spatial", "temporal"]
    )
    dense = [mask.to_dense(head=head) for head in (0, 1)]
    plan = mask.plan().json()

    def work(index: int) -> bool:
        head = index % 2
        for query in range(0, mask.tokens, 5):
            for key in range(mask.tokens):
                if mask.contains(query, key, head=head) != dense[head][query, key]:
                    return False
        return mask.plan().json() == plan and "mask.pattern" in mask.print("mask")

    assert all(together(work))


def test_errors_stay_with_their_thread(tmp_path: Path) -> None:
    def work(index: int) -> bool:
        path = tmp_path / f"bad{index}.mlir"
        path.write_text("\n" * index + f"mask.pattern @bad{index} over (%token: ?) {{ keep %a }}\n")
        for _ in range(20):
            try:
                falloff.load(path)
            except falloff.CompileError as error:
                if (error.file, error.line) != (str(path), index + 1):
                    return False
            else:
                return False
        return True

    assert all(together(work))


def test_others_run_while_a_kernel_does() -> None:
    mask = falloff.load("dense").bind(frames=1, tokens_per_frame=4096)
    q = np.ones((1, 4096, 1, 64), np.float32)
    falloff.attention(q, q, q, mask, threads=1)
    worker = threading.Thread(
        target=lambda: [falloff.attention(q, q, q, mask, threads=1) for _ in range(3)]
    )
    ticks = 0
    worker.start()
    while worker.is_alive():
        time.sleep(0.001)
        ticks += 1
    worker.join()
    assert ticks > 5, "the interpreter was locked"
