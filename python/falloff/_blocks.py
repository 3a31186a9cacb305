# SPDX-License-Identifier: Apache-2.0
"""Masks as block-sparse data of other libraries: block sparse rows, and torch's BlockMask.

Both are ranges of tokens, so both are made from a plan on the flat grid, at the cost of its runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from falloff import _falloff
from falloff._plan import Plan
from falloff._program import Pairs, Program
from falloff._values import one_line, to_size

if TYPE_CHECKING:
    from falloff._mask import Mask

_FULL, _PARTIAL = 0, 1  # tests of a run; above, bit j of test - 1 is a limit that fills the tile
_MAX_VALUES = 2**31
_ROWS = 256  # sorted at a time, since numpy sorts to int64


class Bsr(NamedTuple):
    """A mask in block sparse rows. The last block of a row or a column may reach past the mask;
    there it holds nothing.

    arrays = (torch.from_numpy(array) for array in bsr[:3])
    torch.sparse_bsr_tensor(*arrays, size=bsr.padded_shape)
    """

    indptr: NDArray[np.int64]
    """(query blocks + 1,): the blocks of row i are ``indices[indptr[i]:indptr[i + 1]]``."""
    indices: NDArray[np.int64]
    """(blocks,): key blocks of each row, ascending."""
    values: NDArray[np.bool_] | None
    """(blocks, block[0], block[1]): the pairs of each block; None if they were not asked for."""
    full: NDArray[np.bool_]
    """(blocks,): whether the plan knows the block to hold every pair inside the mask."""
    block: tuple[int, int]
    """Tokens of a block: queries, keys."""
    shape: tuple[int, int]
    """Of the mask: queries, keys."""

    @property
    def padded_shape(self) -> tuple[int, int]:
        """The shape in whole blocks."""
        rows, columns = (
            -(-tokens // size) * size for tokens, size in zip(self.shape, self.block, strict=True)
        )
        return rows, columns

    def to_dense(self) -> NDArray[np.bool_]:
        """bool (queries, keys)."""
        if self.values is None:
            raise ValueError("expects a Bsr with values; ask to_bsr for them")
        rows, columns = self.block
        height, width = self.padded_shape
        blocks = np.zeros((height // rows, width // columns, rows, columns), np.bool_)
        blocks[_rows(self.indptr), self.indices] = self.values
        dense = blocks.swapaxes(1, 2).reshape(height, width)
        return dense[: self.shape[0], : self.shape[1]]


class _Tiles(NamedTuple):
    """The kept tiles of one table of a flat plan, in order."""

    indptr: NDArray[np.int64]
    columns: NDArray[np.int64]
    tests: NDArray[np.int64]


def _rows(indptr: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))


def _tiles(table: _falloff.RowTable) -> _Tiles:
    runs, starts = table.runs, table.row_start.astype(np.int64)
    lengths = runs[:, 1] - runs[:, 0]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    columns = np.arange(ends[-1]) + np.repeat(runs[:, 0] - ends[:-1], lengths)
    return _Tiles(ends[starts], columns, np.repeat(runs[:, 2], lengths))


def flat_plan(mask: Mask, block: int | tuple[int, int], rounding: str) -> Plan:
    """The mask in blocks of ranges of tokens. Raises ValueError for slices, whose tiles need not
    begin where the slice does, and for blocks of radial-reference that leave tokens out."""
    whole = (0, mask.tokens)
    if (mask.queries, mask.keys) != (whole, whole):
        raise ValueError("expects a whole mask to export in blocks, but got a slice")
    query, key = _sides(block)
    plan = mask.plan(
        grid="flat",
        tile_query=query,
        tile_key=key,
        rounding=rounding,
    )
    grid = plan._impl.grid
    covered = grid.query_tiles * grid.flat_query_tile
    if covered < mask.tokens:
        raise ValueError(
            f"expects blocks that cover all {mask.tokens:,} tokens to export, but got those of "
            f"{rounding} that cover {covered:,}; rounding nearest, outward or exact covers all"
        )
    return plan


def _sides(block: object) -> tuple[int, int]:
    """Tokens of a block: queries, keys."""
    sides = tuple(block) if isinstance(block, (tuple, list)) else (block, block)
    if len(sides) != 2:
        raise ValueError(
            f"expects block as tokens or as (queries, keys), but got {one_line(block)}"
        )
    return to_size("block", sides[0]), to_size("block", sides[1])


def to_bsr(mask: Mask, block: int | tuple[int, int], rounding: str, head: int, values: bool) -> Bsr:
    plan = flat_plan(mask, block, rounding)
    impl = plan._impl
    table = impl.table_of[head if plan.heads else 0]
    tiles = _tiles(impl.tables[table])
    size = (impl.grid.flat_query_tile, impl.grid.flat_key_tile)
    pairs = None
    if values:
        total = len(tiles.columns) * size[0] * size[1]
        if total > _MAX_VALUES:
            raise ValueError(
                f"expects values of at most 2^31 pairs, but got {total:,}; pass values=False"
            )
        pairs = _values(tiles, Program(impl, table), size, mask.tokens)
    shape = (mask.tokens, mask.tokens)
    return Bsr(tiles.indptr, tiles.columns, pairs, tiles.tests == _FULL, size, shape)


def _values(
    tiles: _Tiles, program: Program, size: tuple[int, int], tokens: int
) -> NDArray[np.bool_]:
    """The pairs of each tile, row by row of tiles."""
    values = np.zeros((len(tiles.columns), *size), np.bool_)
    for row, (first, last) in enumerate(zip(tiles.indptr, tiles.indptr[1:], strict=False)):
        queries = np.arange(row * size[0], min((row + 1) * size[0], tokens))[:, None, None]
        keys = tiles.columns[first:last, None] * size[1] + np.arange(size[1])
        inside = keys < tokens
        kept = _kept(program, np.minimum(keys, tokens - 1), queries, tiles.tests[first:last, None])
        values[first:last, : len(queries)] = (kept & inside).swapaxes(0, 1)
    return values


def _kept(program: Program, keys: Any, queries: Any, tests: Any) -> Any:
    """Pairs that tiles of these tests compute."""
    kept = (tests == _FULL) | program.contains(queries, keys)
    for group, limit in enumerate(program.limits):
        filled = ((tests - _PARTIAL) >> group & 1 != 0) & (tests > _PARTIAL)
        if np.any(filled):
            kept = kept | (filled & limit(queries, keys))
    return kept


def to_flex_block_mask(mask: Mask, block: int | tuple[int, int], rounding: str, device: Any) -> Any:
    try:
        import torch
        from torch.nn.attention.flex_attention import BlockMask
    except ImportError:
        raise ImportError(
            "expects torch 2.6 or later for a BlockMask, but found none; pip install torch"
        ) from None
    plan = flat_plan(mask, block, rounding)
    impl = plan._impl
    size = (impl.grid.flat_query_tile, impl.grid.flat_key_tile)
    heads = [impl.table_of[head] for head in range(max(plan.heads, 1))]
    tables = [_tiles(table) for table in impl.tables]
    shape = (impl.grid.query_tiles, impl.grid.key_tiles)

    def tensor(values: NDArray[Any]) -> Any:
        return torch.from_numpy(np.array(values)).to(device)

    def ordered(full: bool, transposed: bool) -> tuple[Any, Any]:
        """Numbers and lists of the full or of the other blocks: (1, heads, rows[, columns])."""
        dense = [_dense(tiles, (tiles.tests == _FULL) == full, shape) for tiles in tables]
        lists = [_ordered(kept.T if transposed else kept) for kept in dense]
        counts, indices = (
            tensor(np.stack([lists[t][part] for t in heads])[None]) for part in (0, 1)
        )
        return counts, indices

    blocks: dict[str, Any] = {}
    for name, full, transposed in (
        ("kv", False, False),
        ("full_kv", True, False),
        ("q", False, True),
        ("full_q", True, True),
    ):
        blocks[f"{name}_num_blocks"], blocks[f"{name}_indices"] = ordered(full, transposed)
    programs = [Program(impl, table, torch, tensor) for table in range(len(tables))]
    one = [
        _mask_mod(program, rounding == "exact", tiles, shape, size, tensor)
        for program, tiles in zip(programs, tables, strict=True)
    ]
    return BlockMask(
        **blocks,
        BLOCK_SIZE=size,
        mask_mod=_of_heads(one, tensor(np.asarray(heads)) if plan.heads else None),
        seq_lengths=(mask.tokens, mask.tokens),
    )


def _dense(tiles: _Tiles, chosen: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    kept = np.zeros(shape, np.bool_)
    kept[_rows(tiles.indptr)[chosen], tiles.columns[chosen]] = True
    return kept


def _ordered(kept: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """How many tiles each row keeps; and all tiles, those first. That is how BlockMask holds them,
    so its arrays grow with all pairs of tiles, an int32 each."""
    indices = np.empty(kept.shape, np.int32)
    for first in range(0, len(kept), _ROWS):
        part = ~kept[first : first + _ROWS]
        indices[first : first + _ROWS] = np.argsort(part, axis=1, kind="stable")
    return kept.sum(axis=1, dtype=np.int32), indices


def _mask_mod(
    program: Program,
    exact: bool,
    tiles: _Tiles,
    shape: tuple[int, int],
    size: tuple[int, int],
    tensor: Callable[[NDArray[Any]], Any],
) -> Pairs:
    """The pairs that the plan computes: the mask's own, or those that a rounding left."""
    contains, limits = program.contains, program.limits
    if exact:
        return contains
    # Whether a tile is kept, whether whole, and of which limits.
    tests = np.full(shape, -1, np.int64)
    tests[_rows(tiles.indptr), tiles.columns] = tiles.tests
    kept, full = tensor(tests >= 0), tensor(tests == _FULL)
    fills = [
        tensor((tests > _PARTIAL) & ((tests - _PARTIAL) >> group & 1 != 0))
        for group in range(len(limits))
    ]

    def pairs(q: Any, k: Any) -> Any:
        row, column = q // size[0], k // size[1]
        found = kept[row, column] & (full[row, column] | contains(q, k))
        for filled, limit in zip(fills, limits, strict=True):
            found = found | (filled[row, column] & limit(q, k))
        return found

    return pairs


def _of_heads(tables: list[Pairs], table_of: Any) -> Callable[[Any, Any, Any, Any], Any]:
    """A mask_mod: batch entry, head, query and key. ``table_of`` is None where heads are alike."""
    if table_of is None or len(tables) == 1:
        only = tables[0]
        return lambda b, h, q, k: only(q, k)

    def mask_mod(b: Any, h: Any, q: Any, k: Any) -> Any:
        table = table_of[h]
        found = (table == 0) & tables[0](q, k)
        for number, pairs in enumerate(tables[1:], 1):
            found = found | ((table == number) & pairs(q, k))
        return found

    return mask_mod
