# SPDX-License-Identifier: Apache-2.0
"""The check of include edges finds a planted violation and passes the tree as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "check_includes.py"


def check(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), str(root)], capture_output=True, text=True)


def test_the_tree_keeps_its_edges() -> None:
    done = check(ROOT)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("file", "include"),
    [
        ("runtime/Bad.h", "mlir/IR/MLIRContext.h"),
        ("runtime/Bad.cpp", "compiler/Compiler.h"),
        ("compiler/dialect/mask/Bad.cpp", "compiler/reference/Reference.h"),
        ("compiler/reference/Bad.cpp", "compiler/passes/SetProgram.h"),
        ("compiler/passes/Bad.cpp", "compiler/cpu/Jit.h"),
        ("compiler/passes/Bad.cpp", "runtime/ThreadPool.h"),
        ("compiler/cpu/Bad.cpp", "compiler/Compiler.h"),
        ("compiler/Compiler.cpp", "pybind11/pybind11.h"),
        ("python/bindings/Bad.cpp", "compiler/passes/SetProgram.h"),
        ("python/bindings/Bad.cpp", "mlir/IR/MLIRContext.h"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, file: str, include: str) -> None:
    planted = tmp_path / file
    planted.parent.mkdir(parents=True)
    planted.write_text(f'// a comment\n#include <vector>\n#include "{include}"\n')
    done = check(tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{file}:3: ")
    assert f"may not include '{include}'" in done.stdout


@pytest.mark.parametrize(
    ("file", "include"),
    [
        ("compiler/passes/Good.cpp", "runtime/Plan.h"),
        ("compiler/tools/Good.cpp", "compiler/passes/Passes.h"),
        ("python/bindings/Good.cpp", "compiler/Compiler.h"),
        ("runtime/Good.cpp", "runtime/Plan.h"),
        ("compiler/Compiler.cpp", "compiler/Compiler.h"),
    ],
)
def test_an_edge_of_the_architecture_is_allowed(tmp_path: Path, file: str, include: str) -> None:
    planted = tmp_path / file
    planted.parent.mkdir(parents=True)
    planted.write_text(f'#include "{include}"\n')
    assert check(tmp_path).returncode == 0
