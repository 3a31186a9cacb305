# SPDX-License-Identifier: Apache-2.0
"""Makes build/gpu-bundle/falloff-gpu.tar.xz: what tests and measures Falloff where there is a GPU.

python scripts/gpu_bundle.py

The machine needs a GPU and its driver, g++, and Python 3.11 or later with torch, numpy, pybind11
and pytest; no LLVM, no CMake. The bundle is one folder laid out as this tree is: the library of the
compiler with LLVM linked in, our headers and the Python module's sources, which scripts/gpu/run.py
compiles there, the package, patterns, tests and benchmarks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "static"
USUAL = ROOT / "build" / "release"
OUTPUT = ROOT / "build" / "gpu-bundle"
NAME = "falloff-gpu"
LARGEST = 40 * 10**6  # bytes, packed
FOLDERS = ("patterns", "python", "scripts/gpu", "tests/gpu", "tests/python")
SUFFIXES = {".mlir", ".cpp", ".h", ".cuh", ".py", ".pyi", ".html", ".md", ".typed", ".map", ".json"}
FILES = ("LICENSE", "pyproject.toml", "compiler/Compiler.h")


def run(*command: object, **options: str) -> None:
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env=os.environ | options)
    if done.returncode != 0:
        sys.exit(f"gpu-bundle: error: exit status {done.returncode} of {command[0]}")


def output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def build_library() -> Path:
    """The compiler as one shared library that needs no LLVM, without debug information."""
    settings = {
        "FALLOFF_STATIC_LLVM": "ON",
        "FALLOFF_BUILD_PYTHON": "OFF",
        "FALLOFF_BUILD_TESTS": "OFF",
        "FALLOFF_EXPORTS": ROOT / "scripts" / "gpu" / "exports.map",
    }
    defines = [f"-D{name}={value}" for name, value in settings.items()]
    # A folder as deep as the usual one: ccache then finds the objects that `make build` left.
    run("cmake", "--preset", "release", "-B", BUILD, *defines)
    run("cmake", "--build", BUILD, "--target", "Falloff")
    built = BUILD / "lib" / "libfalloff.so"
    library = OUTPUT / built.readlink().name  # as its soname says
    run("strip", "-o", library, built)
    return library


def instruction_cases() -> str:
    """The simulator's instruction cases, as JSON that tests/gpu reads. Its tool is a program of the
    usual build, which has tests."""
    if not (USUAL / "build.ninja").exists():
        run("cmake", "--preset", "release")
    run("cmake", "--build", USUAL, "--target", "ptxsim-cases")
    return output(str(USUAL / "bin" / "ptxsim-cases"), "tests/ptxsim/cases")


def sources() -> list[str]:
    """Files of the tree that go along, tracked or not yet, as paths below its root."""
    listed = output("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    headers = {name for name in listed if name.startswith("runtime/") and name.endswith(".h")}
    folders = {
        name
        for name in listed
        if name.startswith(tuple(f"{folder}/" for folder in FOLDERS))
        and Path(name).suffix in SUFFIXES
    }
    benchmarks = {
        name for name in listed if name.startswith("benchmarks/") and name.endswith(".py")
    }
    return sorted(n for n in {*FILES, *headers, *folders, *benchmarks} if (ROOT / n).is_file())


def fill(folder: Path, library: Path) -> None:
    for name in sources():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    (folder / "lib").mkdir()
    shutil.move(library, folder / "lib" / library.name)
    shutil.copy2(ROOT / "scripts" / "gpu" / "run.py", folder / "run.py")
    shutil.copy2(ROOT / "scripts" / "gpu" / "README.md", folder / "README.md")
    (folder / "tests" / "gpu" / "instructions.json").write_text(instruction_cases())
    commit = output("git", "describe", "--always", "--dirty").strip()
    (folder / "COMMIT").write_text(commit + "\n")


def pack(folder: Path) -> Path:
    archive = folder.with_name(NAME + ".tar.xz")
    with tarfile.open(archive, "w:xz", preset=6) as packed:
        packed.add(folder, NAME)
    return archive


def main() -> None:
    shutil.rmtree(OUTPUT, ignore_errors=True)
    folder = OUTPUT / NAME
    folder.mkdir(parents=True)
    fill(folder, build_library())
    archive = pack(folder)
    size = archive.stat().st_size
    print(f"gpu-bundle: {archive.relative_to(ROOT)}: {size / 1e6:.1f} MB", flush=True)
    if size > LARGEST:
        sys.exit(f"gpu-bundle: error: expects at most {LARGEST / 1e6:.0f} MB, but got more")


if __name__ == "__main__":
    main()
