# SPDX-License-Identifier: Apache-2.0
"""Formatting, types and architecture of the tree, the same for people and for CI.

python scripts/lint.py          reports, and exits 1 if anything is wrong
python scripts/lint.py --fix    formats in place first
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("compiler", "runtime", "python", "tests", "benchmarks", "examples")
PYTHON = ["python", "tests", "benchmarks", "scripts"]
COMMENTED = {".h", ".cpp", ".c", ".cu", ".cuh", ".py", ".td", ".cmake", ".sh"}


def files(*suffixes: str) -> list[str]:
    """Our sources with one of these suffixes, as paths below the root."""
    found = (
        path for folder in (*FOLDERS, "scripts", "cmake") for path in (ROOT / folder).rglob("*")
    )
    return sorted(str(path.relative_to(ROOT)) for path in found if path.suffix in suffixes)


def clang_format() -> str:
    for name in ("clang-format-22", "clang-format"):
        if found := shutil.which(name):
            return found
    sys.exit("lint: error: expects clang-format 22 on the PATH, but found none")


def report(name: str, passed: bool, output: str) -> bool:
    print(f"lint: {name}: {'ok' if passed else 'failed'}", flush=True)
    if not passed:
        print(output, end="", flush=True)
    return passed


def run(name: str, command: list[str]) -> bool:
    """Runs one tool; prints what it said only if it failed."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return report(name, done.returncode == 0, done.stdout + done.stderr)


def formatted() -> bool:
    """Names each file that clang-format would change, once."""
    command = [clang_format(), "--dry-run", "-Werror", *files(".h", ".cpp", ".c", ".cu", ".cuh")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    names = dict.fromkeys(
        line.split(":")[0] for line in done.stderr.splitlines() if ": error:" in line
    )
    lines = [f"{name}: is not formatted; `make format` does it\n" for name in names]
    return report("clang-format", done.returncode == 0, "".join(lines) or done.stderr)


def licensed() -> bool:
    """Every source says its licence on its first line (its second after #!)."""
    tag = "SPDX-License-Identifier: Apache-2.0"
    heads = {name: (ROOT / name).read_text().split("\n", 2)[:2] for name in files(*COMMENTED)}
    bad = [name for name, head in heads.items() if head != [""] and tag not in "".join(head)]
    lines = [f"{name}:1: expects the line '{tag}' first, but got none\n" for name in bad]
    return report("licence lines", not bad, "".join(lines))


def main() -> int:
    python = [sys.executable, "-m"]
    ruff_paths = [name for name in PYTHON if (ROOT / name).is_dir()]
    if "--fix" in sys.argv[1:]:
        run("clang-format", [clang_format(), "-i", *files(".h", ".cpp", ".c", ".cu", ".cuh")])
        run("ruff format", [*python, "ruff", "format", *ruff_paths])
        run("ruff check --fix", [*python, "ruff", "check", "--fix", *ruff_paths])
    checks = [
        formatted(),
        run("ruff format", [*python, "ruff", "format", "--check", *ruff_paths]),
        run("ruff check", [*python, "ruff", "check", *ruff_paths]),
        run("mypy", [*python, "mypy"]),
        run("include edges", [sys.executable, "scripts/check_includes.py"]),
        licensed(),
    ]
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
