# SPDX-License-Identifier: Apache-2.0
"""Random patterns under random schedules: what holds for every pattern, size, tile and rounding.

    pytest tests/python/test_properties.py --cases 5000 --first-seed 1000

The mask's truth comes from `random_patterns`, which computes it while it writes the text; a failure
prints the seed and the whole pattern.
"""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import falloff
import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest

import exact_attention
from meanings import Meaning
from random_cases import Case, random_case

Bools = npt.NDArray[np.bool_]

# Few kernels: these dimensions (of keys, of values) and capacities are shared by all cases.
DIMENSIONS = [(8, 8), (64, 64), (20, 33), (5, 3)]


class Schedule:
    """Random options of a plan, tiles in each way the text of a tile can be written."""

    def __init__(self, rng: random.Random, case: Case):
        self.rng = rng
        self.case = case
        self.grid = rng.choice(["box", "box", "flat"])
        self.rounding = rng.choice(
            ["outward", "nearest", f"nearest:{rng.choice([0.1, 0.3, 0.8, 1])}"]
        )
        self.tiles: dict[str, Any] = {}
        if rng.random() < 0.8:
            if rng.random() < 0.5:
                self.tiles["tile"] = self.tile()
            else:
                self.tiles |= {"tile_query": self.tile(), "tile_key": self.tile()}

    def tile(self) -> Any:
        rng = self.rng
        if self.grid == "flat":
            return rng.choice([1, 3, 8, 16, 40, 64])
        boxes = {s.name or "tokens": self.box(s.axes) for s in self.case.segments}
        if len(boxes) == 1 and rng.random() < 0.3:
            return next(iter(boxes.values()))
        text = {name: "x".join(map(str, box)) for name, box in boxes.items()}
        if rng.random() < 0.5:
            return boxes
        return ",".join(f"{name}={box}" for name, box in text.items())

    def box(self, axes: list[str]) -> list[int]:
        """A box of at most 64 tokens, not always inside the segment."""
        budget = self.rng.choice([8, 16, 64])
        box = []
        for a in axes:
            side = self.rng.randint(1, max(min(budget, self.case.shape[a] + 1), 1))
            box.append(side)
            budget = max(budget // side, 1)
        return box

    def plan(self, mask: falloff.Mask, rounding: str, major: str = "query") -> falloff.Plan:
        return mask.plan(grid=self.grid, rounding=rounding, major=major, **self.tiles)


def heads_of(case: Case) -> list[int | None]:
    return list(range(case.heads)) if case.heads else [None]


def bind(case: Case, folder: Path) -> falloff.Mask:
    path = folder / f"{case.name}.mlir"
    path.write_text(case.text)
    return falloff.load(path).bind(order=case.order, **case.extents, **case.parameters)


def check_mask(case: Case, mask: falloff.Mask, meanings: list[Meaning]) -> None:
    """The interpreter agrees with the formulas, and the counts with the pairs."""
    assert mask.tokens == case.tokens
    densities = []
    for head, meaning in zip(heads_of(case), meanings, strict=True):
        differ = mask.to_dense(head=head) != meaning.contains
        assert not differ.any(), f"head {head}: wrong pairs (query, key): {np.argwhere(differ)[:5]}"
        densities.append(meaning.contains.mean())
    assert mask.density == pytest.approx(np.mean(densities), abs=1e-12)


def check_plan(
    case: Case,
    mask: falloff.Mask,
    schedule: Schedule,
    meanings: list[Meaning],
    cut: tuple[Any, Any],
) -> list[Bools]:
    """What holds of the pairs under every rounding; gives those of the schedule's."""
    computed: dict[str, list[Bools]] = {}
    for rounding in ("exact", "outward", schedule.rounding):
        plan = schedule.plan(mask, rounding)
        computed[rounding] = [plan.to_dense(head=head) for head in heads_of(case)]
        totals = np.zeros(3)
        for pairs, meaning in zip(computed[rounding], meanings, strict=True):
            truth = meaning.contains[cut]
            assert pairs.shape == truth.shape
            lost = truth & ~pairs
            assert not (meaning.exact[cut] & ~pairs).any(), f"{rounding} loses a pair of `keep`"
            assert not (pairs & ~meaning.only[cut]).any(), f"{rounding} computes outside of `only`"
            assert not (pairs & ~meaning.reach[cut]).any(), f"{rounding} computes outside of limits"
            assert (pairs.any(axis=1) >= truth.any(axis=1)).all(), f"{rounding} empties a query"
            if rounding == "exact":
                assert (pairs == truth).all(), "exact is not the mask"
            if rounding == "outward":
                assert not lost.any(), "outward loses a pair"
            totals += truth.sum(), pairs.sum(), lost.sum()
        counts = np.array([plan.pairs_in_mask, plan.pairs_computed, plan.pairs_lost])
        assert counts == pytest.approx(totals / len(meanings)), f"{rounding}: counts of pairs"
        assert plan.pairs_issued >= plan.pairs_computed
        check_tiles(plan, case, [m.contains[cut] for m in meanings], rounding)
    return computed[schedule.rounding]


def check_tiles(plan: falloff.Plan, case: Case, truths: list[Bools], rounding: str) -> None:
    """A full tile has every pair; a tile that `exact` skips has none. Tiles come from the JSON."""
    data = plan.as_dict()
    queries, keys = tiles_of(data, "query"), tiles_of(data, "key")
    for head, truth in zip(heads_of(case), truths, strict=True):
        covered = np.zeros_like(truth)
        issued = 0
        for query, runs in enumerate(plan.rows(head=head)):
            for first, last, kind in runs:
                for key in range(first, last):
                    tile = np.ix_(queries[query], keys[key])
                    covered[tile] = True
                    issued += 1
                    assert kind != "full" or truth[tile].all(), f"full tile ({query}, {key}) is not"
                    assert rounding != "exact" or kind != "limited"
        assert rounding not in ("exact", "outward") or not (truth & ~covered).any(), (
            "skipped a pair"
        )
        assert issued or not truth.any()


def tiles_of(data: dict[str, Any], side: str) -> list[npt.NDArray[np.int64]]:
    """Tokens of each tile of a side, counted from the slice's first."""
    first, last = data["queries" if side == "query" else "keys"]
    grid = data["grid"]
    tiles = []
    if grid["kind"] == "flat":
        size = grid[f"{side}_tile"]
        tiles = [
            np.arange(t, min(t + size, data["tokens"])) for t in range(0, data["tokens"], size)
        ]
    for segment in grid["segments"] if grid["kind"] == "box" else []:
        extents, box = segment["extents"], segment[f"{side}_tile"]
        numbers = np.arange(math.prod(extents)).reshape(extents) + segment["first_token"]
        counts = [-(-e // b) for e, b in zip(extents, box, strict=True)]
        assert segment[f"first_{side}_tile"] == len(tiles)
        for corner in np.ndindex(*counts):
            spans = (slice(c * b, (c + 1) * b) for c, b in zip(corner, box, strict=True))
            tiles.append(numbers[tuple(spans)].ravel())
    return [t[(t >= first) & (t < last)] - first for t in tiles]


def strided(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, layout: str) -> Any:
    """Fresh random values, now and then in memory that is not contiguous, and read-only."""
    if layout == "BHSD":
        shape = (shape[0], shape[2], shape[1], shape[3])
    if rng.random() < 0.3:
        wide = rng.standard_normal((*shape[:3], shape[3] * 2 + 1)).astype(dtype)
        array = wide[..., 1::2]
    elif rng.random() < 0.3:
        array = rng.standard_normal(shape[::-1]).astype(dtype).transpose(3, 2, 1, 0)
    else:
        array = rng.standard_normal(shape).astype(dtype)
    if rng.random() < 0.2:
        array.flags.writeable = False
    return array


def bshd(array: Any, layout: str) -> Any:
    return array if layout == "BSHD" else array.transpose(0, 2, 1, 3)


def check_kernel(
    case: Case, rng: random.Random, plan: falloff.Plan, computed: list[Bools], cut: tuple[Any, Any]
) -> None:
    """The kernel against masked attention in float64 over the plan's own pairs."""
    numbers = np.random.default_rng(rng.getrandbits(32))
    dtype, name = rng.choice([(np.float32, "fp32"), (ml_dtypes.bfloat16, "bf16")])
    dim, value_dim = rng.choice(DIMENSIONS)
    layout = rng.choice(["BSHD", "BHSD"])
    heads = case.heads or rng.choice([1, 2, 3])
    key_heads = rng.choice([h for h in range(1, heads + 1) if heads % h == 0])
    batch = rng.choice([1, 2])
    queries, keys = computed[0].shape
    q = strided(numbers, (batch, queries, heads, dim), dtype, layout)
    k = strided(numbers, (batch, keys, key_heads, dim), dtype, layout)
    v = strided(numbers, (batch, keys, key_heads, value_dim), dtype, layout)
    pairs = np.stack([computed[h if case.heads else 0] for h in range(heads)])
    pairs = np.repeat(pairs[None], batch, axis=0)
    options: dict[str, Any] = {}
    if case.text_range and case.text_range[1] > case.text_range[0] and rng.random() < 0.5:
        start, end = case.text_range
        lengths = [rng.randint(0, end - start) for _ in range(batch)]
        options["text_lengths"] = lengths
        for b, length in enumerate(lengths):
            alive = np.ones(case.tokens, bool)
            alive[start + length : end] = False
            pairs[b] &= alive[cut[0], None] & alive[None, cut[1]]
    scale = rng.choice([None, 0.7])
    exact = exact_attention.attention(
        *(bshd(x, layout) for x in (q, k, v)), pairs, dim**-0.5 if scale is None else scale
    )
    results = []
    for threads in (1, 2):
        out = strided(numbers, (batch, queries, heads, value_dim), dtype, layout).copy()
        out.fill(np.nan)
        result, lse = falloff.attention(
            q,
            k,
            v,
            plan,
            layout=layout,
            scale=scale,
            return_lse=True,
            out=out,
            threads=threads,
            **options,
        )
        assert result is out
        exact_attention.check(bshd(out, layout), lse, exact, name)
        results.append((np.ascontiguousarray(out).tobytes(), lse.tobytes()))
    assert results[0] == results[1], "bits differ with the number of threads"


def check_case(case: Case, folder: Path) -> None:
    rng = random.Random(case.seed + 1)
    meanings = case.meanings()
    mask = bind(case, folder)
    check_mask(case, mask, meanings)
    cut = (slice(None), slice(None))
    if rng.random() < 0.25:
        spans = [sorted(rng.sample(range(case.tokens + 1), 2)) for _ in range(2)]
        mask = mask.slice(queries=tuple(spans[0]), keys=tuple(spans[1]))
        cut = (slice(*spans[0]), slice(*spans[1]))
    schedule = Schedule(rng, case)
    computed = check_plan(case, mask, schedule, meanings, cut)
    turned = schedule.plan(mask, schedule.rounding, major="key")
    for head, pairs in zip(heads_of(case), computed, strict=True):
        assert (turned.to_dense(head=head) == pairs).all(), "major = key holds other pairs"
    check_kernel(case, rng, schedule.plan(mask, schedule.rounding), computed, cut)


def describe(case: Case) -> str:
    sizes = {**case.extents, **case.parameters, "order": case.order, "heads": case.heads}
    return f"seed {case.seed}\n{case.text}bind({', '.join(f'{k}={v!r}' for k, v in sizes.items())})"


def test_random_pattern(seed: int, tmp_path: Path) -> None:
    case = random_case(seed)
    try:
        check_case(case, tmp_path)
    except BaseException as error:
        error.add_note(describe(case))
        raise
