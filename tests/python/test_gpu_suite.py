# SPDX-License-Identifier: Apache-2.0
"""What tests/gpu relies on, tried on simulated devices: faults that are planted for sanitizers are
faults, no simulator's answers become golden, and devices between two generations are served."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import simulated_cuda
from device_arrays import DriverError

SUITE = Path(__file__).resolve().parents[1] / "gpu"
TOOLS = {
    "memcheck": "out of bounds",
    "racecheck": "race",
    "synccheck": "divergence",
    "initcheck": "uninitialised",
}
"""Sanitizers, and what the simulator says of the fault that is planted for each."""


def run_planted(tool: str) -> str:
    """The fault that the kernel ends with, or nothing. Runs in a process of the pool."""
    sys.path.append(str(SUITE))
    from workload import HEAD, PLANTED

    device = simulated_cuda.device()
    try:
        device.launch(HEAD + PLANTED[tool], "planted", [device.empty((32,), "u4")], block=64)
    except DriverError:
        return device.fault()
    return ""


@pytest.mark.parametrize("tool", TOOLS)
def test_planted_faults(tool: str) -> None:
    with simulated_cuda.pool(1) as workers:
        assert TOOLS[tool] in workers.submit(run_planted, tool).result()


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    suite = ["pytest", "-q", "-p", "no:cacheprovider", SUITE, "--driver", simulated_cuda.library()]
    return subprocess.run(
        [sys.executable, "-m", *suite, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_simulator_gives_no_golden_answers(tmp_path: Path) -> None:
    golden = tmp_path / "golden.json"
    done = run("--golden", str(golden), "-k", "test_instruction")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert "expects --golden with a GPU" in done.stderr
    assert not golden.exists()


@pytest.mark.parametrize("capability", ["87", "121"])
def test_devices_that_run_the_kernels_of_others(capability: str) -> None:
    """Their own number names no target."""
    done = run("-k", "test_random_call", "--cases=3", PTXSIM_ARCHITECTURE=capability)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
