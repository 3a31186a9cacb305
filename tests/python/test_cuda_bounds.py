# SPDX-License-Identifier: Apache-2.0
"""docs/cuda-bounds.md shows what the counts and the rates give, and the counts are the kernels'."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from falloff import _find_cuda

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cuda-bounds.md").read_text()


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # the other script, and dataclasses, look it up
    spec.loader.exec_module(module)
    return module


RATES = load_script("gpu_rates")
SCRIPT = load_script("cuda_bounds")
COUNTS = json.loads(SCRIPT.COUNTS.read_text())
NEAR = 0.03  # a change of a kernel that the page need not follow
AGAIN = "is out of date: run scripts/cuda_bounds.py"


def test_page() -> None:
    assert SCRIPT.page(COUNTS, PAGE) == PAGE, f"cuda-bounds.md {AGAIN} --page"


@pytest.mark.parametrize(
    ("recipe", "head_dim", "architecture"),
    [("bf16", 64, 80), ("int8", 128, 90), ("int8-fp8", 128, 90), ("int8-fp8", 128, 120)],
)
def test_counts(recipe: str, head_dim: int, architecture: int) -> None:
    """Again for some kernels; all of them take minutes."""
    if not SCRIPT.DRIVER.exists():
        pytest.skip(f"expects the simulated driver at {SCRIPT.DRIVER}, but the build has none")
    version = _find_cuda.find_nvrtc().version
    if not version.startswith("13.0"):
        pytest.skip(f"expects NVRTC 13.0, whose PTX was counted, but got {version or 'none'}")
    gpu = next(gpu for gpu in RATES.GPUS if gpu.architecture == architecture)
    kept = COUNTS[SCRIPT.name_of(recipe, head_dim, gpu)]
    again = SCRIPT.of_a_tile(recipe, head_dim, architecture)
    assert again["matrix"] == kept["matrix"]
    assert again["conflicts"] == kept["conflicts"]
    for name in ("instructions", "wavefronts", "globalBytes", "packs", "arithmetic"):
        assert again[name] == pytest.approx(kept[name], rel=NEAR), f"{name}: {AGAIN}"
    assert again["beforeBytes"] == kept["beforeBytes"]
    for kind in ("integer", "float", "special"):
        assert again["kinds"][kind] == pytest.approx(kept["kinds"][kind], rel=NEAR), AGAIN


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_counts_are_of_this_tile(name: str) -> None:
    """Products, exponentials and bytes that a tile must have, worked out by hand."""
    one = COUNTS[name]
    recipe, width = name.split()[:2]
    head_dim = int(width.removeprefix("D="))
    operations = sum(n * SCRIPT.operations_of(shape)[1] for shape, n in one["matrix"].items())
    assert operations == SCRIPT.flops(head_dim) == 4 * 128 * 128 * head_dim
    assert one["kinds"]["special"] >= 128 * 128 / 32
    assert one["conflicts"] == 0
    value_bytes = 1 if recipe == "int8-fp8" else 2
    bytes_of_keys = 128 * head_dim * ((2 if recipe == "bf16" else 1) + value_bytes)
    assert bytes_of_keys <= one["globalBytes"] <= 1.1 * bytes_of_keys


def test_published_rates() -> None:
    """Rates of a multiprocessor and clock, against the whole device's as makers print them."""
    printed = {
        "A100": {"bf16": 312, "s8": 624},
        "RTX 4090": {"bf16": 165.2, "s8": 660.6, "e4m3": 330.3},
        "H200": {"bf16": 989.4 * 0.629, "s8": 1978.9 * 0.629},
        "RTX 5090": {"bf16": 209.5, "s8": 838, "e4m3": 419},
    }
    for gpu in RATES.GPUS:
        for kind, rate in printed[gpu.name].items():
            assert gpu.teraflops(gpu.tensor[kind]) == pytest.approx(rate, rel=0.005), gpu.name
