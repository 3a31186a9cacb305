# SPDX-License-Identifier: Apache-2.0
"""Pages of masks: what they hold is what the plan and the mask hold, and they load nothing."""

from __future__ import annotations

import base64
import html.parser
import json
import random
import re
import shutil
import subprocess
import zlib
from itertools import product
from pathlib import Path
from typing import Any

import falloff
import numpy as np
import pytest
from falloff import _page
from falloff.cli import main

from random_cases import random_case
from test_patterns import EXAMPLES, Example
from test_properties import Schedule, heads_of, load

KINDS = ("skipped", "full", "limited", "partial")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


def data_of(page: str) -> dict[str, Any]:
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert text
    data: dict[str, Any] = json.loads(text[1])
    for name, dtype in (("kinds", np.uint8), ("in_mask", "<u4"), ("computed", "<u4")):
        data[name] = np.frombuffer(zlib.decompress(base64.b64decode(data[name])), dtype)
    return data


def tiles(grid: dict[str, Any], side: str, tokens: int) -> list[np.ndarray]:
    """Tokens of each tile in grid order."""
    if grid["kind"] == "flat":
        size = grid[f"{side}_tile"]
        return [np.arange(n, min(n + size, tokens)) for n in range(0, tokens, size)]
    found = []
    for segment in grid["segments"]:
        extents, tile = segment["extents"], segment[f"{side}_tile"]
        numbers = segment["first_token"] + np.arange(np.prod(extents)).reshape(extents)
        starts = (range(0, n, size) for n, size in zip(extents, tile, strict=True))
        for lo in product(*starts):
            box = tuple(slice(a, a + size) for a, size in zip(lo, tile, strict=True))
            found.append(numbers[box].ravel())
    return found


def check(mask: falloff.Mask, plan: falloff.Plan, head: int | None) -> None:
    """The page's numbers against all pairs, tile by tile."""
    data = data_of(_page.page(mask, plan, head or 0))
    queries, keys = (tiles(data["grid"], side, mask.tokens) for side in ("query", "key"))
    shape = (len(queries), len(keys))
    pairs, computed = mask.to_dense(head=head), plan.to_dense(head=head if plan.heads else None)
    for name, whole in (("in_mask", pairs), ("computed", computed)):
        expected = [[whole[np.ix_(q, k)].sum() for k in keys] for q in queries]
        np.testing.assert_array_equal(data[name].reshape(shape), expected)
    kinds = np.zeros(shape, np.uint8)
    for row, runs in enumerate(plan.rows(head=head if plan.heads else None)):
        for first, last, kind in runs:
            kinds[row, first:last] = KINDS.index(kind)
    np.testing.assert_array_equal(data["kinds"].reshape(shape), kinds)
    assert data["tiles"] == {name: (kinds == code).sum() for code, name in enumerate(KINDS)}
    assert data["pairs"]["in_mask"] == pairs.sum()
    assert data["pairs"]["computed"] == computed.sum()
    for name, whole in (("mask_bits", pairs), ("computed_bits", computed)):
        bits = np.frombuffer(zlib.decompress(base64.b64decode(data[name])), np.uint8)
        held = np.unpackbits(bits, bitorder="little", count=mask.tokens**2)
        np.testing.assert_array_equal(held.reshape(whole.shape).astype(bool), whole)


@pytest.mark.parametrize("example", EXAMPLES[::3], ids=str)
def test_pages_of_library_patterns(example: Example) -> None:
    mask = example.mask()
    for options in ({}, {"rounding": "exact"}, {"grid": "flat", "tile": 24}):
        check(mask, mask.plan(**options), example.head)


@pytest.mark.parametrize("number", range(25))
def test_pages_of_random_patterns(number: int, tmp_path: Path) -> None:
    case = random_case(7_000 + number)
    mask = load(case, tmp_path).bind(order=case.order, **case.extents, **case.parameters)
    if mask.tokens == 0:
        return
    schedule = Schedule(random.Random(number), case)
    plan = schedule.plan(mask, schedule.rounding)
    for head in heads_of(case):
        check(mask, plan, head)


def test_a_tail_that_blocks_leave_out_is_skipped() -> None:
    """Blocks of radial-reference are whole ones; the page shows all tokens."""
    pattern = falloff.load("radial_reference", rule="hunyuan", block=64, decay=0.3)
    mask = pattern.bind(frames=5, tokens_per_frame=190, text=30)
    plan = mask.plan(rounding="radial-reference")
    assert (mask.tokens, plan._impl.grid.query_tiles) == (980, 15)
    check(mask, plan, None)
    data = data_of(_page.page(mask, plan, 0))
    assert not data["kinds"].reshape(16, 16)[15].any()
    assert data["in_mask"].reshape(16, 16)[15].any(), "pairs that are lost"


class Links(html.parser.HTMLParser):
    """Collects what a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "data")]


def test_a_page_stands_alone() -> None:
    mask = falloff.load("radial").bind(frames=4, tokens_per_frame=30, text=3)
    page = _page.page(mask, None, 0)
    links = Links()
    links.feed(page)
    assert links.found == []
    assert not {"link", "img", "iframe", "object", "base"} & set(links.tags)
    assert not re.search(r"https?:|@import|url\(|fetch\(|XMLHttp|WebSocket", page)
    assert "default-src 'none'" in page
    assert "{{" not in page
    assert "<title>@radial, 123 tokens</title>" in page


@pytest.mark.parametrize(
    ("sizes", "coarser", "most"),
    [
        ({"frames": 33, "tokens_per_frame": 3600}, False, 2**20),
        ({"frames": 256, "tokens_per_frame": 4096}, True, 2**21),
    ],
    ids=["118,800 tokens", "1,048,576 tokens"],
)
def test_pages_of_large_masks_are_small(sizes: dict[str, int], coarser: bool, most: int) -> None:
    mask = falloff.load("radial", decay=0.2).bind(**sizes)
    page = _page.page(mask, None, 0)
    assert len(page) < most
    data = data_of(page)
    assert data["coarser"] == coarser
    assert data["mask_bits"] is data["computed_bits"] is None
    assert data["in_mask"].sum() == pytest.approx(mask.density * mask.tokens**2)
    video = data["grid"]["segments"][0]
    assert video["query_tile"][0] == video["key_tile"][0] == 1, "frames stay apart"


def test_what_has_no_page(tmp_path: Path) -> None:
    path = tmp_path / "mask.html"
    mask = falloff.load("causal").bind(tokens=4000)
    with pytest.raises(ValueError, match="a whole mask for a page, but got a slice"):
        mask.slice(queries=(0, 32)).draw(path)
    with pytest.raises(ValueError, match="query-major"):
        mask.draw(path, plan=mask.plan(major="key"))
    with pytest.raises(ValueError, match=r"got 4,000 x 4,000; larger tiles are fewer"):
        mask.draw(path, plan=mask.plan(tile=1))
    dense = falloff.load("dense").bind(frames=1, tokens_per_frame=4000)
    refusals: list[tuple[Any, str]] = [
        (mask.to_dense, "a falloff.Plan"),
        (mask.slice(queries=(0, 64)).plan(), r"queries \(0, 4000\), but got one with \(0, 64\)"),
        (dense.plan(), "pattern @causal, but got one with @dense"),
        (falloff.load("causal").bind(tokens=4001).plan(), "tokens 4,000, but got one with 4,001"),
    ]
    for plan, words in refusals:
        with pytest.raises((TypeError, ValueError), match=words):
            mask.draw(path, plan=plan)
    sizes = {"frames": 4, "tokens_per_frame": 30}
    radial = falloff.load("radial").bind(**sizes, decay=0.5)
    with pytest.raises(ValueError, match=r"parameters .*0\.5"):
        radial.draw(path, plan=falloff.load("radial").bind(**sizes, decay=0.25).plan())
    turned = falloff.load("radial").bind(frames=30, tokens_per_frame=4, decay=0.5)
    with pytest.raises(ValueError, match="segments video 4 x 30, but got one with video 30 x 4"):
        radial.draw(path, plan=turned.plan())
    with pytest.raises(ValueError, match="heads 0, but got one with 1"):
        radial.draw(path, plan=radial.plan().of_head(0))
    with pytest.raises(ValueError, match=r"ends in \.html to draw the tiles of a plan"):
        mask.draw(tmp_path / "mask.png", plan=mask.plan())
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_page(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "mask.html"
    command = ["draw", "radial", "--frames", "4", "--tokens-per-frame", "30"]
    assert main([*command, "--output", str(path), "--tile", "1x8", "--round", "exact"]) == 0
    assert capsys.readouterr() == ("", "")
    data = data_of(path.read_text())
    assert data["rounding"] == "exact"
    assert data["grid"]["segments"][0]["query_tile"] == [1, 8]
    assert main([*command, "--tile", "1x8"]) == 1
    assert "with an .html page to draw the tiles of a plan" in capsys.readouterr().err


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_shows_a_pair(tmp_path: Path) -> None:
    """Opened at a pair, the page says where it is and what its tile holds."""
    path = tmp_path / "mask.html"
    mask = falloff.load("radial", decay=0.5).bind(frames=4, tokens_per_frame=30, text=3)
    mask.draw(path, plan=mask.plan(tile="video=1x8,text=8", rounding="exact"))
    assert CHROMIUM
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"]
    command += ["--virtual-time-budget=8000", "--dump-dom", f"file://{path}#q=100&k=35"]
    for _ in range(8):  # virtual time does not wait for the thread that unpacks the page's tables
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        tip = re.search(r'<div id="tip".*?</dl></div>', done.stdout, re.DOTALL)
        if tip:
            break
    assert tip
    words = " ".join(re.sub(r"<[^>]*>", " ", tip[0]).split())
    kept = mask.to_dense()[98:106, 30:38].sum()
    assert 0 < kept < 64
    assert words.startswith("partial: tested pair by pair queries video · frame 3, patch 8–15")
    assert "3 → 1, distance 2" in words
    assert f"pairs in mask {kept} of 64" in words
    assert "query video · frame 3, patch 10 (token 100)" in words
    assert ("is in the mask" in words) == mask.contains(100, 35)
