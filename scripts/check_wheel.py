# SPDX-License-Identifier: Apache-2.0
"""Holds the wheel in dist/ against what is promised of it.

python scripts/check_wheel.py

What it holds, its size, tag and symbols; then, in a fresh virtual environment and with every LLVM
of the machine hidden, the README's commands, and torch and triton beside it in any order.
"""

from __future__ import annotations

import email
import itertools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "check-wheel"
TRITON = "triton==3.9.0"
LARGEST = 80 * 10**6  # bytes of the wheel
ALLOWED = {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}
TESTS = ["tests/python/test_docs.py", "-k", "test_a_page_runs and (README or tutorial)"]


def check(what: str, holds: bool, found: object = "") -> None:
    print(f"check-wheel: {what}: {'ok' if holds else 'failed'} {found}".rstrip(), flush=True)
    if not holds:
        sys.exit(1)


def output(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"check-wheel: error: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def only(pattern: str) -> Path:
    found = list((ROOT / "dist").glob(pattern))
    check(f"one {pattern} in dist/", len(found) == 1, [path.name for path in found])
    return found[0]


def check_contents(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        tags = email.message_from_bytes(
            archive.read(next(name for name in names if name.endswith(".dist-info/WHEEL")))
        ).get_all("Tag", [])
        raw = sum(info.file_size for info in archive.infolist())
    size = wheel.stat().st_size
    check("within 80 MB", size <= LARGEST, f"{size / 1e6:.1f} MB, {raw / 1e6:.1f} MB unpacked")
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    tagged = [tag.startswith(f"{version}-{version}-manylinux_") for tag in tags]
    check("tag", bool(tagged) and all(tagged), tags)
    extension = f"falloff/_falloff{sysconfig.get_config_var('EXT_SUFFIX')}"
    sources = git_files("python/falloff", "falloff") | git_files("patterns", "falloff/patterns")
    expected = sources | {extension}
    package = {name for name in names if ".dist-info/" not in name}
    what = "holds the package, the patterns and one extension module"
    check(what, package == expected, sorted(package ^ expected) or f"{len(package)} files")


def git_files(folder: str, destination: str) -> set[str]:
    """Where the tracked files of a folder belong in the wheel."""
    names = output("git", "-C", ROOT, "ls-files", folder).splitlines()
    return {destination + name.removeprefix(folder) for name in names if not name.endswith(".md")}


def check_symbols(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".so"))
        extension = Path(archive.extract(name, WORK))
    defined = output("nm", "--dynamic", "--defined-only", "--format=posix", extension).splitlines()
    symbols = [line.split()[0] for line in defined]
    check("shows one symbol", symbols == ["PyInit__falloff"], symbols[:5])
    lines = output("readelf", "--dynamic", "--wide", extension).splitlines()
    needed = {line.split("[")[1].rstrip("]") for line in lines if "(NEEDED)" in line}
    check("needs only what every Linux has", needed <= ALLOWED, sorted(needed))
    tag = wheel.stem.rsplit("-", 1)[1]
    shown = json.loads(output(sys.executable, "-m", "auditwheel", "show", "--json", wheel))
    expected = {"overall_tag": tag, "external_libs": {}, "unsupported_isa": False}
    found = {name: shown.get(name) for name in expected}
    check("auditwheel show", found == expected and tag.startswith("manylinux_"), found)


def check_sdist(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"CMakeLists.txt", "LICENSE", "patterns/radial.mlir", "compiler/Compiler.h"}
    plain = wanted <= names and not any(name.endswith(".so") for name in names)
    size = f"{sdist.stat().st_size / 1e6:.1f} MB, {len(names)} files"
    check("sdist", plain, f"{size}; the wheel was built from it")


def llvm_files() -> list[Path]:
    """Shared libraries of LLVM and MLIR on this machine."""
    prefixes = [Path("/usr/lib"), Path("/usr/local/lib"), *Path("/usr/lib").glob("llvm-*/lib")]
    if "MLIR_DIR" in os.environ:
        prefixes.append(Path(os.environ["MLIR_DIR"]).parents[1])
    prefixes += [Path("/usr/lib") / (sysconfig.get_config_var("MULTIARCH") or "")]
    names = [path for prefix in prefixes for path in prefix.glob("lib*.so*")]
    return sorted(
        {path.resolve() for path in names if path.name.startswith(("libLLVM", "libMLIR"))}
    )


class Environment:
    """A fresh virtual environment with the wheel, run where no LLVM is to be found."""

    def __init__(self, wheel: Path) -> None:
        self.folder = WORK / "venv"
        self.python = self.folder / "bin" / "python"
        output(sys.executable, "-m", "venv", self.folder)
        numpy = f"numpy=={metadata.version('numpy')}"
        output(self.python, "-m", "pip", "install", "--quiet", wheel, numpy)
        self.hidden = llvm_files()
        hide = "".join(f"mount --bind /dev/null '{path}' && " for path in self.hidden) + 'exec "$@"'
        mapping = [] if os.geteuid() == 0 else ["--map-root-user"]
        self.wrap = ["unshare", "--mount", *mapping, "sh", "-c", hide, "sh"]
        try:
            works = subprocess.run([*self.wrap, "true"], capture_output=True).returncode == 0
        except FileNotFoundError:
            works = False
        if not works:
            self.wrap = []
            print("check-wheel: no mount namespaces here: LLVM stays visible, and only the memory")
            print("check-wheel: maps of each process say that it was not used")

    def check_hidden(self) -> None:
        program = (
            "import ctypes, sys\n"
            "for path in sys.argv[1:]:\n"
            "    try:\n        ctypes.CDLL(path)\n"
            "    except OSError:\n        continue\n"
            "    sys.exit(path + ' can be loaded')\n"
        )
        if self.wrap:
            output(*self.wrap, self.python, "-c", program, *self.hidden)
            check("no LLVM can be loaded", True, f"{len(self.hidden)} libraries hidden")

    def run(self, program: str, *arguments: object, beside: Sequence[Path] = ()) -> None:
        """Runs Python with more folders searched last, so that Falloff is the wheel's."""
        first = f"import sys; sys.path += {[str(path) for path in beside]!r}; "
        command = [*self.wrap, self.python, "-c", first + program, *arguments]
        settings = {
            "FALLOFF_CACHE_DIR": str(WORK / "cache"),  # kernels of this wheel alone
            "TRITON_ALWAYS_COMPILE": "1",
            "TRITON_CACHE_DIR": str(WORK / "triton-cache"),
            "TRITON_DEFAULT_FP_FUSION": "1",  # or it warns that its default will change
        }
        done = subprocess.run(list(map(str, command)), cwd=ROOT, env=os.environ | settings)
        if done.returncode != 0:
            sys.exit(f"check-wheel: error: exit status {done.returncode} of {program!r}")


def triton() -> Path:
    """A folder with triton alone, kept between runs: it is large."""
    folder = ROOT / "build" / TRITON
    if not folder.is_dir():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        output(*pip, "--target", part, TRITON)
        part.rename(folder)
    return folder


def check_behaviour(wheel: Path) -> None:
    environment = Environment(wheel)
    environment.check_hidden()
    beside = "import runpy; runpy.run_path('tests/wheel/beside.py', run_name='__main__')"
    environment.run(beside, "falloff")
    check("attention with nothing beside numpy", True)
    tools = Path(sysconfig.get_path("purelib"))
    for order in itertools.permutations(["falloff", "torch", "triton"]):
        environment.run(beside, *order, beside=[triton(), tools])
        check(f"imports {', '.join(order)}", True)
    suite = "import pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', *sys.argv[1:]]))"
    environment.run(suite, *TESTS, beside=[tools])
    check("tests with the wheel", True, " ".join(TESTS))


def main() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    wheel = only("*.whl")
    check_contents(wheel)
    check_symbols(wheel)
    check_sdist(only("*.tar.gz"))
    check_behaviour(wheel)
    print("check-wheel: everything passed")


if __name__ == "__main__":
    main()
