# SPDX-License-Identifier: Apache-2.0
"""A mask as one HTML page with zoom and hover. It holds its data and loads nothing.

The page shows the tiles of a plan in grid order, with the class of each pair of tiles, its pairs in
the mask and its pairs computed; of small masks every pair too. `page.html#q=1200&k=300` opens it at
a query and a key.
"""

from __future__ import annotations

import base64
import html
import json
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from falloff import _falloff
from falloff._picture import write_whole
from falloff._plan import Plan
from falloff._progress import Progress
from falloff._values import one_line

if TYPE_CHECKING:
    from falloff._mask import Mask

_MAX_TILE_PAIRS = 1_500_000  # of a page; 1,200 tiles of queries by as many of keys
_MAX_PAIRS = 1 << 21  # of a mask that is drawn pair by pair
_KINDS = ("skipped", "full", "limited", "partial")


def write(path: str | os.PathLike[str], mask: Mask, plan: Plan | None, head: int) -> None:
    """Writes the page; ``path`` holds a whole one or what it held before.

    Raises TypeError for what is no plan, ValueError for a slice, a plan of another mask, a
    key-major plan, and a plan of too many tiles.
    """
    text = page(mask, plan, head)
    write_whole(Path(path), text.encode())


def page(mask: Mask, plan: Plan | None, head: int) -> str:
    data = json.dumps(describe(mask, plan, head), separators=(",", ":"))
    template = Path(__file__).with_name("_page.html").read_text(encoding="utf-8")
    title = html.escape(f"@{mask.name}, {mask.tokens:,} tokens")
    # In a script "</" would end it; JSON may write it otherwise.
    data = data.replace("</", "<\\/")
    return template.replace("{{title}}", title).replace("{{data}}", data)


def describe(mask: Mask, plan: Plan | None, head: int) -> dict[str, Any]:
    """What the page holds. Arrays are base64 of zlib of little-endian, row-major values."""
    whole = (0, mask.tokens)
    if (mask.queries, mask.keys) != (whole, whole):
        raise ValueError("expects a whole mask for a page, but got a slice")
    if mask.tokens == 0:
        raise ValueError("expects tokens to draw, but got none")
    coarser = False
    if plan is not None:
        _check_plan(mask, plan)
    else:
        plan = mask.plan()
        plan, coarser = _fitting(mask, plan)
    impl = plan._impl
    if impl.major != "query":
        raise ValueError("expects a query-major plan for a page, but got a key-major one")
    grid = impl.grid
    if grid.query_tiles * grid.key_tiles > _MAX_TILE_PAIRS:
        raise ValueError(
            f"expects at most {_MAX_TILE_PAIRS:,} pairs of tiles in a page, but got "
            f"{grid.query_tiles:,} x {grid.key_tiles:,}; larger tiles are fewer"
        )
    index = head if plan.heads else 0
    kinds = _kinds(plan, index)
    in_mask, computed = _counts(plan, index)
    if grid.kind == "flat":
        kinds, in_mask, computed = _with_tail(mask, grid, index, kinds, in_mask, computed)
    table = impl.tables[impl.table_of[index]]
    result: dict[str, Any] = {
        "pattern": mask.name,
        "parameters": {name: str(value) for name, value in mask.parameters.items()},
        "tokens": mask.tokens,
        "head": head if mask.heads else None,
        "density": table.pairs_in_mask / mask.tokens**2,
        "rounding": impl.rounding,
        "coarser": coarser,
        "grid": plan.as_dict()["grid"],
        "pairs": {
            name: getattr(table, f"pairs_{name}") for name in ("in_mask", "computed", "lost")
        },
        "tiles": {name: int((kinds == code).sum()) for code, name in enumerate(_KINDS)},
        "kinds": _packed(kinds),
        "in_mask": _packed(in_mask.astype("<u4")),
        "computed": _packed(computed.astype("<u4")),
        "mask_bits": None,
        "computed_bits": None,
    }
    if mask.tokens**2 <= _MAX_PAIRS:
        result["mask_bits"] = _bits(_dense(mask, head))
        result["computed_bits"] = _bits(plan.to_dense(head=head if plan.heads else None))
    return result


def _check_plan(mask: Mask, plan: Plan) -> None:
    """Raises TypeError for what is no plan, ValueError for a plan of another mask."""
    if not isinstance(plan, Plan):
        raise TypeError(f"expects plan to be a falloff.Plan, but got {one_line(plan)}")
    impl = plan._impl
    cheap = mask.plan(grid="flat", tile=min(mask.tokens, 1 << 16))  # for its segments alone
    for what, of_mask, of_plan in (
        ("pattern", f"@{mask.name}", f"@{impl.pattern}"),
        ("tokens", f"{mask.tokens:,}", f"{plan.tokens:,}"),
        ("queries", mask.queries, impl.grid.queries),
        ("keys", mask.keys, impl.grid.keys),
        ("parameters", mask.parameters, plan._parameters),
        ("heads", mask.heads, plan.heads),
        ("segments", _segments(cheap), _segments(plan)),
    ):
        if of_mask != of_plan:
            raise ValueError(
                f"expects a plan of this mask, with {what} {of_mask}, but got one with {of_plan}"
            )


def _segments(plan: Plan) -> str:
    held = (segment for segment in plan._impl.grid.segments if all(segment.extents))
    parts = sorted((segment.first_token, segment.name, segment.extents) for segment in held)
    return " + ".join(f"{name} {' x '.join(map(str, extents))}" for _, name, extents in parts)


def _fitting(mask: Mask, plan: Plan) -> tuple[Plan, bool]:
    """The plan, or one with larger tiles where there are too many; the leading axis, which frames
    lie along, is merged last."""
    grid = plan._impl.grid
    tiles = {
        side: {
            segment.name: list(getattr(segment, f"{side}_tile"))
            for segment in grid.segments
            if all(segment.extents)
        }
        for side in ("query", "key")
    }
    extents = {segment.name: segment.extents for segment in grid.segments}

    def count(side: str) -> int:
        return sum(
            int(np.prod([-(-n // t) for n, t in zip(extents[name], tile, strict=True)]))
            for name, tile in tiles[side].items()
        )

    if count("query") * count("key") <= _MAX_TILE_PAIRS:
        return plan, False
    while count("query") * count("key") > _MAX_TILE_PAIRS:
        side = max(("query", "key"), key=count)
        name = max(
            tiles[side],
            key=lambda name: np.prod(np.divide(extents[name], tiles[side][name])),
        )
        tile = tiles[side][name]
        axis = max(axis for axis, n in enumerate(extents[name]) if tile[axis] < n)
        tile[axis] = min(2 * tile[axis], extents[name][axis])
    made = mask.plan(tile_query=tiles["query"], tile_key=tiles["key"], rounding=plan._impl.rounding)
    return made, True


def _kinds(plan: Plan, head: int) -> NDArray[np.uint8]:
    """uint8 (query tiles, key tiles): an index of _KINDS."""
    grid = plan._impl.grid
    kinds = np.zeros((grid.query_tiles, grid.key_tiles), np.uint8)
    for row, runs in enumerate(plan.rows(head=head if plan.heads else None)):
        for first, last, kind in runs:
            kinds[row, first:last] = _KINDS.index(kind)
    return kinds


def _counts(plan: Plan, head: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs in the mask, and pairs computed, of each pair of tiles."""
    rows = plan._impl.grid.query_tiles
    step = max(1, rows // 64)
    parts = []
    with Progress(rows, after=1.0) as progress:
        for first in range(0, rows, step):
            last = min(first + step, rows)
            parts.append(plan._impl.tile_pairs(first, last, head, 0))
            progress.advance(last - first, "counting pairs")
    counts = np.concatenate(parts)
    return counts[..., 0], counts[..., 1]


def _with_tail(
    mask: Mask,
    grid: _falloff.Grid,
    head: int,
    kinds: NDArray[np.uint8],
    in_mask: NDArray[np.int64],
    computed: NDArray[np.int64],
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """The same over tiles of all tokens.

    Blocks of radial-reference leave a last part of a block out: it is skipped, and of its pairs
    none is computed, but the mask may have some.
    """
    rows, columns = -(-grid.tokens // grid.flat_query_tile), -(-grid.tokens // grid.flat_key_tile)
    if kinds.shape == (rows, columns):
        return kinds, in_mask, computed
    tail = ((0, rows - kinds.shape[0]), (0, columns - kinds.shape[1]))
    whole = mask.plan(
        grid="flat",
        tile_query=grid.flat_query_tile,
        tile_key=grid.flat_key_tile,
        rounding="exact",
    )
    return np.pad(kinds, tail), _counts(whole, head)[0], np.pad(computed, tail)


def _dense(mask: Mask, head: int) -> NDArray[np.bool_]:
    """All pairs, by the reference interpreter."""
    tokens = list(range(mask.tokens))
    step = max(1, mask.tokens // 64)
    parts = []
    with Progress(mask.tokens, after=1.0) as progress:
        for first in range(0, mask.tokens, step):
            parts.append(mask._impl.sample(tokens[first : first + step], tokens, head))
            progress.advance(step, "drawing pairs")
    return np.concatenate(parts)


def _bits(pairs: NDArray[np.bool_]) -> str:
    """By token number, queries row by row, the first in the lowest bit."""
    return _packed(np.packbits(pairs, bitorder="little"))


def _packed(values: NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(values.tobytes(), 9)).decode()
