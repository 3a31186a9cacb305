# SPDX-License-Identifier: Apache-2.0
"""Every pattern of the library at small sizes against float64, and video models at their full
length against torch in float32 on the device."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import falloff
import numpy as np
import numpy.typing as npt
import pytest

import exact_attention
from machines import DTYPES, Array, Machine
from test_patterns import EXAMPLES, Example


def normal(seed: int, shape: tuple[int, ...], dtype: str) -> Array:
    return np.random.default_rng(seed).standard_normal(shape, np.float32).astype(DTYPES[dtype])


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_library(machine: Machine, number: int) -> None:
    example: Example = EXAMPLES[number]
    rng = random.Random(number)
    mask = example.mask()
    plan = mask.plan(rounding=rng.choice(["exact", "nearest", "outward"]))
    heads = mask.heads or 2
    dim, dtype = rng.choice([64, 128, 40]), rng.choice(["bf16", "fp16"])
    key_heads = rng.choice([1, heads])
    shapes = [(heads, dim), (key_heads, dim), (key_heads, rng.choice([dim, 24]))]
    inputs = [normal(n, (1, mask.tokens, *shape), dtype) for n, shape in enumerate(shapes)]
    out, lse = machine.attention(inputs, plan, layout=rng.choice(["BSHD", "BHSD"]))
    dense = [plan.to_dense(head=h if mask.heads else None) for h in range(heads)]
    exact = exact_attention.attention(*inputs, np.stack(dense)[None])
    exact_attention.check(out, lse, exact, dtype)


@dataclass(frozen=True)
class Model:
    """A pattern at the size of a video model."""

    name: str
    pattern: str
    bind: dict[str, Any]
    rounding: str = "nearest"
    head_dim: int = 128
    text: int = 0

    def __str__(self) -> str:
        return self.name


MODELS = [
    Model("wan-480p", "radial", {"frames": 21, "height": 30, "width": 52, "decay": 0.2}),
    Model("wan-720p", "radial", {"frames": 33, "height": 45, "width": 80, "decay": 0.2}),
    Model(
        "hunyuan",
        "radial",
        {"frames": 33, "height": 45, "width": 80, "text": 256, "decay": 0.95},
        text=256,
    ),
    Model("windows", "sliding_tile", {"frames": 30, "height": 48, "width": 80}, "exact"),
    Model("neighbours", "neighborhood", {"frames": 16, "height": 30, "width": 40}, "exact", 64),
    Model("causal", "block_causal", {"frames": 21, "tokens_per_frame": 1560}, "exact", 64),
    Model("dense", "dense", {"frames": 21, "tokens_per_frame": 1560}),
]
QUERIES = 96  # of each model are compared
HEADS = 2


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_models(torch_machine: Machine, model: Model, dtype: str) -> None:
    """Some queries, the first and the last among them, of a whole launch at full length."""
    import torch

    import reference

    mask = falloff.load(model.pattern).bind(**model.bind)
    plan = mask.plan(rounding=model.rounding, head_dim=model.head_dim)
    generator = torch.Generator("cuda").manual_seed(1)
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}[dtype]
    q, k, v = (
        torch.randn(
            1, mask.tokens, HEADS, model.head_dim, device="cuda", generator=generator, dtype=kind
        )
        for _ in range(3)
    )
    lengths = [model.text - 57] if model.text else None
    out, lse = falloff.attention(q, k, v, plan, return_lse=True, text_lengths=lengths)
    chosen = np.unique(
        np.r_[0, mask.tokens - 1, np.random.default_rng(0).integers(mask.tokens, size=QUERIES)]
    )
    pairs = pairs_of(model, mask, plan, chosen).copy()
    if lengths:
        alive = np.ones(mask.tokens, bool)
        alive[text_range(plan)[0] + lengths[0] : text_range(plan)[1]] = False
        pairs &= alive & alive[chosen, None]
    exact = reference.attention(q[:, chosen], k, v, pairs)
    exact_attention.check(
        out[:, chosen].float().cpu().numpy(), lse[:, :, chosen].cpu().numpy(), exact, dtype
    )
    assert torch.isfinite(out).all()


_known: dict[str, npt.NDArray[np.bool_]] = {}


def pairs_of(
    model: Model, mask: falloff.Mask, plan: falloff.Plan, queries: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Once a model: that of many tiles takes half a minute."""
    if model.name not in _known:
        _known[model.name] = computed(mask, plan, model.rounding, queries)
    return _known[model.name]


def text_range(plan: falloff.Plan) -> tuple[int, int]:
    for segment in plan.as_dict()["grid"]["segments"]:
        if segment["axes"] == ["token"]:
            first = segment["first_token"]
            return first, first + segment["extents"][0]
    raise AssertionError("expects a segment of text")


def computed(
    mask: falloff.Mask, plan: falloff.Plan, rounding: str, queries: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """The pairs that a plan computes of some queries: bool (queries, tokens). A slice of one query
    holds what the whole plan does."""
    rows = []
    for query in map(int, queries):
        cut = mask.slice(queries=(query, query + 1), keys=(0, mask.tokens))
        rows.append(cut.plan(rounding=rounding, **tiles_of(plan)).to_dense()[0])
    return np.stack(rows)


def tiles_of(plan: falloff.Plan) -> dict[str, Any]:
    """The options that give a mask's slice the tiles of this plan."""
    tiles: dict[str, Any] = {}
    for side in ("query", "key"):
        tiles[f"tile_{side}"] = {
            segment["name"] or "tokens": segment[f"{side}_tile"]
            for segment in plan.as_dict()["grid"]["segments"]
        }
    return tiles
