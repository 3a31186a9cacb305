# SPDX-License-Identifier: Apache-2.0
"""Runs what a page of the documentation shows, in a folder of its own.

python scripts/run_page.py docs/tutorial.md

`sh` blocks run line by line and must succeed. In `console` blocks a line after `$ ` runs, and must
print what stands beneath it: `...` stands for any lines, and the last digit of a number with a
point may be one off. It may fail if that is what is shown.
`python` blocks of a page run one after the other in one namespace, `pycon` blocks as doctests
there. `mlir` blocks are checked as patterns. `text` and `cpp` are for reading.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = set("|<>;&$*`")  # what makes a line more than a command and its arguments
NUMBER = re.compile(r"\d+\.\d+(?:e[+-]?\d+)?")
TIMEOUT = 300  # seconds a command

Skip = Callable[[str], str | None]
"""Why a command is not run here, or None."""


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int  # of its first line


class PageError(AssertionError):
    """A block did not do what the page says."""


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in BLOCK.finditer(text):
        yield Block(found[1], found[2], text.count("\n", 0, found.start(2)) + 1)


def commands(block: Block) -> list[tuple[str, str | None]]:
    """Commands of a block, each with what it is to print; None where nothing is said of it."""
    text = block.text.replace("\\\n", " ")
    if block.language == "console":
        parts = re.split(r"^\$ (.*)$", text, flags=re.MULTILINE)
        return list(zip(parts[1::2], (part.lstrip("\n") for part in parts[2::2]), strict=True))
    if "<<" in text:  # a file that is written
        return [(text, None)]
    lines = (line for line in text.splitlines() if line.strip())
    return [(line, None) for line in lines if not line.lstrip().startswith("#")]


def run_page(page: Path, folder: Path, skip: Skip = lambda command: None) -> int:
    """Runs a page; returns how many blocks there were."""
    namespace: dict[str, Any] = {"__name__": "page"}
    ran = 0
    with contextlib.chdir(folder):
        for block in blocks(page):
            where = f"{page.name}:{block.line}"
            if block.language in ("sh", "console"):
                for command, expected in commands(block):
                    if skip(command) is None:
                        _run_command(where, command, expected)
            elif block.language == "python":
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(block.text, where, "exec"), namespace)
            elif block.language == "pycon":
                _run_session(where, block, namespace)
            elif block.language == "mlir":
                _check_pattern(where, block.text)
            elif block.language not in ("text", "cpp"):
                kinds = "sh, console, python, pycon, mlir, text or cpp"
                raise PageError(f"{where}: expects a block of {kinds}, but got {block.language!r}")
            ran += block.language not in ("text", "cpp")
    return ran


def _run_command(where: str, command: str, expected: str | None) -> None:
    code, out, err = _falloff(command) if _is_plain(command) else _shell(command)
    if code != 0 and (expected is None or not err.strip()):
        raise PageError(f"{where}: `{command}` exits with {code}\n{out}{err}")
    if code == 0 and expected is None and err:
        raise PageError(f"{where}: `{command}` complains\n{err}")
    if expected is not None and not _matches(out + err, expected):
        raise PageError(f"{where}: `{command}` expects\n{expected}\nbut got\n{out + err}")


def _is_plain(command: str) -> bool:
    return command.startswith("falloff ") and not SHELL & set(command.split(" # ")[0])


def _falloff(command: str) -> tuple[int, str, str]:
    """In this process, which has paid for loading the compiler already."""
    from falloff.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(shlex.split(command, comments=True)[1:])
        except SystemExit as exit_:
            code = int(exit_.code or 0)
    return code, out.getvalue(), err.getvalue()


def _shell(command: str) -> tuple[int, str, str]:
    """By bash, with the commands of this Python's environment first."""
    import falloff

    assert falloff.__file__ is not None
    package = str(Path(falloff.__file__).resolve().parents[1])
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        env={**os.environ, "PATH": path, "PYTHONPATH": package},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    return done.returncode, done.stdout, done.stderr


def _matches(got: str, expected: str) -> bool:
    lines = [line.rstrip() for line in got.strip("\n").splitlines()]
    wanted = [line.rstrip() for line in expected.strip("\n").splitlines()]
    return _lines_match(lines, wanted)


def _lines_match(lines: list[str], wanted: list[str]) -> bool:
    if not wanted:
        return not lines
    if wanted[0].strip() == "...":
        return any(_lines_match(lines[n:], wanted[1:]) for n in range(len(lines) + 1))
    return bool(lines) and _alike(lines[0], wanted[0]) and _lines_match(lines[1:], wanted[1:])


def _alike(line: str, wanted: str) -> bool:
    """Whether lines are the same, but for one in the last place of a number with a point: kernels
    of other processors add in another order."""
    numbers = list(zip(NUMBER.findall(line), NUMBER.findall(wanted), strict=False))
    if NUMBER.sub("#", line) != NUMBER.sub("#", wanted):
        return False
    for got, shown in numbers:
        digits, _, power = shown.partition("e")
        unit = 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))
        if abs(float(got) - float(shown)) > 1.01 * unit:
            return False
    return True


def _run_session(where: str, block: Block, namespace: dict[str, Any]) -> None:
    test = doctest.DocTestParser().get_doctest(block.text, namespace, where, where, block.line)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    report = io.StringIO()
    if runner.run(test, out=report.write, clear_globs=False).failed:
        raise PageError(f"{where}: {report.getvalue()}")
    namespace.update(test.globs)


def _check_pattern(where: str, text: str) -> None:
    import falloff

    if "mask.pattern" not in text:
        raise PageError(f"{where}: expects a whole pattern in a block of mlir")
    name = re.findall(r"mask\.pattern @(\w+)", text)[-1]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.mlir"
        path.write_text(text)
        falloff.load(f"{path}:@{name}")


def main() -> int:
    for name in sys.argv[1:]:
        page = Path(name).resolve()
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
            os.environ["FALLOFF_CACHE_DIR"] = cache  # a page may clear it
            try:
                print(f"{name}: {run_page(page, Path(folder))} blocks ran")
            except PageError as error:
                print(error, file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
