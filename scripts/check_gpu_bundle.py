# SPDX-License-Identifier: Apache-2.0
"""Holds the bundle for GPU machines against what is promised of it, on a machine without a GPU.

python scripts/check_gpu_bundle.py

Unpacks it in a fresh folder, builds the module there with this Python, and with every LLVM of the
machine hidden: attention runs on the CPU, errors cross the library's border, the suite says why it
does not run, and most of it passes on a simulated device (tests/ptxsim).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from check_wheel import ALLOWED, llvm_files, output
from gpu_bundle import LARGEST, NAME, OUTPUT, ROOT, USUAL, run

WORK = ROOT / "build" / "check-gpu-bundle"
PROGRAM = """
import falloff, numpy as np
from falloff.errors import CompileError
mask = falloff.load("radial", decay=0.2).bind(frames=4, height=6, width=10)
plan = mask.plan(rounding="exact")
q, k, v = (np.random.default_rng(n).standard_normal((1, 240, 2, 64)) for n in range(3))
s = np.einsum("bqhd,bkhd->bhqk", q, k) / 8
s[..., ~plan.to_dense()] = -np.inf
p = np.exp(s - s.max(-1, keepdims=True))
p /= p.sum(-1, keepdims=True)
out = falloff.attention(*(x.astype(np.float32) for x in (q, k, v)), plan)
worst = np.abs(out - np.einsum("bhqk,bkhd->bqhd", p, v)).max()
assert worst < 1e-5, worst
try:
    falloff.load("radial").bind(frames=-1, height=6, width=10)
except CompileError as error:
    print(error)
maps = open("/proc/self/maps").read()
assert "libLLVM" not in maps and "libMLIR" not in maps
print(falloff.__file__, worst)
"""


def check(what: str, holds: bool, found: object = "") -> None:
    print(f"check-gpu-bundle: {what}: {'ok' if holds else 'failed'} {found}".rstrip(), flush=True)
    if not holds:
        sys.exit(1)


def check_library(folder: Path) -> None:
    libraries = list((folder / "lib").iterdir())
    check("one library", len(libraries) == 1, [path.name for path in libraries])
    lines = output("readelf", "--dynamic", "--wide", libraries[0]).splitlines()
    needed = {line.split("[")[1].rstrip("]") for line in lines if "(NEEDED)" in line}
    check("needs only what every Linux has", needed <= ALLOWED, sorted(needed))
    symbols = output("nm", "--dynamic", "--defined-only", "--demangle", libraries[0]).splitlines()
    names = [line.split(maxsplit=2)[2] for line in symbols]
    foreign = [name for name in names if "falloff::" not in name]
    check("shows what is ours alone", bool(names) and not foreign, foreign[:3] or len(names))


def hidden(*command: object) -> str:
    """Runs a command in the unpacked folder, where no LLVM can be loaded, and our own package is no
    longer that of the working tree."""
    hide = "".join(f"mount --bind /dev/null '{path}' && " for path in llvm_files()) + 'exec "$@"'
    mapping = [] if os.geteuid() == 0 else ["--map-root-user"]
    wrap = ["unshare", "--mount", *mapping, "sh", "-c", hide, "sh"]
    folder = WORK / NAME
    settings = {
        "PYTHONPATH": os.pathsep.join([str(WORK / "site"), str(folder / "python")]),
        "FALLOFF_CACHE_DIR": str(WORK / "cache"),
    }
    done = subprocess.run(
        [*wrap, *map(str, command)],
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        sys.exit(f"check-gpu-bundle: error: {command}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    archive = OUTPUT / f"{NAME}.tar.xz"
    size = archive.stat().st_size
    check("within 40 MB", size <= LARGEST, f"{size / 1e6:.1f} MB")
    shutil.rmtree(WORK, ignore_errors=True)
    (WORK / "site").mkdir(parents=True)
    # An editable install finds the working tree before PYTHONPATH is asked.
    (WORK / "site" / "sitecustomize.py").write_text(
        "import sys\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'Inplace' not in type(f).__name__]\n"
    )
    with tarfile.open(archive) as packed:
        packed.extractall(WORK, filter="data")
    check_library(WORK / NAME)
    print(hidden(sys.executable, "run.py", "build", "doctor"), end="")
    shown = hidden(sys.executable, "-c", PROGRAM)
    check("attention without LLVM", str(WORK / NAME) in shown, shown.splitlines()[-1])
    check("errors cross the border", "expects an extent" in shown)
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/gpu"]
    suite = hidden(sys.executable, *pytest)
    last = suite.splitlines()[-1]
    check("the suite is collected", "skipped" in last and "passed" not in last, last)
    run("cmake", "--build", USUAL, "--target", "SimulatedDriver")
    some = ["-k", "instruction or random or library", "--cases=3"]
    suite = hidden(sys.executable, *pytest, *some, "--driver", USUAL / "ptxsim" / "libcuda.so.1")
    last = suite.splitlines()[-1]
    check("the suite passes on a simulated device", " passed" in last, last)
    print("check-gpu-bundle: everything passed")


if __name__ == "__main__":
    main()
