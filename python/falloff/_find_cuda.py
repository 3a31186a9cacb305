# SPDX-License-Identifier: Apache-2.0
"""Where NVRTC and the CUDA driver lie, without linking either.

A library is looked for in this order, and the first that loads is taken:

    process      what this process has loaded already, such as by importing torch
    wheels       nvidia/*/lib beside the installed packages, where NVIDIA's wheels put it
    CUDA_HOME    lib64 and lib below $CUDA_HOME, $CUDA_PATH and /usr/local/cuda
    loader       wherever the system's loader looks (LD_LIBRARY_PATH, ld.so.cache)

The driver is part of the system, so only the first and the last are asked for it.
"""

from __future__ import annotations

import ctypes
import os
import re
import site
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_NVRTC_MAJORS = (13, 12, 11)


@dataclass
class Library:
    """A library that was looked for."""

    found: bool = False
    path: str = ""  # or the name that the loader took
    source: str = ""  # process, wheels, CUDA_HOME, loader
    version: str = ""
    looked: list[str] = field(default_factory=list)  # "source: place", in order, up to where found
    problem: str = ""  # why one that lies there is of no use


def find_nvrtc() -> Library:
    """NVRTC, which compiles kernels for NVIDIA devices; needs no device."""
    library, handle = _find("libnvrtc.so", _NVRTC_MAJORS, wheels=True)
    if handle is not None:
        major, minor = ctypes.c_int(), ctypes.c_int()
        handle.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
        library.version = f"{major.value}.{minor.value}"
    return library


def find_driver() -> tuple[Library, list[str]]:
    """The CUDA driver, and the names of the devices that it sees."""
    library, handle = _find("libcuda.so", (1,), wheels=False)
    if handle is None:
        return library, []
    version = ctypes.c_int()
    handle.cuDriverGetVersion(ctypes.byref(version))
    library.version = f"{version.value // 1000}.{version.value % 1000 // 10}"
    status = handle.cuInit(0)
    if status != 0:
        library.problem = f"cuInit gives error {status}"
        return library, []
    count = ctypes.c_int()
    handle.cuDeviceGetCount(ctypes.byref(count))
    return library, [_device_name(handle, index) for index in range(count.value)]


def _device_name(handle: ctypes.CDLL, index: int) -> str:
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    handle.cuDeviceGet(ctypes.byref(device), index)
    handle.cuDeviceGetName(name, len(name), device)
    return name.value.decode(errors="replace")


def _find(
    stem: str, majors: tuple[int, ...], *, wheels: bool
) -> tuple[Library, ctypes.CDLL | None]:
    library = Library()
    for source, place, candidates in _places(stem, majors, wheels=wheels):
        library.looked.append(f"{source}: {place}")
        for candidate in candidates:
            try:
                handle = ctypes.CDLL(candidate)
            except OSError as error:
                if os.path.exists(candidate):  # lies there, but does not load
                    library.problem = str(error)
                continue
            library.found, library.path, library.source = True, candidate, source
            library.problem = ""
            return library, handle
    return library, None


def _places(
    stem: str, majors: tuple[int, ...], *, wheels: bool
) -> Iterator[tuple[str, str, list[str]]]:
    """Source, place for people, and candidates for the loader."""
    yield "process", "libraries that are loaded", _loaded(stem)
    if wheels:
        for folder in _site_packages():
            found = [
                str(path)
                for major in majors
                for path in sorted(folder.glob(f"nvidia/*/lib/{stem}.{major}*"))
                if re.fullmatch(re.escape(stem) + r"[.\d]+", path.name)
            ]
            yield "wheels", str(folder / "nvidia" / "*" / "lib"), found
        for folder in _cuda_folders():
            names = [str(folder / f"{stem}.{major}") for major in majors]
            yield "CUDA_HOME", str(folder), [name for name in names if os.path.exists(name)]
    names = [f"{stem}.{major}" for major in majors]
    yield "loader", ", ".join(names), names


def _loaded(stem: str) -> list[str]:
    """Paths of a library that this process maps."""
    try:
        lines = Path("/proc/self/maps").read_text(errors="replace").splitlines()
    except OSError:
        return []
    paths = dict.fromkeys(line.split(maxsplit=5)[-1] for line in lines if stem in line)
    return [path for path in paths if Path(path).name.startswith(stem)]


def _site_packages() -> list[Path]:
    try:
        folders = [*site.getsitepackages(), site.getusersitepackages()]
    except AttributeError:  # some embedded interpreters have no such functions
        folders = []
    folders += [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    return [Path(folder) for folder in dict.fromkeys(folders) if os.path.isdir(folder)]


def _cuda_folders() -> list[Path]:
    roots = [os.environ.get(name, "") for name in ("CUDA_HOME", "CUDA_PATH")]
    roots = [root for root in roots if root] + ["/usr/local/cuda"]
    return [Path(root) / name for root in dict.fromkeys(roots) for name in ("lib64", "lib")]
