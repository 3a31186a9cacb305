# SPDX-License-Identifier: Apache-2.0
"""Masked attention in float64, and how far a kernel may be from it.

Tensors are (batch, tokens, heads, dim); pairs are bool (batch, heads, queries, keys).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# Half a unit in the last place of bfloat16, relative: 8 bits of precision.
BF16 = 2.0**-8


@dataclass
class Exact:
    out: Array  # (batch, queries, heads, value dim); 0 where a query has no key
    lse: Array  # (batch, heads, queries); -inf there
    spread: Array  # the weighted mean of |v|, like `out`: what errors of weights are relative to


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
    spread = np.zeros_like(out)
    lse = np.full((batch, heads, queries), -np.inf)
    for b in range(batch):
        for h in range(heads):
            keep = pairs[b, h]
            some = keep.any(axis=1)
            if not some.any():
                continue
            values = v[b, :, h // group]
            scores = scale * (q[b, some, h] @ k[b, :, h // group].T)
            scores = np.where(keep[some], scores, -np.inf)
            top = scores.max(axis=1, keepdims=True)
            weights = np.exp(scores - top)
            total = weights.sum(axis=1, keepdims=True)
            out[b, some, h] = weights @ values / total
            spread[b, some, h] = weights @ np.abs(values) / total
            lse[b, h, some] = (top + np.log(total))[:, 0]
    return Exact(out, lse, spread)


def check(
    out: npt.ArrayLike,
    lse: npt.ArrayLike | None,
    exact: Exact,
    dtype: str,
) -> None:
    """Holds a kernel's result against the exact one.

    float32: weights carry errors of the scores, some 1e-6 of a score of size 10, and of exp; sums
    of a few hundred terms add as much: 2e-5 of the weighted mean of |v|. bfloat16: inputs are taken
    as they are; weights are rounded to bfloat16 before they meet v (half a unit of the weighted
    mean of |v|), a sum of rounded weights or a sum of exact ones may divide (half a unit of the
    result), and the result is rounded (another).
    """
    out = np.asarray(out).astype(np.float64)
    bound = 2e-5 * exact.spread + 1e-30
    if dtype == "bf16":
        bound += BF16 * (exact.spread + 2 * np.abs(exact.out))
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
    size = 2e-5 + 2e-6 * np.abs(np.where(empty, 0, exact.lse))
    error = np.where(empty, 0, np.abs(np.where(empty, 0, lse) - np.where(empty, 0, exact.lse)))
    assert (error <= size).all(), f"log-sum-exp is wrong by {error.max():.2e}"
