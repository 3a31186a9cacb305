# SPDX-License-Identifier: Apache-2.0
"""Progress: on a terminal only, of long work only, and nothing of it stays behind."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import falloff
import pytest
from falloff import _picture
from falloff._progress import Progress
from falloff.cli import commands, main

SCRIPT = """
import time
from falloff._progress import Progress
with Progress(4, after={after}) as progress:
    for part in range(4):
        progress.advance(1, "cutting")
        time.sleep(0.05)
    with progress.step("gluing", 0):
        time.sleep({last})
print("done")
"""


def run(after: float | None, last: float, terminal: bool) -> tuple[str, str]:
    """stdout and stderr of a program; stderr is a terminal or a pipe."""
    command = [sys.executable, "-c", SCRIPT.format(after=after, last=last)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    if not terminal:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout, done.stderr
    ours, theirs = pty.openpty()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=theirs, text=True, check=True, env=environment
    )
    os.set_blocking(ours, False)
    try:
        said = os.read(ours, 1 << 16).decode()
    except BlockingIOError:
        said = ""
    os.close(ours)
    os.close(theirs)
    return done.stdout, said


def test_long_work_on_a_terminal_shows_and_is_wiped() -> None:
    out, said = run(after=0.1, last=0.3, terminal=True)
    assert out == "done\n"
    lines = said.split("\r")
    assert len(lines) > 2
    assert all(re.match(r"\[#* *\] +\d+% +[\d.]+ s  (cutting|gluing) *$", n) for n in lines[1:-1])
    assert " 100%" in lines[-2]
    assert lines[-1] == "\033[K"


def test_short_work_and_pipes_show_nothing() -> None:
    assert run(after=30, last=0, terminal=True) == ("done\n", "")
    assert run(after=0, last=0.3, terminal=False) == ("done\n", "")


def test_a_report_keeps_a_line_a_step() -> None:
    _, said = run(after=None, last=0, terminal=False)
    assert len(said.splitlines()) == 5
    assert all(line == line.rstrip() for line in said.splitlines())
    _, said = run(after=None, last=0, terminal=True)
    assert said.endswith("\r\n")


def test_without_stderr_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with Progress(1, after=None) as progress, progress.step("waiting", 1):
        pass
    assert capsys.readouterr().out == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_drawing_shows_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(_picture, "Progress", lambda total, after: Progress(total, after=0))
    mask = falloff.load("radial").bind(frames=8, tokens_per_frame=64)
    mask.draw(tmp_path / "mask.png")
    said = sys.stderr.getvalue()
    assert said.count("drawing") == 64
    assert said.endswith("\033[K")


def test_planning_shows_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(commands, "Progress", lambda total, after: Progress(total, after=0))
    assert main(["plan", "radial", "--frames", "8", "--tokens-per-frame", "64"]) == 0
    assert capsys.readouterr().out.startswith("plan of @radial")
    said = sys.stderr.getvalue()
    assert "100%" in said
    assert "planning" in said
    assert said.endswith("\033[K")
