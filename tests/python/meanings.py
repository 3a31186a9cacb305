# SPDX-License-Identifier: Apache-2.0
"""A pattern's text and its meaning, side by side.

A statement is a line of text and a function that computes what the line names, from the formula of
the language's README, for one head: an axis is the coordinates of all tokens, a number is an array
over pairs (or a scalar), a set is a boolean matrix over pairs. Nothing of Falloff is imported, so a
text and its meaning can be held against interpreter, planner and kernels alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


@dataclass
class Axis:
    """Coordinates of all tokens along an axis (0 outside of its segment)."""

    values: npt.NDArray[np.int64]
    inside: npt.NDArray[np.bool_]
    extent: int
    segment: int

    @property
    def both(self) -> Mask:
        return self.inside[:, None] & self.inside[None, :]

    @property
    def query(self) -> npt.NDArray[np.int64]:
        return self.values[:, None]

    @property
    def key(self) -> npt.NDArray[np.int64]:
        return self.values[None, :]


@dataclass
class Number:
    """A value, and whose ends it names: of each axis named, the tokens inside its segment."""

    value: Any
    query_ends: list[Mask] = field(default_factory=list)
    key_ends: list[Mask] = field(default_factory=list)


@dataclass
class About:
    """An `about` set and the limit that a fill around it covers, both met with C.

    `scope` is where the limit comes from: the path of includes to the pattern whose `only` it is.
    """

    set: Mask
    limit: Mask
    scope: str = ""

    def met(self, only: Mask) -> About:
        return About(self.set & only, self.limit & only, self.scope)

    def inside(self, include: str) -> About:
        return About(self.set, self.limit, f"{include}/{self.scope}")


@dataclass
class Meaning:
    """The sets of one head, queries x keys in bound order."""

    contains: Mask  # (A u B) n C
    exact: Mask  # A n C: no rounding loses these
    only: Mask  # C
    reach: Mask  # `contains` and all limits, in C: no rounding passes these
    abouts: list[About]


Value = Axis | Number | Mask | int | float | str | Any


@dataclass
class Scope:
    """What the names of one pattern stand for, for one head."""

    names: dict[str, Value]
    domain: npt.NDArray[np.bool_]

    @property
    def square(self) -> Mask:
        return self.domain[:, None] & self.domain[None, :]


@dataclass
class Statement:
    text: str
    run: Callable[[Scope], None]


@dataclass
class Segment:
    name: str
    axes: list[str]


@dataclass
class Parameter:
    name: str
    kind: str  # real, count, table, relation, or words
    per_head: bool = False
    words: tuple[str, ...] = ()
    default: float | int | str | None = None

    def text(self) -> str:
        kind = " | ".join(self.words) if self.words else self.kind
        head = " per head" if self.per_head else ""
        default = "" if self.default is None else f" = {self.default}"
        return f"%{self.name}: {kind}{head}{default}"


@dataclass
class Pattern:
    """One `mask.pattern`: its text and its meaning."""

    name: str
    parameters: list[Parameter]
    segments: list[Segment]
    statements: list[Statement]
    keep: list[str]
    about: list[str]
    only: list[str]
    callees: dict[str, Callable[[Scope], Meaning]]  # sets of `keep` and `about` that are includes
    literal_extents: dict[str, int] = field(default_factory=dict)

    def text(self) -> str:
        parameters = ", ".join(p.text() for p in self.parameters)
        extents = self.literal_extents
        segments = ", ".join(
            f"{s.name}({', '.join(f'%{a}: {extents.get(a, chr(63))}' for a in s.axes)})"
            for s in self.segments
        )
        lines = [
            f"mask.pattern @{self.name}{f'({parameters})' if parameters else ''} over {segments} {{"
        ]
        lines += [f"  {s.text}" for s in self.statements]
        parts = ["keep " + ", ".join(f"%{s}" for s in self.keep)]
        if self.about:
            parts.append("about " + ", ".join(f"%{s}" for s in self.about))
        if self.only:
            parts.append("only " + ", ".join(f"%{s}" for s in self.only))
        return "\n".join([*lines, "  " + " ".join(p.strip() for p in parts), "}"])

    def meaning(self, scope: Scope) -> Meaning:
        """The normal form of the README: includes standing in `keep` keep their own parts."""
        for statement in self.statements:
            statement.run(scope)
        square = scope.square
        only = square.copy()
        for name in self.only:
            only &= as_set(scope, name)
        exact = np.zeros_like(square)
        abouts: list[About] = []
        for name in self.keep:
            if name in self.callees:
                callee = self.callees[name](scope)
                exact |= callee.exact
                abouts += [about.inside(name) for about in callee.abouts]
            else:
                exact |= as_set(scope, name)
        for name in self.about:
            if name in self.callees:
                callee = self.callees[name](scope)
                abouts.append(About(callee.exact, callee.only).inside(name))
                abouts += [about.inside(name) for about in callee.abouts]
            else:
                abouts.append(About(as_set(scope, name), square))
        abouts = [about.met(only) for about in abouts]
        exact &= only
        contains = exact.copy()
        reach = exact.copy()
        for about in abouts:
            contains |= about.set
            reach |= about.limit
        return Meaning(contains, exact, only, reach | contains, abouts)


def as_set(scope: Scope, name: str) -> Mask:
    value = scope.names[name]
    assert isinstance(value, np.ndarray)
    return value


def as_axis(scope: Scope, name: str) -> Axis:
    value = scope.names[name]
    assert isinstance(value, Axis)
    return value


def both(s: Scope, a: str, fn: Callable[[Axis], Any]) -> Mask:
    x = as_axis(s, a)
    return x.both & fn(x)


def window_matrix(places: int, size: float, stride: int, dilation: int, causal: bool) -> Mask:
    """One axis of `window`, from the README's formula."""
    mask = np.zeros((places, places), bool)
    for q in range(places):
        g = q % dilation
        n = -(-(places - g) // dilation)
        iq = q // dilation
        for k in range(g, places, dilation):
            ik = k // dilation
            if causal:
                leader = min(iq // stride * stride + stride - 1, n - 1)
                mask[q, k] = max(leader - size + 1, 0) <= ik <= iq
            else:
                leader = min(iq // stride * stride + stride // 2, n - 1)
                lo = max(min(leader - size // 2, n - size), 0)
                mask[q, k] = lo <= ik < lo + min(size, n)
    return mask
