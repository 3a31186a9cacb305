# SPDX-License-Identifier: Apache-2.0
"""Compiles the .cu files of this folder to the .ptx files that PlantedTest.cpp runs: NAME.ptx, and
NAME.BUG.ptx for each macro PLANT_BUG that the file asks for.

python tests/ptxsim/planted/regenerate.py [path of libnvrtc.so]

Without a path, NVRTC is that of the package nvidia-cuda-nvrtc; version 13.0.88 made the files kept.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
OPTIONS = ["--gpu-architecture=compute_80"]


def nvrtc_path() -> Path:
    if len(sys.argv) > 1:
        return Path(sys.argv[1])
    found = importlib.util.find_spec("nvidia")
    for root in (found.submodule_search_locations or []) if found else []:
        for library in sorted(Path(root).glob("cu*/lib/libnvrtc.so.*")):
            return library
    sys.exit("regenerate: error: expects NVRTC (pip install nvidia-cuda-nvrtc), but found none")


def load(path: Path) -> ctypes.CDLL:
    for builtins in path.parent.glob("libnvrtc-builtins.so.*"):
        if ".alt." not in builtins.name:
            ctypes.CDLL(str(builtins), mode=ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(str(path))


def text_of(library: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> str:
    size = ctypes.c_size_t()
    getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(library, f"nvrtcGet{what}")(program, text)
    return text.value.decode()


def compile_to_ptx(library: ctypes.CDLL, source: str, name: str, macros: list[str]) -> str:
    program = ctypes.c_void_p()
    library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), name.encode(), 0, None, None)
    options = [option.encode() for option in OPTIONS + [f"-D{macro}" for macro in macros]]
    array = (ctypes.c_char_p * len(options))(*options)
    if library.nvrtcCompileProgram(program, len(options), array):
        sys.exit(f"regenerate: error: {name}: {text_of(library, program, 'ProgramLog')}")
    return text_of(library, program, "PTX")


def main() -> None:
    library = load(nvrtc_path())
    for path in sorted(FOLDER.glob("*.cu")):
        source = path.read_text()
        bugs = sorted(set(re.findall(r"\bPLANT_(\w+)", source)))
        path.with_suffix(".ptx").write_text(compile_to_ptx(library, source, path.name, []))
        for bug in bugs:
            ptx = compile_to_ptx(library, source, path.name, [f"PLANT_{bug}"])
            path.with_suffix(f".{bug.lower()}.ptx").write_text(ptx)


if __name__ == "__main__":
    main()
