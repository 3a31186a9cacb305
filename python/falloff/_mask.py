# SPDX-License-Identifier: Apache-2.0
"""Masks: a pattern with its sizes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falloff import _blocks, _falloff, _page, _picture
from falloff._plan import Plan, Search
from falloff._values import JsonValue, suggestion, to_size, to_text

Tile = str | int | Sequence[int] | Mapping[str, "str | int | Sequence[int]"]
"""``"1x128"``, ``(1, 128)``, ``128``, ``"video=2x8x8,text=128"`` or ``{"video": (2, 8, 8), "text":
128}``."""

TARGETS = ("cpu", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_103", "sm_120")
"""What tiles are searched for, and kernels are compiled for."""

_DTYPES = {
    "bf16": "bf16",
    "bfloat16": "bf16",
    "fp16": "fp16",
    "float16": "fp16",
    "fp32": "fp32",
    "float32": "fp32",
}
_OPTIONS = (
    *("grid", "tile", "tile_query", "tile_key", "rounding"),
    *("major", "target", "dtype", "head_dim"),
)


class Mask:
    """A set of (query, key) pairs for each head. ``Pattern.bind`` makes it."""

    def __init__(self, impl: _falloff.Mask, parameters: dict[str, JsonValue]) -> None:
        self._impl = impl
        self._parameters = parameters
        self._plans: dict[tuple[str, int, str], Plan] = {}

    @property
    def name(self) -> str:
        return self._impl.name

    @property
    def parameters(self) -> dict[str, JsonValue]:
        """Every parameter's value, defaults included."""
        return dict(self._parameters)

    @property
    def tokens(self) -> int:
        """Number of tokens, of all segments together."""
        return self._impl.tokens

    @property
    def queries(self) -> tuple[int, int]:
        """Half-open range of the queries: all tokens, or what ``slice`` left."""
        return self._impl.queries

    @property
    def keys(self) -> tuple[int, int]:
        """Half-open range of the keys."""
        return self._impl.keys

    @property
    def heads(self) -> int:
        """Number of query heads that per-head values were given for; 0 where any number will do."""
        return self._impl.heads

    @property
    def density(self) -> float:
        """Pairs of the unrounded mask ÷ (queries × keys), mean over heads."""
        return self._impl.density()

    @property
    def sparsity(self) -> float:
        """1 − density."""
        return 1.0 - self._impl.density()

    @property
    def densities(self) -> list[float]:
        """Density of each head; one entry where all heads are alike."""
        return self._impl.densities()

    def contains(self, query: int, key: int, *, head: int | None = None) -> bool:
        """Whether a query sees a key, by the definition of each word of the pattern.

        Tokens are counted in bound order, over the whole sequence even in a slice. ``head`` must be
        given where heads differ. Raises IndexError where one of them is out of range.
        """
        first, last = self.queries
        query = _token("query", query, first, last)
        first, last = self.keys
        key = _token("key", key, first, last)
        return self._impl.contains(query, key, self._head(head))

    def to_dense(self, *, head: int | None = None) -> NDArray[np.bool_]:
        """The whole mask, bool (queries, keys). For masks of up to 2^28 pairs; CompileError
        beyond."""
        return self._impl.dense(self._head(head))

    def draw(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        head: int | None = None,
        side: int = 768,
        plan: Plan | None = None,
    ) -> None:
        """Draws the mask, queries downwards and keys to the right.

        With a ``path`` that ends in ``.png`` a picture of about ``side`` pixels a side: small masks
        are enlarged, and of big ones a pixel shows the share of the pairs behind it that are kept.
        With one that ends in ``.html`` a page that needs nothing else, to zoom in and to ask what a
        tile holds; its tiles are those of ``plan``, by default of ``plan()``, in larger tiles where
        there would be too many. Without ``path`` the picture is printed as text.
        """
        index = self._head(head)
        if path is not None and os.fspath(path).lower().endswith(".html"):
            _page.write(path, self, plan, index)
            return
        if plan is not None:
            raise ValueError("expects a path that ends in .html to draw the tiles of a plan")
        if path is None:
            print(_picture.text(self._impl, index))
        else:
            _picture.write(path, self._impl, index, side)

    def slice(
        self,
        queries: slice | tuple[int, int] | None = None,
        keys: slice | tuple[int, int] | None = None,
    ) -> Mask:
        """The mask of some queries and some keys, for sequences that lie on several machines.

        Ranges are half-open, in tokens of the whole sequence; tensors then hold these tokens only.
        """
        impl = self._impl.slice(
            _range("queries", queries, self.queries, self.tokens),
            _range("keys", keys, self.keys, self.tokens),
        )
        return Mask(impl, self._parameters)

    def plan(
        self,
        grid: str = "",
        tile: Tile | None = None,
        tile_query: Tile | None = None,
        tile_key: Tile | None = None,
        rounding: str = "nearest",
        major: str = "query",
        target: str = "cpu",
        dtype: str = "bf16",
        head_dim: int = 128,
    ) -> Plan:
        """Schedules the mask: which tiles of queries meet which tiles of keys, and how.

        ``grid`` is ``"box"`` (tiles are boxes of a segment's axes) or ``"flat"`` (ranges of
        tokens); empty, it is box, or flat with ``"radial-reference"``. ``tile`` sets both
        ``tile_query`` and ``tile_key``; a tile without a segment's name goes to every segment with
        as many axes (one of them must have tokens), no tile is longer than its axes, and what is
        not given is searched. ``rounding`` says how the border of ``about`` sets is treated:
        ``"exact"``, ``"outward"``, ``"nearest"`` or ``"nearest:SHARE"``;
        ``"radial-reference"`` rounds every set as the public code of radial attention does, bit for
        bit, in blocks of the pattern's parameter ``block``: such a plan can lose pairs of any set,
        and runs where its blocks cover every token. ``major`` is ``"query"`` (rows are query tiles)
        or ``"key"``. Tiles are searched for ``target``, ``"cpu"`` or a CUDA device
        such as ``"sm_90"``; ``dtype`` (``"bf16"``, ``"fp32"`` on the CPU, ``"fp16"`` on devices)
        and ``head_dim`` steer the search, too. A plan runs on any target with any of them.

        Raises CompileError where an option does not fit the mask.
        """
        options = self._options(
            grid=grid,
            tile_query=tile if tile_query is None else tile_query,
            tile_key=tile if tile_key is None else tile_key,
            rounding=rounding,
            major=major,
            target=target,
            dtype=dtype,
            head_dim=head_dim,
        )
        made = self._impl.plan(options)
        searched = _searched_for(options, made.grid)
        return Plan(made, self._parameters, heads=self.heads, searched_for=searched)

    def print(self, stage: str = "mask", **options: Any) -> str:
        """The compiler's text after a stage.

        ``stage`` is ``"linked"``, ``"specialised"``, ``"mask"`` (simplified) or ``"schedule"``,
        which takes the options of ``plan``.
        """
        stage = to_text("stage", stage)
        for name in options:
            if name not in _OPTIONS:
                raise TypeError(
                    f"expects options of plan, but got '{name}'{suggestion(name, _OPTIONS)}"
                )
        tile = options.pop("tile", None)
        for side in ("tile_query", "tile_key"):
            options[side] = tile if options.get(side) is None else options[side]
        return self._impl.print(stage, self._options(**options))

    def to_bsr(
        self,
        block: int | tuple[int, int] = 128,
        *,
        rounding: str = "exact",
        head: int | None = None,
        values: bool = True,
    ) -> _blocks.Bsr:
        """The mask in block sparse rows, as numpy arrays (see ``falloff.Bsr``).

        ``block`` is tokens a block, of queries and keys alike or (queries, keys). ``rounding`` is
        that of ``plan``: ``"exact"`` gives the mask's own pairs, another what its plan computes.
        ``values=False`` leaves the pairs inside the blocks out, which for large masks are large.

        Raises ValueError for a slice and for values of more than 2^31 pairs.
        """
        return _blocks.to_bsr(self, block, rounding, self._head(head), values)

    def to_flex_block_mask(
        self,
        block: int | tuple[int, int] = 128,
        *,
        rounding: str = "exact",
        device: Any = "cpu",
    ) -> Any:
        """A BlockMask for torch's FlexAttention: ``flex_attention(q, k, v, block_mask=...)``.

        Its blocks are a plan's, so that making it follows what is kept; torch's
        ``create_block_mask`` asks every pair. Its ``mask_mod`` is the pattern at this size, by
        tables on ``device``; heads differ where the mask's do. With a ``rounding`` other than
        ``"exact"`` both hold what that plan computes. Text lengths are not in it.

        Raises ImportError without torch, ValueError for a slice.
        """
        return _blocks.to_flex_block_mask(self, block, rounding, device)

    def empty_rows(self) -> tuple[int, int, int] | None:
        """Queries without a key: (first of them, how many, head of the first), or None if there
        are none."""
        query, count, head = self._impl.empty_row()
        return (query, count, head) if count else None

    def plan_for(self, dtype: str, head_dim: int, target: str = "cpu") -> Plan:
        """The default plan for tensors of a type and a head dimension on a target; made once."""
        key = (to_text("dtype", dtype), to_size("head_dim", head_dim), to_text("target", target))
        if key not in self._plans:
            self._plans[key] = self.plan(dtype=dtype, head_dim=head_dim, target=target)
        return self._plans[key]

    def _head(self, head: int | None) -> int:
        if head is None:
            if self.heads > 1:
                raise ValueError(
                    f"expects head= from 0 to {self.heads - 1}, since heads of this mask differ"
                )
            return 0
        head = to_size("head", head)
        if head < 0 or (self.heads and head >= self.heads):
            bound = f"from 0 to {self.heads - 1}" if self.heads else "of at least 0"
            raise IndexError(f"expects a head {bound}, but got {head}")
        return head

    def _options(
        self,
        *,
        grid: str = "",
        tile_query: Tile | None = None,
        tile_key: Tile | None = None,
        rounding: str = "nearest",
        major: str = "query",
        target: str = "cpu",
        dtype: str = "bf16",
        head_dim: int = 128,
    ) -> _falloff.PlanOptions:
        if to_text("dtype", dtype) not in _DTYPES:
            raise ValueError(f"expects dtype bf16, fp16 or fp32, but got {dtype!r}")
        head_dim = to_size("head_dim", head_dim)
        if not 1 <= head_dim <= 256:
            raise ValueError(f"expects head_dim from 1 to 256, but got {head_dim}")
        return _falloff.PlanOptions(
            grid=to_text("grid", grid),
            tile_query=_tile_text("tile_query", tile_query),
            tile_key=_tile_text("tile_key", tile_key),
            rounding=_rounding(rounding),
            major=to_text("major", major),
            target=to_text("target", target),
            dtype=_DTYPES[dtype],
            head_dim=head_dim,
        )

    def __repr__(self) -> str:
        text = f"<falloff.Mask @{self.name}, {self.tokens:,} tokens"
        if (self.queries, self.keys) != ((0, self.tokens), (0, self.tokens)):
            text += f", queries {self.queries}, keys {self.keys}"
        return text + (f", {self.heads} heads>" if self.heads else ">")


def _token(name: str, value: int, first: int, last: int) -> int:
    token = to_size(name, value)
    if not first <= token < last:
        raise IndexError(f"expects a {name} from {first} to {last - 1}, but got {token}")
    return token


def _range(
    name: str, given: slice | tuple[int, int] | None, whole: tuple[int, int], tokens: int
) -> tuple[int, int]:
    if given is None:
        return whole
    if isinstance(given, slice):
        if given.step not in (None, 1):
            raise ValueError(f"expects {name} without a step, but got {given}")
        first = whole[0] if given.start is None else to_size(name, given.start)
        last = whole[1] if given.stop is None else to_size(name, given.stop)
        first, last = (n + tokens if n < 0 else n for n in (first, last))
    else:
        try:
            first, last = (to_size(name, n) for n in given)
        except (TypeError, ValueError):
            raise TypeError(f"expects {name} as a pair or a slice, but got {given!r}") from None
    if not whole[0] <= first < last <= whole[1]:
        raise ValueError(
            f"expects {name} as a range within {whole[0]} to {whole[1]}, but got {first} to {last}"
        )
    return first, last


def _rounding(given: object) -> str:
    if isinstance(given, Real) and not isinstance(given, bool):
        raise TypeError(
            f"expects rounding to be a string such as 'nearest:{float(given)}', but got {given!r}"
        )
    return to_text("rounding", given)


def _tile_text(name: str, tile: Tile | None) -> str:
    """A tile as the compiler reads it."""
    if tile is None:
        return ""
    if isinstance(tile, str):
        return tile
    if isinstance(tile, Mapping):
        return ",".join(f"{segment}={_tile_text(name, box)}" for segment, box in tile.items())
    sizes = list(tile) if isinstance(tile, Sequence) else [tile]
    return "x".join(str(to_size(name, size)) for size in sizes)


def _searched_for(options: _falloff.PlanOptions, grid: _falloff.Grid) -> Search | None:
    """None where no tile was searched: on the flat grid, and where each segment that has tokens was
    given one. Beside boxes, ranges of a single axis take as many tokens as those have."""
    filled = [segment for segment in grid.segments if 0 not in segment.extents]
    segments = [segment for segment in filled if len(segment.axes) > 1] or filled
    tiles = (options.tile_query, options.tile_key)
    if grid.kind == "flat" or all(_gives(tile, segment) for tile in tiles for segment in segments):
        return None
    return Search(options.target, options.dtype, options.head_dim)


def _gives(tile: str, segment: _falloff.Segment) -> bool:
    """Whether a tile, as the compiler reads it, says one for a segment: by its name, or without one
    by as many axes."""
    parts = (part.rpartition("=") for part in tile.split(",") if part)
    return any(
        name.strip() == segment.name if equals else len(box.split("x")) == len(segment.axes)
        for name, equals, box in parts
    )
