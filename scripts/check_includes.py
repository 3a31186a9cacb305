# SPDX-License-Identifier: Apache-2.0
"""Checks that no layer of the tree includes what stands below it in the architecture.

    dialect <- reference <- passes <- {cuda, cpu} <- Compiler <- tools, python
    runtime <- {cuda, cpu, Compiler, python}; passes take its plain data, Plan.h
    MLIR and LLVM only in compiler/, pybind11 only in python/

Prints one line for each forbidden #include and exits 1 if there is one.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# Each layer is a path prefix, and may include the layers named; "mlir" and "pybind" are libraries.
LAYERS: dict[str, tuple[str, set[str]]] = {
    "runtime": ("runtime/", set()),
    "dialect": ("compiler/dialect/", {"mlir"}),
    "reference": ("compiler/reference/", {"mlir", "dialect"}),
    "passes": ("compiler/passes/", {"mlir", "dialect", "reference", "plan"}),
    "cpu": ("compiler/cpu/", {"mlir", "dialect", "reference", "passes", "runtime", "plan"}),
    "cuda": ("compiler/cuda/", {"mlir", "dialect", "reference", "passes", "runtime", "plan"}),
    "tools": (
        "compiler/tools/",
        {"mlir", "dialect", "reference", "passes", "cpu", "cuda", "compiler", "runtime", "plan"},
    ),
    "compiler": (
        "compiler/",
        {"mlir", "dialect", "reference", "passes", "cpu", "cuda", "runtime", "plan"},
    ),
    "python": ("python/", {"pybind", "door", "runtime", "plan"}),
    "examples": ("examples/", {"door", "runtime", "plan"}),
}
# Single headers that more layers may include than the rest of their folder: the plain data of a
# plan, and the one public door.
HEADERS = {"runtime/Plan.h": "plan", "compiler/Compiler.h": "door"}
SOURCES = {".h", ".cpp", ".c"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]')


def layer_of(path: str) -> str | None:
    """The layer that a path below the root, or an #include, belongs to; None if to none of ours."""
    if path in HEADERS:
        return HEADERS[path]
    if path.startswith(("mlir/", "llvm/", "mlir-c/", "llvm-c/")):
        return "mlir"
    if path.startswith("pybind11/"):
        return "pybind"
    matches = [name for name, (prefix, _) in LAYERS.items() if path.startswith(prefix)]
    return max(matches, key=lambda name: len(LAYERS[name][0]), default=None)


def violations(root: Path) -> list[str]:
    """One line "file:line: message" for each #include below `root` that crosses an edge."""
    owner = {"plan": "runtime", "door": "compiler"}  # which layer's rules a header of HEADERS keeps
    found = []
    folders = {prefix.partition("/")[0] for prefix, _ in LAYERS.values()}
    files = (path for folder in folders for path in (root / folder).rglob("*"))
    for file in sorted(path for path in files if path.suffix in SOURCES):
        name = file.relative_to(root).as_posix()
        home = layer_of(name)
        home = owner.get(home or "", home)
        for number, line in enumerate(file.read_text().splitlines() if home else (), 1):
            match = INCLUDE.match(line)
            target = match and layer_of(match[1])
            if not home or not match or not target or home == owner.get(target, target):
                continue
            if target not in LAYERS[home][1]:
                found.append(f"{name}:{number}: {home} may not include '{match[1]}' of {target}")
    return found


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    lines = violations(root)
    print("\n".join(lines), end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
