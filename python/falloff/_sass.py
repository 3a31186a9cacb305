# SPDX-License-Identifier: Apache-2.0
"""The machine code of a cubin as text, by NVIDIA's disassembler."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from falloff import _find_cuda

_NAME = "nvdisasm"


def find_nvdisasm() -> str:
    """The path of nvdisasm: on PATH, in NVIDIA's wheel, or below CUDA_HOME, CUDA_PATH or
    /usr/local/cuda. Raises FileNotFoundError, which says where to get it."""
    for path in _candidates():
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(
        f"expects {_NAME}, which prints SASS, on PATH, in NVIDIA's wheel or below CUDA_HOME, but "
        "found none; pip install nvidia-cuda-nvdisasm brings it, and so does the CUDA toolkit"
    )


def _candidates() -> Iterator[str]:
    on_path = shutil.which(_NAME)
    if on_path is not None:
        yield on_path
    for folder in _find_cuda.package_folders():
        yield from map(str, sorted(folder.glob(f"nvidia/*/bin/{_NAME}")))
    for variable in ("CUDA_HOME", "CUDA_PATH"):
        if os.environ.get(variable):
            yield str(Path(os.environ[variable]) / "bin" / _NAME)
    yield f"/usr/local/cuda/bin/{_NAME}"


def disassemble(cubin: bytes) -> str:
    """SASS of all kernels of a cubin. Raises FileNotFoundError where there is no nvdisasm, and
    RuntimeError with its words where it refuses the cubin, as one older than the architecture."""
    nvdisasm = find_nvdisasm()
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        done = subprocess.run(
            [nvdisasm, "--print-code", file.name], capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().replace(file.name, "the cubin")
        raise RuntimeError(f"{nvdisasm}: {words}")
    return done.stdout
