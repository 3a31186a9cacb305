# SPDX-License-Identifier: Apache-2.0
"""How attention falls off with distance: means by distance in time and in space, and exp(−a·x + b)
fitted to them, as in the figure of Li et al. 2025 (arXiv 2506.19852) that radial attention rests
on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = Iterator[tuple[NDArray[np.int64], Array]]
"""Some queries, counted over the video's tokens, and their attention (queries, video tokens)."""


@dataclass(frozen=True)
class Video:
    """Where the tokens of a video lie: frames in order, patches row-major in each.

    ``rows`` and ``columns`` are of a frame; with one row the patches are a line. ``first`` is the
    number of the video's first token and ``tokens`` counts all of the sequence, text included.
    """

    frames: int
    rows: int
    columns: int
    first: int
    tokens: int

    @property
    def patches(self) -> int:
        return self.rows * self.columns

    def spatial_distance(self, patches: NDArray[np.int64]) -> NDArray[np.int64]:
        """From some patches to every patch of a frame: |k − l| on a line; in a grid of rows and
        columns the length of the way as the crow flies, rounded. (patches given, patches)"""
        if self.rows == 1:
            return np.asarray(np.abs(patches[:, None] - np.arange(self.patches)), np.int64)
        row, column = np.divmod(np.arange(self.patches), self.columns)
        down = patches[:, None] // self.columns - row
        right = patches[:, None] % self.columns - column
        return np.rint(np.hypot(down, right)).astype(np.int64)


@dataclass(frozen=True)
class Fit:
    """exp(−a·x + b) by least squares: the sum of squared differences of attention itself (not of
    its logarithm) is least. R² is 1 − that sum ÷ the sum about the mean; NaN where nothing
    varies."""

    a: float
    b: float
    r_squared: float

    def __call__(self, distance: Array) -> Array:
        return np.exp(self.b - self.a * distance)


@dataclass(frozen=True)
class Curve:
    """Mean attention by distance, over all sampled queries and all their keys at that distance,
    and its fit over the distances ``fitted``."""

    name: str
    distance: NDArray[np.int64]
    attention: Array
    fitted: NDArray[np.bool_]
    fit: Fit

    def as_dict(self) -> dict[str, Any]:
        fit, finite = self.fit, math.isfinite(self.fit.r_squared)
        return {
            "a": fit.a,
            "b": fit.b,
            "r_squared": fit.r_squared if finite else None,
            "distance": self.distance.tolist(),
            "attention": self.attention.tolist(),
            "fitted": self.fitted.tolist(),
        }


def measure(rows: Rows, video: Video) -> tuple[Array, Array]:
    """Mean attention by distance in time (at the query's own place, distances 0 to frames − 1) and
    by distance in space (in the query's own frame); NaN at distances that do not occur."""
    patches = video.patches
    farthest = int(video.spatial_distance(np.array([0])).max()) + 1
    sums = [np.zeros(video.frames), np.zeros(farthest)]
    counts = [np.zeros(video.frames), np.zeros(farthest)]
    for queries, attention in rows:
        frame, patch = np.divmod(queries, patches)
        cube = attention.reshape(len(queries), video.frames, patches)
        each = np.arange(len(queries))
        ways = (
            (np.abs(frame[:, None] - np.arange(video.frames)), cube[each, :, patch]),
            (video.spatial_distance(patch), cube[each, frame]),
        )
        for way, (distance, values) in enumerate(ways):
            size = len(sums[way])
            sums[way] += np.bincount(distance.ravel(), values.ravel(), size)
            counts[way] += np.bincount(distance.ravel(), minlength=size)
    with np.errstate(invalid="ignore"):
        return sums[0] / counts[0], sums[1] / counts[1]


def fit_curve(name: str, attention: Array, nearest: int, farthest: int | None) -> Curve | None:
    """Fits the distances from ``nearest`` to ``farthest`` (None: all); None if fewer than three
    occur, since two points fit any curve of two parameters."""
    distance = np.flatnonzero(~np.isnan(attention))
    values = attention[distance]
    fitted = distance >= nearest
    if farthest is not None:
        fitted &= distance <= farthest
    if np.count_nonzero(fitted) < 3:
        return None
    fit = fit_exponential(distance[fitted].astype(np.float64), values[fitted])
    return Curve(name, distance, values, fitted, fit)


def fit_exponential(x: Array, y: Array) -> Fit:
    """exp(−a·x + b) nearest to y ≥ 0 in the sense of ``Fit``.

    For a given rate the best factor is a quotient of two sums, so the search is over the rate
    alone: over a grid first, since there may be several valleys, then by golden section.
    """
    x, start, span = x - x.min(), float(x.min()), float(np.ptp(x))
    top = float(y.max())
    if top == 0:
        raise ValueError("expects attention above 0 at the distances to fit, but got 0 at all")
    scaled = y / top

    def factor(rate: float) -> tuple[float, Array]:
        """Of a curve that is at most 1 over the distances, so that nothing overflows."""
        shape = np.exp(-rate * (x if rate >= 0 else x - span))
        return float(scaled @ shape / (shape @ shape)), shape

    def error(rate: float) -> float:
        best, shape = factor(rate)
        return float(np.square(scaled - best * shape).sum())

    steps = np.geomspace(1e-4, 700, 400) / span  # from nearly flat to gone after one step
    grid = np.concatenate([-steps[::-1], [0.0], steps])
    least = int(np.argmin([error(rate) for rate in grid]))
    low, high = grid[max(least - 1, 0)], grid[min(least + 1, len(grid) - 1)]
    rate = _golden_section(error, float(low), float(high))
    best, _ = factor(rate)
    best = max(best, np.finfo(np.float64).tiny)
    offset = math.log(best) + math.log(top) + rate * (start if rate >= 0 else start + span)
    about_mean = float(np.square(scaled - scaled.mean()).sum())
    return Fit(rate, offset, 1 - error(rate) / about_mean if about_mean else math.nan)


def _golden_section(error: Callable[[float], float], low: float, high: float) -> float:
    """Where a function of one valley is least, to the precision that its values allow."""
    ratio = (math.sqrt(5) - 1) / 2
    inner = [high - ratio * (high - low), low + ratio * (high - low)]
    values = [error(rate) for rate in inner]
    while high - low > 1e-10 * max(abs(low), abs(high)):
        if values[0] <= values[1]:
            high, inner[1], values[1] = inner[1], inner[0], values[0]
            inner[0] = high - ratio * (high - low)
            values[0] = error(inner[0])
        else:
            low, inner[0], values[0] = inner[0], inner[1], values[1]
            inner[1] = low + ratio * (high - low)
            values[1] = error(inner[1])
    return (low + high) / 2
