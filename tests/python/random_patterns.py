# SPDX-License-Identifier: Apache-2.0
"""Random pattern texts, each with its meaning in numpy: sets, includes and whole patterns.

`random_cases.random_case(seed)` makes a file of them and what to bind it with.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from meanings import (
    Mask,
    Meaning,
    Parameter,
    Pattern,
    Scope,
    Segment,
    Statement,
    Value,
    as_axis,
    as_set,
    both,
    window_matrix,
)
from random_terms import Term, TermBuilder, listed, literal, named


class Builder(TermBuilder):
    """Draws one pattern."""

    # ---- sets

    def add(self, stem: str, text: str, fn: Callable[[Scope], Mask]) -> str:
        name = self.fresh(stem)

        def run(s: Scope) -> None:
            s.names[name] = fn(s) & s.square

        self.statements.append(Statement(f"%{name} = {text}", run))
        self.sets.append(name)
        return name

    def ends(self) -> str:
        a = self.rng.choice(self.axes)
        kind = self.rng.choice(["keys", "queries", "either"])

        def fn(s: Scope) -> Mask:
            x = as_axis(s, a)
            q, k = np.broadcast_arrays(x.inside[:, None], x.inside[None, :])
            return {"keys": k, "queries": q, "either": q | k}[kind]

        return self.add("e", f"{kind} in %{a}", fn)

    def first(self) -> str:
        a = self.rng.choice(self.axes)
        n = self.count_literal_or_parameter(0, 3)
        if self.chance(0.25):
            n = self.let(self.expression(self.constant, 2))
        return self.add(
            "f", f"first {n.text} of %{a}", lambda s: both(s, a, lambda x: x.key < n.value(s).value)
        )

    def within(self) -> str:
        a = self.rng.choice(self.axes)
        n = self.count_literal_or_parameter(0, 4)
        if self.chance(0.6):
            others = [
                b
                for b in self.axes
                if self.segment_of[b] == self.segment_of[a] and self.base[b] != self.base[a]
            ]
            if others and self.chance(0.75):
                used = self.rng.sample(others, min(len(others), self.rng.randint(1, 2)))
                n = self.expression(lambda: self.distance(self.rng.choice(used)), 3)
                n = self.let(n)
            else:
                n = self.let(self.expression(self.constant, 2))
        return self.add(
            "w",
            f"within {n.text} of %{a}",
            lambda s: both(s, a, lambda x: np.abs(x.key - x.query) <= n.value(s).value),
        )

    def same_or_causal(self) -> str:
        a = self.rng.choice(self.axes)
        if self.chance(0.5):
            return self.add("m", f"same %{a}", lambda s: both(s, a, lambda x: x.key == x.query))
        return self.add("c", f"causal %{a}", lambda s: both(s, a, lambda x: x.key <= x.query))

    def window(self) -> str:
        segment = self.rng.randrange(len(self.segments))
        choices = [a for a in self.axes if self.segment_of[a] == segment]
        axes = self.rng.sample(choices, self.rng.randint(1, min(3, len(choices))))
        ones = [literal(1) for _ in axes]
        strided = self.chance(0.4)
        # A stride may not pass its window: the largest stride drawn is the smallest window.
        sizes = [self.count_literal_or_parameter(3 if strided else 1, 6) for _ in axes]
        strides = [self.count_literal_or_parameter(1, 3) for _ in axes] if strided else ones
        dilations = (
            [self.count_literal_or_parameter(1, 3) for _ in axes] if self.chance(0.4) else ones
        )
        causal = [a for a in axes if self.chance(0.3)]
        text = f"window [{listed(sizes)}] over {named(axes)}"
        text += "" if strides is ones else f" stride [{listed(strides)}]"
        text += "" if dilations is ones else f" dilation [{listed(dilations)}]"
        text += f" causal {named(causal)}" if causal else ""

        def fn(s: Scope) -> Mask:
            mask = s.square
            for a, size, stride, dilation in zip(axes, sizes, strides, dilations, strict=True):
                x = as_axis(s, a)
                table = window_matrix(
                    max(x.extent, 1),
                    int(size.value(s).value),
                    int(stride.value(s).value),
                    int(dilation.value(s).value),
                    a in causal,
                )
                mask = mask & x.both & table[x.query, x.key]
            return mask

        return self.add("v", text, fn)

    def linked(self) -> str | None:
        segment = self.rng.randrange(len(self.segments))
        choices = [a for a in self.axes if self.segment_of[a] == segment and a in self.extents]
        axes = self.rng.sample(choices, min(len(choices), self.rng.randint(1, 2)))
        size = math.prod(self.extents[a] for a in axes)
        if not axes or not 1 <= size <= 16:
            return None
        density = self.rng.choice([0.2, 0.5, 0.8])
        p = self.parameter(
            "relation",
            lambda: [[self.chance(density) for _ in range(size)] for _ in range(size)],
        )

        def fn(s: Scope) -> Mask:
            index = np.zeros(len(s.domain), np.int64)
            mask = s.square
            for a in axes:
                x = as_axis(s, a)
                index = index * x.extent + x.values
                mask = mask & x.both
            relation = np.asarray(s.names[p.name], bool)
            index = np.where(as_axis(s, axes[0]).inside, index, 0)
            return mask & relation[index[:, None], index[None, :]]

        return self.add("l", f"linked {named(axes)} by %{p.name}", fn)

    def where(self) -> str:
        by_distance = self.chance(0.4)
        segment = self.rng.randrange(len(self.segments))
        near = [a for a in self.axes if self.segment_of[a] == segment]
        used = self.rng.sample(near, min(len(near), self.rng.randint(1, 2)))

        def leaf() -> Term:
            if by_distance:
                return self.distance(self.rng.choice(used))
            if self.chance(0.2):
                return self.distance(self.rng.choice(self.axes))
            return self.end(self.rng.choice(["query", "key"]), self.rng.choice(self.axes))

        left, right = leaf(), self.constant()
        if self.chance(0.8):
            left = self.expression(leaf, 2)
        if self.chance(0.5):
            right = self.expression(leaf, 2)
        if by_distance and self.chance(0.4):
            left = self.let(left)
        compare, fn = self.rng.choice(
            [
                ("<", np.less),
                ("<=", np.less_equal),
                (">", np.greater),
                (">=", np.greater_equal),
                ("==", np.equal),
            ]
        )

        def evaluate(s: Scope) -> Mask:
            x, y = left.value(s), right.value(s)
            mask = s.square & fn(x.value, y.value)
            for inside in x.query_ends + y.query_ends:
                mask = mask & inside[:, None]
            for inside in x.key_ends + y.key_ends:
                mask = mask & inside[None, :]
            return mask

        return self.add("r", f"where {left.text} {compare} {right.text}", evaluate)

    def when(self) -> str:
        words = ("spatial", "temporal", "both")[: self.rng.randint(2, 3)]
        known = [p for p in self.parameters if p.words]
        p = known[0] if known and self.chance(0.7) else None
        p = p or self.parameter("choice", lambda: self.rng.choice(words), words)
        word, then = self.rng.choice(p.words), self.some_set()
        return self.add(
            "i",
            f"when %{p.name} is {word}, %{then}",
            lambda s: as_set(s, then) & (s.names[p.name] == word),
        )

    def algebra(self) -> str:
        op = self.rng.choice(["any_of", "any_of", "all_of", "all_of", "none_of"])
        chosen = [self.some_set() for _ in range(self.rng.randint(1, 3))]
        chosen = list(dict.fromkeys(chosen))

        def fn(s: Scope) -> Mask:
            sets = [as_set(s, name) for name in chosen]
            if op == "all_of":
                return np.logical_and.reduce(sets)
            union = np.logical_or.reduce(sets)
            return union if op == "any_of" else s.square & ~union

        return self.add("a", f"{op} {named(chosen)}", fn)

    def some_set(self) -> str:
        return self.rng.choice(self.sets) if self.sets else self.leaf()

    def leaf(self) -> str:
        kinds = [
            self.ends,
            self.first,
            self.within,
            self.within,
            self.same_or_causal,
            self.window,
            self.where,
        ]
        made = self.rng.choice([*kinds, self.linked])()
        return made or self.leaf()

    # ---- includes

    def include(self, depth: int) -> str:
        """A callee over some of the segments, in an order of its own, with axes named anew."""
        chosen = self.rng.sample(range(len(self.segments)), self.rng.randint(1, len(self.segments)))
        callee_name = f"{self.name}_{self.fresh('sub')}"
        names: dict[str, str] = {}
        segments = []
        for i, number in enumerate(chosen):
            axes = [f"y{i}{j}" for j in range(len(self.segments[number].axes))]
            names |= dict(zip(axes, self.segments[number].axes, strict=True))
            segments.append(Segment(f"part{i}", axes))
        extents = {
            inner: self.extents[outer] for inner, outer in names.items() if outer in self.extents
        }
        inner = Builder(self.rng, callee_name, segments, extents, 0)
        pattern = inner.pattern(self.rng.randint(1, 3), depth - 1)
        self.patterns += [*inner.patterns, pattern]
        actuals, given = [], {}
        for p in pattern.parameters:
            if p.name in inner.values or p.default is None:
                text, value = self.actual(p, inner.values[p.name])
                actuals.append(f"{p.name} = {text}")
                given[p.name] = value
        text = f"include @{callee_name}" + (f"({', '.join(actuals)})" if actuals else "")
        text += f" over {named([names[a] for s in segments for a in s.axes])}"

        def meaning(s: Scope) -> Meaning:
            values: dict[str, Value] = {a: as_axis(s, outer) for a, outer in names.items()}
            values |= {p.name: p.default for p in pattern.parameters}
            values |= {name: value(s) for name, value in given.items()}
            domain = np.logical_or.reduce([as_axis(s, outer).inside for outer in names.values()])
            return pattern.meaning(Scope(values, domain & s.domain))

        name = self.add("x", text, lambda s: meaning(s).contains)
        self.callees[name] = meaning
        return name

    def actual(self, p: Parameter, value: Any) -> tuple[str, Callable[[Scope], Any]]:
        """Text and value of an include's actual: a literal, a word or a caller's parameter."""
        literal_fits = p.kind not in ("table", "relation")
        if literal_fits and self.chance(0.5):
            return str(value), lambda s: value
        own = Parameter(
            self.fresh("p"), p.kind, self.heads > 0 and literal_fits and self.chance(0.2), p.words
        )
        self.parameters.append(own)
        self.values[own.name] = [value] * self.heads if own.per_head else value
        return f"%{own.name}", lambda s: s.names[own.name]

    # ---- the whole

    def pattern(self, size: int, depth: int) -> Pattern:
        """A pattern of some `size` leaves, whose includes go `depth` deep."""
        for _ in range(self.rng.randint(0, 2)):
            self.split()
        for _ in range(size):
            self.leaf()
        for _ in range(self.rng.randint(0, 2)):
            self.when() if self.chance(0.3) else self.algebra()
        if depth and self.chance(0.4):
            self.include(depth)
            if self.chance(0.3):
                self.algebra()
        pool = self.sets
        keep, about, only = [], [], []
        for name in self.rng.sample(pool, len(pool)):
            place = self.rng.random()
            if place < 0.3:
                keep.append(name)
            elif place < 0.7:
                about.append(name)
            elif place < 0.8:
                only.append(name)
        if not keep and not about:
            (keep if self.chance(0.5) else about).append(self.some_set())
        return Pattern(
            self.name,
            self.parameters,
            self.segments,
            self.statements,
            keep,
            about,
            only,
            self.callees,
        )
