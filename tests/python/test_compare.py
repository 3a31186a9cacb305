# SPDX-License-Identifier: Apache-2.0
"""falloff.compare and the command: every figure against its definition, in float64."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import falloff
import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
import torch

import exact_attention
from test_cli import fails, run  # noqa: F401

Array = npt.NDArray[Any]
RADIAL = {"frames": 6, "tokens_per_frame": 40}


def tensors(
    tokens: int, heads: int = 2, key_heads: int | None = None, batch: int = 1, dim: int = 16
) -> list[Array]:
    """Random q, k, v whose attention is neither flat nor of one key."""
    random = np.random.default_rng(7)
    key_heads = heads if key_heads is None else key_heads
    shapes = [(batch, tokens, count, dim) for count in (heads, key_heads, key_heads)]
    return [random.standard_normal(shape).astype(np.float32) * 1.5 for shape in shapes]


def figures(
    q: Array, k: Array, v: Array, mask: Array, plan: Array, scale: float | None = None
) -> list[dict[str, float]]:
    """By definition: of each head, then of all. `mask` and `plan` are bool (batch, heads, queries,
    keys); what no key of the whole sequence is allowed for is left out by the caller."""
    group = q.shape[2] // k.shape[2]
    scale = q.shape[3] ** -0.5 if scale is None else scale
    k, v = (np.repeat(x.astype(np.float64), group, axis=2) for x in (k, v))
    scores = scale * np.einsum("bqhd,bkhd->bhqk", q.astype(np.float64), k)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    dense = np.einsum("bhqk,bkhd->bhqd", weights, v)
    total = np.where(plan, weights, 0).sum(axis=-1, keepdims=True)
    shares = np.divide(np.where(plan, weights, 0), total, where=total > 0, out=weights * 0)
    out = np.einsum("bhqk,bkhd->bhqd", shares, v)
    masses = [np.where(pairs, weights, 0).sum(axis=-1) for pairs in (mask, plan)]

    def of(head: slice) -> dict[str, float]:
        o, d = out[:, head].ravel(), dense[:, head].ravel()
        return {
            "mse": float(np.mean((o - d) ** 2)),
            "cosine": float(o @ d / np.linalg.norm(o) / np.linalg.norm(d)),
            "relative_l1": float(np.abs(o - d).sum() / np.abs(d).sum()),
            "max_error": float(np.abs(o - d).max()),
            "mask_mass": float(masses[0][:, head].mean()),
            "least_mask_mass": float(masses[0][:, head].min()),
            "plan_mass": float(masses[1][:, head].mean()),
            "least_plan_mass": float(masses[1][:, head].min()),
        }

    return [of(slice(h, h + 1)) for h in range(q.shape[2])] + [of(slice(None))]


def pairs_of(mask: falloff.Mask, plan: falloff.Plan, batch: int, heads: int) -> list[Array]:
    result = []
    for source, count in ((mask, mask.heads), (plan, plan.heads)):
        each = [source.to_dense(head=h if count else None) for h in range(heads)]
        result.append(np.broadcast_to(np.stack(each), (batch, heads, *each[0].shape)))
    return result


def check(
    result: falloff.Comparison,
    expected: list[dict[str, float]],
    rel: float = 2e-4,
    least: float = 1e-9,
) -> None:
    got = [*result.as_dict()["heads"], result.as_dict()["total"]]
    assert len(got) == len(expected)
    for one, by_definition in zip(got, expected, strict=True):
        assert one == pytest.approx(by_definition, rel=rel, abs=least)


@pytest.mark.parametrize("key_heads", [4, 2, 1])
@pytest.mark.parametrize("rounding", ["nearest", "exact", "outward"])
def test_figures_by_definition(key_heads: int, rounding: str) -> None:
    mask = falloff.load("radial", decay=0.3).bind(**RADIAL)
    plan = mask.plan(tile="1x16", rounding=rounding)
    q, k, v = tensors(mask.tokens, heads=4, key_heads=key_heads, batch=2)
    result = falloff.compare(q, k, v, mask, plan=plan)
    check(result, figures(q, k, v, *pairs_of(mask, plan, 2, 4)))
    assert result.pairs_computed == plan.pairs_computed
    assert (result.total.mask_mass == result.total.plan_mass) == (rounding == "exact")


def test_an_exact_plan_of_another_mask_is_not_the_masks() -> None:
    """It may be of another pattern, of other parameters or of other extents, or the mask's own in
    other tiles; the mass of the mask is the mask's."""
    radial = falloff.load("radial", decay=0.2)
    mask = radial.bind(**RADIAL)
    others = (
        falloff.load("dense").bind(**RADIAL),
        falloff.load("radial", decay=0.6).bind(**RADIAL),
        radial.bind(frames=3, tokens_per_frame=80),
        mask,
    )
    q, k, v = tensors(mask.tokens)
    for other in others:
        plan = other.plan(rounding="exact", tile="1x16")
        result = falloff.compare(q, k, v, mask, plan=plan)
        # A plan of all pairs has no error but that of float32.
        check(result, figures(q, k, v, *pairs_of(mask, plan, 1, 2)), least=1e-5)
        assert (result.total.mask_mass == result.total.plan_mass) == (other is mask)


def test_exact_plans_of_heads_that_differ() -> None:
    pattern = falloff.load("sparse_videogen")
    sizes = {"places": 4, "frames": 5, "tokens_per_frame": 24}
    mask = pattern.bind(kind=["spatial", "temporal"], **sizes)
    q, k, v = tensors(mask.tokens)
    for kinds in (["temporal", "spatial"], ["spatial", "spatial"], ["spatial", "temporal"]):
        plan = pattern.bind(kind=kinds, **sizes).plan(rounding="exact")
        result = falloff.compare(q, k, v, mask, plan=plan)
        check(result, figures(q, k, v, *pairs_of(mask, plan, 1, 2)))


def test_a_mask_takes_its_default_plan_and_a_scale_is_passed_on() -> None:
    mask = falloff.load("radial").bind(**RADIAL)
    q, k, v = tensors(mask.tokens)
    plan = mask.plan_for("fp32", 16)
    expected = figures(q, k, v, *pairs_of(mask, plan, 1, 2), scale=0.7)
    check(falloff.compare(q, k, v, mask, scale=0.7), expected)


def test_heads_that_differ() -> None:
    """Each is planned and compared by its own mask."""
    pattern = falloff.load("sparse_videogen")
    kinds = ["spatial", "temporal", "spatial"]
    mask = pattern.bind(kind=kinds, places=4, frames=5, tokens_per_frame=24)
    q, k, v = tensors(mask.tokens, heads=3, key_heads=1)
    plan = mask.plan_for("fp32", 16)
    result = falloff.compare(q, k, v, mask)
    check(result, figures(q, k, v, *pairs_of(mask, plan, 1, 3)))
    assert result.heads[0].mask_mass != pytest.approx(result.heads[1].mask_mass)


@pytest.mark.parametrize("order", [("video", "text"), ("text", "video")])
def test_text_of_each_sample_is_left_out_of_both(order: tuple[str, str]) -> None:
    mask = falloff.load("radial", decay=0.3).bind(text=20, order=order, **RADIAL)
    lengths = [13, 0]
    q, k, v = tensors(mask.tokens, heads=2, batch=2)
    plan = mask.plan_for("fp32", 16)
    result = falloff.compare(q, k, v, mask, text_lengths=lengths)
    first = 0 if order[0] == "text" else 240
    # Each sample alone, without the text that it lacks; its sums are weighed by its tokens.
    parts = []
    for entry, length in enumerate(lengths):
        there = np.r_[0:first, first : first + length, first + 20 : 260].astype(int)
        cut = [x[entry : entry + 1, there] for x in (q, k, v)]
        pairs = [p[..., there[:, None], there] for p in pairs_of(mask, plan, 1, 2)]
        parts.append((len(there), figures(*cut, *pairs)))
    tokens = sum(count for count, _ in parts)
    for head, got in enumerate(result.heads):
        for name in ("mse", "mask_mass", "plan_mass"):
            mean = sum(count * found[head][name] for count, found in parts) / tokens
            assert getattr(got, name) == pytest.approx(mean, rel=2e-4)
        least = min(found[head]["least_plan_mass"] for _, found in parts)
        assert got.least_plan_mass == pytest.approx(least, rel=2e-4)


def test_a_query_without_a_key_keeps_nothing(tmp_path: Path) -> None:
    path = tmp_path / "next.mlir"
    path.write_text(
        "mask.pattern @next over (%token: ?) {\n"
        "  %next = where key(%token) - query(%token) == 1\n  keep %next\n}\n"
    )
    mask = falloff.load(path).bind(token=30)
    q, k, v = tensors(30)
    result = falloff.compare(q, k, v, mask)
    check(result, figures(q, k, v, *pairs_of(mask, mask.plan_for("fp32", 16), 1, 2)))
    assert result.total.least_mask_mass == 0


def test_dense_is_dense() -> None:
    mask = falloff.load("dense").bind(**RADIAL)
    result = falloff.compare(*tensors(mask.tokens), mask)
    for head in (*result.heads, result.total):
        assert head.max_error < 1e-5  # tiles may differ, and so the order of sums
        assert head.relative_l1 < 1e-6
        assert head.cosine == pytest.approx(1, abs=1e-12)
        assert head.mask_mass == pytest.approx(1, abs=1e-6)
        assert head.plan_mass == pytest.approx(1, abs=1e-6)


def test_a_slice() -> None:
    mask = falloff.load("radial", decay=0.3).bind(**RADIAL)
    part = mask.slice(queries=(40, 130), keys=(20, 220))
    plan = part.plan_for("fp32", 16)
    q, k, v = tensors(mask.tokens)
    q, k, v = q[:, 40:130], k[:, 20:220], v[:, 20:220]
    result = falloff.compare(q, k, v, part)
    check(result, figures(q, k, v, *pairs_of(part, plan, 1, 2)))


def test_blocks_have_no_mask() -> None:
    blocks = np.random.default_rng(1).random((2, 2, 6, 6)) < 0.5
    blocks |= np.eye(6, dtype=bool)
    plan = falloff.Plan.from_block_mask(blocks, tokens=90, tile=16)
    q, k, v = tensors(90, batch=2)
    result = falloff.compare(q, k, v, plan)
    pairs = np.array([[plan.to_dense(head=h, batch=b) for h in (0, 1)] for b in (0, 1)])
    assert (result.total.mask_mass, result.total.least_mask_mass) == (None, None)
    assert " - " in str(result)
    whole = [{**one, "mask_mass": 0, "least_mask_mass": 0} for one in result.as_dict()["heads"]]
    for got, expected in zip(whole, figures(q, k, v, pairs & False, pairs), strict=False):
        assert got == pytest.approx(expected, rel=2e-4)


def test_layouts_and_libraries_agree() -> None:
    mask = falloff.load("radial", decay=0.3).bind(**RADIAL)
    q, k, v = tensors(mask.tokens, heads=4, key_heads=2)
    one = falloff.compare(q, k, v, mask)
    swapped = [np.ascontiguousarray(x.swapaxes(1, 2)) for x in (q, k, v)]
    assert falloff.compare(*swapped, mask, layout="BHSD") == one
    assert falloff.compare(*map(torch.from_numpy, (q, k, v)), mask) == one


def test_bfloat16_within_its_rounding() -> None:
    mask = falloff.load("radial", decay=0.3).bind(**RADIAL)
    q, k, v = (x.astype(ml_dtypes.bfloat16) for x in tensors(mask.tokens))
    plan = mask.plan_for("bf16", 16)
    wide = [x.astype(np.float32) for x in (q, k, v)]
    expected = figures(*wide, *pairs_of(mask, plan, 1, 2))
    for result in (
        falloff.compare(q, k, v, mask),
        falloff.compare(*(torch.from_numpy(x).bfloat16() for x in wide), mask),
    ):
        assert result.dtype == "bfloat16"
        got = [*result.as_dict()["heads"], result.as_dict()["total"]]
        for one, by_definition in zip(got, expected, strict=True):
            assert one["mask_mass"] == pytest.approx(by_definition["mask_mass"], rel=1e-3)
            assert one["mse"] == pytest.approx(by_definition["mse"], rel=0.02)
            assert one["relative_l1"] == pytest.approx(by_definition["relative_l1"], rel=0.02)


def test_a_recipe_is_of_the_plan_alone() -> None:
    """Errors grow by those of int8; attention mass is that without it."""
    mask = falloff.load("radial", decay=0.3).bind(**RADIAL)
    q, k, v = tensors(mask.tokens)
    plain = falloff.compare(q, k, v, mask)
    rounded = falloff.compare(q, k, v, mask, recipe="int8")
    assert (plain.recipe, rounded.recipe) == (None, "int8")
    assert rounded.total.plan_mass == plain.total.plan_mass
    assert rounded.total.mask_mass == plain.total.mask_mass
    every = falloff.load("dense").bind(**RADIAL)
    alone = falloff.compare(q, k, v, every, recipe="int8").total
    out, exact = (falloff.attention(q, k, v, every, recipe=r) for r in ("int8", None))
    error = (out - exact).astype(np.float64)
    assert alone.mse == pytest.approx(np.mean(error**2), rel=1e-3)
    assert 1e-4 < alone.relative_l1 < 0.05
    assert "float32 by int8" in str(rounded)


def test_zeros_and_what_json_lacks() -> None:
    """Values of 0 give errors of 0; a dense output of 0 that is missed has no relative error."""
    mask = falloff.load("causal").bind(tokens=4)
    q, k, v = tensors(4, heads=1, dim=2)
    result = falloff.compare(q, k, v * 0, mask)
    assert (result.total.relative_l1, result.total.cosine) == (0, 1)
    k, v = k * 0, np.array([1, -1, 1, -1], np.float32).reshape(1, 4, 1, 1)  # dense: the mean, 0
    result = falloff.compare(q, k, v, mask)
    assert result.total.relative_l1 == np.inf
    assert result.as_dict()["total"]["relative_l1"] is None
    assert result.total.rmse == pytest.approx(result.total.mse**0.5)


def test_refusals() -> None:
    mask = falloff.load("radial").bind(**RADIAL)
    q, k, v = tensors(mask.tokens)
    other = falloff.load("radial").bind(frames=3, tokens_per_frame=80).plan()
    smaller = falloff.load("radial").bind(frames=3, tokens_per_frame=40).plan()
    spoilt = q.copy()
    spoilt[0, 3, 1, 5] = np.nan
    for arguments, options, error, words in (
        ((q, k, v, "radial"), {}, TypeError, "falloff.Mask"),
        ((q, k, v, mask), {"plan": mask}, TypeError, "falloff.Plan"),
        ((q, k, v, other), {"plan": other}, TypeError, "two plans"),
        ((q, k, v, mask), {"plan": smaller}, ValueError, "240 tokens.*120"),
        ((q[:, 1:], k, v, mask), {}, ValueError, "240"),
        ((q, k, v, mask), {"text_lengths": [3, 4]}, ValueError, "1 text_lengths"),
        ((spoilt, k, v, mask), {}, ValueError, "NaN or infinity in head 1"),
        ((q, k, v * np.inf, mask), {}, ValueError, "NaN or infinity in head 0"),
        ((q.astype(np.float64), k, v, mask), {}, TypeError, "float32 or bfloat16"),
        ((q, k, v, mask), {"layout": "BSD"}, ValueError, "layout"),
        ((q, k, v, mask), {"recipe": "int4"}, ValueError, "did you mean 'int8'"),
    ):
        with pytest.raises(error, match=words):
            falloff.compare(*arguments, **options)


def save(path: Path, dtype: Any = np.float32, **options: Any) -> list[Array]:
    arrays = [x.astype(dtype) for x in tensors(240, heads=4, key_heads=2)]
    write = np.savez_compressed if options.get("compressed") else np.savez
    write(path, **dict(zip("qkv", arrays, strict=True)))
    return arrays


SIZE = ["radial", "--frames", "6", "--tokens-per-frame", "40", "--set", "decay=0.3"]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64, ml_dtypes.bfloat16, ">f4"])
def test_the_command(run, tmp_path: Path, dtype: Any, compressed: bool) -> None:  # noqa: F811
    path = tmp_path / "qkv.npz"
    arrays = [x.astype(np.float32) for x in save(path, dtype, compressed=compressed)]
    result = run("compare", *SIZE, "--qkv", str(path), "--round", "exact", "--json")
    assert (result.code, result.err) == (0, "")
    mask = falloff.load("radial", decay=0.3).bind(**RADIAL)
    plan = mask.plan(rounding="exact", dtype="fp32", head_dim=16)
    assert json.loads(result.out) == falloff.compare(*arrays, mask, plan=plan).as_dict()
    check(falloff.compare(*arrays, mask, plan=plan), figures(*arrays, *pairs_of(mask, plan, 1, 4)))


def test_the_command_prints_a_line_a_head(run, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "qkv.npz"
    arrays = save(path)
    result = run("compare", *SIZE, "--qkv", str(path))
    lines = result.out.splitlines()
    assert [line.split()[0] for line in lines[3:8]] == ["0", "1", "2", "3", "all"]
    narrow = run("compare", *SIZE, "--qkv", str(path), "--dtype", "bf16", "--json")
    rounded = [x.astype(ml_dtypes.bfloat16) for x in arrays]
    mask = falloff.load("radial", decay=0.3).bind(**RADIAL)
    assert json.loads(narrow.out) == falloff.compare(*rounded, mask).as_dict()


def test_layout_and_three_dimensions_of_a_file(run, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "qkv.npz"
    arrays = save(path)
    expected = run("compare", *SIZE, "--qkv", str(path), "--json").out
    swapped = [x[0].swapaxes(0, 1) for x in arrays]  # (heads, tokens, dim)
    np.savez(path, **dict(zip("qkv", swapped, strict=True)))
    got = run("compare", *SIZE, "--qkv", str(path), "--layout", "BHSD", "--json")
    assert (got.code, got.err) == (0, "")
    assert got.out == expected


def test_files_that_do_not_fit(run, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "qkv.npz"
    q, k, v = save(path)

    def refused(*words: str, **arrays: Any) -> None:
        np.savez(path, **arrays)
        fails(run("compare", *SIZE, "--qkv", str(path)), "qkv.npz", *words)

    refused("expects", "to hold q, k, v", "but got k, q", q=q, k=k)
    refused("3 or 4 dimensions", "(240,)", q=q[0, :, 0, 0], k=k, v=v)
    refused("floating point", "int64", q=q.astype(np.int64), k=k, v=v)
    refused("cannot read it as .npy", q=np.array([{}, None]), k=k, v=v)
    refused_v = v.astype(np.float64)
    refused_v[0, 0] = 1e300
    np.savez(path, q=q, k=k, v=refused_v)
    for dtype in ("fp32", "bf16"):
        result = run("compare", *SIZE, "--qkv", str(path), "--dtype", dtype)
        fails(result, "within float32's range")
    np.savez(path, q=q[:, 1:], k=k, v=v)
    fails(run("compare", *SIZE, "--qkv", str(path)), "240 tokens", "239")
    path.write_bytes(b"no zip")
    fails(run("compare", *SIZE, "--qkv", str(path)), "expects", "as a .npz file")
    fails(run("compare", *SIZE, "--qkv", str(tmp_path / "none.npz")), "none.npz")
    fails(run("compare", *SIZE), "--qkv", code=2)
    fails(run("compare", *SIZE, "--qkv", str(path), "--text-lengths", "x"), "integers", code=2)


def test_attention_of_one_head_of_a_plan() -> None:
    """Plan.of_head: what comparisons run, head by head."""
    pattern = falloff.load("sparse_videogen")
    mask = pattern.bind(kind=["spatial", "temporal"], frames=5, tokens_per_frame=24)
    q, k, v = tensors(mask.tokens)
    plan = mask.plan()
    whole = falloff.attention(q, k, v, plan)
    for head in (0, 1):
        one = plan.of_head(head)
        part = [x[:, :, head : head + 1] for x in (q, k, v)]
        np.testing.assert_array_equal(falloff.attention(*part, one), whole[:, :, head : head + 1])
        np.testing.assert_array_equal(one.to_dense(), plan.to_dense(head=head))
        exact = exact_attention.attention(*part, one.to_dense()[None, None])
        exact_attention.check(falloff.attention(*part, one), None, exact, "fp32")
        assert one.pairs_computed == np.count_nonzero(one.to_dense())
    with pytest.raises(IndexError, match="head"):
        plan.of_head(2)
