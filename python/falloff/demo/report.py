# SPDX-License-Identifier: Apache-2.0
"""What the demo shows: a table, a picture of one frame side by side."""

from __future__ import annotations

from collections.abc import Sequence
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
