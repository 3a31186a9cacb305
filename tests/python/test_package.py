# SPDX-License-Identifier: Apache-2.0
"""What is packaged keeps up with the sources: versions, installed headers, exported symbols."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import falloff

ROOT = Path(__file__).resolve().parents[2]
DOOR = "compiler/Compiler.h"


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cmake = re.search(r"project\(Falloff VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())
    assert cmake is not None
    assert {project["version"], cmake[1]} == {falloff.__version__}


def test_modules_are_attributes() -> None:
    """In a process of its own, where no other test has imported them."""
    names = ("analysis", "cache", "models")
    assert set(names) <= set(falloff.__all__)
    code = f"import falloff; [getattr(falloff, name).__name__ for name in {names}]"
    subprocess.run([sys.executable, "-c", code], check=True)


def included(header: str) -> set[str]:
    """A header of the tree and what it includes of the tree."""
    names = re.findall(r'^#include "(.+)"', (ROOT / header).read_text(), re.MULTILINE)
    return {header}.union(*(included(name) for name in names))


def installed() -> set[str]:
    text = (ROOT / "cmake" / "FalloffInstall.cmake").read_text()
    return set(re.findall(r"\$\{PROJECT_SOURCE_DIR\}/(\S+\.h)\b", text))


def test_headers_of_the_door_are_installed() -> None:
    assert included(DOOR) == installed()
    assert len(installed()) >= 3


def declared(text: str) -> set[str]:
    """Patterns of what a header declares: its free functions and the members of its classes."""
    functions = re.findall(r"^(?!inline|static|class)[\w:<>]+(?: [&*]?|[&*]+)(\w+)\(", text, re.M)
    classes = re.findall(r"^class (\w+)[^;]*$", text, re.M)
    return {f"{name}*" for name in functions} | {f"{name}::*" for name in classes}


def test_libfalloff_shows_what_the_door_declares() -> None:
    wanted = declared((ROOT / DOOR).read_text())
    assert {"attention*", "Error::*", "Mask::*", "Pattern::*", "Plan::*"} <= wanted
    exported = re.findall(
        r"^ +falloff::(\S+);", (ROOT / "compiler" / "exports.map").read_text(), re.M
    )
    assert sorted(wanted - set(exported)) == []
