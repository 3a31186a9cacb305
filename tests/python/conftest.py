# SPDX-License-Identifier: Apache-2.0
"""Options of the property tests: how many random cases, and from which seed on."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("falloff")
    group.addoption("--cases", type=int, default=400, help="random patterns to test (default 400)")
    group.addoption("--first-seed", type=int, default=0, help="seed of the first (default 0)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        first = metafunc.config.getoption("--first-seed")
        metafunc.parametrize("seed", range(first, first + metafunc.config.getoption("--cases")))
