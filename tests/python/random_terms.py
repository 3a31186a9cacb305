# SPDX-License-Identifier: Apache-2.0
"""Random parameters, numbers and axes of a pattern: what its sets are made from."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from meanings import Axis, Meaning, Number, Parameter, Pattern, Scope, Segment, Statement, as_axis


@dataclass
class Term:
    """An expression: its text, its value, and whether it is whole and may be negative."""

    text: str
    value: Callable[[Scope], Number]
    whole: bool = True
    signed: bool = False
    atom: bool = True

    def wrapped(self) -> str:
        return self.text if self.atom else f"({self.text})"


def combine(fn: Callable[..., Any], *terms: Term) -> Callable[[Scope], Number]:
    def value(scope: Scope) -> Number:
        numbers = [t.value(scope) for t in terms]
        return Number(
            fn(*[np.asarray(n.value, np.float64) for n in numbers]),
            [e for n in numbers for e in n.query_ends],
            [e for n in numbers for e in n.key_ends],
        )

    return value


def bit_floor(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    _, exponent = np.frexp(x)
    return np.where(x >= 1, np.exp2(exponent - 1.0), 0.0)


def literal(value: float) -> Term:
    return Term(str(value), lambda s: Number(value), whole=isinstance(value, int))


def listed(terms: list[Term]) -> str:
    return ", ".join(t.text for t in terms)


def named(names: list[str]) -> str:
    return ", ".join(f"%{n}" for n in names)


class TermBuilder:
    """Draws parameters, numbers and axes of one pattern; `extents` are those of its own axes."""

    def __init__(
        self,
        rng: random.Random,
        name: str,
        segments: list[Segment],
        extents: dict[str, int],
        heads: int,
    ):
        self.rng = rng
        self.name = name
        self.segments = segments
        self.heads = heads
        self.extents = dict(extents)  # of axes whose extent is one for all heads
        self.segment_of = {a: i for i, s in enumerate(segments) for a in s.axes}
        self.base = {a: a for s in segments for a in s.axes}
        self.axes = [a for s in segments for a in s.axes]
        self.parameters: list[Parameter] = []
        self.values: dict[str, Any] = {}  # of parameters; a list is one value a head
        self.statements: list[Statement] = []
        self.sets: list[str] = []
        self.callees: dict[str, Callable[[Scope], Meaning]] = {}
        self.patterns: list[Pattern] = []
        self.count = 0

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    # ---- parameters and numbers

    def parameter(
        self, kind: str, value: Callable[[], Any], words: tuple[str, ...] = ()
    ) -> Parameter:
        """A new parameter; its value is one for all heads, one a head, or its default."""
        per_head = self.heads > 0 and self.chance(0.3) and kind not in ("table", "relation")
        p = Parameter(self.fresh("p"), kind, per_head, words)
        self.parameters.append(p)
        if per_head and self.chance(0.8):
            self.values[p.name] = [value() for _ in range(self.heads)]
        elif kind in ("table", "relation") or self.chance(0.5):
            self.values[p.name] = value()
        if kind not in ("table", "relation") and (p.name not in self.values or self.chance(0.3)):
            p.default = value()
        return p

    def parameter_term(self, p: Parameter) -> Term:
        return Term(f"%{p.name}", lambda s: Number(s.names[p.name]), whole=p.kind == "count")

    def count_literal_or_parameter(self, low: int, high: int) -> Term:
        """A whole number in low..high that holds no distance: a literal or a `count` parameter."""
        if self.chance(0.35):
            return self.parameter_term(self.parameter("count", lambda: self.rng.randint(low, high)))
        return literal(self.rng.randint(low, high))

    def constant(self) -> Term:
        pick = self.rng.random()
        if pick < 0.4:
            return literal(self.rng.randint(0, 6))
        if pick < 0.55:
            return literal(self.rng.choice([0.25, 0.5, 1.5, 2.75]))
        if pick < 0.7:
            a = self.rng.choice(self.axes)
            return Term(f"extent(%{a})", lambda s: Number(as_axis(s, a).extent))
        if pick < 0.85:
            return self.parameter_term(self.parameter("count", lambda: self.rng.randint(0, 7)))
        values = [0.1, 0.2, 0.75, 1.0, 1.3]
        return self.parameter_term(self.parameter("real", lambda: self.rng.choice(values)))

    def distance(self, a: str) -> Term:
        def value(s: Scope) -> Number:
            x = as_axis(s, a)
            return Number(np.abs(x.key - x.query), [x.inside], [x.inside])

        return Term(f"distance(%{a})", value)

    def end(self, side: str, a: str) -> Term:
        def value(s: Scope) -> Number:
            x = as_axis(s, a)
            return (
                Number(x.query, [x.inside], [])
                if side == "query"
                else Number(x.key, [], [x.inside])
            )

        return Term(f"{side}(%{a})", value)

    def expression(self, leaf: Callable[[], Term], depth: int) -> Term:
        """A random expression without division by zero, roots of negative numbers or NaN."""
        if depth == 0 or self.chance(0.2):
            return leaf() if self.chance(0.7) else self.constant()
        op = self.rng.choice(
            [
                "+",
                "+",
                "-",
                "*",
                "/",
                "mod",
                "min",
                "max",
                "floor",
                "ceil",
                "abs",
                "sqrt",
                "bit_floor",
            ]
        )
        x = self.expression(leaf, depth - 1)
        if op in ("floor", "ceil"):
            fn = np.floor if op == "floor" else np.ceil
            return Term(f"{op}({x.text})", combine(fn, x), True, x.signed)
        if op == "abs":
            return Term(f"abs({x.text})", combine(np.abs, x), x.whole)
        if op == "sqrt":
            inner = f"max({x.text}, 0)" if x.signed else x.text
            return Term(f"sqrt({inner})", combine(lambda v: np.sqrt(np.maximum(v, 0)), x), False)
        if op == "bit_floor":
            inner = x.text if x.whole else f"floor({x.text})"
            inner = f"max({inner}, 0)" if x.signed else inner
            return Term(
                f"bit_floor({inner})", combine(lambda v: bit_floor(np.maximum(np.floor(v), 0)), x)
            )
        y = self.expression(leaf, depth - 1)
        whole, signed = x.whole and y.whole, x.signed or y.signed
        if op in ("min", "max"):
            fn = np.minimum if op == "min" else np.maximum
            return Term(f"{op}({x.text}, {y.text})", combine(fn, x, y), whole, signed)
        if op == "mod":
            left = x.text if x.whole else f"floor({x.text})"
            right = f"max({y.text if y.whole else f'floor({y.text})'}, 1)"
            left = left if x.atom or not x.whole else f"({left})"
            return Term(
                f"{left} mod {right}",
                combine(lambda u, v: np.mod(np.floor(u), np.maximum(np.floor(v), 1)), x, y),
                atom=False,
            )
        if op == "/":
            return Term(
                f"{x.wrapped()} / max({y.text}, 1)",
                combine(lambda u, v: u / np.maximum(v, 1), x, y),
                False,
                x.signed,
                atom=False,
            )
        fn = {"+": np.add, "-": np.subtract, "*": np.multiply}[op]
        return Term(
            f"{x.wrapped()} {op} {y.wrapped()}",
            combine(fn, x, y),
            whole,
            signed or op == "-",
            atom=False,
        )

    def let(self, term: Term) -> Term:
        """Names an expression, so that uses of it name its ends."""
        name = self.fresh("n")

        def run(s: Scope) -> None:
            s.names[name] = term.value(s)

        self.statements.append(Statement(f"%{name} = let {term.text}", run))
        return Term(f"%{name}", lambda s: s.names[name], term.whole, term.signed)

    # ---- axes

    def split(self) -> None:
        a = self.rng.choice(self.axes)
        part, offset = self.fresh("s"), self.fresh("o")
        bound = self.extents.get(self.base[a], 4)
        starts: Callable[[Scope, int], list[int]]
        if self.chance(0.5):
            size = self.count_literal_or_parameter(1, max(2, bound))
            cut = f"by {size.text}"

            def starts(s: Scope, extent: int) -> list[int]:
                step = int(size.value(s).value)
                return list(range(0, extent, step))
        else:
            cuts = sorted(self.rng.randint(0, bound) for _ in range(self.rng.randint(1, 4)))
            cut = f"at [{', '.join(map(str, cuts))}]"
            if self.chance(0.4):
                cut = f"at %{self.parameter('table', lambda: [float(c) for c in cuts]).name}"

            def starts(s: Scope, extent: int) -> list[int]:
                return [0, *cuts]

        def run(s: Scope) -> None:
            x = as_axis(s, a)
            begins = starts(s, x.extent)
            numbers, rests, longest = parts_of(x.extent, begins)
            for name, places, extent in ((part, numbers, len(begins)), (offset, rests, longest)):
                values = np.where(x.inside, np.append(places, 0)[x.values], 0)
                s.names[name] = Axis(values, x.inside, extent, x.segment)

        self.statements.append(Statement(f"%{part}, %{offset} = split %{a} {cut}", run))
        for axis in (part, offset):
            self.axes.append(axis)
            self.segment_of[axis] = self.segment_of[a]
            self.base[axis] = self.base[a]
        if a in self.extents and not cut.startswith("by %"):
            begins = starts(Scope({}, np.zeros(0, bool)), self.extents[a])
            self.extents[part] = len(begins)
            self.extents[offset] = parts_of(self.extents[a], begins)[2]


def parts_of(
    extent: int, begins: list[int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Part and offset of each place of an axis, and the length of the longest part."""
    places = np.arange(extent)
    numbers = (places[:, None] >= np.array(begins[1:], np.int64)[None, :]).sum(axis=1)
    rests = places - np.array(begins or [0])[numbers]
    return numbers, rests, int(rests.max(initial=-1)) + 1
