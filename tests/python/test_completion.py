# SPDX-License-Identifier: Apache-2.0
"""Completion scripts, asked as the shells ask them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import falloff
import pytest
from falloff.cli import build_parser, main
from falloff.cli.completion import read

ASK = """
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_falloff
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write("bash", tmp_path_factory.mktemp("completion"))


def write(shell: str, folder: Path) -> Path:
    path = folder / f"falloff.{shell}"
    with pytest.MonkeyPatch.context() as patch, path.open("w") as file:
        patch.setattr("sys.stdout", file)
        assert main(["completion", shell]) == 0
    return path


def ask(script: Path, *words: str, folder: Path | None = None) -> list[str]:
    """What bash offers for the last of the words."""
    done = subprocess.run(
        ["bash", "--norc", "-c", ASK, "bash", str(script), "falloff", *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder or script.parent,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_commands_and_patterns(bash: Path) -> None:
    commands = {child.names[0] for child in read(build_parser()).commands}
    assert {"check", "draw", "plan", "compile", "bench", "doctor", "completion"} <= commands
    assert set(ask(bash, "")) == commands
    assert ask(bash, "chec") == ["check"]
    assert set(ask(bash, "plan", "")) >= set(falloff.patterns())
    assert ask(bash, "plan", "slid") == ["sliding_tile"]
    assert "--version" in ask(bash, "--")


@pytest.mark.parametrize("command", [c.names[0] for c in read(build_parser()).commands])
def test_every_option_of_every_command(bash: Path, command: str) -> None:
    parser = next(c for c in read(build_parser()).commands if c.names == (command,))
    expected = {n for word in parser.options for n in word.names if n.startswith("--")}
    assert set(ask(bash, command, "--")) == expected
    for word in parser.options:
        if word.takes_value and word.values:
            assert ask(bash, command, word.names[-1], "") == list(word.values)


def test_values_of_options(bash: Path) -> None:
    assert ask(bash, "plan", "radial", "--grid", "") == ["box", "flat"]
    assert ask(bash, "plan", "radial", "--grid", "=", "f") == ["flat"]  # as bash cuts --grid=f
    assert ask(bash, "plan", "radial", "--grid", "=") == ["box", "flat"]
    assert ask(bash, "plan", "--round", "n") == ["nearest"]
    assert ask(bash, "bench", "radial", "--recipe", "") == ["int8"]
    assert ask(bash, "plan", "--frames", "") == []
    assert ask(bash, "plan", "--frames", "21", "--maj") == ["--major"]
    assert ask(bash, "plan", "--grid", "box", "neigh") == ["neighborhood"]  # box is no pattern
    assert ask(bash, "completion", "") == ["bash", "fish", "zsh"]


def test_files(bash: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.mlir").touch()
    (tmp_path / "mine.txt").touch()
    (tmp_path / "minerals").mkdir()
    assert ask(bash, "check", "min", folder=tmp_path) == ["mine.mlir", "minerals/"]
    found = ask(bash, "draw", "radial", "--output", "mine.", folder=tmp_path)
    assert sorted(found) == ["mine.mlir", "mine.txt"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_can_be_read(shell: str, tmp_path: Path) -> None:
    path = write(shell, tmp_path)
    text = path.read_text()
    for word in ("plan", "grid", "radial_2d", "flat"):
        assert word in text
    if shutil.which(shell):
        subprocess.run([shell, "-n", str(path)], check=True)


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes(tmp_path: Path) -> None:
    path = write("fish", tmp_path)

    def offered(line: str) -> list[str]:
        command = ["fish", "--no-config", "-c", f"source {path}; complete -C '{line}'"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        return [entry.split("\t")[0] for entry in done.stdout.splitlines()]

    assert offered("falloff pl") == ["plan"]
    assert offered("falloff plan radial --grid ") == ["box", "flat"]
    assert offered("falloff plan slid") == ["sliding_tile"]


def test_an_unknown_shell(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["completion", "tcsh"])
    assert exit_.value.code == 2
    assert "tcsh" in capsys.readouterr().err
