# SPDX-License-Identifier: Apache-2.0
"""Masked attention in float32 by torch on the device, for problems too large for numpy.

Products are in full float32 (no TF32). Tensors are (batch, tokens, heads, dim).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from exact_attention import Exact


def attention(
    q: Any, k: Any, v: Any, pairs: npt.NDArray[np.bool_], scale: float | None = None
) -> Exact:
    """As `exact_attention.attention`, of tensors on one device. `pairs` is bool (queries, keys)
    for all heads or (heads, queries, keys)."""
    import torch

    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        return _attention(q.float(), k.float(), v.float(), pairs, scale)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def _attention(q: Any, k: Any, v: Any, pairs: npt.NDArray[np.bool_], scale: float | None) -> Exact:
    import torch

    batch, queries, heads, dim = q.shape
    group = heads // k.shape[2]
    scale = dim**-0.5 if scale is None else scale
    kept = torch.from_numpy(np.ascontiguousarray(pairs)).to(q.device)
    shape = (batch, queries, heads, v.shape[3])
    out, spread, even = (np.zeros(shape) for _ in range(3))
    lse, size = (np.zeros((batch, heads, queries)) for _ in range(2))
    for b in range(batch):
        for h in range(heads):
            keep = kept[h] if kept.ndim == 3 else kept
            keys, values = k[b, :, h // group], v[b, :, h // group]
            scores = (scale * (q[b, :, h] @ keys.T)).masked_fill(~keep, -torch.inf)
            sizes = abs(scale) * (q[b, :, h].abs() @ keys.abs().T)
            weights = torch.softmax(scores, dim=1).nan_to_num(0.0)  # an empty row
            largest = weights.amax(dim=1, keepdim=True)  # 1 ÷ the sum of weights up to 1
            out[b, :, h] = (weights @ values).cpu().numpy()
            spread[b, :, h] = (weights @ values.abs()).cpu().numpy()
            even[b, :, h] = ((keep.float() @ values.abs()) * largest).cpu().numpy()
            lse[b, h] = torch.logsumexp(scores, dim=1).cpu().numpy()
            size[b, h] = sizes.masked_fill(~keep, 0).amax(dim=1).cpu().numpy()
    return Exact(out, lse, spread, size, even)
