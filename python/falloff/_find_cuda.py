# SPDX-License-Identifier: Apache-2.0
"""NVRTC and the CUDA driver: which of them are taken.

Where they are looked for, and in which order, is said once, in runtime/cuda/Library.h. What only
Python knows is where its packages lie, and so NVIDIA's wheels: `falloff` tells it once imported.
"""

from __future__ import annotations

import site
import sys
from dataclasses import dataclass, field
from pathlib import Path

from falloff import _falloff


@dataclass
class Library:
    """A library that was looked for."""

    found: bool = False
    path: str = ""
    source: str = ""  # FALLOFF_NVRTC, process, wheels, CUDA_HOME, loader
    version: str = ""
    looked: list[str] = field(default_factory=list)  # "source: place", in order, up to where found
    problem: str = ""  # why the one that was found, or that lies in one of the places, is of no use


def find_nvrtc() -> Library:
    """NVRTC, which compiles kernels for NVIDIA devices; needs no device."""
    tell_package_folders()
    return _library(_falloff.find_nvrtc())


def find_driver() -> tuple[Library, list[str]]:
    """The CUDA driver, and the names of the devices that it sees."""
    found = _falloff.find_driver()
    return _library(found), found.devices


def package_folders() -> list[Path]:
    """Where Python's packages lie, NVIDIA's wheels among them: ``site-packages`` and its like."""
    try:
        folders = [*site.getsitepackages(), site.getusersitepackages()]
    except AttributeError:  # some embedded interpreters have no such functions
        folders = []
    folders += [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    return [Path(folder) for folder in dict.fromkeys(folders)]


def tell_package_folders() -> None:
    """Tells the search where Python's packages lie now."""
    _falloff.set_package_folders(package_folders())


def _library(found: _falloff.FoundLibrary) -> Library:
    return Library(
        found.found, found.path, found.source, found.version, found.looked, found.problem
    )
