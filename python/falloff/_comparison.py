# SPDX-License-Identifier: Apache-2.0
"""What a comparison found: figures of each head and of all."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falloff._values import JsonValue

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """Errors of an output O against dense attention's D, over all of its numbers.

    mse: mean (O − D)². cosine: O·D ÷ (|O| |D|) of the flattened tensors; 1 where both are 0, and 0
    where one is. relative_l1: Σ|O − D| ÷ Σ|D|. max_error: largest |O − D|. The same definitions as
    SpargeAttn's (Zhang et al. 2025), so that figures compare.

    mask_mass, plan_mass: share of a query's softmax that lies in the mask, and in the pairs that
    the plan computes; mean over queries. least_*: of the query that keeps least. None: there was no
    mask, or no query.
    """

    mse: float
    cosine: float
    relative_l1: float
    max_error: float
    mask_mass: float | None
    least_mask_mass: float | None
    plan_mass: float | None
    least_plan_mass: float | None

    @property
    def rmse(self) -> float:
        return math.sqrt(self.mse)


@dataclass(frozen=True)
class Mass:
    """Attention mass of some queries, each at most 1."""

    sum: float = 0.0
    least: float = math.inf
    queries: int = 0

    @staticmethod
    def of(mass: Array) -> Mass:
        if not mass.size:
            return Mass()
        mass = np.minimum(mass, 1.0)  # log-sum-exps are rounded to float32
        return Mass(float(mass.sum()), float(mass.min()), mass.size)

    def __add__(self, other: Mass) -> Mass:
        least = min(self.least, other.least)
        return Mass(self.sum + other.sum, least, self.queries + other.queries)

    @property
    def mean(self) -> float | None:
        return self.sum / self.queries if self.queries else None

    @property
    def minimum(self) -> float | None:
        return self.least if self.queries else None


@dataclass(frozen=True)
class Sums:
    """What figures are made of; sums over parts add up."""

    numbers: int = 0
    squares: float = 0.0
    absolute: float = 0.0
    largest: float = 0.0
    dense_absolute: float = 0.0
    dot: float = 0.0
    out_squares: float = 0.0
    dense_squares: float = 0.0
    mask: Mass = Mass()
    plan: Mass = Mass()

    @staticmethod
    def of(out: Array, dense: Array, plan_mass: Array, mask_mass: Array | None) -> Sums:
        """`out` and `dense` are (queries, value dim), masses (queries,)."""
        error = np.abs(out - dense)
        return Sums(
            out.size,
            float(np.square(error).sum()),
            float(error.sum()),
            float(error.max(initial=0.0)),
            float(np.abs(dense).sum()),
            float((out * dense).sum()),
            float(np.square(out).sum()),
            float(np.square(dense).sum()),
            Mass() if mask_mass is None else Mass.of(mask_mass),
            Mass.of(plan_mass),
        )

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.numbers + other.numbers,
            self.squares + other.squares,
            self.absolute + other.absolute,
            max(self.largest, other.largest),
            self.dense_absolute + other.dense_absolute,
            self.dot + other.dot,
            self.out_squares + other.out_squares,
            self.dense_squares + other.dense_squares,
            self.mask + other.mask,
            self.plan + other.plan,
        )

    def figures(self) -> Figures:
        return Figures(
            self.squares / self.numbers if self.numbers else 0.0,
            self._cosine(),
            self._relative_l1(),
            self.largest,
            self.mask.mean,
            self.mask.minimum,
            self.plan.mean,
            self.plan.minimum,
        )

    def _cosine(self) -> float:
        length = math.sqrt(self.out_squares) * math.sqrt(self.dense_squares)
        if length:
            return self.dot / length
        return 0.0 if self.out_squares or self.dense_squares else 1.0

    def _relative_l1(self) -> float:
        if self.dense_absolute:
            return self.absolute / self.dense_absolute
        return math.inf if self.absolute else 0.0


@dataclass(frozen=True)
class Comparison:
    """A plan's attention against dense attention. ``heads`` has one entry a query head, ``total``
    is over all of them (its cosine and relative L1 are of the whole tensors, no means)."""

    pattern: str
    parameters: dict[str, JsonValue]
    rounding: str
    tokens: int
    dtype: str
    recipe: str | None
    density: float
    pairs_in_mask: float
    pairs_computed: float
    pairs_lost: float
    heads: tuple[Figures, ...]
    total: Figures

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain data; infinity, which JSON lacks, as None."""
        data = asdict(self)
        data["heads"] = [_finite(head) for head in data["heads"]]
        data["total"] = _finite(data["total"])
        return data

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        kind = self.dtype + (f" by {self.recipe}" if self.recipe else "")
        lines = [
            f"@{self.pattern}" + (f" ({values})" if values else ""),
            f"{self.tokens:,} tokens, {kind}, density {self.density:.4f}, {self.rounding}: "
            f"{self.pairs_computed:,} pairs computed, {self.pairs_lost:,} lost",
            "".join(f"{title:>{width}}" for title, width in _COLUMNS),
        ]
        lines += [_row(str(number), head) for number, head in enumerate(self.heads)]
        lines.append(_row("all", self.total))
        lines.append("mass: share of the softmax kept, mean over queries (least of any query)")
        return "\n".join(lines)


_COLUMNS = (
    *(("head", 5), ("MSE", 11), ("cosine", 10), ("rel. L1", 10), ("max error", 11)),
    *(("mass of mask", 18), ("mass of plan", 18)),
)


def _row(name: str, figures: Figures) -> str:
    return (
        f"{name:>5}{figures.mse:>11.2e}{figures.cosine:>10.6f}{figures.relative_l1:>10.4f}"
        f"{figures.max_error:>11.2e}"
        + _mass(figures.mask_mass, figures.least_mask_mass)
        + _mass(figures.plan_mass, figures.least_plan_mass)
    )


def _mass(mean: float | None, least: float | None) -> str:
    text = "-" if mean is None or least is None else f"{mean:.4f} ({least:.4f})"
    return f"{text:>18}"


def _finite(figures: dict[str, float | None]) -> dict[str, float | None]:
    return {
        name: value if value is None or math.isfinite(value) else None
        for name, value in figures.items()
    }
