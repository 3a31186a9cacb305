# SPDX-License-Identifier: Apache-2.0
"""Runs Falloff from an installed wheel beside the modules named, imported in that order.

python beside.py torch falloff triton

scripts/check_wheel.py runs it. triton compiles a kernel for a GPU that need not be there, so that
two LLVMs have worked in one process, whichever came first.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np


def attention_is_right() -> None:
    """A masked attention against its formula in float64."""
    import falloff

    mask = falloff.load("radial", decay=0.2).bind(frames=5, height=6, width=7)
    generator = np.random.default_rng(0)
    q, k, v = (generator.standard_normal((1, mask.tokens, 2, 32), np.float32) for _ in range(3))
    plan = mask.plan(rounding="exact", dtype="fp32", head_dim=32)
    out = falloff.attention(q, k, v, plan)
    if "torch" in sys.modules:
        import torch

        tensors = (torch.from_numpy(array) for array in (q, k, v))
        np.testing.assert_array_equal(falloff.attention(*tensors, plan), out)
    scores = np.einsum("bqhd,bkhd->bhqk", q, k, dtype=np.float64) / np.sqrt(32)
    weights = np.exp(np.where(mask.to_dense(), scores, -np.inf))
    weights /= weights.sum(-1, keepdims=True)
    right = np.einsum("bhqk,bkhd->bqhd", weights, v)
    np.testing.assert_allclose(out, right, atol=2e-6)


def triton_compiles() -> None:
    """A kernel to PTX through triton's own LLVM."""
    import triton
    import triton.language as tl
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    @triton.jit
    def double(x, n, block: tl.constexpr):  # type: ignore[no-untyped-def]
        at = tl.program_id(0) * block + tl.arange(0, block)
        tl.store(x + at, 2 * tl.load(x + at, mask=at < n), mask=at < n)

    source = ASTSource(double, {"x": "*fp32", "n": "i32", "block": "constexpr"}, {"block": 128})
    compiled = triton.compile(source, target=GPUTarget("cuda", 80, 32))
    assert ".visible .entry double" in compiled.asm["ptx"]


def main() -> None:
    for name in sys.argv[1:]:
        importlib.import_module(name)
    attention_is_right()
    if "triton" in sys.modules:
        triton_compiles()
        attention_is_right()
    import falloff

    assert Path(falloff.__file__).is_relative_to(sys.prefix), falloff.__file__
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    shared = sorted(path for path in mapped if "libLLVM" in path or "libMLIR" in path)
    assert not shared, shared


if __name__ == "__main__":
    main()
