# SPDX-License-Identifier: Apache-2.0
"""The benchmark for GPUs works on a machine without one, where it measures nothing, and the suite
for GPUs says why it does not run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """With no device to be seen, also where there is one."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(not shutil.which("g++"), reason="compiled FlexAttention needs g++")
def test_dry_run(tmp_path: Path) -> None:
    done = run("benchmarks.gpu", "--dry-run", "--quick", "--output", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    for what in ("exact, bf16, kept tiles", "over FlexAttention", "cosine", "SDPA flash, dense"):
        assert what in done.stdout
    assert not list(tmp_path.iterdir()), "a dry run leaves results"


def test_no_device() -> None:
    done = run("benchmarks.gpu")
    assert done.returncode == 1
    assert "error: expects a CUDA device" in done.stderr
    assert not done.stdout


def test_suite_is_skipped_without_a_device() -> None:
    done = run("pytest", "-q", "-p", "no:cacheprovider", "--cases=3", "tests/gpu")
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert "skipped" in last
    assert "passed" not in last
    assert "expects a CUDA device" in done.stdout
