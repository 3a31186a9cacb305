# SPDX-License-Identifier: Apache-2.0
"""What the tile search leaves alone and what it chooses."""

import falloff
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
    assert mask.plan(tile="128").pairs_issued == mask.plan().pairs_issued
