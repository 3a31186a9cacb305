# SPDX-License-Identifier: Apache-2.0
"""Each library pattern against the definition written from its source (definitions.py)."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import falloff
import numpy as np
import pytest

import definitions
import roundings
from test_properties import tiles_of

ROOT = Path(__file__).resolve().parents[2]
PATTERNS = sorted((ROOT / "patterns").glob("*.mlir"))


@dataclass
class Example:
    """A pattern with sizes and parameters, and the same in the words of its definition."""

    pattern: str
    bind: dict[str, Any]
    define: dict[str, Any]
    head: int | None = None
    definition: str = ""
    order: tuple[str, ...] | None = None
    tiles: tuple[Any, ...] = field(default=("1x16", "1x5"))

    def mask(self) -> falloff.Mask:
        return falloff.load(self.pattern).bind(order=self.order, **self.bind)

    def expected(self) -> definitions.Mask:
        define: Callable[..., definitions.Mask] = getattr(
            definitions, self.definition or self.pattern
        )
        return define(**self.define)

    def __str__(self) -> str:
        sizes = ",".join(str(v) for v in self.bind.values() if isinstance(v, (int, float, str)))
        return f"{self.pattern}-{sizes}" + (f"-head{self.head}" if self.head is not None else "")


def video(frames: int, patches: int, text: int = 0, **parameters: Any) -> tuple[dict, dict]:
    """Sizes of a pattern over frame and patch: as bound, and as defined."""
    bind = {"frames": frames, "tokens_per_frame": patches, "text": text, **parameters}
    return bind, {"frames": frames, "patches": patches, "text": text, **parameters}


def picture(frames: int, rows: int, columns: int, text: int = 0) -> tuple[dict, dict]:
    bind = {"frames": frames, "height": rows, "width": columns, "text": text}
    return bind, {"frames": frames, "rows": rows, "columns": columns, "text": text}


def without_text(sizes: tuple[dict, dict]) -> tuple[dict, dict]:
    for one in sizes:
        assert one.pop("text") == 0
    return sizes


def boxed(*sizes: tuple[dict, dict]) -> dict[str, Any]:
    return {"bind": sizes[0][0], "define": sizes[0][1], "tiles": ("2x3x4", "1x4x8")}


RNG = np.random.default_rng(7)
LINKS = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
CUBES = RNG.random((2 * 2 * 3, 2 * 2 * 3)) < 0.4
FIRST = ("text", "video")


def neighborhood(frames: int, rows: int, columns: int, **parameters: int) -> Example:
    bind, define = without_text(picture(frames, rows, columns))
    return Example("neighborhood", bind | parameters, define | parameters, tiles=("2x3x4", "1x4x8"))


EXAMPLES = [
    Example("dense", *video(3, 7, 4)),
    Example("dense", *video(2, 5)),
    Example("causal", {"tokens": 37}, {"tokens": 37}, tiles=("8", "5")),
    Example("causal", {"token": 1}, {"tokens": 1}, tiles=("8", "5")),
    Example("radial", *video(5, 24)),
    Example("radial", *video(9, 13, 6, decay=0.7)),
    Example("radial", *video(33, 6, 3, decay=0.2, sinks=2)),
    Example("radial", *video(40, 3)),  # p > s: frames thin out
    Example("radial", *video(1, 1)),
    Example("radial", *video(70, 1, 1, sinks=0)),
    Example("radial_2d", **boxed(picture(9, 4, 6, 5))),
    Example("radial_2d", **boxed(picture(20, 2, 3, 0))),
    Example("radial_2d", **boxed(picture(34, 1, 2, 1))),
    Example("radial_reference", *video(6, 48, 3, decay=2.0, block=64)),
    Example("radial_reference", *video(5, 200, decay=0.2, block=64, adjacent=2)),
    Example("radial_reference", *video(4, 130, 2, rule="hunyuan", decay=0.5)),
    Example("radial_reference", *video(17, 24, decay=0.95, block=8)),
    Example("scene_aware", *video(10, 7, 4, cuts=[3, 8], links=LINKS)),
    Example("scene_aware", *video(6, 9, 0, cuts=[0, 2], links=LINKS, decay=1.0)),
    Example("scene_aware", *video(6, 5, 2, cuts=[4, 4], links=LINKS)),
    Example(
        "chosen", *(d | {"blocks": CUBES} for d in picture(7, 8, 10, 3)), tiles=("2x3x4", "4x4x4")
    ),
    Example("sliding_tile", **boxed(picture(7, 9, 17, 4))),
    Example("sliding_tile", **boxed(picture(25, 9, 8))),
    Example("sliding_tile", **boxed(picture(1, 33, 10))),
    Example("cogvideox", **boxed(picture(2, 9, 10, 30))),
    Example(  # 226 tokens of text unless another number is bound
        "cogvideox",
        {"frames": 2, "height": 3, "width": 9},
        {"frames": 2, "rows": 3, "columns": 9},
        tiles=("2x3x4", "1x4x8"),
    ),
    Example("causal", {"tokens": 130}, {"tokens": 130}, tiles=("64", "32")),
    Example(
        "streaming_llm",
        {"tokens": 50, "first": 2, "recent": 7},
        {"tokens": 50, "first": 2, "recent": 7},
        tiles=("8", "5"),
    ),
    Example(
        "streaming_llm",
        {"tokens": 40, "first": 0, "recent": 60},
        {"tokens": 40, "first": 0, "recent": 60},
        tiles=("8", "5"),
    ),
    Example(
        "streaming_llm",
        {"tokens": 33, "first": 60, "recent": 1},
        {"tokens": 33, "first": 60, "recent": 1},
        tiles=("8", "5"),
    ),
    Example(
        "documents",
        {"tokens": 61, "starts": [9, 40, 41]},
        {"tokens": 61, "starts": [9, 40, 41]},
        tiles=("8", "5"),
    ),
    Example(
        "documents",
        {"tokens": 20, "starts": [0, 7, 7]},
        {"tokens": 20, "starts": [0, 7, 7]},
        tiles=("8", "5"),
    ),
    neighborhood(7, 9, 12),
    neighborhood(4, 8, 9, depth=2, side=4),
    neighborhood(3, 12, 11, depth=3, side=5, stride=2),
    neighborhood(3, 10, 13, depth=1, side=4, stride=3),
    neighborhood(2, 12, 15, depth=2, side=3, dilation=3),
    neighborhood(3, 11, 14, depth=3, side=4, stride=3, dilation=2),
    neighborhood(3, 4, 5, depth=9, side=9),
    *(
        Example(
            "sparse_videogen",
            video(8, 9, 3)[0] | {"kind": ["spatial", "temporal"], "reach": 2, "places": 1},
            video(8, 9, 3)[1] | {"kind": kind, "around": 2, "places": 1},
            head=head,
        )
        for head, kind in enumerate(("spatial", "temporal"))
    ),
    Example("sparse_videogen", video(4, 70)[0], video(4, 70)[1] | {"kind": "spatial"}),
    Example(
        "vace",
        {"picture": 2, "spot": 5} | video(6, 8, 3)[0],
        {"pictures": 2, "spots": 5} | video(6, 8, 3)[1],
    ),
    *(
        Example("block_causal", *(d | parameters for d in without_text(video(frames, 4))))
        for frames, parameters in [
            (9, {}),
            (11, {"chunk": 3, "window": 6}),
            (10, {"chunk": 4, "window": 4, "sinks": 1}),
            (5, {"chunk": 1, "window": 2, "sinks": 2}),
        ]
    ),
]
FIRSTS = [
    Example(e.pattern, e.bind, e.define | {"text_first": True}, order=FIRST, tiles=e.tiles)
    for e in EXAMPLES
    if e.bind.get("text") and e.pattern not in ("dense", "vace", "sparse_videogen", "cogvideox")
]
LAST = [
    Example(
        "cogvideox",
        picture(2, 9, 10, 30)[0],
        picture(2, 9, 10, 30)[1] | {"text_first": False},
        order=("video", "text"),
        tiles=("2x3x4", "1x4x8"),
    )
]
ALL = EXAMPLES + FIRSTS + LAST


@pytest.mark.parametrize("example", ALL, ids=str)
def test_definition(example: Example) -> None:
    mask, expected = example.mask(), example.expected()
    assert mask.tokens == len(expected)
    differ = mask.to_dense(head=example.head) != expected
    assert not differ.any(), f"wrong pairs (query, key): {np.argwhere(differ)[:5].tolist()}"
    density = mask.density if example.head is None else mask.densities[example.head]
    assert density == pytest.approx(expected.mean(), abs=1e-12)


@pytest.mark.parametrize("grid", ["box", "flat"])
@pytest.mark.parametrize("example", ALL, ids=str)
def test_tiles_are_classified_exactly(example: Example, grid: str) -> None:
    """On library patterns `full` is every pair, `partial` is some, and what is skipped is none."""
    query, key = example.tiles if grid == "box" else (16, 24)
    if grid == "box" and ("text" in example.bind or example.pattern == "cogvideox"):
        query, key = f"{query},text=4", f"{key},text=3"
    plan = example.mask().plan(grid=grid, rounding="exact", tile_query=query, tile_key=key)
    expected = example.expected()
    data = plan.as_dict()
    queries, keys = tiles_of(data, "query"), tiles_of(data, "key")
    rows = plan.rows(head=example.head)
    assert len(rows) == len(queries)
    for number, (row, tokens) in enumerate(zip(rows, queries, strict=True)):
        kinds = ["none"] * len(keys)
        for first, last, kind in row:
            kinds[first:last] = [kind] * (last - first)
        for column, kind in enumerate(kinds):
            tile = expected[np.ix_(tokens, keys[column])]
            truth = "full" if tile.all() else "partial" if tile.any() else "none"
            assert kind == truth, f"tile ({number}, {column}) is {truth}, but got {kind}"


@pytest.mark.parametrize(
    ("frames", "patches", "decay"),
    [(21, 1560, 1.0), (21, 1560, 0.2), (33, 3600, 0.2), (81, 1560, 0.2), (128, 3600, 0.2)],
)
def test_radial_at_real_sizes(frames: int, patches: int, decay: float) -> None:
    """Counted without the mask, and its rows at some queries."""
    mask = falloff.load("radial", decay=decay).bind(frames=frames, tokens_per_frame=patches)
    pairs = definitions.radial_pairs(frames, patches, decay=decay)
    assert mask.density == pairs / (frames * patches) ** 2
    assert mask.plan(rounding="exact").pairs_in_mask == pairs
    for query in (0, 5 * patches - 1, 7 * patches + patches // 3, frames * patches - 1):
        frame, place = divmod(query, patches)
        row = mask.slice(queries=(query, query + 1)).to_dense()[0].reshape(frames, patches)
        for other in range(frames):
            expected = definitions.radial_row(abs(frame - other), place, patches, decay)
            assert (row[other] == (expected | (other == 0))).all()


@pytest.mark.parametrize(
    ("tile_key", "rounding"), [(128, "outward"), (128, "nearest"), (64, "nearest:0.3")]
)
@pytest.mark.parametrize(
    ("frames", "patches", "decay"),
    [(21, 1560, 1.0), (21, 1560, 0.2), (33, 3600, 0.2), (81, 1560, 1.0), (81, 1560, 0.2)],
)
def test_rounded_radial_at_real_sizes(
    frames: int, patches: int, decay: float, tile_key: int, rounding: str
) -> None:
    """Area of the kept tiles and pairs lost, counted apart, distance by distance."""
    shares = {"outward": None, "nearest": 0.5, "nearest:0.3": 0.3}
    expected = roundings.radial_counts(
        frames,
        patches,
        128,
        tile_key,
        shares[rounding],
        lambda d: definitions.radial_pair(d, patches, decay),
    )
    mask = falloff.load("radial", decay=decay).bind(frames=frames, tokens_per_frame=patches)
    plan = mask.plan(rounding=rounding, tile_query="1x128", tile_key=f"1x{tile_key}")
    data = plan.as_dict()
    queries = [len(tokens) for tokens in tiles_of(data, "query")]
    keys = np.cumsum([0, *(len(tokens) for tokens in tiles_of(data, "key"))])
    area = sum(
        query * (keys[last] - keys[first])
        for query, runs in zip(queries, plan.rows(), strict=True)
        for first, last, _ in runs
    )
    assert (plan.pairs_in_mask, area, plan.pairs_lost) == (
        expected.pairs,
        expected.area,
        expected.lost,
    )


def test_counts_at_real_sizes() -> None:
    """Products of axes, counted axis by axis."""
    frames, rows, columns, text = 30, 48, 80, 226
    tiles = [
        definitions.sliding_tile_axis(places, tile).sum()
        for places, tile in ((frames, 6), (rows, 8), (columns, 8))
    ]
    n = frames * rows * columns
    mask = falloff.load("sliding_tile").bind(frames=frames, height=rows, width=columns, text=text)
    pairs = int(np.prod(tiles)) + 2 * n * text + text * text
    assert mask.plan(rounding="exact", tile="2x8x8,text=128").pairs_in_mask == pairs

    near = [
        definitions.natten_axis(frames, 5, causal=True).sum(),
        definitions.natten_axis(rows, 7, 2, 3).sum(),
        definitions.natten_axis(columns, 7, 2, 3).sum(),
    ]
    mask = falloff.load("neighborhood", stride=2, dilation=3).bind(
        frames=frames, height=rows, width=columns
    )
    assert mask.density == pytest.approx(float(np.prod(near)) / n**2, rel=1e-12)


def golden_windows() -> list[tuple[tuple[str, int, int, float], list[dict[str, str]]]]:
    """Rows of windows.csv by (rule, tokens per frame, block, decay)."""
    with (ROOT / "tests" / "golden" / "windows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4320

    def key(row: dict[str, str]) -> tuple[str, int, int, float]:
        return row["rule"], int(row["tokens_per_frame"]), int(row["block"]), float(row["decay"])

    return [(k, list(group)) for k, group in groupby(sorted(rows, key=key), key)]


def test_golden_windows() -> None:
    """The half widths that the public reference printed, at their edges, in each pair of frames."""
    checked = 0
    for (rule, patches, block, decay), rows in golden_windows():
        frames = 1 + max(int(row["frame_distance"]) for row in rows)
        mask = falloff.load("radial_reference", rule=rule, decay=decay, block=block).bind(
            frames=frames, tokens_per_frame=patches
        )
        for row in rows:
            # From queries of frame 0: only there the sink, frame 0's keys, is no other frame.
            frame, half = int(row["frame_distance"]), float(row["half_width"])
            kept = row["frame_pair_kept"] == "1"
            edge = math.floor(half)
            for query in (0, patches // 3, patches - 1):
                for key in {query + sign * (edge + more) for sign in (-1, 1) for more in (0, 1)}:
                    if 0 <= key < patches:
                        expected = kept and abs(key - query) <= half
                        assert mask.contains(query, frame * patches + key) == expected, (row, query)
            assert mask.contains(0, frame * patches) == kept, row
            checked += 1
    assert checked == 4320


@pytest.mark.parametrize("path", PATTERNS, ids=lambda path: path.stem)
def test_pattern_files_are_short_and_name_their_source(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("// SPDX-License-Identifier: Apache-2.0\n")
    assert len(text.splitlines()) < 30
    comment = "".join(line for line in text.splitlines() if line.startswith("//"))
    assert re.search(r"arXiv\s?\W*\d{4}\.\d{5}|[\w-]+/[\w-]+ @\w{7}", comment)
    assert f"mask.pattern @{path.stem}" in text


def test_every_pattern_has_an_example() -> None:
    assert {e.pattern for e in EXAMPLES} == {path.stem for path in PATTERNS}
    assert falloff.patterns() == sorted(path.stem for path in PATTERNS)
    assert len(PATTERNS) == 15
