# SPDX-License-Identifier: Apache-2.0
"""The machine that the suite runs on, and its options.

    python -m pytest tests/gpu                            # the GPU of this machine, by torch
    python -m pytest tests/gpu --driver …/libcuda.so.1    # what that (simulated) driver gives
    python -m pytest tests/gpu --cases 200 --first-seed 1000

Without a device every test is skipped and says why. What needs torch on a device, a second device
or compute-sanitizer is skipped where there is none.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from machines import Machine, find_machine


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Iterator[None]:
    """A cache of the tests' own, and the driver that was asked for, before falloff is imported."""
    for name in ("FALLOFF_DISABLE_CACHE", "FALLOFF_DUMP_DIR", "FALLOFF_LOG_LEVEL"):
        os.environ.pop(name, None)
    if driver := config.getoption("--driver"):
        if config.getoption("--golden"):
            raise pytest.UsageError(
                f"expects --golden with a GPU, but got the driver {driver}; drop --driver"
            )
        ctypes.CDLL(str(Path(driver).resolve()), ctypes.RTLD_GLOBAL)
        os.environ["FALLOFF_CUDA_IMAGE"] = "ptx"  # all that a simulated driver takes
    with tempfile.TemporaryDirectory(prefix="falloff-gpu-tests-") as folder:
        os.environ.setdefault("FALLOFF_CACHE_DIR", folder)
        return (yield)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("falloff")
    group.addoption("--cases", type=int, default=200, help="random patterns (default 200)")
    group.addoption("--first-seed", type=int, default=0, help="seed of the first (default 0)")
    group.addoption("--driver", metavar="PATH", help="a driver to load instead of the system's")
    group.addoption("--golden", type=Path, metavar="FILE", help="write what instructions answered")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        first = metafunc.config.getoption("--first-seed")
        metafunc.parametrize("seed", range(first, first + metafunc.config.getoption("--cases")))


@pytest.fixture(scope="session")
def machine(pytestconfig: pytest.Config) -> Machine:
    found, problem = find_machine(simulated=bool(pytestconfig.getoption("--driver")))
    if found is None:
        pytest.skip(problem)
    return found


@pytest.fixture(scope="session")
def torch_machine(machine: Machine) -> Machine:
    """A machine whose tensors are torch's: with streams, graphs and events."""
    if not machine.torch:
        pytest.skip("expects torch with a CUDA device, but torch sees none")
    return machine
