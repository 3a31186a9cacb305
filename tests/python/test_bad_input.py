# SPDX-License-Identifier: Apache-2.0
"""Bad input from Python: one clear error that names the thing and both values; no crash or leak."""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import falloff
import ml_dtypes
import numpy as np
import pytest
from falloff._library import library

SIZES = {"frames": 3, "tokens_per_frame": 4, "text": 2}
TOKENS = 14


@pytest.fixture(scope="module")
def mask() -> falloff.Mask:
    return falloff.load("radial").bind(**SIZES)


@pytest.fixture(scope="module")
def plan(mask: falloff.Mask) -> falloff.Plan:
    return mask.plan(rounding="exact")


def zeros(
    heads: int = 2, dim: int = 8, tokens: int = TOKENS, dtype: Any = np.float32, batch: int = 1
) -> Any:
    return np.zeros((batch, tokens, heads, dim), dtype)


def error(kind: type[Exception], call: Callable[[], object], *words: str) -> Exception:
    """The error is of this very kind, one line, and says each of the words."""
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    assert len(text.splitlines()) == 1, text
    assert not text.endswith("."), text
    for word in words:
        assert word in text, text
    return caught.value


def compile_error(call: Callable[[], object], *words: str) -> falloff.CompileError:
    caught = error(falloff.CompileError, call, *words)
    assert isinstance(caught, falloff.CompileError)
    return caught


def write(folder: Path, text: str, name: str = "bad") -> Path:
    path = folder / f"{name}.mlir"
    path.write_text(text)
    return path


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


# Tensors.


def test_tokens_that_do_not_match() -> None:
    mask = falloff.load("radial").bind(frames=21, tokens_per_frame=1560)
    q = np.zeros((1, 32768, 1, 4), np.float32)
    caught = error(ValueError, lambda: falloff.attention(q, q, q, mask))
    assert str(caught) == (
        "expects 32,760 tokens (video 21 x 1560 + text 0), but got q with 32,768"
    )
    part = mask.slice(queries=(100, 200))
    error(ValueError, lambda: falloff.attention(q, q, q, part), "100 tokens (100 to 200", "32,768")
    k = zeros(tokens=9)
    plan = falloff.load("radial").bind(**SIZES)
    error(
        ValueError,
        lambda: falloff.attention(zeros(), k, k, plan),
        "14 tokens (video 3 x 4 + text 2)",
        "k with 9",
    )


def test_shapes_that_do_not_match(plan: falloff.Plan) -> None:
    attention = falloff.attention
    q = zeros()
    error(ValueError, lambda: attention(q[0], q, q, plan), "q with 4 dimensions", "(14, 2, 8)")
    error(ValueError, lambda: attention(q, q[None], q, plan), "k with 4 dimensions")
    error(ValueError, lambda: attention(q, zeros(batch=2), q, plan), "batch", "1", "2")
    error(ValueError, lambda: attention(q, q, zeros(tokens=9), plan), "tokens", "14", "9")
    error(ValueError, lambda: attention(q, q, zeros(heads=1), plan), "heads", "2", "1")
    error(ValueError, lambda: attention(q, zeros(dim=4), q, plan), "head dimension", "8", "4")
    three = zeros(heads=3)
    error(ValueError, lambda: attention(q, three, three, plan), "2 query heads", "3 key heads")
    none = zeros(heads=0)
    error(ValueError, lambda: attention(q, none, none, plan), "0 key heads")


def test_head_dimensions_out_of_range(plan: falloff.Plan, mask: falloff.Mask) -> None:
    wide, empty, good = zeros(dim=257), zeros(dim=0), zeros()
    for what in (plan, mask):
        error(ValueError, lambda w=what: falloff.attention(wide, wide, good, w), "256", "257")
        error(ValueError, lambda w=what: falloff.attention(good, good, wide, w), "v", "257")
        error(ValueError, lambda w=what: falloff.attention(empty, empty, good, w), "q", "0")


def test_types_that_do_not_match(plan: falloff.Plan) -> None:
    attention = falloff.attention
    q = zeros()
    for dtype in (np.float64, np.float16, np.int32, np.uint16, np.bool_, ml_dtypes.float8_e4m3fn):
        x = zeros(dtype=dtype)
        error(TypeError, lambda x=x: attention(x, x, x, plan), "q", np.dtype(dtype).name)
    bf16 = zeros(dtype=ml_dtypes.bfloat16)
    error(TypeError, lambda: attention(q, bf16, q, plan), "q in float32", "k in bfloat16")
    error(TypeError, lambda: attention(bf16, bf16, q, plan), "q in bfloat16", "v in float32")
    error(TypeError, lambda: attention(q, q, q, plan, out=zeros(dtype=np.float64)), "float64")
    error(TypeError, lambda: attention(zeros(dtype=">f4"), q, q, plan), "byte order", ">f4")
    error(TypeError, lambda: attention(np.ma.array(q), q, q, plan), "mask")


def test_things_that_are_no_tensors(plan: falloff.Plan) -> None:
    attention = falloff.attention
    q = zeros()
    for thing in (None, 3, "q", q.tolist(), object()):
        error(TypeError, lambda t=thing: attention(t, q, q, plan), "q", type(thing).__name__)
        error(TypeError, lambda t=thing: attention(q, q, t, plan), "v", type(thing).__name__)
    error(TypeError, lambda: attention(q, q, q, "radial"), "falloff.Mask", "'radial'")
    error(TypeError, lambda: attention(q, q, q, falloff.load("radial")), "falloff.Mask")


class Elsewhere:
    """A tensor on a device that the CPU cannot read; asking for its memory is an error."""

    device = "cuda:0"

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)

    def __dlpack__(self, **options: Any) -> Any:
        raise AssertionError("asked for memory of another device")


class Odd:
    """Speaks DLPack, but not well."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def __dlpack__(self, **options: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_devices_that_the_cpu_cannot_read(plan: falloff.Plan) -> None:
    q = zeros()
    error(ValueError, lambda: falloff.attention(q, Elsewhere(), q, plan), "k", "CPU", "cuda:0")
    error(ValueError, lambda: falloff.attention(q, q, q, plan, out=Elsewhere()), "out", "cuda:0")


def test_dlpack_that_is_not_well_spoken(plan: falloff.Plan) -> None:
    q = zeros()
    for answer in (None, 3, "capsule", BufferError("sparse"), RuntimeError("broken"), TypeError()):
        error(TypeError, lambda a=answer: falloff.attention(Odd(a), q, q, plan), "q")


def test_torch_tensors_without_dense_memory(plan: falloff.Plan) -> None:
    torch = pytest.importorskip("torch")
    q = torch.zeros(1, TOKENS, 2, 8)
    error(TypeError, lambda: falloff.attention(q.to_sparse(), q, q, plan), "q")
    error(TypeError, lambda: falloff.attention(q.half(), q, q, plan), "q", "float16")
    meta = q.to("meta")
    with pytest.raises((TypeError, ValueError), match="expects q"):
        falloff.attention(meta, q, q, plan)
    imaginary = torch.zeros(1, TOKENS, 2, 8, dtype=torch.complex64)
    error(TypeError, lambda: falloff.attention(imaginary, q, q, plan), "q", "complex64")


def test_memory_of_broken_elements(plan: falloff.Plan) -> None:
    pairs = np.zeros((1, TOKENS, 2, 8), np.dtype([("a", np.float32), ("b", np.uint16)]))
    error(ValueError, lambda: falloff.attention(pairs["a"], zeros(), zeros(), plan), "strides", "6")
    raw = np.zeros(TOKENS * 2 * 8 * 4 + 1, np.uint8)
    shifted = raw[1:].view(np.float32).reshape(1, TOKENS, 2, 8)
    error(ValueError, lambda: falloff.attention(shifted, zeros(), zeros(), plan), "aligned")


def test_outputs_that_do_not_fit(plan: falloff.Plan) -> None:
    q = zeros()
    fixed = zeros()
    fixed.flags.writeable = False
    call = falloff.attention
    error(ValueError, lambda: call(q, q, q, plan, out=zeros(dim=4)), "out", "(1, 14, 2, 4)")
    error(ValueError, lambda: call(q, q, q, plan, out=fixed), "out", "read-only")
    repeated = np.lib.stride_tricks.as_strided(zeros(), q.shape, (0, 0, 0, 4))
    error(ValueError, lambda: call(q, q, q, plan, out=repeated), "out", "strides (0, 0, 0, 1)")
    own = "a place of its own for each element"
    wide = np.zeros(1000, np.float32)
    for strides in ((4, 4, 4, 4), (4, 64, 28, 4), (4, 64, -28, 4)):  # in bytes; the first is of 1
        folded = np.lib.stride_tricks.as_strided(wide[200:], q.shape, strides)
        error(ValueError, lambda out=folded: call(q, q, q, plan, out=out), own, "strides")
    for strides in ((4, 64, 32, 4), (0, 8, 4, 112), (4, 64, -32, 4)):
        apart = np.lib.stride_tricks.as_strided(wide[200:], q.shape, strides)
        assert call(q, q, q, plan, out=apart) is apart
    torch = pytest.importorskip("torch")
    learnt = torch.zeros(q.shape, requires_grad=True)
    tensor = torch.zeros(q.shape)
    error(ValueError, lambda: call(tensor, tensor, tensor, plan, out=learnt), ".detach()")
    assert call(tensor, tensor, tensor, plan, out=learnt.detach()) is not learnt
    error(TypeError, lambda: call(q, q, q, plan, out=[1]), "out", "list")
    error(ValueError, lambda: call(q, q, q, plan, layout="BHSD", out=q), "tokens")


def test_options_of_attention(plan: falloff.Plan) -> None:
    q = zeros()
    call = falloff.attention
    error(ValueError, lambda: call(q, q, q, plan, layout="SBHD"), "SBHD")
    error(ValueError, lambda: call(q, q, q, plan, scale=float("nan")), "scale", "nan")
    error(TypeError, lambda: call(q, q, q, plan, scale="1"), "scale", "'1'")
    error(ValueError, lambda: call(q, q, q, plan, scale=10**5000), "scale", "finite")
    error(ValueError, lambda: call(q, q, q, plan, threads=-1), "threads", "-1")
    error(ValueError, lambda: call(q, q, q, plan, features="mmx"), "mmx")
    key_major = falloff.load("radial").bind(**SIZES).plan(major="key")
    error(ValueError, lambda: call(q, q, q, key_major), "query-major", "key-major")


def test_text_lengths_that_do_not_fit(plan: falloff.Plan) -> None:
    q = zeros(batch=2)
    call = falloff.attention
    error(ValueError, lambda: call(q, q, q, plan, text_lengths=[2, 3]), "0 to 2", "text", "3")
    error(ValueError, lambda: call(q, q, q, plan, text_lengths=[-1, 0]), "-1", "batch entry 0")
    error(ValueError, lambda: call(q, q, q, plan, text_lengths=[2]), "2 text_lengths", "1")
    error(TypeError, lambda: call(q, q, q, plan, text_lengths=[0.5, 1]), "text_lengths", "0.5")
    error(TypeError, lambda: call(q, q, q, plan, text_lengths=2), "text_lengths", "2")
    video = falloff.load("neighborhood").bind(frames=2, height=7, width=1)
    error(ValueError, lambda: call(q, q, q, video, text_lengths=[1, 1]), "axis token")


def test_heads_that_the_plan_is_not_for() -> None:
    kinds = ["spatial", "temporal", "spatial"]
    mask = falloff.load("sparse_videogen").bind(**SIZES, kind=kinds)
    q = zeros()
    error(ValueError, lambda: falloff.attention(q, q, q, mask), "3 heads", "2")
    blocks = falloff.Plan.from_block_mask(np.ones((3, 1, 1), bool), tokens=TOKENS, tile=16)
    error(ValueError, lambda: falloff.attention(q, q, q, blocks), "3 heads", "2")


def test_lists_of_one_value_are_for_one_head() -> None:
    mask = falloff.load("sparse_videogen", kind=["temporal"]).bind(**SIZES)
    blocks = np.ones((1, 1, 1), bool)
    given = falloff.Plan.from_block_mask(blocks, tokens=TOKENS, tile=16)
    plans = [mask.plan(), mask.slice(queries=(0, TOKENS)).plan(), given]
    q, one = zeros(heads=3), zeros(heads=1)
    for what in (mask, *plans):
        assert what.heads == 1
        caught = error(ValueError, lambda w=what: falloff.attention(q, q, q, w))
        assert str(caught) == "expects q with 1 head, as the plan has tables for, but got 3"
        assert falloff.attention(one, one, one, what).shape == one.shape
        assert (what.to_dense() == what.to_dense(head=0)).all()
        error(IndexError, lambda w=what: w.to_dense(head=1), "head", "1")
    both = falloff.Plan.from_block_mask(blocks[None], tokens=TOKENS, tile=16)
    assert (both.heads, both.batches, both.as_dict()["table_of"]) == (1, 1, [0])
    assert both.rows() == both.rows(head=0, batch=0)
    two = zeros(heads=1, batch=2)
    caught = error(ValueError, lambda: falloff.attention(two, two, two, both))
    assert str(caught) == "expects q with 1 batch entry, as the plan has tables for, but got 2"
    any_number = falloff.Plan.from_block_mask(blocks[0], tokens=TOKENS, tile=16)
    assert (any_number.heads, any_number.batches) == (0, 0)
    assert falloff.attention(q, q, q, any_number).shape == q.shape


def test_nan_and_inf_stay_with_those_who_may_see_them(mask: falloff.Mask) -> None:
    """Text length 0 apart, a NaN in one batch entry or key head reaches no other."""
    random = np.random.default_rng(0)
    q, k, v = (random.standard_normal((2, TOKENS, 2, 8)).astype(np.float32) for _ in range(3))
    clean = falloff.attention(q, k, v, mask)
    for value in (np.nan, np.inf, -np.inf):
        for tensor in (q, k, v):
            kept = tensor[0, 3, 1, 2]
            tensor[0, 3, 1, 2] = value
            out = falloff.attention(q, k, v, mask)
            assert (out[1] == clean[1]).all()
            assert (out[0, :, 0] == clean[0, :, 0]).all()
            if tensor is v:
                sees = mask.plan_for("fp32", 8).to_dense()[:, 3]
                assert not np.isfinite(out[0, sees, 1, 2]).any()
                assert (out[0, :, 1, 3:] == clean[0, :, 1, 3:]).all()
            tensor[0, 3, 1, 2] = kept
    assert (falloff.attention(q, k, v, mask) == clean).all()


def test_errors_do_not_leak(plan: falloff.Plan, tmp_path: Path) -> None:
    """Objects kept by Python, and memory of the process."""
    path = write(tmp_path, "mask.pattern @bad over (%token: ?) {\n  keep %a\n}\n")
    q, wide = zeros(), zeros(dim=300)

    def again(times: int) -> None:
        calls: list[Callable[[], object]] = [
            lambda: falloff.load(path),
            lambda: falloff.load("radial", decay="fast"),
            lambda: falloff.attention(q, Elsewhere(), q, plan),
            lambda: falloff.attention(q, q, wide, plan),
            lambda: falloff.attention(Odd(3), q, q, plan),
        ]
        for _ in range(times):
            for call in calls:
                with contextlib.suppress(TypeError, ValueError):
                    call()
        gc.collect()

    again(20)
    objects, pages = len(gc.get_objects()), resident()
    again(200)
    assert len(gc.get_objects()) <= objects + 10
    assert resident() - pages < 4 << 20, "bytes more after 1,000 errors"


def resident() -> int:
    """Bytes of memory that this process holds; 0 where Linux does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    except OSError:
        return 0


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


def test_messages_about_tensors_say_what_to_pass(plan: falloff.Plan) -> None:
    attention = falloff.attention
    q = zeros()
    for dtype in ("float64", "float16", "int8"):
        other = q.astype(dtype)
        words = (f"but got {dtype}", 'pass q.astype("float32")')
        error(TypeError, lambda other=other: attention(other, q, q, plan), *words)
    error(ValueError, lambda: attention(q[0], q, q, plan), "pass q[None] for one batch entry")
    swapped = q.swapaxes(1, 2)
    bhsd = 'did you mean layout="BHSD"?'
    error(ValueError, lambda: attention(swapped, swapped, swapped, plan), "q with 2", bhsd)
    bshd = 'did you mean layout="BSHD"?'
    error(ValueError, lambda: attention(q, q, q, plan, layout="BHSD"), bshd)
    short = zeros(tokens=13)
    error(ValueError, lambda: attention(q, short, q, plan), "14 tokens", "k with 13")


def test_messages_about_torch_tensors_say_what_to_pass(plan: falloff.Plan) -> None:
    torch = pytest.importorskip("torch")
    q = torch.zeros(1, 14, 2, 8, dtype=torch.float16)
    error(TypeError, lambda: falloff.attention(q, q, q, plan), "float16; pass q.float()")
