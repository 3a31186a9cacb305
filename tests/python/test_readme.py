# SPDX-License-Identifier: Apache-2.0
"""What the README shows works as it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import falloff
import numpy as np
import pytest
from falloff.cli import main

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
COMMANDS = [
    line.split("#")[0].strip()
    for line in re.findall(r"^falloff .*$", README, re.MULTILINE)
    if not line.startswith("falloff bench")
]


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_pattern_is_radial_of_the_library(tmp_path: Path) -> None:
    shown = tmp_path / "radial.mlir"
    shown.write_text(block("mlir"))
    sizes = {"frame": 9, "patch": 20}
    masks = [falloff.load(name, decay=0.5).bind(order=None, **sizes) for name in (shown, "radial")]
    np.testing.assert_array_equal(masks[0].to_dense(), masks[1].to_dense())


def test_the_python_lines_run() -> None:
    tensor = np.zeros((1, 21 * 30 * 52, 1, 8), np.float32)
    names = {"q": tensor, "k": tensor, "v": tensor}
    exec(block("python"), names)
    assert names["out"].shape == tensor.shape
    density = re.search(r"mask.density +# ([0-9.]+)", README)
    assert density is not None
    assert round(names["mask"].density, 3) == float(density[1])  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_run(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 4
