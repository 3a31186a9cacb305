# SPDX-License-Identifier: Apache-2.0
"""What the tile search leaves alone and what it chooses."""

import falloff
import pytest
from falloff import Plan


def tiles(plan: Plan) -> dict[str, list[int]]:
    return {part["name"]: part["query_tile"] for part in plan.as_dict()["grid"]["segments"]}


def test_a_given_tile_leaves_the_other_segments_to_the_search() -> None:
    mask = falloff.load("radial_2d").bind(frames=5, height=30, width=52, text=226)
    partly, plain = mask.plan(tile="text=64"), mask.plan(tile="video=1x1x52,text=64")
    assert tiles(partly)["text"] == [64]
    assert min(tiles(partly)["video"][1:]) > 1, "a box of rows and columns, not a strip"
    assert partly.pairs_issued < plain.pairs_issued


def test_a_tile_of_an_empty_segment_decides_nothing() -> None:
    mask = falloff.load("radial").bind(frames=8, height=4, width=4)
    assert mask.plan(tile="text=128").pairs_issued == mask.plan().pairs_issued


def test_tiles_are_not_chosen_for_what_they_lose() -> None:
    """Boxes of 8 and 16 frames would drop a third of this mask, whose bands are thin."""
    mask = falloff.load("radial_reference", rule="hunyuan", decay=1.0).bind(
        frames=28, tokens_per_frame=1590, text=256
    )
    across = mask.plan(tile_query="8x16", tile_key="16x16")
    assert across.pairs_lost > 0.3 * across.pairs_in_mask
    assert across.pairs_computed < mask.plan(tile="1x128").pairs_computed
    chosen = mask.plan()
    assert chosen.pairs_lost < 0.1 * chosen.pairs_in_mask


@pytest.mark.parametrize("target", ["cpu", "sm_80", "sm_90"])
def test_tiles_that_fill_a_window_are_found(target: str) -> None:
    """Windows of 6x8x8 blocks hold whole boxes of 2x8x8, and so no pair is issued in vain."""
    mask = falloff.load("sliding_tile").bind(frames=30, height=48, width=80, text=256)
    plan = mask.plan(target=target)
    assert tiles(plan) == {"video": [2, 8, 8], "text": [128]}
    assert plan.pairs_issued == plan.pairs_computed


def test_boxes_of_rounded_sets_hold_one_frame() -> None:
    """Rounding goes by frames."""
    mask = falloff.load("radial_2d").bind(frames=12, height=28, width=44)
    assert tiles(mask.plan(target="sm_80"))["video"][0] == 1
    assert tiles(mask.plan(target="sm_80", rounding="exact"))["video"][0] > 1
