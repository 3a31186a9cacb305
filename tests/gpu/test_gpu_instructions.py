# SPDX-License-Identifier: Apache-2.0
"""The simulator's instruction cases on this machine's device: kernel and simulator share a reader
of the manual, and this is what the device says to it.

`--golden FILE` keeps what the device answered to each case, right or wrong. Cases come from
`ptxsim-cases`, which the build has, or from `instructions.json`, which a bundle has.
"""

from __future__ import annotations

import json
import math
import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device_arrays import Driver
from machines import Machine

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKED = HERE / "instructions.json"
CASES = ROOT / "tests" / "ptxsim" / "cases"
TOOL = ROOT / os.environ.get("FALLOFF_BUILD", "build/release") / "bin" / "ptxsim-cases"


def cases() -> list[dict[str, Any]]:
    """All cases; none where neither a bundle nor a build has them."""
    if PACKED.exists():
        text = PACKED.read_text()
    elif TOOL.exists():
        text = subprocess.run([TOOL, CASES], capture_output=True, text=True, check=True).stdout
    else:
        return []
    read: list[dict[str, Any]] = json.loads(text)
    return read


ALL = cases()
MISSING = f"expects {TOOL} of a build or {PACKED.name} of a bundle, but found neither"


@pytest.fixture(scope="module")
def answers(pytestconfig: pytest.Config, machine: Machine) -> Iterator[dict[str, Any]]:
    """What the device answered, by title of the case, written at the end."""
    found: dict[str, Any] = {}
    yield found
    if golden := pytestconfig.getoption("--golden"):
        data = {"device": machine.name, "architecture": machine.architecture, "answers": found}
        golden.write_text(json.dumps(data, indent=1) + "\n")


@pytest.fixture(scope="module")
def driver(machine: Machine) -> Driver:
    return Driver()


def answer_of(driver: Driver, case: dict[str, Any]) -> list[list[int]]:
    """Words of each output column, by thread."""
    threads, columns = case["threads"], len(case["outputs"])
    words = np.array([int(word, 16) for word in case["inputs"]] or [0], np.uint64)
    places = np.arange(max(case["memory_bytes"], 1))
    memory = driver.array((7 * places + 3).astype(np.uint8))  # as memoryByte of Case.h has it
    outputs = driver.array(np.zeros((columns, threads), np.uint64))
    buffers = [driver.array(words), outputs, memory]
    driver.launch(case["ptx"], "run", buffers, block=threads)
    rows: list[list[int]] = outputs.numpy().tolist()
    return rows


def agrees(kind: str, expected: int, got: int, tolerance: float) -> bool:
    """As compareOutputs of Case.h."""
    if expected == got:
        return True
    if tolerance == 0 or kind not in ("f32", "f64"):
        return False
    code, size = ("f", 4) if kind == "f32" else ("d", 8)
    want, have = (
        struct.unpack(code, value.to_bytes(8, "little")[:size])[0] for value in (expected, got)
    )
    return math.isfinite(want) and want != 0 and abs(have - want) <= tolerance * abs(want)


@pytest.mark.skipif(not ALL, reason=MISSING)
@pytest.mark.parametrize("case", ALL or [{}], ids=lambda case: case.get("title", "none"))
def test_instruction(
    machine: Machine, driver: Driver, answers: dict[str, Any], case: dict[str, Any]
) -> None:
    if machine.architecture < case["architecture"]:
        pytest.skip(f"expects sm_{case['architecture']}, but got sm_{machine.architecture}")
    found = answer_of(driver, case)
    answers[case["title"]] = {
        column["name"]: [f"{word:x}" for word in row]
        for column, row in zip(case["outputs"], found, strict=True)
    }
    wrong = [
        f"{column['name']} of thread {thread}: expects {value}, but got {word:x}"
        for column, row in zip(case["outputs"], found, strict=True)
        for thread, (value, word) in enumerate(zip(column["values"], row, strict=True))
        if value is not None and not agrees(column["type"], int(value, 16), word, case["tolerance"])
    ]
    assert not wrong, "\n".join(wrong[:8])
