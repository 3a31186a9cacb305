# SPDX-License-Identifier: Apache-2.0
"""How far sparse attention is from dense: errors of the output, and attention mass that is kept.

Both run through the kernels, one query head after the other, so that nothing of queries × keys is
ever held. The mass that a set of keys keeps of a query's softmax is the sum of its weights there,
which is exactly exp(lse − dense lse), where lse is the log-sum-exp over that set alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from falloff import _attention, _falloff
from falloff._attention import attention
from falloff._bfloat16 import widen
from falloff._comparison import Comparison, Sums
from falloff._falloff import View
from falloff._mask import Mask
from falloff._pattern import load
from falloff._plan import Plan
from falloff._progress import Progress

_ALL_PAIRS = Path(__file__).with_name("all_pairs.mlir")
_ROWS = 4096  # queries that are compared at a time, in float64


def compare(
    q: Any,
    k: Any,
    v: Any,
    mask: Mask | Plan,
    *,
    plan: Plan | None = None,
    layout: str = "BSHD",
    scale: float | None = None,
    text_lengths: Sequence[int] | None = None,
    threads: int = 0,
    features: str = "",
    recipe: str | None = None,
) -> Comparison:
    """Holds attention by a plan against dense attention, head by head.

    q, k, v, layout, scale, text_lengths, threads, features: as for ``attention``; arrays that can
        be indexed by head, such as numpy's (memory-mapped ones too) or torch's.
    mask: what is compared; its default plan for these tensors runs unless ``plan`` is given. A plan
        in its place is compared alone, and says nothing of the mass that a mask keeps.
    plan: of the same sequence as the mask, such as ``mask.plan(rounding="exact")``; it may be one
        of another pattern.
    recipe: arithmetic of the plan's output, as for ``attention``; dense attention and attention
        mass do without it.

    Errors are of the plan's output against dense attention by the same kernels in the same type:
    float32 tensors show what leaving pairs out costs, bfloat16 ones their rounding too. Attention
    mass is measured twice: over the pairs of the mask, by an exact plan of it, and over those that
    the plan computes. Queries past a text length are in neither.

    Memory: beside q, k and v two outputs of one head, (batch, queries, value dim), three
    log-sum-exps, and what ``attention`` packs of one head.

    Raises TypeError and ValueError as ``attention`` does, and ValueError where the plan is of
    another sequence or tensors hold NaN or infinity.
    """
    _attention._check_options(scale, threads, features)
    _attention._check_recipe(recipe)
    named = (("q", q), ("k", k), ("v", v))
    sources = [ArraySource(name, tensor, layout) for name, tensor in named]
    options = Options(scale=scale, text_lengths=text_lengths, threads=threads, features=features)
    return compare_sources(sources, mask, plan, options, recipe)


class Options(TypedDict):
    """As for ``attention``."""

    scale: float | None
    text_lengths: Sequence[int] | None
    threads: int
    features: str


class Source(Protocol):
    """Where q, k or v comes from: memory, or a file of another type."""

    def whole(self) -> View:
        """(batch, tokens, heads, dim) in the type of the kernels; only shape and type are read."""

    def head(self, index: int) -> View:
        """(batch, tokens, 1, dim)."""


class ArraySource:
    """A tensor that can be indexed by head."""

    def __init__(self, name: str, tensor: Any, layout: str) -> None:
        self._order = _attention._order(layout)
        self._name, self._tensor, self._layout = name, tensor, layout
        self._whole = _attention._view(name, tensor, layout)
        if not hasattr(tensor, "__getitem__"):
            raise TypeError(
                f"expects {name} as an array that can be indexed, but got {type(tensor).__name__}"
            )

    def whole(self) -> View:
        return self._whole.permute(self._order)

    def head(self, index: int) -> View:
        place: list[slice] = [slice(None)] * 4
        place[self._order[2]] = slice(index, index + 1)
        part = self._tensor[tuple(place)]
        return _attention._view(self._name, part, self._layout).permute(self._order)


def compare_sources(
    sources: Sequence[Source],
    mask: Mask | Plan,
    plan: Plan | None,
    options: Options,
    recipe: str | None = None,
) -> Comparison:
    """``compare`` of q, k and v wherever they lie. On a terminal a bar shows after a second."""
    tensors = _attention._Tensors(*(source.whole() for source in sources))
    _attention._check_tensors(tensors)
    plans = _plans(mask, plan, tensors)
    _attention._check_plan(plans.plan, tensors)
    lengths = _attention._lengths(options["text_lengths"], plans.plan, tensors.q.shape[0])
    options = {**options, "text_lengths": lengths or None}
    heads, key_heads = tensors.q.shape[2], tensors.k.shape[2]
    results = []
    with Progress(heads, after=1.0) as progress:
        for head in range(heads):
            places = (head, head // (heads // key_heads), head // (heads // key_heads))
            one = [source.head(at) for source, at in zip(sources, places, strict=True)]
            with progress.step(f"head {head}", 1):
                sums = _compare_head(one, plans.of_head(head), options, recipe)
            if sums is None:
                raise ValueError(
                    f"expects finite q, k and v, but got NaN or infinity in head {head}"
                )
            results.append(sums)
    return Comparison(
        pattern=plans.plan._impl.pattern,
        parameters=plans.plan._parameters,
        rounding=plans.plan._impl.rounding,
        tokens=plans.plan.tokens,
        dtype=tensors.q.dtype,
        recipe=recipe,
        density=plans.plan.density,
        pairs_in_mask=plans.plan.pairs_in_mask,
        pairs_computed=plans.plan.pairs_computed,
        pairs_lost=plans.plan.pairs_lost,
        heads=tuple(sums.figures() for sums in results),
        total=reduce(Sums.__add__, results, Sums()).figures(),
    )


class _Plans(NamedTuple):
    dense: Plan
    plan: Plan
    mask: Plan | None  # exact; None where there is no mask, or the plan is the same set

    has_mask: bool

    def of_head(self, head: int) -> _Plans:
        def one(plan: Plan) -> Plan:
            return plan.of_head(head) if plan.heads else plan

        mask = None if self.mask is None else one(self.mask)
        return _Plans(self.dense, one(self.plan), mask, self.has_mask)


def _plans(mask: Mask | Plan, plan: Plan | None, tensors: _attention._Tensors) -> _Plans:
    if plan is not None and not isinstance(plan, Plan):
        raise TypeError(f"expects plan to be a falloff.Plan, but got {plan!r}")
    if isinstance(mask, Plan) and plan is not None:
        raise TypeError("expects a falloff.Mask beside plan=, but got two plans")
    made = _attention._plan(mask, tensors) if plan is None else plan
    dtype = "bf16" if tensors.q.dtype == "bfloat16" else "fp32"
    steer: dict[str, Any] = {"dtype": dtype, "head_dim": tensors.q.shape[3]}
    dense = _all_pairs(made).plan(**steer)
    if not isinstance(mask, Mask):
        return _Plans(dense, made, None, False)
    grid = made._impl.grid
    if (grid.tokens, grid.queries, grid.keys) != (mask.tokens, mask.queries, mask.keys):
        raise ValueError(
            f"expects a plan of the mask's {mask.tokens:,} tokens, queries {mask.queries} and "
            f"keys {mask.keys}, but got {grid.tokens:,}, {grid.queries} and {grid.keys}"
        )
    if made.heads != mask.heads:
        raise ValueError(f"expects a plan of {mask.heads} heads, but got {made.heads}")
    exact = mask.plan(rounding="exact", **steer)
    return _Plans(dense, made, None if _is_exact_too(made, exact) else exact, True)


def _is_exact_too(plan: Plan, exact: Plan) -> bool:
    """Whether a plan computes just what an exact plan of the mask does: it is exact too, and of the
    same set over the same segments, whatever its tiles."""
    if plan._impl.rounding != "exact":
        return False
    one, other = (each._impl for each in (plan, exact))
    segments = [
        [(segment.name, segment.axes, segment.extents) for segment in impl.grid.segments]
        for impl in (one, other)
    ]
    if segments[0] != segments[1] or one.table_of != other.table_of:
        return False
    return one.program() == other.program() and _same_data(one, other)


def _same_data(one: _falloff.Plan, other: _falloff.Plan) -> bool:
    """Whether the tables and numbers that a program reads are alike, for each set of heads."""
    datas = one.program_data(), other.program_data()
    return len(datas[0]) == len(datas[1]) and all(
        len(a[0]) == len(b[0])
        and all(map(np.array_equal, a[0], b[0]))
        and np.array_equal(a[1], b[1])
        for a, b in zip(*datas, strict=True)
    )


def _all_pairs(plan: Plan) -> Mask:
    """Every pair of the sequence of a plan, its text where the plan has it."""
    grid = plan._impl.grid
    text = next((segment for segment in grid.segments if segment.axes == ["token"]), None)
    ahead, token = (text.first_token, text.extents[0]) if text else (grid.tokens, 0)
    pattern = load(_ALL_PAIRS)
    mask = pattern.bind(ahead=ahead, token=token, behind=grid.tokens - ahead - token)
    if (grid.queries, grid.keys) == (mask.queries, mask.keys):
        return mask
    return mask.slice(queries=grid.queries, keys=grid.keys)


def _compare_head(
    views: Sequence[View], plans: _Plans, options: Options, recipe: str | None
) -> Sums | None:
    """Of one query head; None where dense attention is not finite."""
    expected, whole = _run(views, plans.dense, options)
    if np.isnan(whole).any() or np.isposinf(whole).any():
        return None
    got, kept = _run(views, plans.plan, options)
    if recipe is not None:
        got = _run(views, plans.plan, options, recipe)[0]
    mask = kept if plans.has_mask else None
    if plans.mask is not None:
        mask = _run(views, plans.mask, options)[1]
    sums = Sums()
    for first in range(0, whole.shape[1], _ROWS):
        rows = (slice(None), slice(first, first + _ROWS))
        valid = ~np.isneginf(whole[rows])
        lse = whole[rows][valid]
        dense = _float64(expected[rows])[valid]
        if not np.isfinite(dense).all():
            return None
        sums += Sums.of(
            _float64(got[rows])[valid],
            dense,
            np.exp(kept[rows][valid] - lse),
            None if mask is None else np.exp(mask[rows][valid] - lse),
        )
    return sums


def _run(
    views: Sequence[View], plan: Plan, options: Options, recipe: str | None = None
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """(batch, queries, value dim), bfloat16 as its bits, and log-sum-exp (batch, queries)."""
    q, k, v = views
    bits = q.dtype == "bfloat16"
    out = np.empty((*q.shape[:3], v.shape[3]), np.uint16 if bits else np.float32)
    view = View.of(out, "out")
    view = view.as_dtype("bfloat16") if bits else view
    _, lse = attention(q, k, v, plan, out=view, return_lse=True, recipe=recipe, **options)
    return out[:, :, 0], lse[:, 0].astype(np.float64)


def _float64(values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype == np.uint16:
        values = widen(values)
    return values.astype(np.float64)
