# SPDX-License-Identifier: Apache-2.0
"""Exporters: block sparse rows and torch's BlockMask hold the pairs that the mask holds."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import falloff
import numpy as np
import pytest

from random_cases import random_case
from test_api import PER_HEAD
from test_patterns import EXAMPLES, Example
from test_properties import heads_of, load

torch = pytest.importorskip("torch")


def whole_mask(block_mask: Any, mask: falloff.Mask, head: int) -> np.ndarray:
    """The pairs of a BlockMask: all of full blocks, those of its mask_mod of partial ones."""
    tokens = torch.arange(mask.tokens)
    asked = torch.tensor(0), torch.tensor(head), tokens[:, None], tokens[None, :]
    pairs = block_mask.mask_mod(*asked)
    assert pairs.dtype == torch.bool
    found = np.zeros((mask.tokens, mask.tokens), bool)
    row = head if block_mask.kv_indices.shape[1] > 1 else 0
    height, width = block_mask.BLOCK_SIZE
    for full, (counts, indices) in enumerate(
        (
            (block_mask.kv_num_blocks, block_mask.kv_indices),
            (block_mask.full_kv_num_blocks, block_mask.full_kv_indices),
        )
    ):
        for query, count in enumerate(counts[0, row].tolist()):
            for key in indices[0, row, query, :count].tolist():
                at = np.s_[query * height : (query + 1) * height, key * width : (key + 1) * width]
                assert not found[at].any(), "a block is listed once"
                found[at] = True if full else pairs[at].numpy()
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_blocks_of_library_patterns(example: Example) -> None:
    mask = example.mask()
    expected = mask.to_dense(head=example.head)
    for block in (16, (7, 24)):
        bsr = mask.to_bsr(block, head=example.head)
        np.testing.assert_array_equal(bsr.to_dense(), expected)
        block_mask = mask.to_flex_block_mask(block)
        found = whole_mask(block_mask, mask, example.head or 0)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("number", range(40))
def test_blocks_of_random_patterns(number: int, tmp_path: Path) -> None:
    case = random_case(5_000 + number)
    mask = load(case, tmp_path).bind(order=case.order, **case.extents, **case.parameters)
    if mask.tokens == 0:
        return
    rng = random.Random(number)
    block = rng.choice([1, 3, 8, 16]), rng.choice([1, 5, 8, 32])
    rounding = rng.choice(["exact", "exact", "outward", "nearest", "nearest:0.3"])
    plan = mask.plan(grid="flat", tile_query=block[0], tile_key=block[1], rounding=rounding)
    block_mask = mask.to_flex_block_mask(block, rounding=rounding)
    for head in heads_of(case):
        expected = plan.to_dense(head=head)
        if rounding == "exact":
            np.testing.assert_array_equal(expected, mask.to_dense(head=head))
        bsr = mask.to_bsr(block, rounding=rounding, head=head)
        np.testing.assert_array_equal(bsr.to_dense(), expected, err_msg=case.text)
        found = whole_mask(block_mask, mask, head or 0)
        np.testing.assert_array_equal(found, expected, err_msg=case.text)
        # FlexAttention without compilation asks the mask_mod about every pair.
        tokens = torch.arange(mask.tokens)
        asked = torch.tensor(0), torch.tensor(head or 0), tokens[:, None], tokens[None, :]
        np.testing.assert_array_equal(block_mask.mask_mod(*asked).numpy(), expected)


def test_transposed_blocks_are_those_that_torch_makes() -> None:
    from torch.nn.attention.flex_attention import BlockMask

    mask = falloff.load("radial", decay=0.5).bind(frames=9, tokens_per_frame=61, text=13)
    ours = mask.to_flex_block_mask((32, 16))
    theirs = BlockMask.from_kv_blocks(
        ours.kv_num_blocks, ours.kv_indices, ours.full_kv_num_blocks, ours.full_kv_indices
    )
    assert (ours.full_kv_num_blocks.sum(), ours.kv_num_blocks.sum()) > (0, 0)
    for name in ("q_num_blocks", "q_indices", "full_q_num_blocks", "full_q_indices"):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name))


def test_block_masks_are_those_of_torch() -> None:
    """create_block_mask of the same mask_mod; where tokens fill the blocks both agree on all."""
    from torch.nn.attention.flex_attention import create_block_mask

    mask = falloff.load("radial", decay=0.5).bind(frames=8, tokens_per_frame=64)
    ours = mask.to_flex_block_mask(32)
    theirs = create_block_mask(
        ours.mask_mod, None, None, mask.tokens, mask.tokens, device="cpu", BLOCK_SIZE=32
    )
    assert (ours.shape, ours.BLOCK_SIZE) == (theirs.shape, theirs.BLOCK_SIZE)
    for side in ("kv", "full_kv", "q", "full_q"):
        for part in ("num_blocks", "indices"):
            name = f"{side}_{part}"
            torch.testing.assert_close(getattr(ours, name), getattr(theirs, name))


def test_bsr_is_what_it_says() -> None:
    mask = falloff.load("causal").bind(tokens=100)
    bsr = mask.to_bsr(32)
    assert bsr.indptr.tolist() == [0, 1, 3, 6, 10]
    assert bsr.indices.tolist() == [0, 0, 1, 0, 1, 2, 0, 1, 2, 3]
    assert bsr.full.tolist() == [False, True, False, True, True, False, True, True, True, False]
    assert (bsr.block, bsr.shape, bsr.padded_shape) == ((32, 32), (100, 100), (128, 128))
    assert bsr.values is not None
    assert bsr.values.shape == (10, 32, 32)
    assert bsr.values.sum() == 100 * 101 // 2
    bare = mask.to_bsr(32, values=False)
    assert bare.values is None
    np.testing.assert_array_equal(bare.indices, bsr.indices)
    with pytest.raises(ValueError, match="with values"):
        bare.to_dense()


@pytest.mark.filterwarnings("ignore:Sparse BSR tensor support is in beta")
def test_bsr_in_torch() -> None:
    mask = falloff.load("radial", decay=0.5).bind(frames=5, tokens_per_frame=21, text=3)
    bsr = mask.to_bsr(16)
    arrays = (torch.from_numpy(array) for array in bsr[:3])
    sparse = torch.sparse_bsr_tensor(*arrays, size=bsr.padded_shape, check_invariants=True)
    dense = sparse.float().to_dense()[: mask.tokens, : mask.tokens].numpy() != 0
    np.testing.assert_array_equal(dense, mask.to_dense())


def test_bsr_of_a_mask_of_the_size_of_a_video_model() -> None:
    """Its blocks are counted pair by pair where rows are few, and by the plan elsewhere."""
    mask = falloff.load("radial", decay=0.2).bind(frames=33, tokens_per_frame=3600)
    bsr = mask.to_bsr(128, values=False)
    assert bsr.indptr[-1] == len(bsr.indices) == len(bsr.full)
    assert bsr.full.any()
    assert not bsr.full.all()
    for row in (0, 400, 927):  # some blocks of three rows, by the interpreter
        kept = bsr.indices[bsr.indptr[row] : bsr.indptr[row + 1]]
        queries = list(range(row * 128, min((row + 1) * 128, mask.tokens), 9))
        keys = list(range(0, mask.tokens, 9))
        pairs = mask._impl.sample(queries, keys, 0)
        seen = {int(key) // 128 for key in np.array(keys)[pairs.any(axis=0)]}
        assert seen <= set(kept.tolist())
    with pytest.raises(ValueError, match="2\\^31 pairs"):
        mask.to_bsr(128)


def attend(mask: falloff.Mask, block_mask: Any, flex: Any, heads: int = 2) -> tuple[Any, Any]:
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, heads, mask.tokens, 32) for _ in range(3))
    theirs = flex(q, k, v, block_mask=block_mask)
    return theirs, falloff.attention(q, k, v, mask.plan(rounding="exact"), layout="BHSD")


MODELS: list[tuple[str, dict[str, Any]]] = [
    ("radial", {"frames": 7, "tokens_per_frame": 45, "text": 9, "decay": 0.4}),
    ("radial_2d", {"frames": 5, "height": 7, "width": 9, "text": 2}),
    ("sliding_tile", {"frames": 7, "height": 9, "width": 9, "text": 5}),
    ("block_causal", {"frames": 9, "tokens_per_frame": 30, "chunk": 2, "window": 4}),
    ("streaming_llm", {"tokens": 301, "recent": 40}),
    ("neighborhood", {"frames": 6, "height": 9, "width": 8, "depth": 3, "dilation": 2}),
]


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize(("name", "sizes"), MODELS, ids=lambda part: str(part)[:13])
def test_flex_attention_on_the_cpu(name: str, sizes: dict[str, Any]) -> None:
    from torch.nn.attention.flex_attention import flex_attention

    mask = falloff.load(name).bind(**sizes)
    theirs, ours = attend(mask, mask.to_flex_block_mask(64), flex_attention)
    torch.testing.assert_close(theirs, ours, atol=2e-5, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flex_attention_with_heads_that_differ(tmp_path: Path) -> None:
    from torch.nn.attention.flex_attention import flex_attention

    path = tmp_path / "heads.mlir"
    path.write_text(PER_HEAD)
    mask = falloff.load(f"{path}:@heads", kind=["near", "far", "near"]).bind(token=77)
    assert mask.heads == 3
    block_mask = mask.to_flex_block_mask(16)
    assert block_mask.kv_indices.shape == (1, 3, 5, 5)
    theirs, ours = attend(mask, block_mask, flex_attention, heads=3)
    torch.testing.assert_close(theirs, ours, atol=2e-5, rtol=1e-4)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles for the CPU with g++")
def test_compiled_flex_attention() -> None:
    from torch.nn.attention.flex_attention import flex_attention

    compiled = torch.compile(flex_attention, dynamic=False)
    mask = falloff.load("radial", decay=0.4).bind(frames=7, tokens_per_frame=45, text=9)
    theirs, ours = attend(mask, mask.to_flex_block_mask(64), compiled)
    torch.testing.assert_close(theirs, ours, atol=2e-5, rtol=1e-4)


def test_what_cannot_be_exported() -> None:
    mask = falloff.load("causal").bind(tokens=64)
    part = mask.slice(queries=(0, 32))
    for export in (part.to_bsr, part.to_flex_block_mask):
        with pytest.raises(ValueError, match="a whole mask to export in blocks, but got a slice"):
            export()
    with pytest.raises(falloff.CompileError, match="rounding"):
        mask.to_bsr(rounding="inward")
    with pytest.raises(TypeError, match="block"):
        mask.to_bsr("16")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"as \(queries, keys\), but got \(64, 64, 64\)"):
        mask.to_bsr((64, 64, 64))  # type: ignore[arg-type]
