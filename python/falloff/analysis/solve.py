# SPDX-License-Identifier: Apache-2.0
"""Which value of a parameter gives a density or a speed-up: a monotone search."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from falloff._mask import Mask
from falloff._pattern import Pattern
from falloff._values import suggestion, to_json, to_text
from falloff.analysis.steps import Step, silent
from falloff.errors import CompileError

Bind = Callable[[float], Mask]
"""The mask that a value of the parameter gives; CompileError for values it does not take."""

_LIMIT = 2.0**24  # of values tried
_CLOSE = 1e-7  # values so near, relative to 1 or the larger, are neighbours
_SAMPLES = 16  # densities looked at before a parameter counts as monotone

# Of the work.
_RANGE_SHARE, _SAMPLES_SHARE, _SEARCH_SHARE, _DIGITS_SHARE = 0.2, 0.1, 0.6, 0.1


@dataclass(frozen=True)
class Point:
    """A value and what it gives: density of the mask, and predicted gain of attention (all pairs
    over the pairs issued; infinite where none is), which is None where a density was asked for."""

    value: float
    density: float
    speedup: float | None = None

    def as_dict(self) -> dict[str, Any]:
        finite = self.speedup is not None and math.isfinite(self.speedup)
        return {
            "value": to_json(self.value),
            "density": self.density,
            "speedup": self.speedup if finite else None,
        }


@dataclass(frozen=True)
class Solution:
    """The value found, and the nearest value whose mask lies on the other side of the target; None
    where what was found is at the end of what the parameter can do. ``range`` is all that it can
    do, from its sparsest mask to its densest."""

    parameter: str
    target: dict[str, float]
    found: Point
    other: Point | None
    range: tuple[Point, Point]

    def as_dict(self) -> dict[str, Any]:
        return {
            "parameter": self.parameter,
            "target": self.target,
            **self.found.as_dict(),
            "sparsity": 1.0 - self.found.density,
            "other_side": None if self.other is None else self.other.as_dict(),
            "range": [point.as_dict() for point in self.range],
        }


def parameter_of(pattern: Pattern, name: str | None = None) -> tuple[str, bool]:
    """Which parameter to solve for, and whether its values are whole numbers.

    Without a name it is ``decay``, or the only number there is. Raises ValueError where that does
    not say which, or the parameter is no number.
    """
    kinds = {info.name: info.kind for info in pattern._impl.parameters}
    numbers = [each for each, kind in kinds.items() if kind in ("real", "count")]
    if name is None:
        if "decay" in numbers:
            name = "decay"
        elif len(numbers) == 1:
            name = numbers[0]
        else:
            what = f"has {', '.join(numbers)}" if numbers else "has none"
            raise ValueError(
                f"expects a parameter that is a number to solve for, but @{pattern.name} {what}"
                + ("; name one of them" if numbers else "")
            )
    if to_text("parameter", name) not in kinds:
        raise ValueError(
            f"expects a parameter of @{pattern.name}, but got '{name}'{suggestion(name, kinds)}"
        )
    if name not in numbers:
        raise ValueError(f"expects a parameter that is a number, but '{name}' is {kinds[name]}")
    return name, kinds[name] == "count"


def solve(
    bind: Bind,
    *,
    parameter: str = "decay",
    whole: bool = False,
    density: float | None = None,
    speedup: float | None = None,
    step: Step = silent,
    **plan_options: Any,
) -> Solution:
    """The value of a parameter whose mask comes nearest a density, or whose plan comes nearest a
    predicted gain of attention.

    ``bind`` makes the mask of a value; ``whole`` says that values are whole numbers. Values from 0
    to 2^24 are tried. A mask changes in steps, so what is found is the nearest there is, in few
    digits. ``plan_options`` are those of ``Mask.plan``, for ``speedup``: all pairs over those that
    the plan issues. That gain follows the density closely but, tiles being searched and rounded,
    not strictly: what is found is one value where it passes the target. ``step`` is entered around
    each part of the work, with its name and share.

    Raises ValueError where the target lies outside of what the parameter can do (and says what
    that is), where the density does not depend on the parameter, or is not monotone in it.
    """
    if (density is None) == (speedup is None):
        raise ValueError("expects a density or a speed-up, and not both")
    if density is not None and not 0.0 <= density <= 1.0:
        raise ValueError(f"expects a density from 0 to 1, but got {density}")
    if speedup is not None and not (speedup > 0.0 and math.isfinite(speedup)):
        raise ValueError(f"expects a speed-up above 0, but got {speedup}")
    target = {"density": density} if density is not None else {"speedup": speedup}
    search = _Search(bind, parameter, whole, speedup is not None, plan_options, step)
    return search.solve({name: value for name, value in target.items() if value is not None})


class _Search:
    def __init__(
        self,
        bind: Bind,
        parameter: str,
        whole: bool,
        plans: bool,
        plan_options: dict[str, Any],
        step: Step,
    ) -> None:
        self._bind = bind
        self._parameter = parameter
        self._whole = whole
        self._plans = plans
        self._options = plan_options
        self._step = step
        self._masks: dict[float, Mask] = {}
        self._points: dict[float, Point] = {}

    def solve(self, target: dict[str, float]) -> Solution:
        with self._step(f"range of {self._parameter}", _RANGE_SHARE):
            low, high = self._domain()
        rises = self._check_monotone(low, high)
        ends = (self._point(low), self._point(high))
        ((name, wanted),) = target.items()
        reached = sorted(self._measure(point) for point in ends)
        aim = wanted if name == "density" else 1.0 / wanted
        if not reached[0] <= aim <= reached[1]:
            least, most = (f"{1 / r if self._plans else r:.4g}" for r in reached)
            if self._plans:
                least, most = most, least
            what = "a speed-up" if self._plans else "a density"
            raise ValueError(
                f"expects {what} from {least} to {most}, which is what {self._parameter} can do "
                f"from {low:g} to {high:g}, but got {wanted:g}"
            )
        below, above = (self._point(v) for v in self._bracket(low, high, aim, rises))
        found, other = sorted(
            (below, above) if rises else (above, below),  # the sparser one first, and so of a tie
            key=lambda point: abs(self._measure(point) - aim),
        )
        alike = self._measure(found) == self._measure(other)
        with self._step("fewest digits", _DIGITS_SHARE):
            found, other = self._shortest(found), other if alike else self._shortest(other)
        return Solution(
            parameter=self._parameter,
            target=target,
            found=found,
            other=None if alike else other,
            range=ends if rises else (ends[1], ends[0]),
        )

    def _mask(self, value: float) -> Mask:
        if value not in self._masks:
            self._masks[value] = self._bind(value)
        return self._masks[value]

    def _point(self, value: float) -> Point:
        if value not in self._points:
            mask = self._mask(value)
            speedup = None
            if self._plans:
                issued = mask.plan(**self._options).pairs_issued
                speedup = mask.tokens**2 / issued if issued else math.inf
            self._points[value] = Point(value, mask.density, speedup)
        return self._points[value]

    def _measure(self, point: Point) -> float:
        """What rises with the pairs of the mask."""
        return point.density if point.speedup is None else 1.0 / point.speedup

    def _takes(self, value: float) -> bool:
        try:
            self._mask(value)
        except CompileError:
            return False
        return True

    def _domain(self) -> tuple[float, float]:
        """The least value the pattern takes, and one past which nothing changes or is taken."""
        low = next((value for value in (0.0, 1.0, 2.0) if self._takes(value)), None)
        if low is None:
            self._mask(1.0)  # raises what is wrong
            raise AssertionError
        high, step = low, 1.0
        while low + step <= _LIMIT:
            if not self._takes(low + step):
                return low, self._last_taken(high, low + step)
            high = low + step
            step *= 2.0
        return low, self._first_like(low, high)

    def _last_taken(self, taken: float, refused: float) -> float:
        while refused - taken > (1.0 if self._whole else _CLOSE * max(1.0, refused)):
            middle = self._middle(taken, refused)
            taken, refused = (middle, refused) if self._takes(middle) else (taken, middle)
        return taken

    def _first_like(self, low: float, high: float) -> float:
        """The first value from which on the density is that of `high`; of real values, one within
        twice that."""
        last = self._mask(high).density
        value = high
        while value > low + 1.0 and self._mask(self._middle(low, value)).density == last:
            value = self._middle(low, value)
        if not self._whole:
            return value
        other = self._middle(low, value)
        while value - other > 1.0:
            middle = self._middle(other, value)
            other, value = (
                (other, middle) if self._mask(middle).density == last else (middle, value)
            )
        return value

    def _check_monotone(self, low: float, high: float) -> bool:
        """Whether densities rise with the parameter; they fall, or there is an error."""
        values = self._samples(low, high)
        densities = []
        for value in values:
            with self._step(f"{self._parameter} {value:g}", _SAMPLES_SHARE / len(values)):
                densities.append(self._mask(value).density)
        if min(densities) == max(densities):
            raise ValueError(
                f"expects a parameter that the density depends on, but with {self._parameter} from "
                f"{low:g} to {high:g} it is {densities[0]:.4g}"
            )
        for sign in (1.0, -1.0):
            if all(sign * (b - a) >= 0.0 for a, b in pairwise(densities)):
                return sign > 0.0
        turn = next(
            i
            for i in range(1, len(values) - 1)
            if (densities[i] - densities[i - 1]) * (densities[i + 1] - densities[i]) < 0.0
        )
        shown = ", ".join(
            f"{densities[i]:.4g} at {values[i]:g}" for i in (turn - 1, turn, turn + 1)
        )
        raise ValueError(
            f"expects a parameter that the density rises or falls with, but with {self._parameter} "
            f"it is {shown}"
        )

    def _samples(self, low: float, high: float) -> list[float]:
        """Values from low to high, closer together where they are small."""
        ratio = max(high - low, 1.0)
        values = {low, high}
        for i in range(1, _SAMPLES):
            value = low + (high - low) * ratio ** (i / _SAMPLES - 1.0)
            values.add(float(round(value)) if self._whole else value)
        return sorted(values)

    def _middle(self, low: float, high: float) -> float:
        middle = low + (high - low) / 2.0
        return float(math.floor(middle)) if self._whole else middle

    def _is_close(self, low: float, high: float) -> bool:
        return high - low <= (1.0 if self._whole else _CLOSE * max(1.0, high))

    def _bracket(self, low: float, high: float, aim: float, rises: bool) -> tuple[float, float]:
        """Neighbours, one either side of the aim."""
        end = 1.0 if self._whole else _CLOSE * max(1.0, low)
        halvings = max(1, math.ceil(math.log2(max(high - low, end) / end)))  # at most
        while not self._is_close(low, high):
            middle = self._middle(low, high)
            if middle in (low, high):
                break
            with self._step(f"{self._parameter} {middle:g}", _SEARCH_SHARE / halvings):
                point = self._point(middle)
            if (self._measure(point) <= aim) == rises:
                low = middle
            else:
                high = middle
        return low, high

    def _shortest(self, point: Point) -> Point:
        """The same with fewer digits, where a value near it measures the same."""
        if self._whole:
            return point
        for digits in range(10):
            scale = 10.0**digits
            for whole in (math.floor(point.value * scale), math.ceil(point.value * scale)):
                if self._takes(whole / scale):
                    near = self._point(whole / scale)
                    if self._measure(near) == self._measure(point):
                        return near
        return point
