# SPDX-License-Identifier: Apache-2.0
"""Patterns, masks and plans from Python."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import falloff
import numpy as np
import pytest

from definitions import radial

SMALL = {"frames": 4, "tokens_per_frame": 12, "text": 5}

PER_HEAD = """
mask.pattern @heads(%kind: near | far per head = near, %width: count = 1) over (%token: ?) {
  %close = within %width of %token
  %near  = when %kind is near, %close
  %wide  = none_of %close
  %far   = when %kind is far, %wide
  keep %near, %far
}
"""


@pytest.fixture
def heads(tmp_path: Path) -> falloff.Mask:
    """Head 0 sees its neighbours, head 1 all others."""
    path = tmp_path / "heads.mlir"
    path.write_text(PER_HEAD)
    return falloff.load(path).bind(tokens=10, kind=["near", "far"])


def pixels(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Decodes the PNG files that `draw` writes: 8-bit RGB, no filter; checks every checksum."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(
            kind + body
        )
        chunks[kind] = body
        at += 12 + size
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [8, 2, 0, 0, 0]
    assert b"IEND" in chunks
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert (lines[:, 0] == 0).all()
    return lines[:, 1:].reshape(height, width, 3)


def test_load_by_name_by_path_and_by_symbol(tmp_path: Path) -> None:
    assert "radial" in falloff.patterns()
    named = falloff.load("radial", decay=0.2)
    assert named.name == "radial"
    assert list(named.parameters) == ["decay", "sinks"]
    assert named.parameters["decay"].startswith("real")
    assert named.segments == {"video": {"frame": None, "patch": None}, "text": {"token": None}}

    path = tmp_path / "two.mlir"
    path.write_text(PER_HEAD + PER_HEAD.replace("@heads", "@others"))
    assert falloff.load(f"{path}:@others").name == "others"
    assert falloff.load(tmp_path / "two.mlir:@heads").name == "heads"


def test_sizes_go_by_axis_and_by_binding_names() -> None:
    pattern = falloff.load("radial", decay=0.2)
    mask = pattern.bind(frames=21, height=30, width=52)
    assert mask.tokens == 21 * 1560
    same = pattern.bind(frame=21, patch=1560, text=0)
    assert same.density == mask.density
    assert mask.sparsity == 1 - mask.density
    assert mask.densities == [mask.density]
    assert mask.density == pytest.approx(0.256, abs=5e-4)
    assert (mask.heads, mask.queries, mask.keys) == (0, (0, 32760), (0, 32760))


def test_parameters_come_from_load_or_bind() -> None:
    loaded = falloff.load("radial", decay=0.2).bind(**SMALL)
    bound = falloff.load("radial").bind(**SMALL, decay=np.float32(0.5))
    assert loaded.parameters == {"decay": 0.2, "sinks": 1}
    assert bound.parameters == {"decay": 0.5, "sinks": 1}
    replaced = falloff.load("radial", decay=0.2).bind(**SMALL, decay=0.5)
    assert (replaced.to_dense() == bound.to_dense()).all()


def test_tables_and_relations_are_arrays() -> None:
    links = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=bool)
    pattern = falloff.load("scene_aware")
    mask = pattern.bind(frames=6, tokens_per_frame=3, cuts=np.array([2, 5]), links=links)
    same = pattern.bind(frames=6, tokens_per_frame=3, cuts=(2, 5), links=links.astype(int).tolist())
    assert (mask.to_dense() == same.to_dense()).all()
    assert mask.contains(0, 2 * 3)  # scenes 0 and 1 are linked
    assert not mask.contains(0, 5 * 3)  # scenes 0 and 2 are not
    assert mask.parameters["cuts"] == [2, 5]
    assert mask.parameters["links"] == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]


def test_a_name_that_is_both_is_the_extent(tmp_path: Path) -> None:
    path = tmp_path / "near.mlir"
    path.write_text(
        "mask.pattern @near(%frames: count = 1) over video(%frame: ?, %patch: ?) {\n"
        "  %near = within %frames of %frame\n  keep %near\n}\n"
    )
    mask = falloff.load(path, frames=0).bind(frames=4, tokens_per_frame=2)
    assert mask.tokens == 8
    assert mask.parameters["frames"] == 0
    assert not mask.contains(2, 4)  # the next frame


def test_order_of_segments_is_layout() -> None:
    pattern = falloff.load("radial", decay=0.5)
    last, first = pattern.bind(**SMALL), pattern.bind(**SMALL, order=("text", "video"))
    turn = np.r_[48:53, 0:48]
    assert (first.to_dense() == last.to_dense()[np.ix_(turn, turn)]).all()


def test_dense_and_contains_agree() -> None:
    mask = falloff.load("radial", decay=0.5).bind(frames=4, tokens_per_frame=12)
    dense = mask.to_dense()
    assert dense.dtype == np.bool_
    assert (dense == radial(4, 12, decay=0.5)).all()
    assert dense.mean() == pytest.approx(mask.density)
    for query, key in np.ndindex(dense.shape):
        assert mask.contains(query, key) == dense[query, key]


def test_heads_that_differ(heads: falloff.Mask) -> None:
    assert heads.heads == 2
    near, far = heads.to_dense(head=0), heads.to_dense(head=1)
    assert (near ^ far).all()
    assert heads.densities == pytest.approx([near.mean(), far.mean()])
    assert heads.density == pytest.approx(0.5)
    assert heads.contains(0, 1, head=0)
    assert not heads.contains(0, 1, head=1)
    plan = heads.plan(tile=4, rounding="exact")
    assert plan.heads == 2
    assert (plan.to_dense(head=1) == far).all()
    assert plan.pairs_computed == pytest.approx((near.sum() + far.sum()) / 2)
    for ask in (heads.to_dense, heads.draw, plan.to_dense):
        with pytest.raises(ValueError, match="expects head= from 0 to 1"):
            ask()
    with pytest.raises(IndexError, match="expects a head from 0 to 1, but got 2"):
        heads.contains(0, 1, head=2)


def test_slices_keep_coordinates() -> None:
    mask = falloff.load("radial", decay=0.5).bind(**SMALL)
    part = mask.slice(queries=slice(10, 30), keys=(5, 53))
    assert (part.queries, part.keys, part.tokens) == ((10, 30), (5, 53), 53)
    assert (part.to_dense() == mask.to_dense()[10:30, 5:53]).all()
    assert part.contains(10, 52) == mask.contains(10, 52)
    plan = part.plan(rounding="exact")
    assert (plan.to_dense() == part.to_dense()).all()
    assert (mask.slice(keys=slice(-5, None)).keys) == (48, 53)


@pytest.mark.parametrize("tile", ["1x4", (1, 4), "video=1x4", {"video": (1, 4)}, {"video": "1x4"}])
def test_tiles_are_written_in_many_ways(tile: Any) -> None:
    mask = falloff.load("radial").bind(frames=4, tokens_per_frame=12)
    grid = mask.plan(tile=tile).as_dict()["grid"]
    assert grid["kind"] == "box"
    assert grid["segments"][0]["query_tile"] == [1, 4]
    assert grid["segments"][0]["key_tile"] == [1, 4]


def test_tiles_of_queries_and_of_keys() -> None:
    mask = falloff.load("radial").bind(frames=4, tokens_per_frame=12)
    segment = mask.plan(tile="1x4", tile_key="1x6").as_dict()["grid"]["segments"][0]
    assert (segment["query_tile"], segment["key_tile"]) == ([1, 4], [1, 6])
    grid = mask.plan(grid="flat", tile=16, tile_query=8).as_dict()["grid"]
    assert (grid["query_tile"], grid["key_tile"]) == (8, 16)
    assert (grid["query_tiles"], grid["key_tiles"]) == (6, 3)


@pytest.mark.parametrize(
    ("options", "searched"),
    [
        ({}, True),
        ({"tile": "1x4"}, False),  # text takes as many tokens
        ({"tile": (1, 4)}, False),
        ({"tile": {"video": (1, 4), "text": 5}}, False),
        ({"tile": "text=5"}, True),
        ({"tile": "5"}, True),
        ({"tile_key": "1x4"}, True),
        ({"tile_key": "1x4", "tile_query": " video =1x4"}, False),
        ({"grid": "flat"}, False),
    ],
)
def test_a_plan_knows_what_its_tiles_were_searched_for(
    options: dict[str, Any], searched: bool
) -> None:
    """Where they were not, tiles are the same for every target."""
    mask = falloff.load("radial", decay=0.2).bind(frames=21, tokens_per_frame=1560, text=5)
    plans = [mask.plan(**options, target=target, head_dim=64) for target in ("cpu", "sm_90")]
    for plan, target in zip(plans, ("cpu", "sm_90"), strict=True):
        assert plan.searched_for == ((target, "bf16", 64) if searched else None)
    grids = [plan.as_dict()["grid"] for plan in plans]
    assert searched or grids[0] == grids[1]
    assert options or grids[0] != grids[1]
    assert falloff.Plan.from_block_mask(np.ones((1, 1), bool), 4, tile=4).searched_for is None


def test_a_plan_of_one_head_keeps_what_its_tiles_were_searched_for() -> None:
    kinds = ["spatial", "temporal"]
    mask = falloff.load("sparse_videogen", kind=kinds).bind(frames=3, tokens_per_frame=4)
    plan = mask.plan(target="sm_80")
    assert plan.of_head(1).searched_for == plan.searched_for == ("sm_80", "bf16", 128)


def test_counts_of_a_plan() -> None:
    mask = falloff.load("radial", decay=0.5).bind(**SMALL)
    truth = mask.to_dense()
    for rounding in ("exact", "outward", "nearest", "nearest:0.8"):
        plan = mask.plan(tile="video=1x4,text=5", rounding=rounding)
        computed = plan.to_dense()
        assert plan.pairs_in_mask == truth.sum()
        assert plan.pairs_computed == computed.sum()
        assert plan.pairs_lost == (truth & ~computed).sum()
        assert plan.pairs_issued >= plan.pairs_computed
        assert plan.density == mask.density
        assert plan.tokens == mask.tokens


@pytest.mark.parametrize("major", ["query", "key"])
def test_json_of_a_plan(major: str) -> None:
    mask = falloff.load("radial", decay=0.5).bind(**SMALL)
    plan = mask.plan(tile="video=1x4,text=5", major=major)
    data = json.loads(plan.json())
    assert data == json.loads(json.dumps(plan.as_dict()))
    assert data["version"] == 1
    assert data["pattern"] == "radial"
    assert data["parameters"] == {"decay": 0.5, "sinks": 1}
    assert data["tokens"] == 53
    assert (data["major"], data["rounding"]) == (major, "nearest:0.5")
    video, text = data["grid"]["segments"]
    assert (video["axes"], video["extents"]) == (["frame", "patch"], [4, 12])
    assert (text["first_token"], text["first_query_tile"], text["first_key_tile"]) == (48, 12, 12)
    (table,) = data["tables"]
    assert data["table_of"] == [0]
    assert [row[f"{major}_tile"] for row in table["rows"]] == list(range(13))
    assert sorted(table["row_order"]) == list(range(13))
    for row in table["rows"]:
        ends = [end for run in row["runs"] for end in run[:2]]
        assert ends == sorted(ends)
        assert {run[2] for run in row["runs"]} <= {"full", "limited", "partial"}
    # The text's row is whole: every tile of it is full.
    assert table["rows"][12]["runs"] == [[0, 13, "full"]]


def test_text_of_a_plan() -> None:
    text = str(falloff.load("radial").bind(**SMALL).plan(tile="video=1x4,text=5"))
    assert text.startswith("plan of @radial")
    assert "query tile 12: 0..13 full" in text
    assert len(text.splitlines()) < 40


def test_empty_rows(tmp_path: Path) -> None:
    path = tmp_path / "next.mlir"
    path.write_text(
        "mask.pattern @next over (%token: ?) {\n"
        "  %next = where key(%token) - query(%token) == 1\n  keep %next\n}\n"
    )
    mask = falloff.load(path).bind(tokens=7)
    assert mask.empty_rows() == (6, 1, 0)
    assert falloff.load("radial").bind(**SMALL).empty_rows() is None
    data = json.loads(mask.plan(rounding="exact", tile=1).json())
    assert data["tables"][0]["rows"][6] == {"query_tile": 6, "runs": []}


def test_plan_from_a_block_mask() -> None:
    blocks = np.random.default_rng(0).random((2, 4, 3)) < 0.5
    blocks[:, 1] = False
    plan = falloff.Plan.from_block_mask(blocks, tokens=23, tile_query=6, tile_key=8)
    every = np.repeat(np.repeat(blocks, 6, axis=1), 8, axis=2)[:, :23, :23]
    assert plan.heads == 2
    for head in range(2):
        assert (plan.to_dense(head=head) == every[head]).all()
    assert plan.pairs_computed == pytest.approx(every.sum() / 2)
    assert plan.as_dict()["rounding"] == "given"
    one = falloff.Plan.from_block_mask(np.eye(3, dtype=bool), tokens=23, tile=8)
    assert one.heads == 0
    assert one.rows() == [[(i, i + 1, "full")] for i in range(3)]


def test_draw_writes_a_picture(tmp_path: Path) -> None:
    mask = falloff.load("causal").bind(tokens=40)
    path = tmp_path / "mask.png"
    mask.draw(path, side=200)
    picture = pixels(path)
    assert picture.shape == (200, 200, 3)
    dark = picture.mean(axis=2) < 128
    assert (dark[::5, ::5] == mask.to_dense()).all()
    assert [p.name for p in tmp_path.iterdir()] == ["mask.png"]


def test_draw_of_a_big_mask_shows_shares(tmp_path: Path) -> None:
    mask = falloff.load("radial", decay=0.2).bind(frames=21, tokens_per_frame=1560)
    mask.draw(tmp_path / "mask.png", side=210)
    picture = pixels(tmp_path / "mask.png").mean(axis=2)
    assert picture.shape == (210, 210)
    assert (picture[:10, :10] < 70).all()  # frame 0 sees itself
    assert (picture[100:110, 110:120] < 70).all()  # frames 10 and 11
    assert picture[0, 209] > 200  # far in time and place
    first = (tmp_path / "mask.png").read_bytes()
    mask.draw(tmp_path / "mask.png", side=210)
    assert (tmp_path / "mask.png").read_bytes() == first


def test_draw_prints_text(capsys: pytest.CaptureFixture[str]) -> None:
    mask = falloff.load("causal").bind(tokens=4)
    mask.draw()
    assert capsys.readouterr().out == "#...\n##..\n###.\n####\n"
    falloff.load("causal").bind(tokens=5000).draw()
    lines = capsys.readouterr().out.splitlines()
    assert (len(lines), {len(line) for line in lines}) == (32, {64})
    assert lines[0][-1] == "."
    assert lines[-1][0] == "#"


def test_stages_can_be_printed() -> None:
    mask = falloff.load("radial").bind(frames=4, tokens_per_frame=12)
    for stage in ("linked", "specialised", "mask"):
        assert "mask.pattern" in mask.print(stage)
    schedule = mask.print("schedule", tile="1x4", tile_key="1x6", rounding="exact")
    assert 'segment "video"(frame: 4, patch: 12) queries 1x4 from 0 keys 1x6 from 0' in schedule
    assert 'rounding "exact"' in schedule


def test_reprs_are_short() -> None:
    pattern = falloff.load("radial")
    mask = pattern.bind(**SMALL)
    assert repr(pattern) == "<falloff.Pattern @radial over video(frame, patch), text(token)>"
    assert repr(mask) == "<falloff.Mask @radial, 53 tokens>"
    assert repr(mask.slice(queries=(0, 5))).startswith("<falloff.Mask @radial, 53 tokens, queries")
    assert repr(mask.plan()).startswith("<falloff.Plan of @radial, 53 tokens, nearest:0.5, ")


def test_block_masks_of_batch_entries() -> None:
    """Each batch entry and head has a table of its own, and kernels read the right one."""
    random = np.random.default_rng(5)
    blocks = random.random((2, 2, 4, 5)) < 0.6
    blocks[..., 0] = True
    plan = falloff.Plan.from_block_mask(blocks, 37, tile_query=10, tile_key=8)
    assert (plan.batches, plan.heads) == (2, 2)
    assert plan.as_dict()["table_of"] == [[0, 1], [2, 3]]
    q, k, v = (random.standard_normal((2, 37, 2, 16)).astype(np.float32) for _ in range(3))
    out = falloff.attention(q, k, v, plan)
    for batch in range(2):
        for head in range(2):
            kept = np.repeat(np.repeat(blocks[batch, head], 10, 0), 8, 1)[:37, :37]
            np.testing.assert_array_equal(plan.to_dense(head=head, batch=batch), kept)
            scores = np.where(kept, q[batch, :, head] @ k[batch, :, head].T / 4.0, -np.inf)
            weights = np.exp(scores - scores.max(1, keepdims=True))
            expected = weights @ v[batch, :, head] / weights.sum(1, keepdims=True)
            np.testing.assert_allclose(out[batch, :, head], expected, atol=2e-5)
    with pytest.raises(ValueError, match="expects batch= from 0 to 1"):
        plan.to_dense(head=0)
    with pytest.raises(
        ValueError, match="expects q with 2 batch entries, as the plan has tables for, but got 1"
    ):
        falloff.attention(q[:1], k[:1], v[:1], plan)
