# SPDX-License-Identifier: Apache-2.0
"""Bad patterns, sizes, masks and plans from Python: one clear error that names the thing and both
values; no crash or leak."""

from __future__ import annotations

import os
import pickle
import random
import re
from pathlib import Path
from typing import Any

import falloff
import numpy as np
import pytest
from falloff._library import library

from bad_input import SIZES, TOKENS, compile_error, error, write, zeros


@pytest.fixture(scope="module")
def mask() -> falloff.Mask:
    return falloff.load("radial").bind(**SIZES)


@pytest.fixture(scope="module")
def plan(mask: falloff.Mask) -> falloff.Plan:
    return mask.plan(rounding="exact")


# Patterns and files.


def test_words_that_are_not_utf8(mask: falloff.Mask, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"b\xff.mlir")
    path.touch()
    error(ValueError, lambda: falloff.load(path), "path in UTF-8", r"\udcff.mlir")
    error(ValueError, lambda: falloff.load("sparse_videogen", kind="\udcff"), "kind in UTF-8")
    error(ValueError, lambda: falloff.load("sparse_videogen", kind=["\udcff"]), "kind in UTF-8")
    error(ValueError, lambda: mask.plan(grid="\udcff"), "grid in UTF-8", r"'\udcff'")


def test_unknown_pattern_or_file(tmp_path: Path) -> None:
    compile_error(lambda: falloff.load("radail"), "'radail'", "did you mean 'radial'?")
    compile_error(lambda: falloff.load("zzz"), "'zzz'", "block_causal", "vace")
    compile_error(lambda: falloff.load(""), "got nothing")
    compile_error(lambda: falloff.load("none/such.mlir"), "none/such.mlir")
    compile_error(lambda: falloff.load(tmp_path / "none.mlir"), "none.mlir")
    compile_error(lambda: falloff.load(f"{tmp_path}/"), "a folder")
    text = "mask.pattern @one over (%token: ?) {\n  %a = causal %token\n  keep %a\n}\n"
    path = write(tmp_path, text)
    compile_error(lambda: falloff.load(f"{path}:@two"), "two")
    compile_error(lambda: falloff.load("radial:@linear"), "'radial'")


@pytest.mark.parametrize(
    ("body", "line", "word"),
    [
        ("  %a = casual %token\n  keep %a\n", 2, "casual"),
        ("  %a = causal %frame\n  keep %a\n", 2, "frame"),
        ("  %a = causal %token\n  %b = within %width of %token\n  keep %a, %b\n", 3, "width"),
        ("  %a = causal %token\n", 1, "keep"),
        ("  keep\n", 2, ""),
        ("  %a = include @nowhere over %token\n  keep %a\n", 2, "nowhere"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, body: str, line: int, word: str) -> None:
    path = write(tmp_path, f"mask.pattern @bad over (%token: ?) {{\n{body}}}\n")
    caught = compile_error(lambda: falloff.load(path), word)
    assert caught.file == str(path)
    assert caught.line in (line, line + 1), caught
    assert str(caught).startswith(f"{path}:{caught.line}:")
    assert caught.message in str(caught)
    again = pickle.loads(pickle.dumps(caught))
    assert (str(again), again.line) == (str(caught), caught.line)


def test_files_that_are_no_patterns(tmp_path: Path) -> None:
    for name, data in {
        "empty": b"",
        "bytes": bytes(range(256)),
        "other": b"func.func @f() { return }\n",
        "cut": b"mask.pattern @cut over (%token: ?) {\n  %a = caus",
        "deep": b"mask.pattern @deep over (%token: ?) {\n  %a = let " + b"(" * 5000,
    }.items():
        path = tmp_path / f"{name}.mlir"
        path.write_bytes(data)
        compile_error(lambda path=path: falloff.load(path))


def test_includes_that_run_in_a_circle(tmp_path: Path) -> None:
    text = "mask.pattern @{0} over (%token: ?) {{\n  %a = include @{1} over %token\n  keep %a\n}}\n"
    write(tmp_path, text.format("one", "two"), "one")
    write(tmp_path, text.format("two", "one"), "two")
    compile_error(lambda: falloff.load(tmp_path / "one.mlir"), "one", "two")
    own = write(tmp_path, text.format("own", "own"), "own")
    compile_error(lambda: falloff.load(own), "own")


# Sizes and parameters.


def test_unknown_names_suggest_the_nearest() -> None:
    pattern = falloff.load("radial")
    compile_error(lambda: falloff.load("radial", decy=0.2), "decy", "did you mean 'decay'?")
    compile_error(
        lambda: pattern.bind(framse=3, tokens_per_frame=4), "'framse'", "did you mean 'frame"
    )
    compile_error(lambda: pattern.bind(**SIZES, sink=3), "'sink'", "did you mean 'sinks'?")
    compile_error(lambda: pattern.bind(**SIZES, zzz=3), "'zzz'", "decay", "frames")


def test_sizes_that_do_not_fit() -> None:
    pattern = falloff.load("radial")
    compile_error(lambda: pattern.bind(frames=3), "tokens_per_frame")
    compile_error(lambda: pattern.bind(tokens_per_frame=3), "frames")
    compile_error(lambda: pattern.bind(frames=3, height=2), "width")
    compile_error(lambda: pattern.bind(frames=3, height=2, width=3, tokens_per_frame=7), "6", "7")
    compile_error(lambda: pattern.bind(frames=3, frame=4, patch=2), "3", "4")
    two = falloff.load("radial_2d")
    assert two.bind(frames=3, height=2, width=3, tokens_per_frame=6).tokens == 18
    compile_error(lambda: two.bind(frames=3, height=2, width=3, tokens_per_frame=7), "6", "7")
    causal = falloff.load("causal")
    compile_error(lambda: causal.bind(tokens=3, frames=4), "'frames'", "token")
    compile_error(lambda: two.bind(frames=3, tokens_per_frame=6), "height", "width")


@pytest.mark.parametrize(
    "sizes",
    [
        {"frames": 0, "tokens_per_frame": 4},
        {"frames": -3, "tokens_per_frame": 4},
        {"frames": 3, "tokens_per_frame": 0},
        {"frames": 3, "tokens_per_frame": 4, "text": -1},
        {"frames": 2**40, "tokens_per_frame": 4},
        {"frames": 2**20, "tokens_per_frame": 2**20},
        {"frames": 2**62, "tokens_per_frame": 2**62},
        {"frames": 2, "height": 2**33, "width": 2**33},
        {"frames": 2, "tokens_per_frame": 2**31 - 3},
        {"frames": 2, "tokens_per_frame": 2, "text": 2**62},
    ],
)
def test_sizes_out_of_range(sizes: dict[str, int]) -> None:
    for name in ("radial", "dense"):
        compile_error(lambda name=name: falloff.load(name).bind(**sizes))


def test_sizes_that_are_no_integers() -> None:
    pattern = falloff.load("radial")
    for value in (2.0, "2", None, [2], True):
        error(TypeError, lambda v=value: pattern.bind(frames=v, patch=2), "frames", repr(value))
    error(ValueError, lambda: pattern.bind(frames=2**70, patch=2), "frames")


def test_parameters_of_the_wrong_kind() -> None:
    radial, scenes = falloff.load("radial"), falloff.load("scene_aware")
    compile_error(lambda: radial.bind(**SIZES, decay="fast"), "decay")
    compile_error(lambda: radial.bind(**SIZES, decay=[0.1, 0.2]), "decay")
    compile_error(lambda: radial.bind(**SIZES, sinks=1.5), "sinks", "1.5")
    compile_error(lambda: radial.bind(**SIZES, sinks=-1), "sinks", "-1")
    error(ValueError, lambda: radial.bind(**SIZES, decay=float("nan")), "decay", "nan")
    error(ValueError, lambda: radial.bind(**SIZES, decay=float("inf")), "decay", "inf")
    error(TypeError, lambda: radial.bind(**SIZES, decay=object()), "decay")
    error(TypeError, lambda: radial.bind(**SIZES, decay=None), "decay", "None")
    error(TypeError, lambda: radial.bind(**SIZES, decay=True), "decay", "True")
    error(TypeError, lambda: radial.bind(**SIZES, decay=[1, "a"]), "decay")
    kind = falloff.load("sparse_videogen")
    compile_error(lambda: kind.bind(frames=3, patch=4, kind="spacial"), "spacial", "spatial")
    compile_error(lambda: kind.bind(frames=3, patch=4, kind=3), "kind")
    links = [[1, 0], [0, 1]]
    size = {"frames": 6, "tokens_per_frame": 3}
    compile_error(lambda: scenes.bind(**size, links=links), "cuts")
    compile_error(lambda: scenes.bind(**size, cuts=[3], links=[1.0, 0.0]), "links")
    compile_error(lambda: scenes.bind(**size, cuts=3, links=links), "cuts")


def test_tables_and_relations_that_do_not_fit() -> None:
    scenes = falloff.load("scene_aware")
    size = {"frames": 6, "tokens_per_frame": 3}
    links = [[1, 0], [0, 1]]
    compile_error(
        lambda: scenes.bind(**size, cuts=[5, 2], links=np.eye(3, dtype=bool)), "cuts", "sorted"
    )
    compile_error(lambda: scenes.bind(**size, cuts=[2.5], links=links), "cuts", "2.5")
    compile_error(lambda: scenes.bind(**size, cuts=[-1], links=links), "cuts", "-1")
    compile_error(lambda: scenes.bind(**size, cuts=[2, 4], links=links), "3 rows", "2")
    compile_error(lambda: scenes.bind(**size, cuts=[2], links=[[1, 0, 1], [0, 1, 1]]), "links")
    compile_error(lambda: scenes.bind(**size, cuts=[2], links=[[1], [0, 1]]), "links")
    error(TypeError, lambda: scenes.bind(**size, cuts=[2], links=[[1, 2], [0, 1]]), "links", "2")
    error(ValueError, lambda: scenes.bind(**size, cuts=[np.nan], links=links), "cuts", "nan")


def test_orders_that_are_none() -> None:
    pattern = falloff.load("radial")
    for order in (
        ["video"],
        ["video", "video"],
        ["video", "sound"],
        "text",
        ["text", "video", "x"],
    ):
        compile_error(lambda order=order: pattern.bind(**SIZES, order=order), "segment")


def test_per_head_lists_of_different_lengths(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "mask.pattern @bad(%a: count per head = 1, %b: count per head = 1) over (%token: ?) {\n"
        "  %x = within %a of %token\n  %y = within %b of %token\n  keep %x, %y\n}\n",
    )
    compile_error(lambda: falloff.load(path).bind(tokens=5, a=[1, 2], b=[1, 2, 3]), "2", "3")


# Masks and plans.


def test_tokens_and_ranges_out_of_range(mask: falloff.Mask) -> None:
    for query, key in ((-1, 0), (TOKENS, 0), (0, -1), (0, TOKENS), (2**62, 0)):
        error(IndexError, lambda q=query, k=key: mask.contains(q, k), str(TOKENS - 1))
    error(TypeError, lambda: mask.contains(0.5, 0), "query", "0.5")
    error(IndexError, lambda: mask.contains(0, 0, head=-1), "head", "-1")
    for span in ((0, TOKENS + 1), (-1, 3), (5, 5), (6, 5)):
        error(ValueError, lambda s=span: mask.slice(queries=s), "queries", str(span[1]))
        error(ValueError, lambda s=span: mask.slice(keys=s), "keys", str(span[1]))
    error(ValueError, lambda: mask.slice(queries=slice(0, 4, 2)), "step")
    error(TypeError, lambda: mask.slice(queries=(1, 2, 3)), "queries")
    error(TypeError, lambda: mask.slice(queries=5), "queries")
    part = mask.slice(queries=(2, 6))
    error(IndexError, lambda: part.contains(0, 0), "from 2 to 5")
    error(ValueError, lambda: part.slice(queries=(0, 6)), "2 to 6")


def test_pictures_that_cannot_be(mask: falloff.Mask, tmp_path: Path) -> None:
    error(ValueError, lambda: mask.draw(tmp_path / "a.png", side=0), "side", "0")
    side: Any = "a"
    error(TypeError, lambda: mask.draw(tmp_path / "a.png", side=side), "side", "'a'")
    error(ValueError, lambda: mask.draw(""), ".png or .html", "''")
    plan: Any = 3
    error(TypeError, lambda: mask.draw(tmp_path / "a.html", plan=plan), "falloff.Plan", "3")
    with pytest.raises(FileNotFoundError):
        mask.draw(tmp_path / "none" / "a.png")
    with pytest.raises(OSError, match="directory"):
        mask.draw(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        mask.draw(tmp_path / "none" / "a.png")
    assert caught.value.filename == str(tmp_path / "none" / "a.png")
    error(ValueError, lambda: mask.draw(tmp_path / "a.jpg"), ".png", "a.jpg")
    assert list(tmp_path.iterdir()) == []


def test_masks_too_large_to_be_dense() -> None:
    mask = falloff.load("dense").bind(frames=21, tokens_per_frame=1560)
    compile_error(mask.to_dense, "2^28")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"grid": "round"}, ["round"]),
        ({"rounding": "down"}, ["down"]),
        ({"rounding": "nearest:x"}, ["nearest:x"]),
        ({"rounding": "nearest:2"}, ["2"]),
        ({"rounding": "nearest:-1"}, ["-1"]),
        ({"rounding": "nearest:nan"}, ["nan"]),
        ({"major": "both"}, ["both"]),
        ({"target": "tpu"}, ["tpu"]),
        ({"tile": "0x4"}, ["0"]),
        ({"tile": "-1x4"}, ["-1"]),
        ({"tile": "axb"}, ["axb"]),
        ({"tile": "1x2x3"}, ["1x2x3"]),
        ({"tile": "sound=1x2"}, ["sound"]),
        ({"tile": "video=1x4,video=1x2"}, ["video"]),
        ({"tile": "video=4"}, ["video"]),
        ({"tile": "99999999999999999999x1"}, ["99999999999999999999"]),
        ({"grid": "flat", "tile": "1x4"}, ["1x4"]),
        ({"grid": "flat", "tile": 0}, ["0"]),
    ],
)
def test_options_of_plans(mask: falloff.Mask, options: Any, words: list[str]) -> None:
    compile_error(lambda: mask.plan(**options), *words)


def test_options_of_plans_that_python_knows(mask: falloff.Mask) -> None:
    error(ValueError, lambda: mask.plan(dtype="fp16"), "fp16")
    error(ValueError, lambda: mask.plan(head_dim=257), "head_dim", "256", "257")
    error(ValueError, lambda: mask.plan(head_dim=0), "head_dim", "0")
    error(TypeError, lambda: mask.plan(tile=(1, 2.5)), "tile", "2.5")
    with pytest.raises(ValueError, match="wooden"):
        mask.print("wooden")


def test_a_tile_that_is_for_no_token_is_refused() -> None:
    """Text is a segment of one axis: empty, it must not take the tile that the video cannot."""
    video = falloff.load("radial").bind(frames=3, height=3, width=4)
    message = "2 numbers for video(frame, patch), but got 7; such as 1x128"
    for options in ({"tile": 7}, {"tile_query": "7"}, {"tile_key": "7"}):
        compile_error(lambda o=options: video.plan(**o), message)  # type: ignore[misc]
    assert video.plan(tile={"text": 7}).pairs_issued == video.plan().pairs_issued
    texts = falloff.load("radial").bind(**SIZES)
    words = ["2 numbers for video(frame, patch) or 1 for text(token)", "1x1x8", "such as 1x128"]
    compile_error(lambda: texts.plan(tile="1x1x8"), *words)
    assert texts.plan(tile=2).as_dict()["grid"]["segments"][1]["query_tile"] == [2]


def test_tiles_are_no_longer_than_their_axes() -> None:
    mask = falloff.load("radial").bind(frames=3, height=30, width=52)
    whole, longer = mask.plan(tile="1x1560"), mask.plan(tile="1x9999")
    assert longer.as_dict() == whole.as_dict()
    assert longer.pairs_issued <= 9 * 1600**2


def test_options_that_are_no_strings(mask: falloff.Mask) -> None:
    for name in ("grid", "rounding", "major", "target", "dtype"):
        for value in (None, [], b"box", np.zeros((3, 3))):
            words = (f"expects {name} to be a string, but got ", repr(value)[:4])
            error(TypeError, lambda n=name, v=value: mask.plan(**{n: v}), *words)
            error(TypeError, lambda n=name, v=value: mask.print("schedule", **{n: v}), *words)
    error(TypeError, lambda: mask.plan(rounding=0.5), "rounding", "'nearest:0.5'", "got 0.5")
    error(TypeError, lambda: mask.plan(rounding=np.float32(0.5)), "'nearest:0.5'")
    error(TypeError, lambda: mask.print(None), "stage", "None")
    error(TypeError, lambda: mask.print("schedule", foo=1), "'foo'", "rounding")
    error(TypeError, lambda: mask.print("schedule", tle=1), "did you mean 'tile'?")
    error(TypeError, lambda: mask.plan_for([], 8), "dtype", "[]")
    q = zeros()
    error(TypeError, lambda: falloff.attention(q, q, q, mask, layout=[]), "layout", "[]")
    for pattern in (None, b"radial", 5):
        error(TypeError, lambda p=pattern: falloff.load(p), "pattern", "string", repr(pattern))
    radial = falloff.load("radial")
    error(TypeError, lambda: radial.bind(**SIZES, order=(1, 2)), "order", "string", "1")
    error(TypeError, lambda: radial.bind(**SIZES, order=5), "order", "names of segments", "5")


def test_block_masks_that_do_not_fit() -> None:
    make = falloff.Plan.from_block_mask
    blocks = np.ones((3, 3), bool)
    error(ValueError, lambda: make(blocks, tokens=33, tile=8), "5 x 5", "3 x 3", "33")
    error(ValueError, lambda: make(blocks, tokens=24, tile_query=8, tile_key=12), "3 x 2")
    error(ValueError, lambda: make(blocks, tokens=0, tile=8), "tokens", "0")
    error(ValueError, lambda: make(blocks, tokens=24, tile=-8), "-8")
    error(ValueError, lambda: make(blocks[0], tokens=24, tile=8), "(3,)")
    error(
        ValueError,
        lambda: make(np.ones((1, 1, 1, 3, 3), bool), tokens=24, tile=8),
        "(1, 1, 1, 3, 3)",
    )
    error(ValueError, lambda: make(np.ones((0, 3, 3), bool), tokens=24, tile=8), "0")
    error(TypeError, lambda: make(np.ones((3, 3)), tokens=24, tile=8), "float64")
    error(TypeError, lambda: make(blocks, tokens=24), "tile")
    error(TypeError, lambda: make(blocks, tokens=24.5, tile=8), "tokens", "24.5")


def outcome(path: str) -> str | None:
    try:
        falloff.load(path)
    except falloff.CompileError as caught:
        return str(caught)
    return None


def test_random_text_is_an_error_or_a_pattern(tmp_path: Path) -> None:
    """Library patterns with a few characters changed: a CompileError or a pattern, nothing else."""
    rng = random.Random(0)
    folder = library()
    texts = [path.read_text() for path in sorted(folder.glob("*.mlir"))]
    assert texts
    failed = 0
    for index in range(200):
        text = rng.choice(texts)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(text))
            words = [
                "",
                "%",
                "(",
                "}",
                "0",
                "-1",
                "%frame",
                "of",
                "\n",
                "99999999999999999999",
                "é",
            ]
            text = text[:at] + rng.choice(words) + text[at + rng.randint(0, 3) :]
        path = write(tmp_path, text, f"case{index}")
        name = re.search(r"@(\w+)", text)
        message = outcome(f"{path}:@{name[1]}" if name else str(path))
        failed += message is not None
        assert message is None or len(message.splitlines()) == 1, message
    assert failed > 50
