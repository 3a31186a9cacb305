# SPDX-License-Identifier: Apache-2.0
"""`falloff doctor`: what it finds, what it says, and when it fails."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import falloff
import numpy as np
import pytest
from falloff import _find_cuda
from falloff.cli import doctor, main

import simulated_cuda

COMPILER = shutil.which("cc") or shutil.which("clang") or shutil.which("clang-22")
LIBRARY = "int nvrtcVersion(int *major, int *minor) { *major = 12; *minor = 7; return 0; }\n"


def test_a_machine_where_falloff_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for line in (f"falloff     {falloff.__version__}", f"numpy       {np.__version__}"):
        assert line in out.splitlines()
    assert out.endswith("everything that was checked works\n")
    assert out.count("right: off by") == 2
    assert out.count("(on the CPU: at most ") == 2
    for word in ("llvm", "kernels     for", "nvrtc", "driver", "writable"):
        assert word in out


def test_kernels_are_near_float64_and_not_exact() -> None:
    """An error of 0 would mean that a kernel was compared with itself."""
    for kernel in doctor.examine()["kernels"]:
        assert kernel["ok"]
        assert 0 < kernel["error"] <= kernel["bar"]


def test_a_wrong_kernel_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attention = falloff.attention

    def scaled(*tensors: Any, **options: Any) -> Any:
        return attention(*tensors, scale=0.2, **options)

    monkeypatch.setattr(falloff, "attention", scaled)
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert out.count("WRONG: off by") == 2
    assert out.endswith("a check failed\n")


@pytest.mark.parametrize("variable", ["FALLOFF_CACHE_DIR", "XDG_CACHE_HOME", "HOME"])
def test_where_caches_lie(variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FALLOFF_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "deep"))
    below = {"FALLOFF_CACHE_DIR": "", "XDG_CACHE_HOME": "falloff", "HOME": ".cache/falloff"}
    cache = doctor._cache()
    assert Path(cache["path"]) == tmp_path / "deep" / below[variable]
    assert cache["ok"]
    left = [path.name for path in Path(cache["path"]).rglob("*")]
    assert sorted(left) == ["CACHEDIR.TAG", "kernels", "locks", "plans"], "asking leaves no entry"


def test_a_cache_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("FALLOFF_CACHE_DIR", str(file / "below"))
    monkeypatch.delenv("FALLOFF_DISABLE_CACHE", raising=False)
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert f"{file}/below: FAILED: cannot be written to: Not a directory; FALLOFF_CACHE_DIR" in out
    monkeypatch.setenv("FALLOFF_DISABLE_CACHE", "1")
    assert main(["doctor", "--json"]) == 0
    cache = json.loads(capsys.readouterr().out)["cache"]
    assert cache == {"path": str(file / "below"), "disabled": True, "problem": None, "ok": True}


def make_open(folder: Path) -> str:
    folder.mkdir()
    folder.chmod(0o777)
    return f"'{folder}' has mode 777 (chmod go-w)"


def make_group_writable(folder: Path) -> str:
    folder.mkdir()
    folder.chmod(0o775)
    return f"'{folder}' has mode 775 (chmod go-w)"


def make_open_inside(folder: Path) -> str:
    folder.mkdir(mode=0o700)
    return make_open(folder / "kernels")


def make_a_file_inside(folder: Path) -> str:
    folder.mkdir(mode=0o700)
    (folder / "kernels").touch(mode=0o600)
    return "cannot be written to: 'kernels': Not a directory"


def make_a_link_to_nowhere(folder: Path) -> str:
    folder.symlink_to("nowhere")
    return "cannot be written to: No such file or directory"


def make_of_another_user(folder: Path) -> str:
    if os.geteuid() != 0:
        pytest.skip("only the root user gives folders away")
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    return f"'{folder}' belongs to user 65534"


@pytest.mark.parametrize(
    "make",
    [
        make_open,
        make_group_writable,
        make_open_inside,
        make_a_file_inside,
        make_a_link_to_nowhere,
        make_of_another_user,
    ],
)
def test_doctor_says_of_a_cache_what_its_user_says(
    make: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    problem = make(folder)
    monkeypatch.setenv("FALLOFF_CACHE_DIR", str(folder))
    monkeypatch.delenv("FALLOFF_DISABLE_CACHE", raising=False)
    done = subprocess.run(
        [sys.executable, "-m", "falloff", "doctor"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout.endswith("a check failed\n")
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("cache "))
    assert line.startswith(f"cache       {folder}: FAILED: ")
    assert problem in line
    (warning,) = done.stderr.splitlines()  # of the kernels that run without it
    assert problem.removeprefix("cannot be written to: ") in warning


def test_a_name_that_is_too_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FALLOFF_CACHE_DIR", str(tmp_path / ("n" * 300)))
    monkeypatch.delenv("FALLOFF_DISABLE_CACHE", raising=False)
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "n: FAILED: cannot be written to: File name too long; " in out
    assert out.count("right: off by") == 2


def test_no_cache_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FALLOFF_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "FALLOFF_DISABLE_CACHE"):
        monkeypatch.delenv(name, raising=False)
    cache = doctor._cache()
    assert (cache["path"], cache["ok"]) == (None, False)
    assert "none of them is set" in cache["problem"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the root user writes anywhere")
def test_a_read_only_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    monkeypatch.setenv("FALLOFF_CACHE_DIR", str(tmp_path / "cache"))
    assert "Permission denied" in doctor._cache()["problem"]


def build(path: Path) -> None:
    """A library that answers for its version as NVRTC does."""
    assert COMPILER
    path.parent.mkdir(parents=True)
    source = path.with_suffix(".c")
    source.write_text(LIBRARY)
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", str(path), str(source)], check=True)


def search(folder: Path, **environment: str) -> dict[str, Any]:
    """find_nvrtc in a process of its own, with `folder` for the only folder of packages."""
    script = (
        "import json, site, sys; from falloff import _find_cuda; sys.path.clear();"
        f"site.getsitepackages = lambda: [{str(folder)!r}]; site.getusersitepackages = str;"
        "print(json.dumps(vars(_find_cuda.find_nvrtc())))"
    )
    paths = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
def test_nvrtc_is_found_where_it_lies(tmp_path: Path) -> None:
    packages = tmp_path / "site-packages"
    wheel = packages / "nvidia" / "cuda_nvrtc" / "lib" / "libnvrtc.so.12"
    home = tmp_path / "cuda" / "lib64" / "libnvrtc.so.12"
    build(home)
    found = search(packages, CUDA_HOME=str(tmp_path / "cuda"))
    assert (found["source"], found["path"]) == ("CUDA_HOME", str(home))
    assert (found["found"], found["version"]) == (True, "12.7")
    found = search(packages, CUDA_HOME="", LD_LIBRARY_PATH=str(home.parent))
    assert found["source"] in ("loader", "CUDA_HOME")  # some machines have one in /usr/local/cuda
    assert found["version"]
    build(wheel)
    found = search(packages, CUDA_HOME=str(tmp_path / "cuda"))
    assert (found["source"], found["path"]) == ("wheels", str(wheel))
    assert f"wheels: {packages / 'nvidia' / '*' / 'lib'}" in found["looked"]
    assert not [place for place in found["looked"] if place.startswith("CUDA_HOME")]


def test_a_library_that_does_not_load(tmp_path: Path) -> None:
    broken = tmp_path / "cuda" / "lib64" / "libnvrtc.so.13"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"not a library")
    found = search(tmp_path / "site-packages", CUDA_HOME=str(tmp_path / "cuda"))
    assert found["path"] != str(broken)
    if not found["found"]:
        assert str(broken) in found["problem"]
    found = search(tmp_path / "site-packages", FALLOFF_NVRTC=str(broken))
    assert not found["found"]
    assert str(broken) in found["problem"]


def test_a_named_nvrtc_that_does_not_open(tmp_path: Path) -> None:
    """In a process of its own: one that has an NVRTC keeps it."""
    file = tmp_path / "nope.so"
    done = subprocess.run(
        [sys.executable, "-m", "falloff", "doctor"],
        env=dict(os.environ, FALLOFF_NVRTC=str(file)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("nvrtc "))
    assert lines[at] == (
        "nvrtc       FAILED: not found (kernels for NVIDIA devices need it): "
        f"{file}: cannot open shared object file: No such file or directory; looked in"
    )
    assert lines[at + 1] == f"            FALLOFF_NVRTC: {file}"
    assert lines[-1] == "a check failed"


def test_no_nvrtc_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = _find_cuda.Library(looked=["loader: libnvrtc.so.13"])
    monkeypatch.setattr(_find_cuda, "find_nvrtc", lambda: missing)
    assert main(["doctor"]) == 0
    line = "nvrtc       not found (kernels for NVIDIA devices need it), looked in"
    assert line in capsys.readouterr().out.splitlines()


def test_nothing_is_linked() -> None:
    """The extension module needs neither library: a machine without CUDA loads it."""
    module = falloff._falloff.__file__ or ""
    done = subprocess.run(["readelf", "-d", module], capture_output=True, text=True, check=True)
    needed = [line for line in done.stdout.splitlines() if "(NEEDED)" in line]
    assert needed
    assert not [line for line in needed if "libcuda" in line or "libnvrtc" in line]
    assert _find_cuda.find_driver()[0].looked[0].startswith("process")


def test_an_nvrtc_of_no_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _find_cuda.Library(
        True, "/usr/lib/libnvrtc.so.11", "loader", "11.8", problem="expects NVRTC 12.4 or later"
    )
    monkeypatch.setattr(_find_cuda, "find_nvrtc", lambda: found)
    assert main(["doctor"]) == 0
    line = "nvrtc       11.8, /usr/lib/libnvrtc.so.11 (loader); expects NVRTC 12.4 or later"
    assert line in capsys.readouterr().out.splitlines()


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
def test_doctor_says_what_kernels_are_compiled_with(tmp_path: Path) -> None:
    """Doctor and compiler share one search: a library of no use is the one that both name."""
    library = tmp_path / "lib" / "libnvrtc.so.12"
    build(library)
    found = search(tmp_path, FALLOFF_NVRTC=str(library))
    assert (found["source"], found["path"]) == ("FALLOFF_NVRTC", str(library))
    assert found["looked"] == [f"FALLOFF_NVRTC: {library}"]
    assert f"but got {library} (FALLOFF_NVRTC), which lacks nvrtcGetErrorString" in found["problem"]


def test_a_driver_and_its_devices() -> None:
    """The simulated driver stands for one; what doctor names is what attention would take."""
    script = (
        "import ctypes, sys; from falloff.cli import main;"
        "ctypes.CDLL(sys.argv[1]); sys.exit(main(['doctor']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(simulated_cuda.library())],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PTXSIM_DEVICES": "2",
            "PTXSIM_ARCHITECTURE": "80,120",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith("driver "))
    assert lines[at] == f"driver      13.0, {simulated_cuda.library()} (process)"
    assert lines[at + 1 : at + 3] == [
        "device      simulated sm_80",
        "device      simulated sm_120",
    ]
