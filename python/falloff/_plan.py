# SPDX-License-Identifier: Apache-2.0
"""Plans: schedules that kernels run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falloff import _falloff
from falloff._values import JsonValue, to_size

FORMAT_VERSION = 1

Runs = list[tuple[int, int, str]]
"""Runs of key tiles: first, one past the last, and ``"full"``, ``"limited"`` or ``"partial"``."""


class Search(NamedTuple):
    """What tiles were searched for. A plan runs on any target all the same."""

    target: str
    """``"cpu"``, or an architecture such as ``"sm_90"``."""
    dtype: str
    """``"bf16"``, ``"fp16"`` or ``"fp32"``."""
    head_dim: int


class Plan:
    """Which tiles of queries meet which tiles of keys. ``Mask.plan`` or ``Plan.from_block_mask``
    makes it."""

    def __init__(
        self,
        impl: _falloff.Plan,
        parameters: dict[str, JsonValue],
        *,
        heads: int = 0,
        batches: int = 0,
        searched_for: Search | None = None,
    ) -> None:
        self._impl = impl
        self._parameters = parameters
        self._searched_for = searched_for
        self._heads = heads
        self._batches = batches

    @classmethod
    def from_block_mask(
        cls,
        blocks: ArrayLike,
        tokens: int,
        tile: int | None = None,
        tile_query: int | None = None,
        tile_key: int | None = None,
    ) -> Plan:
        """A plan from blocks that were chosen by other means, such as while a model runs.

        ``blocks`` is bool, (query tiles, key tiles) for all heads, (heads, query tiles, key tiles)
        or (batch, heads, query tiles, key tiles), for tensors of just these heads and batch
        entries: every pair of a block that is set is computed. Tiles are ranges of ``tile`` tokens
        (``tile_query`` × ``tile_key`` where they differ); the last may be ragged. Raises ValueError
        where shapes do not fit, TypeError where blocks are no booleans.
        """
        matrices = np.asarray(blocks)
        if matrices.dtype != np.bool_:
            raise TypeError(f"expects blocks of booleans, but got {matrices.dtype}")
        if matrices.ndim not in (2, 3, 4):
            raise ValueError(
                "expects blocks as (query tiles, key tiles), (heads, ...) or (batch, heads, ...), "
                f"but got shape {matrices.shape}"
            )
        tokens = _positive("tokens", tokens)
        query = _positive("tile_query", tile if tile_query is None else tile_query)
        key = _positive("tile_key", tile if tile_key is None else tile_key)
        expected = (-(-tokens // query), -(-tokens // key))
        if matrices.shape[-2:] != expected:
            raise ValueError(
                f"expects {expected[0]:,} x {expected[1]:,} blocks of {query} x {key} for "
                f"{tokens:,} tokens, but got {matrices.shape[-2]:,} x {matrices.shape[-1]:,}"
            )
        batches, heads = (0,) * (4 - matrices.ndim) + matrices.shape[:-2]
        matrices = matrices.reshape((1,) * (4 - matrices.ndim) + matrices.shape)
        for what, count in zip(("batch entry", "head"), matrices.shape[:2], strict=True):
            if count == 0:
                raise ValueError(f"expects blocks of at least 1 {what}, but got 0")
        impl = _falloff.Plan.from_block_mask(matrices, tokens, query, key)
        return cls(impl, {}, heads=heads, batches=batches)

    @property
    def tokens(self) -> int:
        return self._impl.grid.tokens

    @property
    def heads(self) -> int:
        """Number of query heads that the plan is for; 0 where any number will do."""
        return self._heads

    @property
    def batches(self) -> int:
        """Number of batch entries that the plan is for; 0 where any number will do."""
        return self._batches

    @property
    def searched_for(self) -> Search | None:
        """What tiles were searched for; None where they were given, or are the flat grid's."""
        return self._searched_for

    @property
    def density(self) -> float:
        """Density of the unrounded mask, mean over heads."""
        return self._impl.density

    @property
    def pairs_in_mask(self) -> float:
        """Pairs of the mask; a mean over heads where they differ, as are the other three counts."""
        return self._mean("pairs_in_mask")

    @property
    def pairs_computed(self) -> float:
        """Pairs that enter a softmax: of partial tiles those kept, of limited those allowed."""
        return self._mean("pairs_computed")

    @property
    def pairs_issued(self) -> float:
        """Pairs of all tiles that are multiplied: query capacity × key capacity for each kept
        tile."""
        return self._mean("pairs_issued")

    @property
    def pairs_lost(self) -> float:
        """Pairs of the mask that are not computed."""
        return self._mean("pairs_lost")

    def to_dense(self, *, head: int | None = None, batch: int | None = None) -> NDArray[np.bool_]:
        """The pairs that the plan computes, bool (queries, keys)."""
        return self._impl.dense(
            _index("head", head, self.heads), _index("batch", batch, self.batches)
        )

    def of_head(self, head: int) -> Plan:
        """The plan of one query head, for tensors that hold that head alone."""
        head = _index("head", head, self.heads)
        impl = self._impl.of_head(head)
        return Plan(
            impl,
            self._parameters,
            heads=1,
            batches=self.batches,
            searched_for=self.searched_for,
        )

    def rows(self, *, head: int | None = None, batch: int | None = None) -> list[Runs]:
        """Runs of each row: key tiles by query tile, or query tiles by key tile if the plan is
        key-major."""
        heads = max(self.heads, 1)
        place = _index("batch", batch, self.batches) * heads + _index("head", head, self.heads)
        return list(_rows(self._impl.tables[self._impl.table_of[place]]))

    def as_dict(self) -> dict[str, Any]:
        """Everything about the plan as plain data; ``json`` prints it."""
        impl = self._impl
        return {
            "version": FORMAT_VERSION,
            "pattern": impl.pattern,
            "parameters": self._parameters,
            "tokens": impl.grid.tokens,
            "queries": list(impl.grid.queries),
            "keys": list(impl.grid.keys),
            "grid": _grid(impl.grid),
            "searched_for": self.searched_for and self.searched_for._asdict(),
            "major": impl.major,
            "rounding": impl.rounding,
            "pairs_in_mask": self.pairs_in_mask,
            "pairs_computed": self.pairs_computed,
            "pairs_issued": self.pairs_issued,
            "pairs_lost": self.pairs_lost,
            "density": impl.density,
            "table_of": self._table_of(),
            "tables": [_table(table, impl.major) for table in impl.tables],
        }

    def json(self) -> str:
        """The plan as JSON, one row of tiles a line."""
        data = self.as_dict()
        tables = data.pop("tables")
        head = json.dumps(data, indent=1)[:-2]
        return f'{head},\n "tables": [\n  {_join(map(_table_json, tables), "  ")}\n ]\n}}'

    def _mean(self, count: str) -> float:
        tables, heads = self._impl.tables, self._impl.table_of
        total: int = sum(getattr(tables[index], count) for index in heads)
        return total // len(heads) if total % len(heads) == 0 else total / len(heads)

    def _table_of(self) -> list[int] | list[list[int]]:
        """Table of each head; of each batch entry and head where batch entries differ."""
        flat = list(self._impl.table_of)
        if self.batches <= 1:
            return flat
        heads = len(flat) // self.batches
        return [flat[start : start + heads] for start in range(0, len(flat), heads)]

    def __str__(self) -> str:
        return "\n".join([*_summary(self), *_rows_text(self)])

    def __repr__(self) -> str:
        return (
            f"<falloff.Plan of @{self._impl.pattern}, {self.tokens:,} tokens, "
            f"{self._impl.rounding}, {self.pairs_computed:,} pairs>"
        )


def _index(name: str, index: int | None, count: int) -> int:
    """Which of `count` heads or batch entries; of 0, any index is the one there is."""
    if index is None:
        if count > 1:
            raise ValueError(
                f"expects {name}= from 0 to {count - 1}, since tables of this plan differ"
            )
        return 0
    index = to_size(name, index)
    if index < 0 or (count and index >= count):
        bound = f"from 0 to {count - 1}" if count else "of at least 0"
        raise IndexError(f"expects {name} {bound}, but got {index}")
    return index if count else 0


def _positive(name: str, value: int | None) -> int:
    if value is None:
        raise TypeError(f"expects {name} or tile, but got neither")
    size = to_size(name, value)
    if not 1 <= size < 2**31:
        raise ValueError(f"expects {name} from 1 to 2^31 - 1, but got {size}")
    return size


def _kind(test: int) -> str:
    return "full" if test == 0 else "partial" if test == 1 else "limited"


def _rows(table: _falloff.RowTable) -> Iterator[Runs]:
    """Runs of each row; neighbours of one kind are one run, whichever limits fill them."""
    runs, starts = table.runs.tolist(), table.row_start.tolist()
    for start, end in pairwise(starts):
        row: Runs = []
        for first, last, test in runs[start:end]:
            kind = _kind(test)
            if row and row[-1][1] == first and row[-1][2] == kind:
                row[-1] = (row[-1][0], last, kind)
            else:
                row.append((first, last, kind))
        yield row


def _grid(grid: _falloff.Grid) -> dict[str, Any]:
    box = grid.kind == "box"
    result: dict[str, Any] = {"kind": grid.kind}
    if not box:
        result |= {"query_tile": grid.flat_query_tile, "key_tile": grid.flat_key_tile}
    result |= {"query_tiles": grid.query_tiles, "key_tiles": grid.key_tiles}
    result["segments"] = [_segment(segment, box) for segment in grid.segments]
    return result


def _segment(segment: _falloff.Segment, box: bool) -> dict[str, Any]:
    result: dict[str, Any] = {
        "name": segment.name,
        "axes": segment.axes,
        "extents": segment.extents,
        "first_token": segment.first_token,
    }
    if box:
        result |= {
            "query_tile": segment.query_tile,
            "key_tile": segment.key_tile,
            "first_query_tile": segment.first_query_tile,
            "first_key_tile": segment.first_key_tile,
        }
    return result


def _table(table: _falloff.RowTable, major: str) -> dict[str, Any]:
    name = f"{major}_tile"
    return {
        "row_order": table.row_order.tolist(),
        "splits": [{"row": row, "first_tiles": tiles} for row, tiles in table.splits],
        "rows": [
            {name: tile, "runs": [list(run) for run in runs]}
            for tile, runs in enumerate(_rows(table))
        ],
    }


def _join(lines: Iterator[str], indent: str) -> str:
    return f",\n{indent}".join(lines)


def _table_json(table: dict[str, Any]) -> str:
    rows = _join(map(json.dumps, table["rows"]), "    ")
    order, splits = json.dumps(table["row_order"]), json.dumps(table["splits"])
    return f'{{"row_order": {order},\n   "splits": {splits},\n   "rows": [\n    {rows}\n   ]}}'


def _summary(plan: Plan) -> list[str]:
    impl, grid = plan._impl, plan._impl.grid
    lines = [f"plan of @{impl.pattern}" + (f" ({impl.parameters})" if impl.parameters else "")]
    lines.append(f"  {grid.tokens:,} tokens, {impl.rounding}, {impl.major}-major, {grid.kind} grid")
    for segment in grid.segments:
        extents = " x ".join(map(str, segment.extents))
        line = f"  {segment.name}: {' x '.join(segment.axes)} = {extents}"
        if grid.kind == "box":
            tiles = ("x".join(map(str, tile)) for tile in (segment.query_tile, segment.key_tile))
            line += ", query tiles {}, key tiles {}".format(*tiles)
        lines.append(line)
    if grid.kind == "flat":
        lines.append(f"  query tiles {grid.flat_query_tile}, key tiles {grid.flat_key_tile}")
    if plan.searched_for:
        target, dtype, head_dim = plan.searched_for
        lines.append(f"  tiles searched for {target}, {dtype}, head dimension {head_dim}")
    for name in ("in_mask", "computed", "issued", "lost"):
        lines.append(f"  pairs {name.replace('_', ' '):<8} {getattr(plan, 'pairs_' + name):>20,}")
    lines.append(f"  density {impl.density:>24.4f}")
    return lines


def _rows_text(plan: Plan) -> Iterator[str]:
    for index, table in enumerate(plan._impl.tables):
        if len(plan._impl.tables) > 1:
            heads = [str(h) for h, t in enumerate(plan._impl.table_of) if t == index]
            yield f"table {index}, heads {', '.join(heads)}"
        for tile, runs in enumerate(_rows(table)):
            text = ", ".join(f"{first}..{last} {kind}" for first, last, kind in runs)
            yield f"{plan._impl.major} tile {tile}: {text or 'none'}"
