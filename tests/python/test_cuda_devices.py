# SPDX-License-Identifier: Apache-2.0
"""Attention on CUDA devices beside its results: devices, streams, graphs, threads, memory, errors.

Devices are simulated, and each test runs in a process that has their driver; what it does stands in
`cuda_scenarios`, `cuda_torch` and `cuda_cupy`.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import cuda_cupy
import cuda_scenarios
import simulated_cuda

TESTS = (
    *("two_devices", "streams", "a_stream_of_no_one", "graphs"),
    *("a_capture_that_writes_rows_apart", "text_lengths_on_a_device"),
    *("a_capture_of_what_is_not_prepared", "calls_allocate_nothing", "plans_leave_their_devices"),
    *("a_device_without_memory", "workspaces", "refusals"),
    *("a_mask_takes_the_plan_of_the_device", "many_threads", "nans_reach_whoever_sees_them"),
)
TORCH_TESTS = (
    *("results_follow_the_tensors", "a_stream_beside_torchs", "an_out_that_is_an_input"),
    "gradients_and_errors",
)


def test_the_driver_is_the_youngest_that_python_can_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(simulated_cuda.VARIABLE, raising=False)
    monkeypatch.setattr(simulated_cuda, "ROOT", tmp_path)
    with pytest.raises(FileNotFoundError, match="expects a simulated driver below"):
        simulated_cuda.library()
    for age, build in enumerate(("asan", "release", "dev", "fuzz")):
        built = tmp_path / "build" / build / "ptxsim" / "libcuda.so.1"
        built.parent.mkdir(parents=True)
        built.touch()
        os.utime(built, (1000 - age, 1000 - age))
    assert simulated_cuda.library().parts[-3] == "release"


@pytest.fixture(scope="module")
def worker() -> Iterator[ProcessPoolExecutor]:
    with simulated_cuda.pool(1) as workers:
        yield workers


@pytest.mark.parametrize("name", TESTS)
def test(worker: ProcessPoolExecutor, name: str) -> None:
    worker.submit(getattr(cuda_scenarios, name)).result()


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")
@pytest.mark.parametrize("name", TORCH_TESTS)
def test_torch(worker: ProcessPoolExecutor, name: str) -> None:
    worker.submit(_run_torch, name).result()


@pytest.mark.parametrize("name", ["results_are_cupys", "an_out_that_is_an_input"])
def test_cupy(worker: ProcessPoolExecutor, name: str) -> None:
    worker.submit(getattr(cuda_cupy, name)).result()


def _run_torch(name: str) -> None:
    import cuda_torch

    getattr(cuda_torch, name)()
