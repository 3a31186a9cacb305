# SPDX-License-Identifier: Apache-2.0
"""Kernels against torch's SDPA and against attention in float64: dtypes, shapes, strides, edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import falloff
import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
import torch

import exact_attention

BF16 = ml_dtypes.bfloat16
DTYPES = {"fp32": (np.float32, torch.float32), "bf16": (BF16, torch.bfloat16)}


def values(shape: tuple[int, ...], dtype: str = "fp32", seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(DTYPES[dtype][0])


def qkv(
    batch: int, tokens: int, heads: int, key_heads: int, dim: int, value_dim: int, dtype: str
) -> list[Any]:
    """q, k, v in (batch, tokens, heads, dim)."""
    shapes = [(heads, dim), (key_heads, dim), (key_heads, value_dim)]
    return [values((batch, tokens, *s), dtype, seed) for seed, s in enumerate(shapes, 1)]


def to_torch(array: Any) -> torch.Tensor:
    """(batch, tokens, heads, dim) of numpy as float32 (batch, heads, tokens, dim) of torch."""
    return torch.from_numpy(np.ascontiguousarray(array).astype(np.float32)).transpose(1, 2)


def sdpa(q: Any, k: Any, v: Any, pairs: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[Any]:
    mask = None if pairs is None else torch.from_numpy(pairs)
    out = torch.nn.functional.scaled_dot_product_attention(
        to_torch(q), to_torch(k), to_torch(v), attn_mask=mask, enable_gqa=True
    )
    return out.transpose(1, 2).numpy()


def run(q: Any, k: Any, v: Any, mask: Any, **options: Any) -> tuple[Any, Any]:
    """Attention into memory full of NaN; (out, lse) in (batch, tokens, heads, dim)."""
    bhsd = options.get("layout") == "BHSD"
    shape = (q.shape[0], q.shape[2 if bhsd else 1], q.shape[1 if bhsd else 2], v.shape[3])
    shape = (shape[0], shape[2], shape[1], shape[3]) if bhsd else shape
    out = np.full(shape, np.nan, q.dtype)
    result, lse = falloff.attention(q, k, v, mask, out=out, return_lse=True, **options)
    assert result is out
    return (out.transpose(0, 2, 1, 3) if bhsd else out), lse


def all_pairs(q: Any, k: Any) -> npt.NDArray[np.bool_]:
    return np.ones((q.shape[0], q.shape[2], q.shape[1], k.shape[1]), bool)


def check_dense(q: Any, k: Any, v: Any, dtype: str, **options: Any) -> None:
    mask = falloff.load("dense").bind(frames=1, tokens_per_frame=q.shape[1])
    out, lse = run(q, k, v, mask, **options)
    exact = exact_attention.attention(q, k, v, all_pairs(q, k))
    exact_attention.check(out, lse, exact, dtype)
    tolerance = 2e-5 if dtype == "fp32" else 3e-2
    np.testing.assert_allclose(
        np.asarray(out, np.float64), sdpa(q, k, v), atol=tolerance, rtol=tolerance
    )


def pattern(folder: Path, body: list[str]) -> falloff.Pattern:
    """A pattern over the axis token, of the statements of `body`."""
    path = folder / "one.mlir"
    path.write_text("\n".join(["mask.pattern @one over (%token: ?) {", *body, "}"]))
    return falloff.load(path)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "dim", [1, 2, 3, 5, 8, 13, 16, 17, 31, 40, 64, 72, 80, 96, 100, 128, 144, 160, 192, 255, 256]
)
def test_head_dimensions(dim: int, dtype: str) -> None:
    check_dense(*qkv(1, 67, 2, 2, dim, dim, dtype), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("dim", "value_dim"), [(64, 1), (1, 64), (128, 33), (40, 256), (7, 100)])
def test_values_of_another_head_dimension(dim: int, value_dim: int, dtype: str) -> None:
    check_dense(*qkv(1, 45, 2, 1, dim, value_dim, dtype), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tokens", [1, 2, 3, 15, 16, 17, 31, 33, 127, 128, 129, 300])
def test_lengths(tokens: int, dtype: str) -> None:
    check_dense(*qkv(1, tokens, 1, 1, 16, 16, dtype), dtype)


@pytest.mark.parametrize("tokens", [1, 2, 7, 33, 130])
@pytest.mark.parametrize("dtype", DTYPES)
def test_causal(tokens: int, dtype: str) -> None:
    q, k, v = qkv(2, tokens, 2, 2, 24, 24, dtype)
    mask = falloff.load("causal").bind(tokens=tokens)
    out, lse = run(q, k, v, mask)
    pairs = all_pairs(q, k) & np.tril(np.ones((tokens, tokens), bool))
    exact_attention.check(out, lse, exact_attention.attention(q, k, v, pairs), dtype)
    tolerance = 2e-5 if dtype == "fp32" else 3e-2
    np.testing.assert_allclose(
        np.asarray(out, np.float64), sdpa(q, k, v, pairs), atol=tolerance, rtol=tolerance
    )


@pytest.mark.parametrize("feature", exact_attention.features())
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("dim", "value_dim"), [(64, 64), (128, 128), (23, 9)])
def test_each_instruction_set(feature: str, dtype: str, dim: int, value_dim: int) -> None:
    """Partial, limited and full tiles with each set of vector instructions."""
    q, k, v = qkv(1, 9 * 40 + 5, 2, 1, dim, value_dim, dtype)
    mask = falloff.load("radial", decay=0.4).bind(frames=9, tokens_per_frame=40, text=5)
    for rounding in ("exact", "nearest"):
        plan = mask.plan(rounding=rounding, tile="1x16,text=16")
        pairs = all_pairs(q, k) & plan.to_dense()
        out, lse = run(q, k, v, plan, features=feature)
        exact_attention.check(out, lse, exact_attention.attention(q, k, v, pairs), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("heads", "key_heads"), [(4, 1), (6, 2), (6, 3), (5, 5)])
def test_grouped_heads(heads: int, key_heads: int, dtype: str) -> None:
    """Query head h reads key head h // (heads / key heads)."""
    check_dense(*qkv(2, 50, heads, key_heads, 32, 32, dtype), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_layouts_and_strides_agree(dtype: str) -> None:
    """Every way of laying the same numbers gives the same bits, and inputs stay as they were."""
    q, k, v = qkv(2, 37, 4, 2, 20, 12, dtype)
    mask = falloff.load("causal").bind(tokens=37)
    expected, lse = run(q, k, v, mask)

    def turned(x: Any) -> Any:  # memory in the opposite order
        return np.ascontiguousarray(x.T).T

    def spread(x: Any) -> Any:  # every third element of a larger array
        wide = np.full((*x.shape[:3], x.shape[3] * 3), np.nan, x.dtype)
        wide[..., 1::3] = x
        return wide[..., 1::3]

    def backwards(x: Any) -> Any:  # negative strides
        return np.ascontiguousarray(x[:, ::-1, ::-1])[:, ::-1, ::-1]

    def frozen(x: Any) -> Any:
        x = x.copy()
        x.flags.writeable = False
        return x

    for lay in (turned, spread, backwards, frozen):
        inputs = [lay(x) for x in (q, k, v)]
        kept = [x.copy() for x in inputs]
        out, other = run(*inputs, mask)
        assert out.tobytes() == expected.tobytes(), lay.__name__
        assert other.tobytes() == lse.tobytes()
        for x, y in zip(inputs, kept, strict=True):
            assert x.tobytes() == y.tobytes()
    inputs = [np.ascontiguousarray(x.transpose(0, 2, 1, 3)) for x in (q, k, v)]
    out, _ = run(*inputs, mask, layout="BHSD")
    assert out.tobytes() == expected.tobytes()
    # One key head and one batch entry read again and again, without a copy.
    one = np.broadcast_to(k[:1, :, :1], k.shape)
    out, _ = run(q, one, v, mask)
    assert out.tobytes() == run(q, one.copy(), v, mask)[0].tobytes()


def test_output_of_any_strides() -> None:
    q, k, v = qkv(1, 30, 2, 2, 16, 16, "fp32")
    mask = falloff.load("causal").bind(tokens=30)
    expected, _ = run(q, k, v, mask)
    around = np.full((1, 2, 60, 20), np.nan, np.float32)
    out = around[:, :, ::2, 3:19].transpose(0, 2, 1, 3)
    falloff.attention(q, k, v, mask, out=out)
    assert (out == expected).all()
    touched = ~np.isnan(around)
    assert touched.sum() == out.size, "wrote outside of out"


@pytest.mark.parametrize("dtype", DTYPES)
def test_torch_tensors(dtype: str) -> None:
    """The result is a tensor of q's library and type; nothing is copied or changed."""
    q, k, v = (torch.randn(1, 40, 2, 16).to(DTYPES[dtype][1]) for _ in range(3))
    mask = falloff.load("causal").bind(tokens=40)
    out, lse = falloff.attention(q, k, v, mask, return_lse=True)
    assert isinstance(out, torch.Tensor)
    assert out.dtype == q.dtype
    assert lse.dtype == torch.float32
    arrays = [x.float().numpy() for x in (q, k, v)]
    pairs = all_pairs(arrays[0], arrays[1]) & np.tril(np.ones((40, 40), bool))
    exact = exact_attention.attention(*arrays, pairs)
    exact_attention.check(out.float().numpy(), lse.numpy(), exact, dtype)


@pytest.mark.parametrize("scale", [0.0, -0.5, 1e-3, 3.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_scale(scale: float, dtype: str) -> None:
    q, k, v = qkv(1, 65, 1, 1, 16, 16, dtype)
    mask = falloff.load("dense").bind(frames=1, tokens_per_frame=65)
    out, lse = run(q, k, v, mask, scale=scale)
    exact = exact_attention.attention(q, k, v, all_pairs(q, k), scale)
    exact_attention.check(out, lse, exact, dtype)


@pytest.mark.parametrize("sign", [1, -1])
def test_scores_far_from_zero(sign: int) -> None:
    """Scores near +-3,000 neither overflow nor vanish; errors are those of float32 scores."""
    q, k, v = qkv(1, 70, 1, 1, 8, 8, "fp32")
    q[..., 0], k[..., 0] = 100, sign * 85
    mask = falloff.load("dense").bind(frames=1, tokens_per_frame=70)
    out, lse = run(q, k, v, mask)
    exact = exact_attention.attention(q, k, v, all_pairs(q, k))
    # A score of 3,000 is known to 3,000 x 2^-24 x a few roundings, and so is log-sum-exp.
    assert np.abs(out - exact.out).max() < 8 * 3000 * 2**-24 * np.abs(v).max()
    assert np.abs(lse - exact.lse).max() < 8 * 3000 * 2**-24


@pytest.mark.parametrize("rounding", ["exact", "outward", "nearest"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_queries_without_a_key(tmp_path: Path, rounding: str, dtype: str) -> None:
    """Output 0 and log-sum-exp -inf, in tiles with other queries and in empty rows of tiles."""
    body = [
        "%late = where query(%token) >= 21",
        "%past = causal %token",
        "%both = all_of %late, %past",
        "keep about %both",
    ]
    mask = pattern(tmp_path, body).bind(token=50)
    assert mask.empty_rows() == (0, 21, 0)
    q, k, v = qkv(1, 50, 2, 2, 16, 16, dtype)
    plan = mask.plan(rounding=rounding, tile="8")
    out, lse = run(q, k, v, plan)
    dense = plan.to_dense()
    empty = ~dense.any(axis=1)
    assert empty[:16].all()
    assert np.isneginf(lse[:, :, empty]).all()
    assert (np.asarray(out, np.float32)[:, empty] == 0).all()
    exact = exact_attention.attention(q, k, v, all_pairs(q, k) & dense)
    exact_attention.check(out, lse, exact, dtype)


@pytest.mark.parametrize("order", [("video", "text"), ("text", "video")])
@pytest.mark.parametrize("dtype", DTYPES)
def test_text_lengths(order: tuple[str, str], dtype: str) -> None:
    """Keys past a sample's text are in no pair, queries past it are empty, wherever text lies."""
    text, video, batch = 21, 4 * 15, 4
    n = text + video
    mask = falloff.load("radial", decay=0.5).bind(
        frames=4, tokens_per_frame=15, text=text, order=order
    )
    q, k, v = qkv(batch, n, 2, 1, 16, 16, dtype)
    start = 0 if order[0] == "text" else video
    lengths = [0, 1, 13, text]
    for plan in (mask.plan(tile="1x8,text=8"), mask.plan(grid="flat", tile=16), mask.plan()):
        pairs = all_pairs(q, k) & plan.to_dense()
        for b, length in enumerate(lengths):
            pairs[b, :, start + length : start + text] = False
            pairs[b, :, :, start + length : start + text] = False
        inputs = [x.copy() for x in (q, k, v)]
        for b, length in enumerate(lengths):  # what lies past the text must not matter
            inputs[1][b, start + length : start + text] = 1e4
            inputs[2][b, start + length : start + text] = -3e4
        out, lse = run(*inputs, plan, text_lengths=lengths)
        exact_attention.check(out, lse, exact_attention.attention(*inputs, pairs), dtype)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["q", "k", "v"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_and_inf_reach_who_sees_them(dtype: str, where: str, poison: float) -> None:
    """All queries that see a poisoned token, and none outside of the tiles that hold it."""
    tokens, tile, token = 64, 8, 19
    mask = falloff.load("streaming_llm", first=2, recent=9).bind(tokens=tokens)
    plan = mask.plan(rounding="exact", tile=str(tile))
    tensors = dict(zip("qkv", qkv(1, tokens, 1, 1, 16, 16, dtype), strict=True))
    clean, _ = run(*tensors.values(), plan)
    tensors[where][0, token, 0, :] = poison
    dirty, _ = run(*tensors.values(), plan)
    dense = plan.to_dense()
    sees = dense[:, token] if where != "q" else np.arange(tokens) == token
    near = np.zeros(tokens, bool)  # queries of tiles that meet the token's tile
    for first in range(0, tokens, tile):
        rows = slice(first, first + tile)
        met = dense[rows, token // tile * tile : (token // tile + 1) * tile].any()
        near[rows] = met if where != "q" else first == token // tile * tile
    changed = ~(np.asarray(clean, np.float32) == np.asarray(dirty, np.float32)).all(axis=(0, 2, 3))
    wild = ~np.isfinite(np.asarray(dirty, np.float32)).all(axis=(0, 2, 3))
    assert (changed <= near).all(), f"reached {np.flatnonzero(changed & ~near)}"
    # Infinities in q and k too: numbers of both signs meet them, and inf - inf is NaN.
    assert sees.any()
    assert (wild >= sees).all(), f"did not reach {np.flatnonzero(sees & ~wild)}"


def test_infinite_scores_follow_the_definition() -> None:
    """A key with score -inf has no weight, one with +inf makes the row NaN, as in softmax."""
    q, k, v = qkv(1, 12, 1, 1, 4, 4, "fp32")
    q[...] = np.abs(q)
    mask = falloff.load("dense").bind(frames=1, tokens_per_frame=12)
    k[0, 3] = -np.inf
    out, lse = run(q, k, v, mask)
    pairs = all_pairs(q, k)
    pairs[..., 3] = False
    finite = np.where(np.isfinite(k), k, 0)
    exact_attention.check(out, lse, exact_attention.attention(q, finite, v, pairs), "fp32")
    k[0, 3] = np.inf
    out, _ = run(q, k, v, mask)
    assert np.isnan(out).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_at_any_number_of_threads(dtype: str) -> None:
    """Long rows are split by the plan, and merged in key order."""
    q, k, v = qkv(1, 6000, 1, 1, 16, 16, dtype)
    mask = falloff.load("dense").bind(frames=1, tokens_per_frame=6000)
    mask = mask.slice(queries=(100, 140))
    plan = mask.plan()
    q = q[:, 100:140]
    results = [run(q, k, v, plan, threads=threads) for threads in (1, 2, 3, 7)]
    for out, lse in results[1:]:
        assert out.tobytes() == results[0][0].tobytes()
        assert lse.tobytes() == results[0][1].tobytes()
    exact = exact_attention.attention(q, k, v, all_pairs(q, k))
    exact_attention.check(results[0][0], results[0][1], exact, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_heads_do_not_depend_on_each_other(dtype: str) -> None:
    """Tested pairs are found once for many heads: each must be what it is alone, to the bit."""
    plan = falloff.load("radial").bind(frames=5, tokens_per_frame=70, text=9).plan(rounding="exact")
    q, k, v = qkv(3, plan.tokens, 6, 2, 16, 16, dtype)
    options = {"text_lengths": [9, 0, 5], "return_lse": True}
    out, lse = falloff.attention(q, k, v, plan, threads=2, **options)
    for batch in range(3):
        options["text_lengths"] = [[9, 0, 5][batch]]
        entry = slice(batch, batch + 1)
        for head in range(6):
            key_head = slice(head // 3, head // 3 + 1)
            one = q[entry, :, head : head + 1], k[entry, :, key_head], v[entry, :, key_head]
            alone, alone_lse = falloff.attention(*one, plan, threads=1, **options)
            assert out[entry, :, head : head + 1].tobytes() == alone.tobytes()
            assert lse[entry, head : head + 1].tobytes() == alone_lse.tobytes()


def test_long_rows_are_split() -> None:
    """A few queries over very many keys: several pieces, and still the same numbers."""
    tokens = 40000
    q, k, v = qkv(1, tokens, 1, 1, 8, 8, "fp32")
    mask = falloff.load("dense").bind(frames=1, tokens_per_frame=tokens).slice(queries=(7, 9))
    plan = mask.plan(head_dim=8, dtype="fp32")
    assert any(table["splits"] for table in plan.as_dict()["tables"])
    out, lse = run(q[:, 7:9], k, v, plan)
    exact = exact_attention.attention(q[:, 7:9], k, v, all_pairs(q[:, 7:9], k))
    exact_attention.check(out, lse, exact, "fp32")


def test_block_masks_of_the_users_own() -> None:
    """Plan.from_block_mask: each kept block is computed whole, heads apart."""
    blocks = np.random.default_rng(5).random((2, 5, 4)) < 0.5
    blocks[1, 2] = False
    plan = falloff.Plan.from_block_mask(blocks, 75, tile_query=16, tile_key=20)
    q, k, v = qkv(2, 75, 2, 2, 16, 24, "fp32")
    pairs = np.repeat(np.repeat(blocks, 16, axis=1), 20, axis=2)[:, :75, :75]
    for head, dense in enumerate(pairs):
        assert (plan.to_dense(head=head) == dense).all()
    out, lse = run(q, k, v, plan)
    exact = exact_attention.attention(q, k, v, np.stack([pairs] * 2))
    exact_attention.check(out, lse, exact, "fp32")


@pytest.mark.parametrize("layout", ["BSHD", "BHSD"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_ml_dtypes_and_a_mask_with_its_default_plan(dtype: str, layout: str) -> None:
    q, k, v = qkv(1, 9 * 30, 4, 2, 32, 32, dtype)
    mask = falloff.load("sparse_videogen", kind=["spatial", "temporal"] * 2, places=4).bind(
        frames=9, tokens_per_frame=30
    )
    plan = mask.plan(dtype=dtype, head_dim=32)
    pairs = np.stack([plan.to_dense(head=head) for head in range(4)])[None]
    inputs = [x if layout == "BSHD" else x.transpose(0, 2, 1, 3) for x in (q, k, v)]
    out, lse = run(*inputs, mask, layout=layout)
    exact_attention.check(out, lse, exact_attention.attention(q, k, v, pairs), dtype)
