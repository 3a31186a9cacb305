# SPDX-License-Identifier: Apache-2.0
"""Curves and their fits, as text and as an SVG file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from falloff import _picture
from falloff._decay import Curve

_WIDTH, _HEIGHT = 360, 240  # of a panel, in pixels
_LEFT, _TOP, _BOTTOM = 64, 40, 44  # of the axes in it
_INK, _MARK, _UNUSED = "#1a3e70", "#c0504d", "#bbb"


def text(curve: Curve, columns: int = 64, rows: int = 12) -> str:
    """``o`` is measured (``^`` beyond the picture), ``-`` is the fit; attention upwards, distance
    to the right."""
    last = int(curve.distance[-1])
    columns = max(min(columns, last + 1), 2)
    top = _top(curve)
    grid = [[" "] * columns for _ in range(rows)]

    def place(distance: float, value: float, mark: str) -> None:
        row = min(int(value / top * (rows - 1) + 0.5), rows - 1)
        grid[rows - 1 - row][int(distance / last * (columns - 1) + 0.5)] = mark

    inside = curve.distance[curve.fitted]
    for distance in np.linspace(inside[0], inside[-1], 4 * columns):
        place(distance, min(float(curve.fit(distance)), top), "-")
    for distance, value in zip(curve.distance, curve.attention, strict=True):
        place(distance, value, "o" if value <= top else "^")
    margin = f"{top:9.2e} |"
    lines = [
        (margin if row == 0 else " " * 10 + "|") + "".join(line) for row, line in enumerate(grid)
    ]
    lines = [line.rstrip() for line in lines]
    lines.append(f"{0:9.0f} +" + "-" * columns)
    lines.append(" " * 11 + f"0{last:>{columns - 1}}  distance, {curve.name}")
    return "\n".join(lines)


def write(path: str | os.PathLike[str], curves: Sequence[Curve]) -> None:
    """Writes an SVG with a panel a curve; ``path`` holds a whole file or what it held before."""
    given, path = os.fspath(path), Path(path)
    if path.suffix.lower() != ".svg":
        raise ValueError(f"expects a path that ends in .svg, but got '{given}'")
    _picture.write_whole(path, svg(curves).encode())


def svg(curves: Sequence[Curve]) -> str:
    width = _WIDTH * len(curves)
    panels = "".join(
        f'<g transform="translate({index * _WIDTH} 0)">{_panel(curve)}</g>\n'
        for index, curve in enumerate(curves)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" '
        f'width="{width}" height="{_HEIGHT}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="{width}" height="{_HEIGHT}" fill="#fff"/>\n{panels}</svg>\n'
    )


def _panel(curve: Curve) -> str:
    right, bottom = _WIDTH - 16, _HEIGHT - _BOTTOM
    last, top = float(curve.distance[-1]), _top(curve)

    def at(distance: float, value: float) -> tuple[float, float]:
        x = _LEFT + distance / last * (right - _LEFT)
        return x, bottom - min(value / top, 1.0) * (bottom - _TOP)

    inside = curve.distance[curve.fitted]
    line = " ".join(
        "{:.1f},{:.1f}".format(*at(distance, float(curve.fit(distance))))
        for distance in np.linspace(inside[0], inside[-1], 200)
    )
    dots = "".join(
        '<circle cx="{:.1f}" cy="{:.1f}" r="2.5" '.format(*at(distance, value))
        + f'fill="{_MARK if used else _UNUSED}"/>'
        for distance, value, used in zip(
            curve.distance.tolist(), curve.attention.tolist(), curve.fitted, strict=True
        )
    )
    fit = curve.fit
    title = f"exp(−{fit.a:.3g} x + {fit.b:.3g}), R² = {fit.r_squared:.3f}".replace("−-", "")
    return (
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="#888"/>'
        f'<polyline points="{line}" fill="none" stroke="{_INK}" stroke-width="1.5"/>{dots}'
        f'<text x="{_LEFT}" y="20">{title}</text>'
        f'<text x="{_LEFT - 6}" y="{_TOP + 4}" text-anchor="end">{top:.2g}</text>'
        f'<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">0</text>'
        f'<text x="{_LEFT}" y="{bottom + 16}" text-anchor="middle">0</text>'
        f'<text x="{right}" y="{bottom + 16}" text-anchor="end">{last:.0f}</text>'
        f'<text x="{(_LEFT + right) / 2}" y="{bottom + 32}" text-anchor="middle">'
        f"{curve.name} distance</text>"
    )


def _top(curve: Curve) -> float:
    """The scale is that of what was fitted; what lies above is drawn at the upper edge."""
    return float(curve.attention[curve.fitted].max())
