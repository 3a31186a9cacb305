# SPDX-License-Identifier: Apache-2.0
"""Random patterns, schedules and tensors through the kernels of CUDA devices, simulated.

    pytest tests/python/test_cuda_properties.py --cuda-cases 1000 --first-seed 5000

`cuda_cases` makes and checks a case, in a process with a simulated driver; a failure prints all
that it takes to see it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

import cuda_cases
import simulated_cuda
from cuda_cases import MANY_TILES, RECIPES, Report

Results = dict[int, Future[Report]]


@pytest.fixture(scope="module")
def results(pytestconfig: pytest.Config) -> Iterator[Results]:
    first = pytestconfig.getoption("--first-seed")
    seeds = range(first, first + pytestconfig.getoption("--cuda-cases"))
    with simulated_cuda.pool() as workers:
        yield {seed: workers.submit(cuda_cases.run, seed) for seed in seeds}


def test_random_case(results: Results, cuda_seed: int) -> None:
    results[cuda_seed].result()


def test_the_cases_hold_everything(results: Results, pytestconfig: pytest.Config) -> None:
    if len(results) < 200:
        pytest.skip("asserted of 200 cases and more")
    reports = [result.result() for result in results.values() if result.exception() is None]
    many = sum(report.key_tiles >= MANY_TILES for report in reports)
    assert many >= 20, f"{many} cases of {MANY_TILES} key tiles and more"
    assert sum(report.split for report in reports) >= 10
    assert sum(report.empty_rows for report in reports) >= 10
    assert {report.recipe for report in reports} == set(RECIPES)
    assert {report.architecture for report in reports} == set(simulated_cuda.ARCHITECTURES)
    assert {test for report in reports for test in report.tests} == {"full", "limited", "partial"}
    assert sum(report.head_dim % 8 != 0 for report in reports) >= 5
    assert sum(report.head_dim != report.value_dim for report in reports) >= 20
    assert sum(report.head_dim > 128 for report in reports) >= 5
    assert sum(report.query_capacity > 64 for report in reports) >= 20
    assert sum(report.query_capacity > 128 for report in reports) >= 5
    kinds = Counter(report.kind for report in reports)
    assert set(kinds) == {"pattern", "slice", "blocks", "split blocks"}
    flags = Counter(flag for report in reports for flag in report.flags)
    wanted = {
        "loud",
        "gqa",
        "negative scale",
        "text",
        "text first",
        "per head",
        "batch",
        "BSHD",
        "BHSD",
    }
    wanted |= {f"{x} {way}" for x in ("q", "k", "v", "out") for way in cuda_cases.WAYS}
    assert not wanted - set(flags)
    assert {report.dtype for report in reports} == {"bf16", "fp16"}
