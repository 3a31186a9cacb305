# SPDX-License-Identifier: Apache-2.0
"""The recipe int8: its numbers against the formulas, to the bit, and results against float64.

Held against attention over the rounded q and k, results must be as near as those of other kernels:
no sum of whole numbers may be off by one. Held against q and k as they were, they have the errors
that docs/int8.md states. Random patterns run the recipe in test_properties.py.
"""

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
from falloff import _falloff
from falloff.cli import main

import exact_attention
import int8_model

BF16 = ml_dtypes.bfloat16
DTYPES = {"fp32": np.float32, "bf16": BF16}


def qkv(
    batch: int, tokens: int, heads: int, key_heads: int, dim: int, value_dim: int, dtype: str
) -> list[Any]:
    random = np.random.default_rng(tokens * dim)
    shapes = [(heads, dim), (key_heads, dim), (key_heads, value_dim)]
    return [
        random.standard_normal((batch, tokens, *shape)).astype(DTYPES[dtype]) for shape in shapes
    ]


def run(q: Any, k: Any, v: Any, plan: Any, **options: Any) -> tuple[Any, Any]:
    """Into memory full of NaN."""
    out = np.full((*q.shape[:3], v.shape[3]), np.nan, q.dtype)
    result, lse = falloff.attention(
        q, k, v, plan, out=out, return_lse=True, recipe="int8", **options
    )
    assert result is out
    return out, lse


def all_pairs(q: Any, k: Any) -> npt.NDArray[np.bool_]:
    return np.ones((q.shape[0], q.shape[2], q.shape[1], k.shape[1]), bool)


def dense(tokens: int) -> falloff.Mask:
    return falloff.load("dense").bind(frames=1, tokens_per_frame=tokens)


def check(
    out: Any, lse: Any, exact: exact_attention.Exact, dtype: str, feature: str = "native"
) -> None:
    """Weights and values meet in bfloat16 where the processor has it: values of float32 are off by
    half a unit of the weighted mean of |v| more than what `check` knows of."""
    if dtype == "fp32" and feature != "native":
        exact_attention.check(out, lse, exact, "fp32")
        return
    exact.spread = exact.spread * (2 if dtype == "fp32" else 1)
    exact_attention.check(out, lse, exact, "bf16")


@pytest.mark.parametrize("scale", [1e-30, 1e-8, 1.0, 300.0, 1e30])
@pytest.mark.parametrize("dim", [1, 3, 64, 256])
def test_numbers_and_scales_are_those_of_the_formulas(dim: int, scale: float) -> None:
    """To the bit: whole numbers, ties included, and scales."""
    rows = np.random.default_rng(dim).standard_normal((500, dim)).astype(np.float32)
    rows[:100] = np.round(rows[:100] * 4) / 4
    rows[100:120] = np.random.default_rng(1).integers(-254, 255, (20, dim)) / 2
    rows[100:120, 0] = 127  # halves are ties
    rows[120] = 0
    rows = (rows * np.float32(scale)).astype(np.float32)
    check_quantised(rows)


def check_quantised(rows: npt.NDArray[np.float32]) -> None:
    numbers, scales = int8_model.quantise(rows)
    for row, expected, expected_scale in zip(rows, numbers, scales, strict=True):
        got, got_scale = _falloff.quantise_group(row)
        assert got.dtype == np.int8
        assert (got == expected).all()
        assert np.float32(got_scale).tobytes() == expected_scale.tobytes() or (
            np.isnan(got_scale) and np.isnan(expected_scale)
        )


def test_numbers_of_extreme_rows() -> None:
    """Denormals and what is below 2^-100 count as 0; NaN and infinities make the scale NaN."""
    least = 2.0**-100
    top = float(np.finfo(np.float32).max)
    values = [
        [0.0, -0.0, 0.0],
        [least, -least, least / 300],
        [np.nextafter(np.float32(least), np.float32(0)), 0, 0],
        [1e-42, 0, -1e-45],
        [top, -top, 1e38],
        [1, np.nan, 2],
        [np.inf, 1, 2],
        [1, 2, -np.inf],
    ]
    rows = np.array(values, np.float32)
    check_quantised(rows)
    assert [_falloff.quantise_group(row)[1] for row in rows[2:4]] == [0, 0]
    assert all(np.isnan(_falloff.quantise_group(row)[1]) for row in rows[5:])


@pytest.mark.parametrize("feature", exact_attention.features())
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("dim", "value_dim"), [(128, 128), (64, 64), (23, 9), (1, 3), (5, 40), (255, 17), (256, 256)]
)
def test_each_instruction_set(feature: str, dtype: str, dim: int, value_dim: int) -> None:
    """Full, limited and partial tiles, odd head dimensions, one key head for two heads."""
    q, k, v = qkv(1, 9 * 40 + 5, 2, 1, dim, value_dim, dtype)
    mask = falloff.load("radial", decay=0.4).bind(frames=9, tokens_per_frame=40, text=5)
    for rounding in ("exact", "nearest"):
        plan = mask.plan(rounding=rounding, tile="1x16,text=16")
        exact = int8_model.attention(q, k, v, all_pairs(q, k) & plan.to_dense())
        out, lse = run(q, k, v, plan, features=feature)
        check(out, lse, exact, dtype, feature)


@pytest.mark.parametrize("dtype", DTYPES)
def test_results_do_not_depend_on_the_instructions_beyond_rounding(dtype: str) -> None:
    """Sums are exact at every level, so levels differ by roundings of the softmax alone."""
    q, k, v = qkv(1, 300, 2, 2, 96, 96, dtype)
    levels = exact_attention.features()[:-1]
    results = [run(q, k, v, dense(300), features=level) for level in levels]
    for _, lse in results[1:]:
        np.testing.assert_allclose(lse, results[0][1], rtol=2e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tokens", [1, 2, 31, 33, 129, 300])
def test_lengths(tokens: int, dtype: str) -> None:
    q, k, v = qkv(2, tokens, 1, 1, 40, 40, dtype)
    out, lse = run(q, k, v, dense(tokens))
    check(out, lse, int8_model.attention(q, k, v, all_pairs(q, k)), dtype)


@pytest.mark.parametrize(("heads", "key_heads"), [(4, 1), (6, 2), (6, 3)])
def test_grouped_heads(heads: int, key_heads: int) -> None:
    q, k, v = qkv(2, 50, heads, key_heads, 32, 32, "bf16")
    out, lse = run(q, k, v, dense(50))
    check(out, lse, int8_model.attention(q, k, v, all_pairs(q, k)), "bf16")


@pytest.mark.parametrize("scale", [0.0, -0.5, 1e-3, 3.0])
def test_scale(scale: float) -> None:
    q, k, v = qkv(1, 65, 1, 1, 16, 16, "fp32")
    out, lse = run(q, k, v, dense(65), scale=scale)
    check(out, lse, int8_model.attention(q, k, v, all_pairs(q, k), scale), "fp32")


@pytest.mark.parametrize("order", [("video", "text"), ("text", "video")])
@pytest.mark.parametrize("dtype", DTYPES)
def test_text_lengths(order: tuple[str, str], dtype: str) -> None:
    """Keys past a sample's text are in no pair, and not in the mean."""
    text, video = 21, 4 * 15
    mask = falloff.load("radial", decay=0.5).bind(
        frames=4, tokens_per_frame=15, text=text, order=order
    )
    q, k, v = qkv(4, text + video, 2, 1, 16, 16, dtype)
    start = 0 if order[0] == "text" else video
    lengths = [0, 1, 13, text]
    valid = np.ones(k.shape[:2], bool)
    inputs = [x.copy() for x in (q, k, v)]
    for b, length in enumerate(lengths):
        valid[b, start + length : start + text] = False
        inputs[0][b, ~valid[b]] = np.nan  # what lies past the text must not matter
        inputs[1][b, ~valid[b]] = np.nan
        inputs[2][b, ~valid[b]] = np.nan
    for plan in (mask.plan(tile="1x8,text=8"), mask.plan(grid="flat", tile=16), mask.plan()):
        pairs = all_pairs(q, k) & plan.to_dense()
        pairs &= valid[:, None, :, None] & valid[:, None, None, :]
        out, lse = run(*inputs, plan, text_lengths=lengths)
        check(out, lse, int8_model.attention(q, k, v, pairs, valid=valid), dtype)


def test_no_valid_key() -> None:
    """Every query is empty, and the mean of no keys makes no NaN."""
    mask = falloff.load("causal").bind(tokens=12)
    q, k, v = qkv(2, 12, 1, 1, 8, 8, "fp32")
    out, lse = run(q, k, v, mask, text_lengths=[0, 12])
    assert (out[0] == 0).all()
    assert np.isneginf(lse[0]).all()
    assert np.isfinite(lse[1]).all()


def test_empty_rows_and_nan(tmp_path: Path) -> None:
    """A query without a key gives 0 and -inf, be it NaN itself."""
    path = tmp_path / "one.mlir"
    path.write_text(
        "mask.pattern @one over (%token: ?) {\n%early = where query(%token) < 21\n"
        "%past = causal %token\n%both = all_of %early, %past\nkeep about %both\n}\n"
    )
    plan = falloff.load(path).bind(token=50).plan(rounding="exact", tile="8")
    q, k, v = qkv(1, 50, 2, 2, 16, 16, "fp32")
    q[0, 30:] = np.nan
    out, lse = run(q, k, v, plan)
    assert (out[0, 21:] == 0).all()
    assert np.isneginf(lse[:, :, 21:]).all()
    expected = np.where(np.isnan(q), 0, q)
    check(out, lse, int8_model.attention(expected, k, v, all_pairs(q, k) & plan.to_dense()), "fp32")


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["q", "k", "v"])
@pytest.mark.parametrize("feature", ["generic", "native"])
def test_nan_and_inf_reach_who_sees_them(feature: str, where: str, poison: float) -> None:
    """All queries that see the token, and no other (batch entry, key head)."""
    tokens, token = 64, 19
    plan = (
        falloff.load("streaming_llm", first=2, recent=9)
        .bind(tokens=tokens)
        .plan(rounding="exact", tile="8")
    )
    tensors = dict(zip("qkv", qkv(2, tokens, 4, 2, 16, 16, "bf16"), strict=True))
    clean, _ = run(*tensors.values(), plan, features=feature)
    tensors[where][0, token, 1, 3 if where == "q" else slice(None)] = poison
    dirty, lse = run(*tensors.values(), plan, features=feature)
    sees = plan.to_dense()[:, token] if where != "q" else np.arange(tokens) == token
    wild = ~np.isfinite(dirty.astype(np.float32)).all(axis=-1)
    heads = [1] if where == "q" else [2, 3]
    assert sees.any()
    assert wild[0, sees][:, heads].all()
    if where != "v":
        assert np.isnan(lse[0][heads][:, sees]).all()
    same = (clean.astype(np.float32) == dirty.astype(np.float32)).all(axis=-1)
    assert same[1].all(), "another batch entry"
    assert same[0][:, [h for h in range(4) if h // 2 != heads[0] // 2]].all(), "another key head"


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_at_any_number_of_threads(dtype: str) -> None:
    """Rows are split by the plan, means added up part by part in order."""
    tokens = 40_000
    q, k, v = qkv(1, tokens, 1, 1, 8, 8, dtype)
    plan = dense(tokens).slice(queries=(7, 9), keys=(0, tokens)).plan(head_dim=8)
    assert any(table["splits"] for table in plan.as_dict()["tables"])
    q = q[:, 7:9]
    results = [run(q, k, v, plan, threads=threads) for threads in (1, 2, 3, 7)]
    for out, lse in results[1:]:
        assert out.tobytes() == results[0][0].tobytes()
        assert lse.tobytes() == results[0][1].tobytes()
    check(*results[0], int8_model.attention(q, k, v, all_pairs(q, k)), dtype)


def test_layouts_and_strides_agree() -> None:
    q, k, v = qkv(2, 37, 4, 2, 20, 12, "bf16")
    mask = falloff.load("causal").bind(tokens=37)
    expected, lse = run(q, k, v, mask)
    turned = [np.ascontiguousarray(x.T).T for x in (q, k, v)]
    backwards = [np.ascontiguousarray(x[:, ::-1, :, ::-1])[:, ::-1, :, ::-1] for x in (q, k, v)]
    for inputs in (turned, backwards):
        out, other = run(*inputs, mask)
        assert out.tobytes() == expected.tobytes()
        assert other.tobytes() == lse.tobytes()


def test_torch_tensors() -> None:
    q, k, v = (torch.randn(1, 40, 2, 16).bfloat16() for _ in range(3))
    mask = falloff.load("causal").bind(tokens=40)
    out, lse = falloff.attention(q, k, v, mask, return_lse=True, recipe="int8")
    assert isinstance(out, torch.Tensor)
    assert out.dtype == torch.bfloat16
    arrays = [x.float().numpy() for x in (q, k, v)]
    pairs = all_pairs(arrays[0], arrays[1]) & np.tril(np.ones((40, 40), bool))
    check(out.float().numpy(), lse.numpy(), int8_model.attention(*arrays, pairs), "bf16")


def errors(out: Any, exact: Any) -> tuple[float, float, float]:
    """Cosine, relative L1, root mean square: the metrics of docs/int8.md."""
    out, exact = np.asarray(out).astype(np.float64).ravel(), np.asarray(exact).ravel()
    cosine = out @ exact / np.sqrt((out @ out) * (exact @ exact))
    error = np.abs(out - exact)
    return cosine, error.sum() / np.abs(exact).sum(), np.sqrt((error**2).mean())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [64, 128])
def test_near_to_float64(dim: int, dtype: str) -> None:
    """A number is off by half a step, 1/254 of its row's largest, so scores of normal numbers by
    about 0.01, and so are weights, relative; the cosine of results is within 1e-3 of 1."""
    q, k, v = qkv(1, 1000, 1, 1, dim, dim, dtype)
    exact = exact_attention.attention(q, k, v, all_pairs(q, k))
    cosine, l1, _ = errors(run(q, k, v, dense(1000))[0], exact.out)
    assert cosine > 0.9995
    assert l1 < 0.03


def test_smoothing_takes_a_common_offset_off() -> None:
    """Keys around 300 are rounded in steps of 300/127 as they are, and of some 3/127 smoothed."""
    q, k, v = qkv(1, 500, 2, 1, 64, 64, "fp32")
    k += 300 * np.sign(np.random.default_rng(3).standard_normal(64)).astype(np.float32)
    exact = exact_attention.attention(q, k, v, all_pairs(q, k))
    out, lse = run(q, k, v, dense(500))
    cosine, l1, _ = errors(out, exact.out)
    assert cosine > 0.999
    assert l1 < 0.04
    # Scores of some 300; without the correction log-sum-exp would miss them altogether.
    assert np.abs(exact.lse).max() > 100
    assert np.abs(lse - exact.lse).max() < 0.05
    rough = exact_attention.attention(
        *(numbers * scales[..., None] for numbers, scales in map(int8_model.quantise, (q, k))),
        v,
        all_pairs(q, k),
    )
    assert errors(rough.out, exact.out)[0] < 0.85, "the offset does no harm: this tests nothing"


@pytest.mark.parametrize("recipe", ["int4", "INT8", "fp8", ""])
def test_unknown_recipes(recipe: str) -> None:
    q, k, v = qkv(1, 8, 1, 1, 8, 8, "fp32")
    with pytest.raises(ValueError, match="expects recipe int8 or None, but got") as raised:
        falloff.attention(q, k, v, dense(8), recipe=recipe)
    assert recipe != "int4" or "did you mean 'int8'?" in str(raised.value)
    with pytest.raises(TypeError, match="expects recipe to be a string, but got 8"):
        falloff.attention(q, k, v, dense(8), recipe=8)  # type: ignore[arg-type]


RADIAL = ["radial", "--frames", "4", "--tokens-per-frame", "12"]


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *RADIAL, "--recipe", "int8", "--repeat", "1", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["recipe"] == "int8"
    assert main(["bench", *RADIAL, "--recipe", "int8", "--repeat", "1"]) == 0
    assert "bf16 by int8" in capsys.readouterr().out
    for stage, word in (("llvm", "sitofp" if has_vnni() else "fmul"), ("asm", "step")):
        assert main(["compile", *RADIAL, "--recipe", "int8", "--emit", stage]) == 0
        assert word in capsys.readouterr().out
    with pytest.raises(SystemExit) as exit_:
        main(["bench", *RADIAL, "--recipe", "int4"])
    assert exit_.value.code == 2
    message = capsys.readouterr().err
    assert "argument --recipe: expects int8, but got 'int4'" in message
    assert len(message.splitlines()) == 1


def has_vnni() -> bool:
    return "avx512vnni" in exact_attention.features()


def test_the_page_has_the_figures_of_the_benchmark() -> None:
    """docs/int8.md against benchmarks/results/accuracy.json, row by row."""
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs" / "int8.md").read_text()
    lines = json.loads((root / "benchmarks" / "results" / "accuracy.json").read_text())["lines"]
    rows: dict[str, list[str]] = {}
    for line in lines:
        row, _, _ = line["what"].removeprefix("keys ").rpartition(": ")
        rows.setdefault(row.replace("; ", " | "), []).append(f"{line['value']:.1e}")
    assert len(rows) == 12
    for row, figures in rows.items():
        assert f"| {row} | {' | '.join(figures)} |" in page
