# SPDX-License-Identifier: Apache-2.0
"""falloff.fit and the command: means by distance against loops, fits against known answers."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import falloff
import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from falloff._decay import fit_exponential

from test_cli import fails, run  # noqa: F401

Array = npt.NDArray[Any]
FRAMES, HEIGHT, WIDTH, TEXT = 4, 3, 5, 6
PATCHES = HEIGHT * WIDTH
TOKENS = FRAMES * PATCHES + TEXT
SIZES = {"frames": FRAMES, "height": HEIGHT, "width": WIDTH, "text": TEXT}


def softmax(scores: Array) -> Array:
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def means(attention: Array, first: int, *, grid: bool) -> list[dict[int, float]]:
    """By definition, from a map (tokens, tokens): mean weight by distance in time and in space."""
    found: list[dict[int, list[float]]] = [{}, {}]
    for query in range(FRAMES * PATCHES):
        for key in range(FRAMES * PATCHES):
            (i, m), (j, n) = divmod(query, PATCHES), divmod(key, PATCHES)
            weight = attention[first + query, first + key]
            if m == n:
                found[0].setdefault(abs(i - j), []).append(weight)
            if i == j:
                way = math.hypot(m // WIDTH - n // WIDTH, m % WIDTH - n % WIDTH)
                found[1].setdefault(round(way) if grid else abs(m - n), []).append(weight)
    return [{x: float(np.mean(y)) for x, y in curve.items()} for curve in found]


def curves(decay: Any) -> list[dict[int, float]]:
    return [
        dict(zip(c.distance.tolist(), c.attention.tolist(), strict=True)) for c in decay.curves()
    ]


def known(a: tuple[float, float], b: tuple[float, float]) -> Array:
    """A map whose means by distance are exp(-a x + b) in time and in space; text takes the rest."""
    token = np.arange(FRAMES * PATCHES)
    frame, patch = token // PATCHES, token % PATCHES
    time = np.abs(frame[:, None] - frame)
    space = np.abs(patch[:, None] - patch)
    weights = np.zeros((TOKENS, TOKENS))
    inside = weights[: len(token), : len(token)]
    inside += np.where(space == 0, np.exp(-a[0] * time + b[0]), 0)
    inside += np.where((time == 0) & (space > 0), np.exp(-a[1] * space + b[1]), 0)
    weights[:, -1] = 1 - weights.sum(axis=1)
    return weights


@pytest.mark.parametrize(("a", "b"), [(0.3, -2), (3, 0.5), (1e-3, 2), (-0.2, -5), (0, 1), (40, 3)])
@pytest.mark.parametrize("start", [0, 1, 7])
def test_an_exponential_is_found(a: float, b: float, start: int) -> None:
    x = np.arange(start, start + 20, dtype=np.float64)
    fit = fit_exponential(x, np.exp(-a * x + b))
    if a == 40:  # beyond its first point it is 0 for all that can be told
        assert float(fit(x)[0]) == pytest.approx(np.exp(-a * x[0] + b))
        return
    assert (fit.a, fit.b) == pytest.approx((a, b), rel=1e-6, abs=1e-6)
    assert math.isnan(fit.r_squared) if a == 0 else fit.r_squared == pytest.approx(1)


@pytest.mark.parametrize("curve", range(8))
def test_no_other_exponential_is_nearer(curve: int) -> None:
    """Against 40,000 others around it and far from it."""
    random = np.random.default_rng(curve)
    x = np.arange(15.0)
    y = np.abs(np.exp(-random.uniform(0.05, 1) * x) + 0.2 * random.standard_normal(15))
    fit = fit_exponential(x, y)
    error = np.square(y - fit(x)).sum()
    rates = np.concatenate([fit.a + np.linspace(-0.1, 0.1, 100), np.linspace(-1, 5, 100)])
    offsets = np.concatenate([fit.b + np.linspace(-0.1, 0.1, 100), np.linspace(-8, 2, 100)])
    others = np.exp(-rates[:, None, None] * x + offsets[:, None])
    assert error <= np.square(y - others).sum(axis=-1).min() * (1 + 1e-9)
    assert fit.r_squared == pytest.approx(1 - error / np.square(y - y.mean()).sum())


@pytest.mark.parametrize("text_first", [False, True])
@pytest.mark.parametrize("grid", [False, True])
def test_means_by_definition(text_first: bool, grid: bool) -> None:
    attention = softmax(np.random.default_rng(3).standard_normal((2, TOKENS, TOKENS)))
    sizes = SIZES if grid else {"frames": FRAMES, "tokens_per_frame": PATCHES, "text": TEXT}
    found = falloff.fit(attention, text_first=text_first, **sizes)
    first = TEXT if text_first else 0
    by_head = [means(head, first, grid=grid) for head in attention]
    for decay, expected in zip(found.heads, by_head, strict=True):
        assert curves(decay)[0] == pytest.approx(expected[0])
        assert curves(decay)[1] == pytest.approx(expected[1])
    both = [{x: (one[x] + two[x]) / 2 for x in one} for one, two in zip(*by_head, strict=True)]
    assert curves(found.mean)[0] == pytest.approx(both[0])
    assert curves(found.mean)[1] == pytest.approx(both[1])


@pytest.mark.parametrize("key_heads", [4, 2])
def test_queries_and_keys_give_what_their_map_gives(key_heads: int) -> None:
    random = np.random.default_rng(5)
    q = random.standard_normal((2, TOKENS, 4, 8)).astype(np.float32)
    k = random.standard_normal((2, TOKENS, key_heads, 8)).astype(np.float32)
    whole = np.repeat(k, 4 // key_heads, axis=2)
    attention = softmax(0.9 * np.einsum("bqhd,bkhd->bhqk", q, whole).astype(np.float64))
    expected = falloff.fit(attention.mean(axis=0), **SIZES)
    found = falloff.fit(q=q, k=k, scale=0.9, **SIZES)
    for one, other in zip(
        (found.mean, *found.heads), (expected.mean, *expected.heads), strict=True
    ):
        for got, wanted in zip(curves(one), curves(other), strict=True):
            assert got == pytest.approx(wanted, rel=1e-5)


def test_samples_are_drawn_alike_and_come_near() -> None:
    attention = softmax(np.random.default_rng(3).standard_normal((TOKENS, TOKENS)))
    one = falloff.fit(attention, samples=30, seed=4, **SIZES)
    assert one.queries == 30
    assert one.as_dict() == falloff.fit(attention, samples=30, seed=4, **SIZES).as_dict()
    assert one.as_dict() != falloff.fit(attention, samples=30, seed=5, **SIZES).as_dict()
    whole = falloff.fit(attention, **SIZES)
    assert whole.queries == FRAMES * PATCHES
    assert curves(one.mean)[0][0] == pytest.approx(curves(whole.mean)[0][0], rel=0.5)


def test_distances_to_fit() -> None:
    attention = known((0.5, 0.2), (-4.0, -3.0))
    sizes = {"frames": FRAMES, "tokens_per_frame": PATCHES, "text": TEXT}
    near = falloff.fit(attention, nearest=1, farthest=6, **sizes).mean.spatial
    assert near is not None
    assert near.distance[near.fitted].tolist() == [1, 2, 3, 4, 5, 6]
    assert (near.fit.a, near.fit.b) == pytest.approx((0.2, -3))
    far = falloff.fit(attention, nearest=2, **sizes)
    assert far.mean.temporal is None  # distances 2 and 3 alone
    assert "temporal  fewer than three distances" in str(far)


def test_the_command_of_a_map(run, tmp_path: Path) -> None:  # noqa: F811
    path, picture = tmp_path / "map.npy", tmp_path / "fit.svg"
    np.save(path, known((0.5, 0.2), (-4.0, -3.0)).astype(np.float32))
    size = ["--frames", "4", "--tokens-per-frame", "15", "--text", "6", "--nearest", "1"]
    result = run("fit", str(path), *size, "--json", "--output", str(picture))
    assert (result.code, result.err) == (0, "")
    mean = json.loads(result.out)["mean"]
    for axis, a, b in (("temporal", 0.5, -4.0), ("spatial", 0.2, -3.0)):
        assert mean[axis]["a"] == pytest.approx(a, rel=1e-4)
        assert mean[axis]["b"] == pytest.approx(b, rel=1e-4)
        assert mean[axis]["r_squared"] == pytest.approx(1)
    root = ElementTree.fromstring(picture.read_text())
    names = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any("exp(−0.5 x + -4)" in name for name in names), names
    assert "temporal distance" in names
    assert "spatial distance" in names
    dots = list(root.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(dots) == FRAMES + PATCHES
    text = run("fit", str(path), *size)
    assert "temporal  a = 0.5" in text.out
    assert "R² = 1.0000" in text.out
    assert "distance, spatial" in text.out
    assert text.out.count("o") > 15


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_the_command_of_queries_and_keys(run, tmp_path: Path, dtype: Any) -> None:  # noqa: F811
    path = tmp_path / "qk.npz"
    q, k = np.random.default_rng(2).standard_normal((2, 1, TOKENS, 2, 8)).astype(dtype)
    np.savez(path, q=q[0].swapaxes(0, 1), k=k[0].swapaxes(0, 1))  # (heads, tokens, dim)
    size = ["--frames", "4", "--height", "3", "--width", "5", "--text", "6"]
    result = run("fit", str(path), *size, "--layout", "BHSD", "--order", "text,video", "--json")
    assert (result.code, result.err) == (0, "")
    found = falloff.fit(q=q.astype(np.float32), k=k.astype(np.float32), text_first=True, **SIZES)
    got, expected = json.loads(result.out), found.as_dict()
    for axis in ("temporal", "spatial"):
        np.testing.assert_allclose(
            got["mean"][axis]["attention"], expected["mean"][axis]["attention"], rtol=1e-6
        )
    assert len(got["heads"]) == 2


def test_a_model_gives_the_sizes(run, tmp_path: Path) -> None:  # noqa: F811
    """CogVideoX: 3 frames of 2 x 3, after 226 tokens of text."""
    path = tmp_path / "qk.npz"
    q, k = np.random.default_rng(2).standard_normal((2, 1, 226 + 3 * 6, 1, 8)).astype(np.float32)
    np.savez(path, q=q, k=k)
    model = ["--model", "cogvideox-2b", "--size", "48x32x9"]
    result = run("fit", str(path), *model, "--json")
    assert (result.code, result.err) == (0, "")
    found = falloff.fit(q=q, k=k, frames=3, height=2, width=3, text=226, text_first=True)
    assert json.loads(result.out) == found.as_dict()
    other = run("fit", str(path), *model, "--order", "video,text", "--json")
    assert json.loads(other.out) != found.as_dict()


def test_refusals() -> None:
    attention = softmax(np.random.default_rng(3).standard_normal((TOKENS, TOKENS)))
    q = np.zeros((1, TOKENS, 2, 4), np.float32)
    scores = np.log(attention)
    for arguments, options, error, words in (
        ((), {}, TypeError, "neither or both"),
        ((attention,), {"q": q, "k": q}, TypeError, "neither or both"),
        ((), {"q": q}, TypeError, "neither or both"),
        ((attention[:-1],), {}, ValueError, r"\(65, 66\)"),
        ((attention > 1,), {}, TypeError, "bool"),
        ((attention,), {"text": 0}, ValueError, "60 tokens, but got 66"),
        ((attention,), {"frames": 0}, ValueError, "frames of at least 1"),
        ((attention,), {"text": -1}, ValueError, "text of at least 0"),
        ((attention,), {"width": None}, ValueError, "height and width, but got one"),
        ((attention,), {"height": None, "width": None}, ValueError, "but got neither"),
        ((attention,), {"tokens_per_frame": 14}, ValueError, "height x width = 15, but got 14"),
        ((attention,), {"samples": 0}, ValueError, "samples of at least 1"),
        ((attention,), {"nearest": -1}, ValueError, "nearest of at least 0"),
        ((attention,), {"nearest": 9}, ValueError, "at least three distances"),
        ((scores,), {}, ValueError, "after softmax.*head 0, query 0"),
        ((attention * 2,), {}, ValueError, "sums to 2"),
        ((attention * np.nan,), {}, ValueError, "after softmax"),
        ((), {"q": q[0], "k": q}, ValueError, r"q as \(batch, tokens, heads, dim\)"),
        ((), {"q": q, "k": q[:, 1:]}, ValueError, "alike but in heads"),
        ((), {"q": q[:, :, :1], "k": q}, ValueError, "multiple of key heads"),
        ((), {"q": q * np.nan, "k": q}, ValueError, "finite q and k"),
        ((), {"q": q, "k": q, "scale": np.nan}, ValueError, "scale to be finite, but got nan"),
        ((), {"q": q, "k": q, "scale": "x"}, TypeError, "scale to be a number, but got 'x'"),
        ((attention,), {"farthest": "x"}, TypeError, "farthest to be an integer, but got 'x'"),
        ((attention,), {"farthest": -1}, ValueError, "farthest of at least 0, but got -1"),
        ((attention,), {"farthest": 0}, ValueError, "from 0 to 0$"),
        ((attention,), {"nearest": 40}, ValueError, "from 40 to the last$"),
        ((attention,), {"seed": "x"}, TypeError, "seed to be an integer, but got 'x'"),
        ((attention,), {"seed": -1, "samples": 5}, ValueError, "seed of at least 0, but got -1"),
    ):
        with pytest.raises(error, match=words):
            falloff.fit(*arguments, **{**SIZES, **options})


def test_files_that_do_not_fit(run, tmp_path: Path) -> None:  # noqa: F811
    size = ["--frames", "4", "--tokens-per-frame", "15"]
    path = tmp_path / "map.npy"
    path.write_bytes(b"no array")
    fails(run("fit", str(path), *size), "map.npy", "cannot read it as .npy")
    fails(run("fit", str(tmp_path / "none.npy"), *size), "none.npy")
    fails(run("fit", str(tmp_path / "map.txt"), *size), "a .npy or a .npz file", "map.txt")
    np.save(path, known((0.5, 0.2), (-4.0, -3.0)))
    fails(run("fit", str(path), *size), "60 tokens, but got 66")
    fails(run("fit", str(path), *size, "--scale", "1"), "--scale")
    options = [*size, "--text", "6", "--output", str(tmp_path / "fit.png")]
    fails(run("fit", str(path), *options), ".svg", "fit.png")
    fails(run("fit", str(path)), "--frames, or --model with --size")
    fails(run("fit", str(path), *size, "--size", "48x32x9"), "--model with --size")
    model = ["--model", "wan2.1-14b", "--size", "48x32x9"]
    fails(run("fit", str(path), *size, *model), "--frames too")


def test_the_demo_clip(capsys: pytest.CaptureFixture[str], tmp_path: Path, run) -> None:  # noqa: F811
    """On a clip made here: a slope that moves. What it prints says what it is."""
    pytest.importorskip("av")
    from falloff.demo import decay, video

    frame, y, x = np.ogrid[0:5, 0:24, 0:32]
    clip = np.asarray(40 + 3 * x + 2 * y + 4 * frame, np.float32)
    path, saved = tmp_path / "clip.mp4", tmp_path / "qk.npz"
    video.write_clip(path, clip, Fraction(25))
    assert decay.main([str(path), "--save", str(saved)]) == 0
    text = capsys.readouterr().out
    assert "pixel similarity of a video, not a model" in text
    assert decay.main([str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["mean"]["temporal"]["a"] > 0
    size = ["--frames", "5", "--height", "6", "--width", "8"]
    again = run("fit", str(saved), *size, "--scale", "1", "--nearest", "1", "--json")
    assert json.loads(again.out)["mean"] == found["mean"]
    assert decay.main([str(tmp_path / "none.mp4")]) == 1
    assert "none.mp4" in capsys.readouterr().err
