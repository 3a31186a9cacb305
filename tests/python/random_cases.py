# SPDX-License-Identifier: Apache-2.0
"""Random cases: a pattern file, its meaning, and what to bind it with.

`random_case(seed)` gives a `Case`; `Case.meanings()` is one `Meaning` a head.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from meanings import Axis, Meaning, Pattern, Scope, Segment, Value
from random_patterns import Builder


@dataclass
class Case:
    """A pattern file and what it is bound with."""

    seed: int
    text: str
    name: str
    extents: dict[str, int]  # by binding name
    parameters: dict[str, Any]
    order: list[str] | None
    heads: int  # values of `per head` parameters were drawn for so many heads; 0: any number
    segments: list[Segment]  # in bound order
    shape: dict[str, int]  # extent of each axis
    tokens: int
    main: Pattern

    def meanings(self) -> list[Meaning]:
        """One a head (one for all where no parameter is a list)."""
        per_head = {p.name for p in self.main.parameters if p.per_head}
        found = []
        for head in range(max(self.heads, 1)):
            values: dict[str, Value] = {p.name: p.default for p in self.main.parameters}
            for name, value in self.parameters.items():
                one = name in per_head and isinstance(value, list)
                values[name] = value[head] if one else value
            found.append(self.main.meaning(Scope(values | self.axes(), np.ones(self.tokens, bool))))
        return found

    def axes(self) -> dict[str, Axis]:
        """Coordinates of the tokens, row-major in each segment, segments in bound order."""
        axes = {}
        start = 0
        for number, segment in enumerate(self.segments):
            extents = [self.shape[a] for a in segment.axes]
            count = math.prod(extents)
            inside = np.zeros(self.tokens, bool)
            inside[start : start + count] = True
            places = np.indices(extents).reshape(len(extents), -1)
            for a, place in zip(segment.axes, places, strict=True):
                values = np.zeros(self.tokens, np.int64)
                values[start : start + count] = place
                axes[a] = Axis(values, inside, self.shape[a], number)
            start += count
        return axes

    def resized(self, rng: random.Random) -> Case | None:
        """The same text and parameters at other sizes; None where a relation fixes the sizes."""
        if any(p.kind == "relation" for p in self.main.parameters):
            return None
        shape = {a: rng.randint(1, extent + 2) for a, extent in self.shape.items()}
        laid = rng.sample(self.segments, len(self.segments))
        return replace(
            self,
            extents=dict(shape),
            order=[s.name or "tokens" for s in laid] if len(laid) > 1 else None,
            segments=laid,
            shape=shape,
            tokens=sum(math.prod(shape[a] for a in s.axes) for s in laid),
        )

    @property
    def text_range(self) -> tuple[int, int] | None:
        """Tokens of the segment with axis `token`, if there is one."""
        start = 0
        for segment in self.segments:
            count = math.prod(self.shape[a] for a in segment.axes)
            if "token" in segment.axes:
                return start, start + count
            start += count
        return None


BINDING = {"frame": "frames", "row": "height", "column": "width", "patch": "tokens_per_frame"}


def random_segments(rng: random.Random) -> list[Segment]:
    """One to three segments of one to three axes, some named as models name them."""
    shapes = [
        Segment("video", rng.choice([["frame", "patch"], ["frame", "row", "column"]])),
        Segment("text", ["token"]),
        Segment("reference", ["picture", "spot"][: rng.randint(1, 2)]),
        Segment("grid", ["i", "j", "k"][: rng.randint(1, 3)]),
    ]
    segments = rng.sample(shapes, rng.choice([1, 1, 2, 2, 3]))
    if len(segments) == 1 and rng.random() < 0.4:
        segments[0].name = ""
    return segments


def random_case(seed: int, most_tokens: int = 150) -> Case:
    """The case of a seed, the same on every machine; most masks of no pair or all are redrawn."""
    rng = random.Random(seed)
    for _ in range(5):
        case = draw_case(rng, seed, most_tokens)
        density = np.mean([m.contains.mean() for m in case.meanings()])
        if 0.01 < density < 0.97 or rng.random() < 0.1:
            break
    return case


def draw_case(rng: random.Random, seed: int, most_tokens: int) -> Case:
    """A case, whatever it means."""
    segments = random_segments(rng)
    shape: dict[str, int] = {}
    for segment in segments:
        budget = max(most_tokens // len(segments), 1)
        for a in segment.axes:
            most = min({1: 90, 2: 14, 3: 7}[len(segment.axes)], budget)
            shape[a] = rng.randint(1, max(most, 1))
            budget //= shape[a]
        if "frame" not in segment.axes and len(segments) > 1 and rng.random() < 0.06:
            shape[segment.axes[-1]] = 0
    if not any(math.prod(shape[a] for a in s.axes) for s in segments):
        shape = dict.fromkeys(shape, 1)
    tokens = sum(math.prod(shape[a] for a in s.axes) for s in segments)
    heads = rng.choice([0, 0, 2, 4])
    name = f"case{seed}"
    builder = Builder(rng, name, segments, shape, heads)
    main = builder.pattern(rng.randint(1, 5), depth=2)
    if rng.random() < 0.15:
        a = rng.choice(segments[0].axes)
        main.literal_extents[a] = shape[a] if rng.random() < 0.5 else shape[a] + 1
    extents = {}
    for a, extent in shape.items():
        if main.literal_extents.get(a) != extent:
            extents[BINDING.get(a, a) if rng.random() < 0.7 else a] = extent
    laid = list(segments)
    if len(segments) > 1 and rng.random() < 0.5:
        rng.shuffle(laid)
    values = builder.values
    lists = any(isinstance(values.get(p.name), list) for p in main.parameters if p.per_head)
    texts = ["// SPDX-License-Identifier: Apache-2.0"]
    texts += [p.text() for p in builder.patterns] + [main.text()]
    return Case(
        seed=seed,
        text="\n".join([*texts, ""]),
        name=name,
        extents=extents,
        parameters=values,
        order=None if laid == segments else [s.name or "tokens" for s in laid],
        heads=heads if lists else 0,
        segments=laid,
        shape=shape,
        tokens=tokens,
        main=main,
    )
