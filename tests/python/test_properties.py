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
import int8_model
import roundings
from exact_attention import features
from meanings import Meaning
from random_cases import Case, random_case

Bools = npt.NDArray[np.bool_]


class Schedule:
    """Random options of a plan, tiles in each way the text of a tile can be written."""

    def __init__(self, rng: random.Random, case: Case):
        self.rng = rng
        self.case = case
        self.grid = rng.choice(["box", "box", "flat"])
        self.rounding = rng.choice(
            ["exact", "outward", "nearest", f"nearest:{rng.choice([0, 0.1, 0.3, 0.8, 1])}"]
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


def load(case: Case, folder: Path) -> falloff.Pattern:
    path = folder / f"{case.name}.mlir"
    path.write_text(case.text)
    return falloff.load(path)


def bound(case: Case, pattern: falloff.Pattern) -> falloff.Mask:
    return pattern.bind(order=case.order, **case.extents, **case.parameters)


def check_mask(case: Case, mask: falloff.Mask, meanings: list[Meaning]) -> None:
    """The interpreter agrees with the formulas, and the counts with the pairs."""
    assert mask.tokens == case.tokens
    densities = []
    for head, meaning in zip(heads_of(case), meanings, strict=True):
        differ = mask.to_dense(head=head) != meaning.contains
        assert not differ.any(), f"head {head}: wrong pairs (query, key): {np.argwhere(differ)[:5]}"
        densities.append(meaning.contains.mean())
        for query, key in np.random.default_rng(case.seed).integers(case.tokens, size=(5, 2)):
            assert mask.contains(query, key, head=head) == meaning.contains[query, key]
    assert mask.density == pytest.approx(np.mean(densities), abs=1e-12)
    assert mask.densities == pytest.approx(densities, abs=1e-12)
    empty = [np.flatnonzero(~meaning.contains.any(axis=1)) for meaning in meanings]
    heads = [head for head, queries in enumerate(empty) if len(queries)]
    if heads:
        queries = empty[heads[0]]
        assert mask.empty_rows() == (queries[0], len(queries), heads[0])
    else:
        assert mask.empty_rows() is None


def check_plan(
    case: Case, mask: falloff.Mask, schedule: Schedule, meanings: list[Meaning]
) -> list[Bools]:
    """What holds of the pairs under every rounding; gives those of the schedule's."""
    computed: dict[str, list[Bools]] = {}
    for rounding in ("exact", "outward", schedule.rounding):
        plan = schedule.plan(mask, rounding)
        computed[rounding] = [plan.to_dense(head=head) for head in heads_of(case)]
        for pairs, meaning in zip(computed[rounding], meanings, strict=True):
            truth = meaning.contains
            assert pairs.shape == truth.shape
            assert not (meaning.exact & ~pairs).any(), f"{rounding} loses a pair of `keep`"
            assert not (pairs & ~meaning.only).any(), f"{rounding} computes outside of `only`"
            assert not (pairs & ~meaning.reach).any(), f"{rounding} computes outside of limits"
            emptied = np.flatnonzero(truth.any(axis=1) & ~pairs.any(axis=1))
            assert not len(emptied), f"{rounding} empties queries {emptied}"
            if rounding == "exact":
                assert (pairs == truth).all(), "exact is not the mask"
            if rounding == "outward":
                assert not (truth & ~pairs).any(), "outward loses a pair"
        check_counts(plan, [m.contains for m in meanings], computed[rounding])
        check_tiles(plan, case, computed[rounding])
        if rounding.startswith("nearest"):
            check_nearest(plan, meanings, computed[rounding])
    return computed[schedule.rounding]


def check_nearest(plan: falloff.Plan, meanings: list[Meaning], computed: list[Bools]) -> None:
    """Tile by tile as the rule says."""
    data = plan.as_dict()
    queries, keys = tiles_of(data, "query"), tiles_of(data, "key")
    share = float(data["rounding"].partition(":")[2])
    for meaning, pairs in zip(meanings, computed, strict=True):
        if not roundings.is_plain(meaning):
            continue
        expected = roundings.nearest(meaning, queries, keys, slices_of(data), share)
        differ = np.argwhere(expected != pairs)
        assert not len(differ), f"nearest computes other pairs (query, key): {differ[:5].tolist()}"


def slices_of(data: dict[str, Any]) -> list[int]:
    """Slice of each key tile: of one segment, those with one index on its leading axis.

    A segment of one axis is one slice. On the grid `flat` tiles go by the frame of their first
    token: by the coordinate on the leading axis of the segment that it lies in.
    """
    slices = []
    flat = data["grid"]["kind"] == "flat"
    for number, tokens in enumerate(tiles_of(data, "key")):
        first = int(tokens[0])
        for name, segment in enumerate(data["grid"]["segments"]):
            inside = first - segment["first_token"]
            if 0 <= inside < math.prod(segment["extents"]):
                step = 1 if flat else segment["key_tile"][0]
                depth = math.prod(segment["extents"][1:])
                single = len(segment["extents"]) == 1
                slices.append(name << 20 | (0 if single else inside // depth // step))
        assert len(slices) == number + 1
    return slices


def check_counts(plan: falloff.Plan, truths: list[Bools], computed: list[Bools]) -> None:
    """The four counts are means over heads."""
    pairs = list(zip(truths, computed, strict=True))
    assert plan.pairs_in_mask == pytest.approx(np.mean([t.sum() for t in truths]))
    assert plan.pairs_computed == pytest.approx(np.mean([c.sum() for c in computed]))
    assert plan.pairs_lost == pytest.approx(np.mean([(t & ~c).sum() for t, c in pairs]))
    data = plan.as_dict()
    capacity = math.prod(capacity_of(data["grid"], side) for side in ("query", "key"))
    heads = range(plan.heads) if plan.heads else [None]
    tiles = [sum(run[1] - run[0] for row in plan.rows(head=h) for run in row) for h in heads]
    assert plan.pairs_issued == pytest.approx(np.mean(tiles) * capacity)


def check_tiles(plan: falloff.Plan, case: Case, computed: list[Bools]) -> None:
    """Tiles are in ascending runs that do not touch in vain; `full` is every pair, skipped is none.

    With what else holds of `exact`, whose computed pairs are the mask, this is: class none has no
    pair of the mask, class all has every pair.
    """
    data = plan.as_dict()
    queries, keys = tiles_of(data, "query"), tiles_of(data, "key")
    for head, pairs in zip(heads_of(case), computed, strict=True):
        covered = np.zeros_like(pairs)
        rows = plan.rows(head=head)
        assert len(rows) == len(queries)
        for query, runs in enumerate(rows):
            end = 0
            for first, last, kind in runs:
                assert end <= first < last <= len(keys)
                end = last
                for key in range(first, last):
                    tile = np.ix_(queries[query], keys[key])
                    covered[tile] = True
                    assert kind != "full" or pairs[tile].all(), f"full tile ({query}, {key}) is not"
        assert not (pairs & ~covered).any(), "computes pairs of skipped tiles"


def capacity_of(grid: dict[str, Any], side: str) -> int:
    """Tokens of the largest tile, were it whole."""
    if grid["kind"] == "flat":
        return int(grid[f"{side}_tile"])
    return max(math.prod(segment[f"{side}_tile"]) for segment in grid["segments"])


def tiles_of(data: dict[str, Any], side: str) -> list[npt.NDArray[np.int64]]:
    """Tokens of each tile of a side that lie in the slice, counted from its first."""
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
    dim = rng.choice([8, 64, rng.randint(1, 80), rng.randint(1, 256)])
    value_dim = dim if rng.random() < 0.5 else rng.randint(1, 80)
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
    alive = np.ones((batch, case.tokens), bool)
    options: dict[str, Any] = {"features": rng.choice(["", "", *features()])}
    if case.text_range and case.text_range[1] > case.text_range[0] and rng.random() < 0.5:
        start, end = case.text_range
        lengths = [rng.randint(0, end - start) for _ in range(batch)]
        options["text_lengths"] = lengths
        for b, length in enumerate(lengths):
            alive[b, start + length : end] = False
            pairs[b] &= alive[b, cut[0], None] & alive[b, None, cut[1]]
    scale = rng.choice([None, 0.7])
    inputs = [bshd(x, layout) for x in (q, k, v)]
    scale_used = dim**-0.5 if scale is None else scale
    if rng.random() < 0.3:
        options["recipe"] = "int8"
        exact = int8_model.attention(*inputs, pairs, scale_used, alive[:, cut[1]])
        exact.spread = 2 * exact.spread  # values in float32 are rounded too
        name = "bf16"
    else:
        exact = exact_attention.attention(*inputs, pairs, scale_used)
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


def random_range(rng: random.Random, tokens: int) -> tuple[int, int]:
    first, last = sorted(rng.sample(range(tokens + 1), 2))
    return first, last


def check_case(case: Case, folder: Path) -> None:
    rng = random.Random(case.seed + 1)
    meanings = case.meanings()
    pattern = load(case, folder)
    mask = bound(case, pattern)
    check_mask(case, mask, meanings)
    schedule = Schedule(rng, case)
    computed = check_plan(case, mask, schedule, meanings)
    cut = (slice(None), slice(None))
    if rng.random() < 0.25:  # a part of the plan of the whole, so that machines agree
        queries, keys = random_range(rng, case.tokens), random_range(rng, case.tokens)
        mask = mask.slice(queries=queries, keys=keys)
        cut = (slice(*queries), slice(*keys))
        computed = [pairs[cut] for pairs in computed]
    plan = schedule.plan(mask, schedule.rounding)
    turned = schedule.plan(mask, schedule.rounding, major="key")
    for head, pairs in zip(heads_of(case), computed, strict=True):
        assert (plan.to_dense(head=head) == pairs).all(), "a slice has pairs of its own"
        assert (turned.to_dense(head=head) == pairs).all(), "major = key holds other pairs"
    check_counts(plan, [m.contains[cut] for m in meanings], computed)
    check_counts(turned, [m.contains[cut] for m in meanings], computed)
    check_kernel(case, rng, plan, computed, cut)
    resized = case.resized(rng)
    if resized:
        check_resized(resized, pattern, rng)


def check_resized(case: Case, pattern: falloff.Pattern, rng: random.Random) -> None:
    """The same pattern at other sizes: kernels may be shared, data may not."""
    meanings = case.meanings()
    mask = bound(case, pattern)
    check_mask(case, mask, meanings)
    plan = mask.plan(rounding="exact", grid=rng.choice(["box", "flat"]))
    computed = [plan.to_dense(head=head) for head in heads_of(case)]
    assert all((p == m.contains).all() for p, m in zip(computed, meanings, strict=True))
    check_kernel(case, rng, plan, computed, (slice(None), slice(None)))


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
