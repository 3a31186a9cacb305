# SPDX-License-Identifier: Apache-2.0
"""What the demo shows: a progress bar, a table, a picture of one frame side by side."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .video import Frames, to_bytes


@dataclass(frozen=True)
class Result:
    """One row of the table. Seconds are of the whole operation, plan and kernel made beforehand."""

    name: str
    psnr: float
    ssim: float
    density: float | None = None
    pairs: int | None = None
    plan_ms: float | None = None
    seconds: float | None = None
    speedup: float | None = None
    error: float | None = None


COLUMNS = (
    ("", 7, lambda r: r.name),
    ("density", 8, lambda r: _format(r.density, ".3f")),
    ("pairs computed", 14, lambda r: _format(r.pairs, ",")),
    ("plan", 8, lambda r: _format(r.plan_ms, ".0f", " ms")),
    ("time", 8, lambda r: _format(r.seconds, ".2f", " s")),
    ("speed-up", 8, lambda r: _format(r.speedup, ".2f", "x")),
    ("PSNR", 8, lambda r: _format(r.psnr, ".2f", " dB")),
    ("SSIM", 6, lambda r: _format(r.ssim, ".3f")),
    ("max error", 9, lambda r: _format(r.error, ".1e")),
)


def _format(value: float | None, spec: str, unit: str = "") -> str:
    return "" if value is None else format(value, spec) + unit


def table(results: Sequence[Result]) -> str:
    """The results in columns, in Markdown."""
    rows = [[title for title, _, _ in COLUMNS], ["-" * width for _, width, _ in COLUMNS]]
    rows += [[text(result) for _, _, text in COLUMNS] for result in results]
    cells = (
        [cell.rjust(width) for cell, (_, width, _) in zip(row, COLUMNS, strict=True)]
        for row in rows
    )
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)


def side_by_side(clips: Sequence[Frames], frame: int, zoom: int = 2) -> NDArray[np.uint8]:
    """One frame of each clip in a row, each pixel `zoom` pixels wide and high, 8 pixels between."""
    images = [np.kron(to_bytes(clip[frame]), np.ones((zoom, zoom), np.uint8)) for clip in clips]
    gap = np.full((images[0].shape[0], 8), 255, np.uint8)
    return np.hstack([part for image in images for part in (image, gap)][:-1])


FIRST_GUESS = 3.0  # seconds


class Progress:
    """A bar over work of known size. Within a step it moves at the rate of the steps before."""

    def __init__(self, total: float) -> None:
        self.total, self.done, self.busy = total, 0.0, 0.0
        self.live = sys.stderr.isatty()
        self.begin = time.perf_counter()

    @contextmanager
    def step(self, name: str, work: float) -> Iterator[None]:
        """Draws the bar until the block ends; without a terminal, one line when it has ended."""
        rate = self.done / self.busy if self.busy else work / FIRST_GUESS
        begin, ended = time.perf_counter(), threading.Event()

        def draw() -> None:
            while not ended.wait(0.1):
                self._draw(name, min(rate * (time.perf_counter() - begin), 0.98 * work))

        painter = threading.Thread(target=draw, daemon=True)
        if self.live:
            painter.start()
        try:
            yield
        finally:
            ended.set()
            if self.live:
                painter.join()
        self.busy += time.perf_counter() - begin
        self.done += work
        self._draw(name, 0.0)
        if not self.live:
            print(file=sys.stderr, flush=True)

    def _draw(self, name: str, within: float) -> None:
        share = min((self.done + within) / self.total, 1.0)
        bar = "#" * round(share * 40)
        line = f"[{bar:<40}] {share:4.0%} {time.perf_counter() - self.begin:5.1f} s  {name:<28}"
        print("\r" * self.live + line, end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.live:
            print(file=sys.stderr, flush=True)
