# SPDX-License-Identifier: Apache-2.0
"""Compiles falloff._falloff for the Python that runs this, against lib/libfalloff.so of a bundle.

python scripts/gpu/build_module.py

Takes g++ (or $CXX), the headers of this Python and its pybind11, and nothing of LLVM. A second time
only what is older than its sources is compiled.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent.parent
OBJECTS = ROOT / "build" / "module"


def fail(message: str) -> NoReturn:
    sys.exit(f"build_module: error: {message}")


def compiler() -> str:
    for name in (os.environ.get("CXX", ""), "g++", "clang++"):
        if name and (found := shutil.which(name)):
            return found
    fail("expects g++ on the PATH or a compiler named by $CXX, but found none")


def includes() -> list[str]:
    try:
        import pybind11
    except ImportError:
        fail(f"expects pybind11 in {sys.executable}, but found none; pip install pybind11")
    python = sysconfig.get_path("include")
    if not Path(python, "Python.h").is_file():
        fail(f"expects the headers of {sys.executable} in {python}, but found no Python.h")
    return [f"-I{ROOT}", "-isystem", python, "-isystem", pybind11.get_include()]


def newest(paths: list[Path]) -> float:
    return max(path.stat().st_mtime for path in paths)


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def main() -> None:
    libraries = sorted((ROOT / "lib").glob("libfalloff.so.*"))
    if len(libraries) != 1:
        fail(
            f"expects one libfalloff.so in {ROOT / 'lib'}, but found {len(libraries)}; "
            "this runs in the folder that `make gpu-bundle` packs"
        )
    OBJECTS.mkdir(parents=True, exist_ok=True)
    sources = sorted((ROOT / "python" / "bindings").glob("*.cpp"))
    headers = newest(
        [
            path
            for folder in ("python", "runtime", "compiler")
            for path in (ROOT / folder).rglob("*.h")
        ]
    )
    flags = ["-std=c++17", "-O2", "-fPIC", "-fvisibility=hidden", "-Wall", *includes()]
    tag = sysconfig.get_config_var("SOABI")

    def compile_one(source: Path) -> Path:
        made = OBJECTS / f"{source.stem}.{tag}.o"
        if not made.exists() or made.stat().st_mtime < max(headers, newest([source])):
            run([compiler(), *flags, "-c", str(source), "-o", str(made)])
        return made

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    module = ROOT / "python" / "falloff" / f"_falloff{suffix}"
    exports = ROOT / "python" / "bindings" / "exports.map"
    link = ["-shared", "-Wl,-rpath,$ORIGIN/../../lib", f"-Wl,--version-script={exports}"]
    run([compiler(), *map(str, objects), str(libraries[0]), *link, "-o", str(module)])
    print(f"build_module: {module.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
