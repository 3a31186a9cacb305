# SPDX-License-Identifier: Apache-2.0
"""Kernels of every shape compile for every architecture: to a cubin, without spills or local
memory, and without a warning or numbered advice of the assembler. NVRTC compiles; no device is
needed.

A check compiles one pattern by every recipe, padded head dimension and architecture that has it,
and every pattern of the library by two such combinations in small tiles and two in large ones.
`make check-all` compiles all by all; in large tiles, all patterns by the head dimensions of models.
Kernels of large tiles without a functor are others, too: of those a check compiles two head
dimensions, `make check-all` all.
Kernels for tensors of any strides are others: of those a check compiles one head dimension by every
recipe on the first and the last architecture, `make check-all` all of the one pattern's.
"""

from __future__ import annotations

import itertools
import multiprocessing
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import falloff
import pytest
from falloff import _falloff
from falloff._mask import TARGETS

from test_patterns import EXAMPLES, PATTERNS

HEAD_DIMS = range(32, 257, 32)
MODEL_HEAD_DIMS = (64, 128)  # of the video models that Falloff is for
# Architectures that a recipe is compiled for: those that multiply e4m3, or all.
RECIPES = {"": TARGETS[1:], "int8": TARGETS[1:], "int8-fp8": TARGETS[3:]}
LIBRARY = [path.stem for path in PATTERNS]
# Shared memory that a block of threads may take, in KiB.
SHARED = dict(zip(TARGETS[1:], (163, 99, 99, 227, 227, 227, 99), strict=True))
ATTENTION = "falloff_attention"
QUANTISING = {f"falloff_{name}" for name in ("sums", "means", "quantise", "queries")}
ADVICE = re.compile(r"\bwarning *[:#]|\(C\d{4}\)")


@dataclass(frozen=True)
class Job:
    """One kernel, of an example of the library. Large tiles have blocks of 128 queries, small ones
    of 64. Plans that test no tile have no functor, as those of `dense`."""

    pattern: str
    recipe: str
    target: str
    head_dim: int
    is_large: bool = False
    is_aligned: bool = True

    @property
    def dtype(self) -> str:
        """In turn, so that each recipe and each architecture has both."""
        return "bf16" if (self.head_dim // 32 + TARGETS.index(self.target)) % 2 else "fp16"

    def plan(self) -> falloff.Plan:
        if self.pattern == "cogvideox":  # its examples are dense
            mask = falloff.load("cogvideox").bind(frames=25, height=9, width=8)
        else:
            examples = (example for example in EXAMPLES if example.pattern == self.pattern)
            mask = min((example.mask() for example in examples), key=lambda mask: mask.density)
        tile = "67" if self.is_large else "7"
        return mask.plan(grid="flat", tile=tile, rounding="exact")  # cuts across sets


def compile_job(job: Job) -> tuple[str, list[str]]:
    """The source, and what is wrong with what the compiler made of it."""
    choice = (job.target, job.dtype, job.recipe, job.head_dim, job.is_aligned)
    kernel = _falloff.compile_cuda(job.plan()._impl, *choice, ptx=False)
    faults = [line for line in kernel.log.splitlines() if ADVICE.search(line)]
    if not kernel.image.startswith(b"\x7fELF"):
        faults.append("the image is no cubin")
    names = {entry.name for entry in kernel.entries}
    if names != {ATTENTION, "falloff_merge"} | (QUANTISING if job.recipe else set()):
        faults.append(f"kernels {sorted(names)}")
    for entry in kernel.entries:
        spills = entry.spill_store_bytes + entry.spill_load_bytes
        shared = entry.shared_bytes + (kernel.shared_bytes if entry.name == ATTENTION else 0)
        if shared > SHARED[job.target] * 1024:
            faults.append(f"{entry.name}: {shared} bytes of shared memory")
        if spills or entry.stack_bytes:
            faults.append(f"{entry.name}: {spills} bytes of spills, stack of {entry.stack_bytes}")
    return kernel.source, faults


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Two compilers: NVRTC takes one processor for most of its time."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        yield pool


def check(pool: ProcessPoolExecutor, jobs: Iterable[Job]) -> list[str]:
    """Compiles all; returns their sources."""
    jobs = list(jobs)
    results = list(pool.map(compile_job, jobs))
    faults = {job: found for job, (_, found) in zip(jobs, results, strict=True) if found}
    assert not faults
    return [source for source, _ in results]


def check_any_strides(pool: ProcessPoolExecutor, jobs: Iterable[Job]) -> None:
    for source in check(pool, jobs):
        assert "constexpr bool isAligned = false;" in source


def combinations() -> list[tuple[str, str, int]]:
    """(recipe, target, head dimension), all that there are."""
    return [
        (recipe, target, head_dim)
        for recipe, targets in RECIPES.items()
        for target, head_dim in itertools.product(targets, HEAD_DIMS)
    ]


@pytest.mark.parametrize(
    ("recipe", "target"), [(recipe, target) for recipe in RECIPES for target in RECIPES[recipe]]
)
def test_every_head_dimension_by_every_recipe_and_architecture(
    pool: ProcessPoolExecutor, recipe: str, target: str
) -> None:
    jobs = [Job("radial", recipe, target, head_dim, is_large=True) for head_dim in HEAD_DIMS]
    for source in check(pool, jobs):
        assert "constexpr int queryBlock = 128;" in source
        assert "constexpr bool functorTests = true;" in source


@pytest.mark.parametrize("pattern", LIBRARY)
def test_every_pattern_by_two_combinations(pool: ProcessPoolExecutor, pattern: str) -> None:
    first = LIBRARY.index(pattern) * 37  # far apart, and other ones for each pattern
    chosen = []
    for is_large in (False, True):
        every = [c for c in combinations() if not is_large or c[2] in MODEL_HEAD_DIMS]
        chosen += [Job(pattern, *every[(first + step) % len(every)], is_large) for step in (0, 83)]
    for source in check(pool, chosen):
        assert ("functorTests = true" in source) == (pattern != "dense")


def check_without_functor(pool: ProcessPoolExecutor, recipe: str, head_dims: Iterable[int]) -> None:
    every = itertools.product(RECIPES[recipe], head_dims)
    for source in check(pool, (Job("dense", recipe, t, d, is_large=True) for t, d in every)):
        assert "constexpr bool functorTests = false;" in source


@pytest.mark.parametrize("recipe", RECIPES)
def test_without_functor_by_every_recipe(pool: ProcessPoolExecutor, recipe: str) -> None:
    check_without_functor(pool, recipe, [64, 128])


@pytest.mark.exhaustive
@pytest.mark.parametrize("recipe", RECIPES)
def test_without_functor_by_every_combination(pool: ProcessPoolExecutor, recipe: str) -> None:
    check_without_functor(pool, recipe, HEAD_DIMS)


@pytest.mark.parametrize("recipe", RECIPES)
def test_any_strides_by_every_recipe(pool: ProcessPoolExecutor, recipe: str) -> None:
    targets = (RECIPES[recipe][0], RECIPES[recipe][-1])
    check_any_strides(pool, (Job("radial", recipe, t, 128, True, False) for t in targets))


@pytest.mark.exhaustive
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("is_large", [False, True])
def test_any_strides_by_every_combination(
    pool: ProcessPoolExecutor, recipe: str, is_large: bool
) -> None:
    every = itertools.product(RECIPES[recipe], HEAD_DIMS)
    check_any_strides(pool, (Job("radial", recipe, t, d, is_large, False) for t, d in every))


@pytest.mark.exhaustive
@pytest.mark.parametrize("pattern", LIBRARY)
@pytest.mark.parametrize("is_large", [False, True])
def test_every_pattern_by_every_combination(
    pool: ProcessPoolExecutor, pattern: str, is_large: bool
) -> None:
    every = (c for c in combinations() if not is_large or c[2] in MODEL_HEAD_DIMS)
    check(pool, (Job(pattern, *combination, is_large) for combination in every))
