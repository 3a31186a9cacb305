# SPDX-License-Identifier: Apache-2.0
"""Kernels of devices on disk: one that its checksum vouches for and that the driver refuses; those
that a machine without NVRTC has. tests/ptxsim/driver/CudaCacheTest.cpp holds the rest."""

from __future__ import annotations

import re
import shutil
import subprocess
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import falloff
import pytest
from falloff import _falloff
from falloff._find_cuda import find_nvrtc
from falloff.cli import main

import cuda_scenarios
import simulated_cuda

COMPILER = shutil.which("cc") or shutil.which("clang") or shutil.which("clang-22")

# Says that it is the NVRTC that is installed, and compiles everything to a text that is no PTX.
NVRTC = """
#include <stddef.h>
#include <string.h>
static const int known[] = {80, 86, 89, 90, 100, 103, 120};
static const char image[] = ".version 8.0\\n.target sm_80\\nthis is no PTX\\n";
int nvrtcVersion(int *major, int *minor) { *major = MAJOR; *minor = MINOR; return 0; }
const char *nvrtcGetErrorString(int status) { return "none"; }
int nvrtcGetNumSupportedArchs(int *count) { *count = 7; return 0; }
int nvrtcGetSupportedArchs(int *all) { memcpy(all, known, sizeof known); return 0; }
int nvrtcCreateProgram(void **program, const char *source, const char *name, int count,
                       const char *const *headers, const char *const *names) {
  *program = (void *)image;
  return 0;
}
int nvrtcDestroyProgram(void **program) { return 0; }
int nvrtcCompileProgram(void *program, int count, const char *const *options) { return 0; }
int nvrtcGetProgramLogSize(void *program, size_t *size) { *size = 1; return 0; }
int nvrtcGetProgramLog(void *program, char *log) { *log = 0; return 0; }
int nvrtcGetPTXSize(void *program, size_t *size) { *size = sizeof image; return 0; }
int nvrtcGetPTX(void *program, char *out) { memcpy(out, image, sizeof image); return 0; }
int nvrtcGetCUBINSize(void *program, size_t *size) { *size = sizeof image; return 0; }
int nvrtcGetCUBIN(void *program, char *out) { memcpy(out, image, sizeof image); return 0; }
"""


def build(folder: Path) -> Path:
    found = find_nvrtc()
    if not found.found:
        pytest.skip("needs NVRTC")
    major, minor = found.version.split(".")[:2]
    source, library = folder / "nvrtc.c", folder / f"libnvrtc.so.{major}"
    source.write_text(NVRTC)
    assert COMPILER
    flags = ["-shared", "-fPIC", f"-DMAJOR={major}", f"-DMINOR={minor}"]
    subprocess.run([COMPILER, *flags, "-o", str(library), str(source)], check=True)
    return library


def is_refused() -> None:
    call = cuda_scenarios.make()
    with pytest.raises(falloff.DeviceError, match=r"sm_80.*CUDA_ERROR_INVALID_PTX"):
        call.run()


def runs() -> None:
    call = cuda_scenarios.make()
    call.check(call.run())


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
def test_an_image_that_the_driver_refuses_is_compiled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {"FALLOFF_NVRTC": str(build(tmp_path))}
    cache = {"FALLOFF_CACHE_DIR": str(tmp_path / "cache")}

    def run(function: Any, **environment: str) -> None:
        workers: ProcessPoolExecutor
        with simulated_cuda.pool(1, **cache, **environment) as workers:
            workers.submit(function).result()

    run(is_refused, **broken)
    (entry,) = _falloff.cache_entries(tmp_path / "cache")
    monkeypatch.setenv("FALLOFF_CACHE_DIR", cache["FALLOFF_CACHE_DIR"])
    assert main(["cache", "ls"]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    what = r"attention of bf16, D \d+.* for sm_80, PTX by NVRTC [\d.]+"
    assert re.fullmatch(rf"kernel .*  {what}", line)
    run(runs)  # finds what the first left, and replaces it
    (again,) = _falloff.cache_entries(tmp_path / "cache")
    assert again.key == entry.key
    assert again.bytes > entry.bytes
    run(runs, **broken)  # takes what the second left, and asks NVRTC for nothing


def is_missing() -> None:
    call = cuda_scenarios.make()
    with pytest.raises(falloff.DeviceError, match=r"NVRTC.*pip install.*nor is there attention of"):
        call.run()


def test_a_machine_without_nvrtc_runs_what_its_cache_holds(tmp_path: Path) -> None:
    missing = {"FALLOFF_NVRTC": str(tmp_path / "libnvrtc.so.13")}
    for function, environment in ((is_missing, missing), (runs, {}), (runs, missing)):
        cache = {"FALLOFF_CACHE_DIR": str(tmp_path / "cache")}
        with simulated_cuda.pool(1, **cache, **environment) as workers:
            workers.submit(function).result()
