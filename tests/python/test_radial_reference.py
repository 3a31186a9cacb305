# SPDX-License-Identifier: Apache-2.0
"""The rounding `radial-reference`: masks printed by the public reference, and its rule in numpy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import falloff
import numpy as np
import pytest
from falloff.cli import main

import definitions
import exact_attention
import reference_blocks
from reference_blocks import Golden, Mask

GOLDENS = reference_blocks.goldens()
SMALL = [golden for golden in GOLDENS if golden["frames"] * golden["tokens_per_frame"] < 4000]


def plan_of(frames: int, patches: int, text: int = 0, **parameters: Any) -> falloff.Plan:
    mask = falloff.load("radial_reference", **parameters).bind(
        frames=frames, tokens_per_frame=patches, text=text
    )
    return mask.plan(rounding="radial-reference")


def blocks_of(plan: falloff.Plan) -> Mask:
    rows = plan.rows()
    kept = np.zeros((len(rows), len(rows)), bool)
    for row, runs in zip(kept, rows, strict=True):
        for first, last, kind in runs:
            assert kind == "full"
            row[first:last] = True
    return kept


#  The reference's own masks


def test_all_golden_masks_are_here() -> None:
    assert len(GOLDENS) == 11
    assert sum(not golden.lines for golden in GOLDENS) == 2
    assert {golden["rule"] for golden in GOLDENS} == {"wan", "hunyuan"}
    assert len(SMALL) == 4


@pytest.mark.parametrize("golden", GOLDENS, ids=str)
def test_golden_mask(golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    """Bit for bit, through the command."""
    command = ["plan", "radial_reference", "--round", "radial-reference", "--emit", "json"]
    for name, size in golden.sizes().items():
        command += [f"--{name.replace('_', '-')}", str(size)]
    for name, value in golden.parameters().items():
        command += ["--set", f"{name}={value}"]
    assert main(command) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["rounding"] == "radial-reference"
    assert plan["grid"]["query_tile"] == plan["grid"]["key_tile"] == golden["block"]
    assert plan["grid"]["query_tiles"] == golden["block_rows"]
    assert plan["grid"]["key_tiles"] == golden["block_cols"]
    rows = [row["runs"] for row in plan["tables"][0]["rows"]]
    lines = [" ".join(f"{first}:{last}" for first, last, _ in row) for row in rows]
    if golden.lines:
        assert lines == golden.lines
    text = "".join(line + "\n" for line in lines)
    assert hashlib.sha256(text.encode()).hexdigest() == golden["sha256_of_rows"]
    kept = sum(last - first for row in rows for first, last, _ in row)
    assert kept == golden["kept_blocks"]
    assert plan["pairs_computed"] == plan["pairs_issued"] == kept * golden["block"] ** 2
    assert [number for number, row in enumerate(rows) if not row] == golden["empty_block_rows"]


@pytest.mark.parametrize("golden", SMALL, ids=str)
def test_the_rule_in_numpy_gives_the_golden_masks(golden: Golden) -> None:
    frames, patches, text = golden.sizes().values()
    mask = definitions.radial_reference(frames, patches, text, **golden.parameters())
    kept = reference_blocks.blocks_of(mask, frames, patches, golden["block"])
    np.testing.assert_array_equal(kept, golden.blocks())


#  Its rule at other sizes


def random_case(seed: int) -> tuple[tuple[int, int, int], dict[str, Any]]:
    rng = np.random.default_rng(seed)
    block = int(rng.choice([8, 12, 16, 30, 32, 64]))
    patches = int(rng.integers(1, 7 * block) if rng.random() < 0.7 else block * rng.integers(1, 6))
    patches = min(patches, 250)
    frames = int(rng.integers(1, max(2, min(24, 1600 // patches))))
    text = int(rng.choice([0, 0, rng.integers(1, 3 * block)]))
    parameters = {
        "rule": str(rng.choice(["wan", "hunyuan"])),
        "adjacent": int(rng.integers(1, 3)),
        "decay": float(rng.choice([0.1, 0.2, 0.5, 0.95, 1.0, 2.0])),
        "block": block,
    }
    return (frames, patches, text), parameters


@pytest.mark.parametrize("part", range(8))
def test_the_rule_at_random_sizes(part: int) -> None:
    """Blocks, counts and refusals, of both rules for adjacent frames."""
    refused = 0
    for seed in range(30 * part, 30 * part + 30):
        (frames, patches, text), parameters = random_case(seed)
        mask = definitions.radial_reference(frames, patches, text, **parameters)
        block = parameters["block"]
        where = f"seed {seed}: {frames} x {patches} + {text}, {parameters}"
        try:
            kept = reference_blocks.blocks_of(mask, frames, patches, block)
        except ValueError:
            kept = None
        if kept is None or len(kept) == 0:
            refused += 1
            with pytest.raises(falloff.CompileError, match="nearest, outward or exact"):
                plan_of(frames, patches, text, **parameters)
            continue
        plan = plan_of(frames, patches, text, **parameters)
        np.testing.assert_array_equal(blocks_of(plan), kept, where)
        pairs = reference_blocks.pairs_of(kept, block, len(mask))
        np.testing.assert_array_equal(plan.to_dense(), pairs, where)
        assert plan.pairs_in_mask == mask.sum(), where
        assert plan.pairs_computed == plan.pairs_issued == pairs.sum(), where
        assert plan.pairs_lost == (mask & ~pairs).sum(), where
    assert 0 < refused < 30


@pytest.mark.parametrize("adjacent", [1, 2])
def test_adjacent_frames_whole_and_half(adjacent: int) -> None:
    """The query's frame and the next of 3840 tokens: all blocks, or a band of half a frame."""
    blocks = blocks_of(plan_of(6, 3840, adjacent=adjacent, block=128))
    own, beside = blocks[30:60, 30:60], blocks[30:60, 60:90]
    assert own.all()
    assert beside.all() == (adjacent == 1)
    offset = np.abs(np.arange(30)[:, None] - np.arange(30))
    if adjacent == 2:  # 1920 tokens are 15 blocks, and 86 columns of the next are dense: 0.67
        assert (beside == (offset <= 15)).all()


#  Where it does not apply


@pytest.mark.parametrize("block", [64, 128])
@pytest.mark.parametrize(("frames", "patches"), [(21, 1560), (21, 3600)])
def test_sizes_where_the_reference_fails(frames: int, patches: int, block: int) -> None:
    with pytest.raises(falloff.CompileError) as caught:
        plan_of(frames, patches, block=block)
    for words in (f"{frames} frames of {patches}", f"blocks of {block}", "shape mismatch"):
        assert words in str(caught.value)
    assert "nearest, outward or exact" in str(caught.value)
    mask = falloff.load("radial_reference", block=block).bind(
        frames=frames, tokens_per_frame=patches
    )
    assert (
        mask.plan(rounding="nearest").pairs_lost < 0.1 * mask.plan(rounding="exact").pairs_in_mask
    )


LIMITED = """\
mask.pattern @limited(%block: count = 16) over video(%frame: ?, %patch: ?) {
  %causal = causal %frame
  %band = within 1 of %patch
  keep about %band only %causal
}
"""
BOUNDED = LIMITED.replace("keep about %band only", "%inner = bounded %band by").replace(
    "%causal\n}", "%causal\n  keep about %inner\n}"
)
UNSEEN_TEXT = """\
mask.pattern @unseen(%block: count = 16) over video(%frame: ?, %patch: ?), text(%token: ?) {
  %text = keys in %token
  %band = within 1 of %patch
  keep %text about %band
}
"""

LINE = """\
mask.pattern @line(%block: count = 4) over (%token: ?) {
  %near = within 2 of %token
  keep %near
}
"""


def refused(mask: falloff.Mask, *words: str, **options: Any) -> None:
    with pytest.raises(falloff.CompileError) as caught:
        mask.plan(rounding="radial-reference", **options)
    for word in words:
        assert word in str(caught.value)


def test_patterns_that_it_does_not_fit(tmp_path: Path) -> None:
    def bind(pattern: str, **sizes: Any) -> falloff.Mask:
        path = tmp_path / "pattern.mlir"
        path.write_text(pattern)
        return falloff.load(str(path)).bind(frames=4, tokens_per_frame=32, **sizes)

    for pattern in ("radial", "dense"):
        mask = falloff.load(pattern).bind(frames=4, tokens_per_frame=32)
        refused(mask, "parameter 'block'", f"@{pattern}", "radial_reference", "nearest")
    for text in (LIMITED, BOUNDED):
        refused(bind(text), "without limits", "@limited", "nearest")
    refused(bind(UNSEEN_TEXT, text=16), "text sees and is seen by all", "@unseen")
    assert bind(UNSEEN_TEXT, text=0).plan(rounding="radial-reference").tokens == 128
    whole = LIMITED.replace("count = 16", "real = 0.5")
    refused(bind(whole), "whole number from 1", "0.5")
    path = tmp_path / "line.mlir"
    path.write_text(LINE)
    refused(falloff.load(str(path)).bind(tokens=40), "expects frames", "tokens(token)")


def test_segments_and_sizes_that_it_does_not_fit() -> None:
    pattern = falloff.load("radial_reference", block=64)
    sizes = {"frames": 4, "tokens_per_frame": 64, "text": 64}
    refused(pattern.bind(**sizes, order=("text", "video")), "expects frames", "text(token), video")
    refused(pattern.bind(frames=1, tokens_per_frame=63), "0 blocks")
    mask = pattern.bind(**sizes)
    refused(mask, "grid flat", "'box'", grid="box")
    refused(mask, "tiles of 64, the pattern's block", "'128'", tile=128)
    refused(mask, "tiles of 64, the pattern's block", "'32'", tile_key=32)
    refused(mask, "one number", "1x64", tile="1x64")
    assert str(mask.plan(rounding="radial-reference")) == str(
        mask.plan(rounding="radial-reference", grid="flat", tile=64)
    )


def test_other_plans_keep_their_grid() -> None:
    mask = falloff.load("radial_reference", block=64).bind(frames=4, tokens_per_frame=64)
    assert mask.plan().as_dict()["grid"]["kind"] == "box"
    assert mask.plan(rounding="exact", grid="flat").as_dict()["grid"]["query_tile"] == 128


#  Running it


def tensors(tokens: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal((1, tokens, 2, 16), dtype=np.float32) for _ in range(3)]


@pytest.mark.parametrize(
    ("sizes", "parameters"),
    [
        ((5, 64, 32), {"block": 32, "rule": "hunyuan"}),
        ((8, 100), {"block": 32, "decay": 0.5}),  # 100 = 3 x 32 + 4
        ((8, 60), {"block": 32, "decay": 0.1, "rule": "hunyuan", "adjacent": 2}),
    ],
)
def test_it_runs_where_its_grid_covers_every_token(
    sizes: tuple[int, ...], parameters: dict[str, Any]
) -> None:
    plan = plan_of(*sizes, **parameters)
    q, k, v = tensors(plan.tokens)
    pairs = np.broadcast_to(plan.to_dense(), (1, 2, plan.tokens, plan.tokens))
    out, lse = falloff.attention(q, k, v, plan, return_lse=True)
    exact_attention.check(out, lse, exact_attention.attention(q, k, v, pairs), "fp32")


def test_a_query_may_lose_all_of_its_keys() -> None:
    """60 tokens in blocks of 32 begin late in a block: the end of a frame is in a third one."""
    plan = plan_of(8, 60, block=32, decay=0.1, rule="hunyuan", adjacent=2)
    empty = ~plan.to_dense().any(axis=1)
    assert empty.any()
    q, k, v = tensors(plan.tokens)
    out, lse = falloff.attention(q, k, v, plan, return_lse=True)
    assert (out[:, empty] == 0).all()
    assert np.isneginf(lse[:, :, empty]).all()
    assert np.isfinite(lse[:, :, ~empty]).all()


def test_it_does_not_run_where_tokens_are_left_out() -> None:
    plan = plan_of(6, 100, block=64)  # 9 blocks cover 576 of 600 tokens
    assert plan.pairs_lost > 0
    q, k, v = tensors(plan.tokens)
    with pytest.raises(falloff.CompileError, match=r"cover all 600 tokens, but got .* covers 576"):
        falloff.attention(q, k, v, plan)


def test_blocks_to_export() -> None:
    """Only blocks that cover every token; and only of the pattern's size."""
    mask = falloff.load("radial_reference", block=32, decay=0.5).bind(
        frames=8, tokens_per_frame=100
    )
    bsr = mask.to_bsr(32, rounding="radial-reference")
    plan = mask.plan(rounding="radial-reference")
    np.testing.assert_array_equal(bsr.to_dense(), plan.to_dense())
    with pytest.raises(falloff.CompileError, match="tiles of 32, the pattern's block"):
        mask.to_bsr(64, rounding="radial-reference")
    mask = falloff.load("radial_reference", block=64).bind(frames=6, tokens_per_frame=100)
    with pytest.raises(ValueError, match=r"cover all 600 tokens .* cover 576"):
        mask.to_bsr(64, rounding="radial-reference")


def test_key_major_and_slices() -> None:
    mask = falloff.load("radial_reference", block=32, decay=0.1).bind(
        frames=9, tokens_per_frame=96, text=32
    )
    pairs = mask.plan(rounding="radial-reference").to_dense()
    turned = mask.plan(rounding="radial-reference", major="key")
    np.testing.assert_array_equal(turned.to_dense(), pairs)
    cut = mask.slice(queries=(100, 500)).plan(rounding="radial-reference")
    np.testing.assert_array_equal(cut.to_dense(), pairs[100:500])
    assert cut.pairs_computed == pairs[100:500].sum()
    kept = mask.to_dense()[100:500]
    assert (cut.pairs_in_mask, cut.pairs_lost) == (kept.sum(), (kept & ~pairs[100:500]).sum())


def test_heads_that_differ(tmp_path: Path) -> None:
    """A table for each decay; but one block for all."""
    library = Path(__file__).resolve().parents[2] / "patterns" / "radial_reference.mlir"
    sizes = {"frames": 9, "tokens_per_frame": 160}

    def load(old: str, new: str, **values: Any) -> falloff.Mask:
        assert old in library.read_text()
        path = tmp_path / "radial_reference.mlir"
        path.write_text(library.read_text().replace(old, new))
        return falloff.load(str(path), **values).bind(**sizes)

    mask = load("%decay: real =", "%decay: real per head =", decay=[0.1, 1.0, 0.1], block=32)
    plan = mask.plan(rounding="radial-reference")
    for head, decay in enumerate((0.1, 1.0, 0.1)):
        mask = falloff.load("radial_reference", decay=decay, block=32).bind(**sizes)
        alone = mask.plan(rounding="radial-reference")
        assert plan.rows(head=head) == alone.rows()
    assert plan.rows(head=0) != plan.rows(head=1)
    refused(
        load("%block: count =", "%block: count per head =", block=[32, 64]), "one number for all"
    )
