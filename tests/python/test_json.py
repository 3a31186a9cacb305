# SPDX-License-Identifier: Apache-2.0
"""What --json prints has the keys of docs/json.md, all of them and no others."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from falloff.cli import main

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "json.md"
RADIAL = ["radial", "--frames", "3", "--tokens-per-frame", "24"]

COMMANDS = {
    "check": [["check", "radial"], ["check", *RADIAL]],
    "plan": [["plan", *RADIAL, "--tile", "1x8"], ["plan", *RADIAL]],
    "compile": [["compile", *RADIAL, "--tile", "1x8", "--target", "sm_80", "--head-dim", "32"]],
    "bench": [["bench", *RADIAL, "--heads", "1", "--head-dim", "16", "--repeat", "1"]],
    "doctor": [["doctor"]],
    "report": [
        ["report", *RADIAL, "--text", "2", "--steps", "4"],
        ["report", "radial", "--model", "hunyuanvideo", "--size", "48x32x9", "--set", "decay=2"],
    ],
    "solve": [
        ["solve", *RADIAL, "--density", "0.95"],
        ["solve", *RADIAL, "--parameter", "sinks", "--speedup", "1.03", "--tile", "1x8"],
    ],
    "compare": [["compare", *RADIAL, "--qkv", "qkv.npz"]],
    "cache ls": [["cache", "ls"]],
    "fit": [["fit", "qkv.npz", "--frames", "3", "--tokens-per-frame", "24"]],
}


def documented(command: str) -> set[str]:
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.partition(f"## falloff {command}\n")[2].partition("\n## ")[0]
    cells = (line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
    return {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}


def has(report: Any, key: str) -> bool:
    """Whether a dotted key leads somewhere; below null, any does."""
    for name in key.split("."):
        if report is None:
            return True
        if name.removesuffix("[]") not in report:
            return False
        report = report[name.removesuffix("[]")]
        if name.endswith("[]"):
            assert report, f"{key} is asked of a list that is empty"
            report = report[0]
    return True


def fill_cache() -> None:
    """By a process of its own: this one may have the kernels in memory, and then writes none."""
    subprocess.run(
        [sys.executable, "-m", "falloff", "compare", *RADIAL, "--qkv", "qkv.npz"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        check=True,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_keys_are_those_documented(
    command: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    tensors = np.random.default_rng(0).standard_normal((3, 1, 72, 1, 8))
    np.savez("qkv.npz", **dict(zip("qkv", tensors, strict=True)))
    if command == "cache ls":
        monkeypatch.setenv("FALLOFF_CACHE_DIR", str(tmp_path / "cache"))
        fill_cache()
    keys = documented(command)
    assert keys
    for arguments in COMMANDS[command]:
        assert main([*arguments, "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        missing = {key for key in keys if not has(report, key)}
        assert not missing
        assert set(report) == {re.split(r"[.\[]", key)[0] for key in keys}
    nested = {key.partition(".")[0] for key in keys if "." in key and "[]" not in key}
    for name in nested - {"error", "empty_rows", "cuda", "outside_bands"}:
        assert {f"{name}.{inner}" for inner in report[name]} <= keys


def test_check_reports_what_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "wrong.mlir"
    path.write_text("mask.pattern @wrong over (%token: ?) {\n  %a = casual %token\n  keep %a\n}\n")
    assert main(["check", str(path), "--json"]) == 1
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert not report["ok"]
    place = {"file": str(path), "line": 2, "column": 8}
    message = "expects a word of the language, but got 'casual'; did you mean 'causal'?"
    assert report["error"] == {"message": message, **place}
    assert err == f"{path}:2:8: {message}\n"

    path.write_text(
        "mask.pattern @next over (%token: ?) {\n"
        "  %next = where key(%token) - query(%token) == 1\n  keep %next\n}\n"
    )
    assert main(["check", str(path), "--extent", "token=7", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["empty_rows"] == {"first": 6, "count": 1, "head": 0}
    assert report["error"]["line"] is None
    assert report["density"] == pytest.approx(6 / 49)

    missing = tmp_path / "cuts.npy"
    assert main(["check", *RADIAL, "--table", f"decay={missing}", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["message"] == f"{missing}: No such file or directory"
    assert err == f"falloff: {missing}: No such file or directory\n"
