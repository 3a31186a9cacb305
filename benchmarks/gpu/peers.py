# SPDX-License-Identifier: Apache-2.0
"""The same work by torch: SDPA with one back end forced, and compiled FlexAttention.

Tensors are (batch, heads, tokens, dim), as torch takes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import falloff

Call = Callable[[], Any]


def sdpa(q: Any, k: Any, v: Any, device: str) -> dict[str, Call]:
    """Dense attention by back end; those that refuse these tensors are left out, and say so."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.nn.functional import scaled_dot_product_attention

    backends = {"cuDNN": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION}
    if device == "cpu":
        backends.pop("cuDNN")

    def call_of(backend: Any) -> Call:
        def call() -> Any:
            with sdpa_kernel(backend):
                return scaled_dot_product_attention(q, k, v)

        return call

    calls = {}
    for name, backend in backends.items():
        call = call_of(backend)
        try:
            call()
        except RuntimeError as error:
            print(f"SDPA {name} does not take these tensors: {str(error).splitlines()[0]}")
            continue
        calls[f"SDPA {name}"] = call
    return calls


def flex(mask: falloff.Mask, q: Any, k: Any, v: Any, device: str) -> tuple[Call, float]:
    """Compiled FlexAttention over the mask's own pairs, and the seconds that its block mask took.

    The block mask is our exporter's, made of a plan: torch's own asks every pair.
    """
    import torch
    from torch.nn.attention.flex_attention import flex_attention

    begin = time.perf_counter()
    blocks = mask.to_flex_block_mask(128, rounding="exact", device=device)
    seconds = time.perf_counter() - begin
    torch._dynamo.reset()
    compiled = torch.compile(flex_attention, dynamic=False)

    def call() -> Any:
        return compiled(q, k, v, block_mask=blocks)

    call()
    return call, seconds
