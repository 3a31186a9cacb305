# SPDX-License-Identifier: Apache-2.0
"""The errors of CUDA recipes on docs/int8.md: the figures that are kept, and the kernels'."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

import simulated_cuda

ROOT = Path(__file__).resolve().parents[2]


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


SCRIPT = load_script("cuda_accuracy")
FIGURES = json.loads(SCRIPT.FIGURES.read_text())
LIMITS = {"1 - cosine": 0.02, "relative L1": 0.07, "RMSE": 0.07}  # of SpargeAttn


def test_page() -> None:
    text = SCRIPT.PAGE.read_text()
    assert SCRIPT.page(FIGURES, text) == text, "run scripts/cuda_accuracy.py --page"


def test_figures_are_within_the_limits() -> None:
    assert len(FIGURES) == 12
    for name, errors in FIGURES.items():
        for metric, limit in LIMITS.items():
            assert errors[metric] < limit, name


@pytest.mark.parametrize("recipe", ["int8", "int8-fp8"])
def test_figures_are_those_of_the_kernels(recipe: str) -> None:
    with simulated_cuda.pool(1) as workers:
        found = workers.submit(run, "offset", recipe).result()
    for metric, error in FIGURES[f"offset; {recipe}"].items():
        assert found[metric] == pytest.approx(error, rel=0.02), metric


def run(keys: str, recipe: str) -> dict[str, float]:
    errors: dict[str, float] = load_script("cuda_accuracy").run(keys, recipe)
    return errors
