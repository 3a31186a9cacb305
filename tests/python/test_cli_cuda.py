# SPDX-License-Identifier: Apache-2.0
"""Kernels of CUDA devices as the command prints them; NVRTC compiles, no device is needed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import falloff
import pytest
from falloff import _sass
from falloff.cli import main

SIZE = ["radial", "--frames", "4", "--tokens-per-frame", "70", "--head-dim", "32"]
COMPILE = ["compile", *SIZE]
LIBRARIES = ("CUDA_HOME", "CUDA_PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "FALLOFF_NVRTC")


def out(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*COMPILE, *arguments]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with contextlib.suppress(SystemExit):  # argparse's own
        assert main([*COMPILE, *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


def test_cuda_is_source_and_the_same(capsys) -> None:
    source = out(capsys, "--target", "sm_90", "--emit", "cuda")
    assert "__device__ bool contains(" in source
    assert source == out(capsys, "--target", "sm_90", "--emit", "cuda")
    assert "isBf16 = false" in out(capsys, "--target", "sm_90", "--dtype", "fp16", "--emit", "cuda")


@pytest.mark.parametrize("target", ["sm_80", "sm_120"])
def test_ptx_is_of_the_target(capsys, target: str) -> None:
    ptx = out(capsys, "--target", target, "--emit", "ptx")
    assert f".target {target}" in ptx
    assert ".entry falloff_attention(" in ptx


def test_cubin_goes_to_a_file_or_a_pipe(capsysbinary, tmp_path: Path) -> None:
    path = tmp_path / "radial.cubin"
    cubin = [*COMPILE, "--target", "sm_86", "--emit", "cubin"]
    assert main([*cubin, "--output", str(path)]) == 0
    assert capsysbinary.readouterr() == (b"", b"")
    assert path.read_bytes().startswith(b"\x7fELF")
    assert main(cubin) == 0
    assert capsysbinary.readouterr().out == path.read_bytes()


def test_a_cubin_is_not_printed_on_a_terminal(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    message = error(capsys, "--target", "sm_86", "--emit", "cubin")
    assert message.startswith("falloff: expects --output FILE, or a pipe, for a cubin")


def test_text_goes_to_a_file_too(capsys, tmp_path: Path) -> None:
    path = tmp_path / "radial.cu"
    assert out(capsys, "--target", "sm_86", "--emit", "cuda", "--output", str(path)) == ""
    assert path.read_text() == out(capsys, "--target", "sm_86", "--emit", "cuda")


def test_sass_is_machine_code(capsys) -> None:
    sass = out(capsys, "--target", "sm_89", "--emit", "sass")
    assert "falloff_attention" in sass
    assert "HMMA.16816.F32.BF16" in sass
    assert "LDGSTS" in sass  # cp.async


def test_sass_says_where_nvdisasm_is_had(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sass, "_candidates", lambda: iter(["/nowhere/nvdisasm"]))
    message = error(capsys, "--target", "sm_89", "--emit", "sass")
    for word in ("nvdisasm", "PATH", "pip install nvidia-cuda-nvdisasm", "CUDA toolkit"):
        assert word in message


def test_nvdisasm_is_looked_for_on_path_in_wheels_and_below_cuda_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = [tmp_path / "bin", tmp_path / "site" / "nvidia" / "cu13" / "bin", tmp_path / "home/bin"]
    for folder in tools:
        folder.mkdir(parents=True)
        (folder / "nvdisasm").write_text("#!/bin/sh\necho the cubin is odd >&2; exit 1\n")
        (folder / "nvdisasm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools[0]), prepend=os.pathsep)
    monkeypatch.setattr(_sass._find_cuda, "package_folders", lambda: [tmp_path / "site"])
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "home"))
    for folder in tools:
        path = folder / "nvdisasm"
        assert _sass.find_nvdisasm() == str(path)
        with pytest.raises(RuntimeError, match="nvdisasm: the cubin is odd"):
            _sass.disassemble(b"odd")
        path.unlink()


@pytest.mark.parametrize(
    ("target", "recipe"), [("sm_80", None), ("sm_80", "int8"), ("sm_89", "int8-fp8")]
)
def test_json_reports_the_compiler(capsys, target: str, recipe: str | None) -> None:
    options = ["--target", target, *(["--recipe", recipe] if recipe else [])]
    report = json.loads(out(capsys, *options, "--emit", "json"))
    assert (report["target"], report["recipe"]) == (target, recipe)
    kernels = {kernel["name"]: kernel for kernel in report["kernels"]}
    assert {"falloff_attention", "falloff_merge"} <= set(kernels)
    assert 32 < kernels["falloff_attention"]["registers"] <= 255
    assert report["warnings"] == []
    assert "\0" not in report["log"]
    assert "Compiling entry function 'falloff_attention'" in report["log"]
    assert report["seconds"] > 0


def test_options_that_do_not_go_together(capsys) -> None:
    assert "expects --target cpu with --emit llvm, but got sm_90" in error(
        capsys, "--target", "sm_90", "--emit", "llvm"
    )
    assert "expects --target to be one of sm_80, sm_86, " in error(capsys, "--emit", "ptx")
    assert "sm_120 with --emit ptx, but got cpu" in error(capsys, "--emit", "ptx")
    assert "expects a dtype of bf16 or fp16 for sm_90, but got 'fp32'" in error(
        capsys, "--target", "sm_90", "--dtype", "fp32", "--emit", "cuda"
    )
    assert "sm_89" in error(capsys, "--target", "sm_80", "--recipe", "int8-fp8", "--emit", "cuda")
    message = error(capsys, "--target", "sm_70", "--emit", "cuda")
    assert "--target: expects cpu, sm_80, sm_86, sm_89, " in message
    assert "sm_103 or sm_120, but got 'sm_70' (see" in message, "no other device is one's own"


@pytest.mark.parametrize("target", ["cpu", "sm_80"])
@pytest.mark.parametrize("stage", ["mask", "schedule"])
def test_options_of_kernels_are_refused_where_none_is_printed(capsys, target, stage) -> None:
    stages = "cuda, ptx, cubin, sass, json" if target == "sm_80" else "mlir, llvm, asm"
    for recipe in ("int8", "int8-fp8"):
        assert f"expects --emit to be one of {stages} with --recipe, but got {stage}" in error(
            capsys, "--target", target, "--recipe", recipe, "--emit", stage
        )
    message = error(capsys, "--target", target, "--features", "avx2", "--emit", stage)
    assert ("with --features, but got " if target == "cpu" else "expects --target cpu") in message


@pytest.mark.parametrize("stage", ["cuda", "ptx", "json"])
def test_devices_have_no_features_of_processors(capsys, stage: str) -> None:
    assert "expects --target cpu with --features avx2, but got sm_90" in error(
        capsys, "--target", "sm_90", "--features", "avx2", "--emit", stage
    )


@pytest.mark.parametrize(("head_dim", "aligned"), [(30, False), (36, False), (40, True)])
def test_rows_are_aligned_as_contiguous_tensors_have_them(capsys, head_dim, aligned) -> None:
    options = ["--target", "sm_80", "--head-dim", str(head_dim)]
    source = out(capsys, *options, "--emit", "cuda")
    assert ("any strides" in source.splitlines()[2]) is not aligned
    assert json.loads(out(capsys, *options, "--emit", "json"))["aligned"] is aligned


def test_plans_are_searched_for_a_device() -> None:
    mask = falloff.load("radial").bind(frames=4, tokens_per_frame=70)
    plan = mask.plan(target="sm_90", dtype="fp16", head_dim=64)
    assert plan.pairs_in_mask == mask.plan().pairs_in_mask
    assert main(["plan", *SIZE, "--target", "sm_120"]) == 0


def test_without_nvrtc_the_error_says_where_to_get_it(tmp_path: Path) -> None:
    """In a process that sees no library: its packages are those of no wheel of NVIDIA's."""
    program = (
        "import site, sys; site.getsitepackages = lambda: []; "
        "site.getusersitepackages = lambda: '/nowhere'; "
        "import falloff; falloff._falloff.set_package_folders([]); "
        "from falloff.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    environment = {name: os.environ[name] for name in os.environ if name not in LIBRARIES}
    environment["FALLOFF_NVRTC"] = str(tmp_path / "libnvrtc.so.13")
    done = subprocess.run(
        [sys.executable, "-c", program, *COMPILE, "--target", "sm_90", "--emit", "ptx"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("falloff: expects NVRTC")
    assert "pip install" in done.stderr
