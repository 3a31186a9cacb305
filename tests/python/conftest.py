# SPDX-License-Identifier: Apache-2.0
"""Options of the property tests: how many random cases, and from which seed on; and a cache on disk
of the tests' own, since they never write to the user's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main() -> Iterator[None]:
    """Before anything of falloff is imported; processes that tests start inherit it."""
    for name in ("FALLOFF_DISABLE_CACHE", "FALLOFF_DUMP_DIR", "FALLOFF_LOG_LEVEL"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="falloff-tests-") as folder:
        os.environ["FALLOFF_CACHE_DIR"] = folder
        return (yield)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("falloff")
    group.addoption("--cases", type=int, default=400, help="random patterns to test (default 400)")
    group.addoption(
        "--cuda-cases", type=int, default=240, help="random calls of CUDA kernels (default 240)"
    )
    group.addoption("--first-seed", type=int, default=0, help="seed of the first (default 0)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    first = metafunc.config.getoption("--first-seed")
    for name, option in (("seed", "--cases"), ("cuda_seed", "--cuda-cases")):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, range(first, first + metafunc.config.getoption(option)))
