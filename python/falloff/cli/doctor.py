# SPDX-License-Identifier: Apache-2.0
"""doctor: whether Falloff works on this machine, and what it has to work with."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
from collections.abc import Callable
from typing import Any

import numpy as np

import falloff
from falloff import _falloff, _find_cuda, cache
from falloff._falloff import View
from falloff.cli.commands import Subparsers

_TOLERANCE = {"fp32": 1e-5, "bf16": 2e-2}
"""Of the largest difference from attention in float64, over values of a normal distribution."""


def add_doctor(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="check that Falloff works on this machine, and say what it found",
        description="Names versions, processor features, caches and CUDA libraries, and runs one "
        "tiny kernel a type on the CPU against attention in float64. Exits 1 if a check failed.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=doctor)


def doctor(arguments: argparse.Namespace) -> int:
    report = examine()
    print(json.dumps(report, indent=1) if arguments.json else _text(report))
    return 0 if report["ok"] else 1


def examine() -> dict[str, Any]:
    """Everything that `falloff doctor --json` prints."""
    report: dict[str, Any] = {
        "versions": _versions(),
        "processor": _processor(),
        "cache": _cache(),
        "cuda": _cuda(),
        "kernels": [_kernel(dtype) for dtype in _TOLERANCE],
    }
    report["ok"] = (
        report["cache"]["ok"]
        and not _fails(report["cuda"]["nvrtc"])
        and all(kernel["ok"] for kernel in report["kernels"])
    )
    return report


def _versions() -> dict[str, str | None]:
    return {
        "falloff": falloff.__version__,
        "llvm": _falloff.toolchain().llvm,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": _installed("torch"),
        "system": platform.platform(),
    }


def _installed(package: str) -> str | None:
    """The version of a package, without importing it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> dict[str, Any]:
    toolchain = _falloff.toolchain()
    return {
        "name": toolchain.processor,
        "features": toolchain.features,
        "level": toolchain.level,
        "threads": len(os.sched_getaffinity(0)),
    }


# ---- caches


def _cache() -> dict[str, Any]:
    disabled = os.environ.get("FALLOFF_DISABLE_CACHE", "") not in ("", "0")
    path, problem = None, None
    try:
        path = str(cache.path())
        problem = None if disabled else cache.problem()
    except OSError as error:  # the environment names none
        problem = None if disabled else str(error)
    return {"path": path, "disabled": disabled, "problem": problem, "ok": problem is None}


# ---- CUDA


def _cuda() -> dict[str, Any]:
    driver, devices = _find_cuda.find_driver()
    return {"nvrtc": vars(_find_cuda.find_nvrtc()), "driver": vars(driver) | {"devices": devices}}


def _fails(library: dict[str, Any]) -> bool:
    """Whether a library is one that the user named and that is of no use: none at all is fine."""
    named = any(place.startswith("FALLOFF_") for place in library["looked"])
    return named and bool(library["problem"])


# ---- one kernel


def _kernel(dtype: str) -> dict[str, Any]:
    """Attention over a mask with full, partial and skipped tiles, against float64."""
    bar, off, problem = _TOLERANCE[dtype], None, None
    try:
        off = _kernel_error(dtype)
    except (ValueError, RuntimeError, OSError, MemoryError) as error:
        problem = " ".join(str(error).split())
    ok = off is not None and off <= bar
    return {"dtype": dtype, "error": off, "bar": bar, "problem": problem, "ok": ok}


def _kernel_error(dtype: str) -> float:
    mask = falloff.load("radial", decay=0.5).bind(frames=5, tokens_per_frame=50, text=11)
    plan = mask.plan(rounding="exact", tile_query="video=1x16,text=16", dtype=dtype)
    shape = (1, mask.tokens, 2, 64)
    random = np.random.default_rng(0)
    q, k, v = (random.standard_normal(shape, dtype=np.float32) for _ in range(3))
    if dtype == "fp32":
        out = falloff.attention(q, k, v, plan)
    else:  # numpy has no bfloat16: its bits are the upper half of float32's
        halves = [(values.view(np.uint32) >> 16).astype(np.uint16) for values in (q, k, v)]
        halves.append(np.zeros(shape, np.uint16))
        a, b, c, d = (View.of(half, "tensor").as_dtype("bfloat16") for half in halves)
        falloff.attention(a, b, c, plan, out=d)
        q, k, v, out = ((half.astype(np.uint32) << 16).view(np.float32) for half in halves)
    # The reference interpreter says which pairs there are, by the definition of each word.
    expected = _attention(*(values.astype(np.float64) for values in (q, k, v)), mask.to_dense())
    difference = np.abs(out - expected)
    if not np.isfinite(difference).all():
        raise ValueError("expects finite numbers of a kernel, but got others")
    return float(difference.max())


def _attention(*tensors: Any) -> Any:
    """q, k and v in (batch, tokens, heads, dim), and pairs; every query has a key."""
    q, k, v, pairs = tensors
    scores = np.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(q.shape[-1])
    scores = np.where(pairs, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.einsum("bhqk,bkhd->bqhd", weights / weights.sum(axis=-1, keepdims=True), v)


# ---- text


def _text(report: dict[str, Any]) -> str:
    sections: tuple[Callable[[dict[str, Any]], list[str]], ...]
    sections = (_versions_text, _processor_text, _cache_text, _cuda_text, _kernels_text)
    lines = [line for section in sections for line in section(report)]
    lines.append("everything that was checked works" if report["ok"] else "a check failed")
    return "\n".join(lines)


def _line(name: str, text: str) -> str:
    return f"{name:<12}{text}"


def _versions_text(report: dict[str, Any]) -> list[str]:
    versions: dict[str, str | None] = report["versions"]
    return [_line(name, version or "not installed") for name, version in versions.items()]


def _processor_text(report: dict[str, Any]) -> list[str]:
    processor = report["processor"]
    return [
        _line("processor", f"{processor['name']}, {processor['threads']} threads"),
        _line("features", " ".join(processor["features"])),
        _line("kernels", f"for {processor['level']}"),
    ]


def _cache_text(report: dict[str, Any]) -> list[str]:
    found = report["cache"]
    state = "writable" if found["ok"] else f"FAILED: {found['problem']}"
    if not found["ok"]:
        state += "; FALLOFF_CACHE_DIR names another folder, FALLOFF_DISABLE_CACHE=1 does without"
    state = "off" if found["disabled"] else state
    return [_line("cache", f"{found['path']}: {state}" if found["path"] else state)]


def _cuda_text(report: dict[str, Any]) -> list[str]:
    lines = []
    for name, library in report["cuda"].items():
        lines.append(_line(name, _library_text(library)))
        if not library["found"]:
            lines += [_line("", place) for place in library["looked"]]
        for device in library.get("devices", ()):
            lines.append(_line("device", device))
    return lines


def _library_text(library: dict[str, Any]) -> str:
    problem = library["problem"]
    if library["found"]:
        text = f"{library['version']}, {library['path']} ({library['source']})"
        text += f"; {problem}" if problem else ""
    else:
        text = "not found (kernels for NVIDIA devices need it)"
        text += f": {problem}; looked in" if problem else ", looked in"
    return f"FAILED: {text}" if _fails(library) else text


def _kernels_text(report: dict[str, Any]) -> list[str]:
    lines = []
    for kernel in report["kernels"]:
        verdict = "right" if kernel["ok"] else "WRONG"
        text = f"{verdict}: off by {kernel['error']:.1e}" if kernel["error"] is not None else ""
        if kernel["problem"]:
            text = f"FAILED: {kernel['problem']}"
        bar = f"on the CPU: at most {kernel['bar']:.0e} from attention in float64"
        lines.append(_line(kernel["dtype"], f"{text} ({bar})"))
    return lines
