# SPDX-License-Identifier: Apache-2.0
"""Random calls of attention on a CUDA device, simulated: a plan, tensors of every layout and type,
and all options, held against masked attention in float64 over the plan's own pairs.

`run(seed)` runs in a process of `simulated_cuda.pool` and says what the case held.
"""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import falloff
import ml_dtypes
import numpy as np
import numpy.typing as npt
from falloff import _falloff

import exact_attention
import int8_model
import simulated_cuda
from device_arrays import DeviceArray
from random_cases import Case, random_case
from simulated_cuda import ARCHITECTURES, Device
from test_properties import Schedule, bound, describe, heads_of, load, random_range, tiles_of

Bools = npt.NDArray[np.bool_]
TYPES = {"bf16": np.dtype(ml_dtypes.bfloat16), "fp16": np.dtype(np.float16)}
RECIPES = {None: 80, "int8": 80, "int8-fp8": 89}
"""By the first architecture that has it."""
MOST_STEPS = 300  # blocks of queries times blocks of keys that a case may cost
MANY_TILES = 6
WAYS = ("rows", "padded", "spread", "turned", "shifted", "backwards")
"""How elements may lie in memory."""


@dataclass
class Problem:
    """A plan, and what it computes by its own account."""

    plan: falloff.Plan
    pairs: Callable[[int, int], Bools]  # of a batch entry and a head: (queries, keys)
    heads: int = 0  # that the plan has tables for; 0: any number
    batches: int = 0
    text: tuple[int, int] = (0, 0)  # tokens of the segment that text lengths shorten
    queries: tuple[int, int] = (0, 0)  # tokens that tensors hold
    keys: tuple[int, int] = (0, 0)
    told: str = ""
    kind: str = ""


@dataclass
class Report:
    """What a case held; `test_cuda_properties` asserts that together they hold everything."""

    kind: str
    recipe: str | None
    dtype: str
    architecture: int
    head_dim: int
    value_dim: int
    query_capacity: int
    key_tiles: int  # the most that a row keeps
    split: bool
    tests: set[str]  # full, limited, partial
    empty_rows: bool
    flags: set[str] = field(default_factory=set)


def rows_of(plan: falloff.Plan) -> list[list[falloff._plan.Runs]]:
    return [list(falloff._plan._rows(table)) for table in plan._impl.tables]


def steps_of(plan: falloff.Plan) -> float:
    """Blocks of queries times blocks of keys, a mean over the plan's tables; of the smaller blocks
    that kernels take."""
    data = plan._impl.grid
    sizes = [
        (capacity(data, "query") + 63) // 64,
        (capacity(data, "key") + 31) // 32,
    ]
    kept = [sum(run[1] - run[0] for row in rows for run in row) for rows in rows_of(plan)]
    return float(np.mean(kept)) * sizes[0] * sizes[1] + len(rows_of(plan)[0])


def capacity(grid: _falloff.Grid, side: str) -> int:
    if grid.kind == "flat":
        return int(getattr(grid, f"flat_{side}_tile"))
    return max(int(np.prod(getattr(segment, f"{side}_tile"))) for segment in grid.segments)


# ---- plans


def pattern_problem(rng: random.Random, seed: int, *, cut: bool) -> Problem:
    """A random pattern under a random schedule, the whole of it or a slice."""
    case = random_case(seed, most_tokens=rng.choice([60, 110, 150, 200]))
    with tempfile.TemporaryDirectory() as folder:
        mask = bound(case, load(case, Path(folder)))
    queries = keys = (0, case.tokens)
    if cut:
        queries, keys = random_range(rng, case.tokens), random_range(rng, case.tokens)
        mask = mask.slice(queries=queries, keys=keys)
    plan = small_plan(rng, case, mask)
    dense = [plan.to_dense(head=head) for head in heads_of(case)]
    return Problem(
        plan,
        lambda batch, head: dense[head if case.heads else 0],
        heads=case.heads,
        text=case.text_range or (0, 0),
        queries=queries,
        keys=keys,
        told=describe(case),
        kind="slice" if cut else "pattern",
    )


def small_plan(rng: random.Random, case: Case, mask: falloff.Mask) -> falloff.Plan:
    """Of several random schedules the first that is cheap enough, else the cheapest."""
    plans = []
    for _ in range(8):
        schedule = Schedule(rng, case)
        kind = rng.random()
        if kind < 0.2:  # what a mask takes for tensors of a device
            target = f"sm_{rng.choice(ARCHITECTURES)}"
            plan = mask.plan(target=target, dtype="bf16", head_dim=rng.choice([64, 128]))
        elif kind < 0.4:  # tiles as large as kernels' blocks, and larger
            query, key = rng.choice([100, 128, 190]), rng.choice([48, 64, 100, 128])
            plan = mask.plan(
                grid="flat", rounding=schedule.rounding, tile_query=query, tile_key=key
            )
        else:
            plan = schedule.plan(mask, schedule.rounding)
        if steps_of(plan) <= MOST_STEPS / 4:
            return plan
        plans.append(plan)
    return min(plans, key=steps_of)


def block_problem(rng: random.Random, *, split: bool) -> Problem:
    """Blocks of the caller's own, for each head and batch entry or for all; with `split` one row
    that is so much longer than the others that the plan cuts it."""
    numbers = np.random.default_rng(rng.getrandbits(32))
    if split:
        tokens, query, key = rng.randint(70, 90), 64, 1
        shape = rng.choice([(), (2,)])
        rows, columns = -(-tokens // query), -(-tokens // key)
        tokens, rows = tokens + 5 * query, rows + 5
        columns = -(-tokens // key)
        blocks = numbers.random((*shape, rows, columns)) < 0.01
        blocks[..., rng.randrange(rows), : rng.randint(68, 100)] = True
    else:
        tokens = rng.randint(1, 200)
        query, key = rng.choice([16, 33, 64, 100, 128]), rng.choice([16, 32, 40, 64])
        shape = rng.choice([(), (2,), (2, 2)])
        rows, columns = -(-tokens // query), -(-tokens // key)
        blocks = numbers.random((*shape, rows, columns)) < rng.choice([0.2, 0.6, 1])
    plan = falloff.Plan.from_block_mask(blocks, tokens, tile_query=query, tile_key=key)
    heads = shape[-1] if shape else 0
    batches = shape[0] if len(shape) > 1 else 0
    told = f"blocks {blocks.shape} of {query} x {key}, {tokens} tokens"

    def pairs(batch: int, head: int) -> Bools:
        return plan.to_dense(head=head if heads else None, batch=batch if batches else None)

    whole = (0, tokens)
    kind = "split blocks" if split else "blocks"
    return Problem(plan, pairs, heads, batches, whole, whole, whole, told, kind)


def random_problem(rng: random.Random, seed: int) -> Problem:
    place = seed % 10
    if place == 7:
        return block_problem(rng, split=False)
    if place == 8:
        return block_problem(rng, split=True)
    return pattern_problem(rng, seed, cut=place == 9)


# ---- tensors


def memory(
    rng: random.Random, shape: tuple[int, ...], dtype: Any, layout: str
) -> tuple[npt.NDArray[Any], str]:
    """Elements in (batch, tokens, heads, dim) order, laid out in one of many ways."""
    turn = (0, 1, 2, 3) if layout == "BSHD" else (0, 2, 1, 3)
    laid = tuple(shape[axis] for axis in turn)
    kind = rng.choice(["rows", "rows", *WAYS])
    if kind == "padded":  # rows that begin on 16 bytes and do not follow each other
        wide = np.zeros((*laid[:3], -(-laid[3] // 8) * 8 + 8), dtype)
        array = wide[..., : laid[3]]
    elif kind == "spread":
        array = np.zeros((*laid[:3], laid[3] * 2 + 1), dtype)[..., 1::2]
    elif kind == "turned":
        array = np.zeros(laid[::-1], dtype).transpose(3, 2, 1, 0)
    elif kind == "shifted":  # every row begins between two 16 bytes
        array = np.zeros((*laid[:3], laid[3] + 3), dtype)[..., 3:]
    elif kind == "backwards":
        array = np.zeros(laid, dtype)[:, ::-1, :, ::-1]
    else:
        array = np.zeros(laid, dtype)
    return array.transpose(turn), kind


def tensor(
    rng: random.Random, shape: tuple[int, ...], dtype: Any, layout: str
) -> tuple[npt.NDArray[Any], str]:
    array, kind = memory(rng, shape, dtype, layout)
    numbers = np.random.default_rng(rng.getrandbits(32))
    array[...] = numbers.standard_normal(shape).astype(dtype)
    return array, kind


@dataclass
class Inputs:
    q: npt.NDArray[Any]  # (batch, tokens, heads, dim), whichever way they lie
    k: npt.NDArray[Any]
    v: npt.NDArray[Any]
    pairs: Bools  # (batch, heads, queries, keys)
    alive: Bools  # (batch, keys)
    layout: str
    dtype: str
    options: dict[str, Any]
    flags: set[str]

    def turned(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return array if self.layout == "BSHD" else array.transpose(0, 2, 1, 3)


def head_dims(rng: random.Random, plan: falloff.Plan, recipe: str | None) -> tuple[int, int]:
    dim = rng.choice([8, 32, 40, 64, 64, 64, 80, 96, 128, 128, 256, rng.randint(1, 256)])
    if recipe and capacity(plan._impl.grid, "key") > 32:
        return dim, dim  # see groups_of_keys
    return dim, dim if rng.random() < 0.6 else rng.choice([8, 64, rng.randint(1, 130)])


def random_inputs(rng: random.Random, problem: Problem, recipe: str | None) -> Inputs:
    dim, value_dim = head_dims(rng, problem.plan, recipe)
    steps = steps_of(problem.plan) * max(1.0, (dim + value_dim) / 128)
    most = max(int(MOST_STEPS / max(steps, 1)), 1)  # heads of all batch entries
    batch = problem.batches or (2 if most > 2 and rng.random() < 0.4 else 1)
    heads = problem.heads or rng.choice([h for h in (1, 2, 3, 4) if h == 1 or h * batch <= most])
    key_heads = rng.choice([h for h in range(1, heads + 1) if heads % h == 0])
    layout = rng.choice(["BSHD", "BHSD"])
    name = rng.choice(list(TYPES))
    queries, keys = (last - first for first, last in (problem.queries, problem.keys))
    q, laid_q = tensor(rng, (batch, queries, heads, dim), TYPES[name], layout)
    k, laid_k = tensor(rng, (batch, keys, key_heads, dim), TYPES[name], layout)
    v, laid_v = tensor(rng, (batch, keys, key_heads, value_dim), TYPES[name], layout)
    pairs = np.stack(
        [np.stack([problem.pairs(b, h) for h in range(heads)]) for b in range(batch)]
    ).copy()
    loudness = rng.choice([1, 1, 4, 12])  # scores that a running maximum has to follow
    q[...] = (q.astype(np.float32) * loudness).astype(q.dtype)
    flags = {f"q {laid_q}", f"k {laid_k}", f"v {laid_v}", layout}
    told = {
        "loud": loudness > 4,
        "gqa": key_heads < heads,
        "per head": problem.heads > 1,
        "batch": batch > 1,
    }
    flags |= {name for name, holds in told.items() if holds}
    inputs = Inputs(q, k, v, pairs, np.ones((batch, keys), bool), layout, name, {}, flags)
    inputs.options["scale"] = rng.choice([None, None, 0.7, -0.3, 0.0])
    if inputs.options["scale"] is not None and inputs.options["scale"] < 0:
        flags.add("negative scale")
    if problem.text[1] > problem.text[0] and rng.random() < 0.6:
        shorten_text(rng, problem, inputs)
    return inputs


def shorten_text(rng: random.Random, problem: Problem, inputs: Inputs) -> None:
    """Gives lengths; what lies past them is NaN, which must not be seen."""
    start, end = problem.text
    lengths = [rng.randint(0, end - start) for _ in range(len(inputs.q))]
    inputs.options["text_lengths"] = lengths
    inputs.flags.add("text")
    if start == 0:
        inputs.flags.add("text first")
    alive = np.ones((len(lengths), max(end, problem.queries[1], problem.keys[1])), bool)
    for entry, length in enumerate(lengths):
        alive[entry, start + length : end] = False
    query_alive = alive[:, slice(*problem.queries)]
    inputs.alive = alive[:, slice(*problem.keys)]
    inputs.pairs &= query_alive[:, None, :, None] & inputs.alive[:, None, None, :]
    inputs.k[~inputs.alive] = np.nan
    inputs.v[~inputs.alive] = np.nan


# ---- running


def output(
    device: Device, rng: random.Random, shape: tuple[int, ...], dtype: Any, layout: str
) -> tuple[DeviceArray, str]:
    """A result's place on the device, of which no byte is written."""
    array, kind = memory(rng, shape, dtype, layout)
    made = device.put(array if layout == "BSHD" else array.transpose(0, 2, 1, 3))
    device.forget(made)
    return made, kind


def check(
    problem: Problem, inputs: Inputs, recipe: str | None, target: str, out: Any, lse: Any
) -> None:
    """Holds results, (batch, queries, heads, value dim) and (batch, heads, queries) or None, of a
    device, whose kernels are those of `target`, against float64."""
    alive = inputs.alive[:, :, None, None]
    k, v = (np.where(alive, x, 0).astype(x.dtype) for x in (inputs.k, inputs.v))
    scale = inputs.options["scale"]
    fp8 = recipe == "int8-fp8"
    if recipe is None:
        exact = exact_attention.attention(inputs.q, k, v, inputs.pairs, scale)
    else:
        groups = groups_of_keys(problem.plan, inputs, recipe, target)
        exact = int8_model.attention(
            inputs.q, k, v, inputs.pairs, scale, inputs.alive, groups, rounds_values=fp8
        )
    exact_attention.check(out, lse, exact, inputs.dtype, e4m3=fp8)


def groups_of_keys(
    plan: falloff.Plan, inputs: Inputs, recipe: str, target: str
) -> int8_model.Groups:
    """Which keys share a scale: as the kernel's blocks cut the plan's tiles."""
    source = _falloff.print_cuda_kernel(
        plan._impl, target, inputs.dtype, recipe, inputs.q.shape[3], True
    )
    block = re.search(r"constexpr int keyBlock = (\d+);", source)
    assert block
    return int8_model.groups_of_lanes(
        tiles_of(plan.as_dict(), "key"), inputs.k.shape[1], int(block[1])
    )


def call(
    device: Device, rng: random.Random, problem: Problem, inputs: Inputs, recipe: str | None
) -> None:
    """Runs `falloff.attention` and checks all of what it wrote."""
    q, k, v = (device.put(inputs.turned(x)) for x in (inputs.q, inputs.k, inputs.v))
    batch, queries, heads, _ = inputs.q.shape
    shape = (batch, queries, heads, inputs.v.shape[3])
    out, laid = output(device, rng, shape, inputs.q.dtype, inputs.layout)
    inputs.flags.add(f"out {laid}")
    lse = None
    if rng.random() < 0.7:
        wide, _ = output(device, rng, (batch, heads, queries, 1), np.float32, "BSHD")
        lse = DeviceArray(device, wide.memory, wide.dtype, wide.shape[:3])
        lse.strides, lse.offset = wide.strides[:3], wide.offset
    before = [device.raw(x, 0).tobytes() for x in (q, k, v)]
    options = {"layout": inputs.layout, "recipe": recipe, **inputs.options}
    if rng.random() < 0.3:
        options["stream"] = device.stream()
    size = falloff.prepare(q, k, v, problem.plan, layout=inputs.layout, recipe=recipe, out=out)
    workspace = device.empty((size,), np.uint8) if size else None
    result = falloff.attention(
        q, k, v, problem.plan, out=out, lse=lse, workspace=workspace, **options
    )
    assert result is out
    device.synchronise()
    assert [device.raw(x, 0).tobytes() for x in (q, k, v)] == before, "an input was written"
    found = inputs.turned(device.take(out))
    sums = None if lse is None else device.take(lse)
    check(problem, inputs, recipe, _falloff.cuda_target(device.device), found, sums)


def check_counts(device: Device, *, keeps: bool) -> None:
    """Of a call whose plan keeps a tile or none."""
    counted = [counts for counts in device.counts() if counts["kernel"] == "falloff_attention"]
    assert counted, "no kernel ran"
    for counts in counted:
        products = sum(counts["mainLoop"]["matrix"].values())
        assert products > 0 or not keeps, "no matrix instruction ran in a loop"
        conflicts = counts["mainLoop"]["conflicts"]
        assert conflicts == 0, f"{conflicts} bank conflicts in the main loop"


def random_recipe(rng: random.Random) -> tuple[str | None, int]:
    recipe = rng.choice([None, *RECIPES])
    return recipe, rng.choice([a for a in ARCHITECTURES if a >= RECIPES[recipe]])


def run(seed: int) -> Report:
    """One case; an error carries all that it takes to see it again."""
    rng = random.Random(seed + 77)
    problem = random_problem(rng, seed)
    recipe, architecture = random_recipe(rng)
    inputs = random_inputs(rng, problem, recipe)
    rows = [row for table in rows_of(problem.plan) for row in table]
    device = simulated_cuda.device(architecture)
    device.reset()
    try:
        call(device, rng, problem, inputs, recipe)
        check_counts(device, keeps=any(rows))
    except BaseException as error:
        error.add_note(
            f"seed {seed}, {problem.kind}, sm_{architecture}, recipe {recipe}, {inputs.dtype}, "
            f"q {inputs.q.shape}, k {inputs.k.shape}, v {inputs.v.shape}, {inputs.options}, "
            f"{sorted(inputs.flags)}\n{problem.told}\n{device.fault()}"
        )
        raise
    return Report(
        kind=problem.kind,
        recipe=recipe,
        dtype=inputs.dtype,
        architecture=architecture,
        head_dim=inputs.q.shape[3],
        value_dim=inputs.v.shape[3],
        query_capacity=capacity(problem.plan._impl.grid, "query"),
        key_tiles=max((sum(run[1] - run[0] for run in row) for row in rows), default=0),
        split=any(table.splits for table in problem.plan._impl.tables),
        tests={run[2] for row in rows for run in row},
        empty_rows=bool((~inputs.pairs.any(axis=3)).any()),
        flags=inputs.flags,
    )
