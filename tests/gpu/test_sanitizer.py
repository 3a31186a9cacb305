# SPDX-License-Identifier: Apache-2.0
"""compute-sanitizer over the workload: memory, races, barriers, what nobody has written.

Each tool is first shown a kernel with the fault that it is for; one that does not see it there, as
on machines whose runtime keeps sanitizers from the device, fails with what it said.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from machines import Machine

FOUND = 86  # exit status of a sanitizer that found something
TOOLS = {
    "memcheck": ["--leak-check", "no"],
    "racecheck": ["--racecheck-report", "all"],
    "synccheck": [],
    "initcheck": [],
}


def sanitizer() -> str | None:
    folders = [os.environ.get(name, "") for name in ("CUDA_HOME", "CUDA_PATH")]
    folders = [folder for folder in folders if folder] + ["/usr/local/cuda"]
    for folder in folders:
        for name in ("bin", "compute-sanitizer"):
            if found := shutil.which("compute-sanitizer", path=str(Path(folder) / name)):
                return found
    return shutil.which("compute-sanitizer")


def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    found = sanitizer()
    if found is None:
        pytest.skip("expects compute-sanitizer on the PATH or in CUDA_HOME, but found none")
    command = [found, "--tool", tool, "--error-exitcode", str(FOUND), *TOOLS[tool]]
    here = Path(__file__).resolve().parent
    folders = [str(here), str(here.parent / "python"), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [*command, sys.executable, str(here / "workload.py"), *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("tool", TOOLS)
def test_sanitizer(machine: Machine, tool: str) -> None:
    if machine.simulated:
        pytest.skip("expects a GPU; the simulated one checks all of this in every test")
    planted = run(tool, "--planted", tool)
    said = planted.stdout + planted.stderr
    assert planted.returncode == FOUND, f"{tool} does not see a planted fault here: {said[-6000:]}"
    done = run(tool)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-6000:]
    assert "launches agree" in said, said[-2000:]
    assert "ERROR SUMMARY: 0 errors" in said or "RACECHECK SUMMARY: 0 hazards" in said, said[-2000:]
