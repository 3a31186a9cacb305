# SPDX-License-Identifier: Apache-2.0
"""Masked attention in float64, and how far a kernel may be from it.

Tensors are (batch, tokens, heads, dim); pairs are bool (batch, heads, queries, keys).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# Half a unit in the last place, relative: bfloat16 has 8 bits of precision, float16 has 11.
BF16 = 2.0**-8
HALF_UNITS = {"bf16": BF16, "fp16": 2.0**-11}
# Half the distance of float16's smallest numbers; bfloat16's are as small as float32's.
SMALLEST = {"bf16": 0.0, "fp16": 2.0**-25}
# The same of e4m3, where 112 or more stands for a weight of 1.
E4M3, E4M3_SMALLEST = 2.0**-4, 2.0**-10 / 112
# What tensor cores lose of a sum of products of e4m3: they keep 13 bits below its largest term.
E4M3_SUMS = 2.0**-12


def features() -> list[str]:
    """What this processor's kernels may be made of."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = ["generic"]
    names += ["avx2"] if " avx2" in flags and " fma" in flags else []
    names += ["avx512"] if " avx512f" in flags and " avx512bw" in flags else []
    names += ["avx512vnni"] if " avx512_vnni" in flags else []
    return [*names, "native"]


@dataclass
class Exact:
    out: Array  # (batch, queries, heads, value dim); 0 where a query has no key
    lse: Array  # (batch, heads, queries); -inf there
    spread: Array  # the weighted mean of |v|, like `out`: what errors of weights are relative to
    size: Array  # (batch, heads, queries); largest scale |q| . |k|: what errors of scores are of
    even: Array  # like `out`: sum of |v| over sum of weights, the largest of which is 1: what an
    # error of weights that is not relative to them is of


def attention(
    q: npt.ArrayLike,
    k: npt.ArrayLike,
    v: npt.ArrayLike,
    pairs: npt.NDArray[np.bool_],
    scale: float | None = None,
) -> Exact:
    """softmax(scale q k^T) v over `pairs`; query head h reads key head h // (heads / key heads)."""
    q, k, v = (np.asarray(x).astype(np.float64) for x in (q, k, v))
    batch, queries, heads, dim = q.shape
    group = heads // k.shape[2]
    scale = dim**-0.5 if scale is None else scale
    out = np.zeros((batch, queries, heads, v.shape[3]))
    spread, even = np.zeros_like(out), np.zeros_like(out)
    lse = np.full((batch, heads, queries), -np.inf)
    size = np.zeros((batch, heads, queries))
    for b in range(batch):
        for h in range(heads):
            keep = pairs[b, h]
            some = keep.any(axis=1)
            if not some.any():
                continue
            values = v[b, :, h // group]
            scores = scale * (q[b, some, h] @ k[b, :, h // group].T)
            scores = np.where(keep[some], scores, -np.inf)
            sizes = abs(scale) * (np.abs(q[b, some, h]) @ np.abs(k[b, :, h // group].T))
            size[b, h, some] = np.where(keep[some], sizes, 0).max(axis=1)
            top = scores.max(axis=1, keepdims=True)
            weights = np.exp(scores - top)
            total = weights.sum(axis=1, keepdims=True)
            out[b, some, h] = weights @ values / total
            spread[b, some, h] = weights @ np.abs(values) / total
            even[b, some, h] = keep[some] @ np.abs(values) / total
            lse[b, h, some] = (top + np.log(total))[:, 0]
    return Exact(out, lse, spread, size, even)


def check(
    out: npt.ArrayLike,
    lse: npt.ArrayLike | None,
    exact: Exact,
    dtype: str,
    e4m3: bool = False,
) -> None:
    """Holds a kernel's result against the exact one.

    A score is a sum in float32, off by some units in the last place of its terms' size: 8 x 2^-24
    of it, well below the worst case of one unit a term; a weight is off by as much. exp (3e-6 where
    tensors are bfloat16, less where float32) and the sums over keys add less than 1e-5. All that is
    relative to the weighted mean of |v|. Log-sum-exp is off by as much as a weight.

    Inputs of 16 bits are taken as they are. Weights are rounded to their type before they meet v:
    half a unit of the weighted mean of |v|. Rounded or exact weights may be what divides (half a
    unit of the result), and the result is rounded (another). float16 rounds small weights and
    results to multiples of its smallest number. With `e4m3` weights are rounded to that, too.
    """
    out = np.asarray(out).astype(np.float64)
    scores = 1e-5 + 8 * 2.0**-24 * exact.size
    bound = scores.transpose(0, 2, 1)[..., None] * exact.spread + 1e-30
    if dtype in HALF_UNITS:
        bound += HALF_UNITS[dtype] * (exact.spread + 2 * np.abs(exact.out))
        bound += SMALLEST[dtype] * (exact.even + 1)
    if e4m3:
        bound += (E4M3 + E4M3_SUMS) * exact.spread + E4M3_SMALLEST * exact.even
    error = np.abs(out - exact.out)
    assert not np.isnan(out).any(), f"{np.isnan(out).sum()} results are NaN"
    worst = np.unravel_index(np.argmax(error - bound), error.shape)
    assert (error <= bound).all(), (
        f"(batch, query, head, dim) {tuple(map(int, worst))}: got {out[worst]}, exact "
        f"{exact.out[worst]}, error {error[worst]:.2e}, bound {bound[worst]:.2e}; "
        f"{int((error > bound).sum())} of {error.size} are wrong"
    )
    if lse is None:
        return
    lse = np.asarray(lse).astype(np.float64)
    empty = np.isneginf(exact.lse)
    assert (np.isneginf(lse) == empty).all(), "log-sum-exp is -inf exactly where a query is empty"
    error = np.abs(np.where(empty, 0, lse) - np.where(empty, 0, exact.lse))
    assert (error <= scores).all(), f"log-sum-exp is wrong by {error.max():.2e}"
