# SPDX-License-Identifier: Apache-2.0
"""Attention over numpy arrays, torch tensors and whatever else speaks DLPack."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from falloff import _falloff
from falloff._falloff import View
from falloff._mask import Mask
from falloff._plan import Plan
from falloff._values import suggestion, to_size, to_text

_ORDERS = {"BSHD": (0, 1, 2, 3), "BHSD": (0, 2, 1, 3)}
_DIMENSIONS = {"BSHD": "(batch, tokens, heads, dim)", "BHSD": "(batch, heads, tokens, dim)"}
_DTYPES = ("float32", "bfloat16")
_FEATURES = ("", "native", "avx512vnni", "avx512", "avx2", "generic")
RECIPES = ("int8",)
_MAX_HEAD_DIM = 256


class _Tensors(NamedTuple):
    """Views in (batch, tokens, heads, dim) order."""

    q: View
    k: View
    v: View


def attention(
    q: Any,
    k: Any,
    v: Any,
    mask_or_plan: Mask | Plan,
    *,
    layout: str = "BSHD",
    scale: float | None = None,
    text_lengths: Sequence[int] | None = None,
    return_lse: bool = False,
    out: Any = None,
    threads: int = 0,
    features: str = "",
    recipe: str | None = None,
) -> Any:
    """softmax(scale · q kᵀ) v over the pairs of a mask or of a plan.

    q, k, v: float32 or bfloat16, all alike: numpy arrays (bfloat16 of ml_dtypes), torch tensors on
        the CPU, or objects with ``__dlpack__``; of any strides, and never copied. With the layout
        ``"BSHD"`` q is (batch, queries, heads, dim), k is (batch, keys, key heads, dim) and v is
        (batch, keys, key heads, value dim); with ``"BHSD"`` tokens and heads change places. Both
        dims are 1 to 256; query head h reads key head h // (heads / key heads).
    mask_or_plan: a mask takes its default plan for these tensors, which it keeps; a plan runs as
        it is.
    scale: default 1 / √dim.
    text_lengths: valid text tokens of each batch entry, in the segment with axis ``token``; later
        ones are in no pair.
    return_lse: also return the natural logarithm of the sum of exp(scaled scores), float32
        (batch, heads, queries).
    out: a tensor like the result to write to; returned.
    threads: 0 means all processors that this process may use; results do not depend on it.
    features: vector instructions to use: ``"native"`` (the default), ``"avx512vnni"``,
        ``"avx512"``, ``"avx2"`` or ``"generic"``.
    recipe: None multiplies q and k in their own type. ``"int8"`` takes the mean of the valid keys
        off k, rounds each row of q and k to whole numbers from -127 to 127, and multiplies those
        exactly; weights and v are multiplied in bfloat16 where the processor can, else in
        float32 (docs/int8.md).

    Returns a tensor of q's library, type and layout, or (out, lse). A query without a key gives 0
    and −inf. No gradient flows through the result. Raises TypeError for what is no tensor or of
    another type, ValueError for shapes, devices and lengths that do not fit, each naming both
    numbers.
    """
    order = _order(layout)
    _check_options(scale, threads, features)
    _check_recipe(recipe)
    tensors = _Tensors(*(_view(*named, layout) for named in (("q", q), ("k", k), ("v", v))))
    tensors = _Tensors(*(view.permute(order) for view in tensors))
    _check_tensors(tensors)
    plan = _plan(mask_or_plan, tensors)
    _check_plan(plan, tensors, layout)
    lengths = _lengths(text_lengths, plan, tensors.q.shape[0])

    batch, queries, heads, _ = tensors.q.shape
    shape = (batch, queries, heads, tensors.v.shape[3])
    given = out is not None
    result = out if given else _empty_like(q, tuple(shape[axis] for axis in order), None)
    target = _output_view(result, tensors, shape, order, layout)
    lse = _empty_like(q, (batch, heads, queries), "float32") if return_lse else None
    _launch(plan, tensors, target, lse, scale, lengths, threads, features, recipe or "")
    result = result if given else _as_library_of(q, result)
    return (result, _as_library_of(q, lse)) if return_lse else result


def _launch(
    plan: Plan,
    tensors: _Tensors,
    target: View,
    lse: Any,
    scale: float | None,
    lengths: list[int],
    threads: int,
    features: str,
    recipe: str,
) -> None:
    if 0 in target.shape:
        return
    lse_view = None if lse is None else View.of(lse, "lse")

    def run(out: View) -> None:
        _falloff.attention(
            plan._impl, *tensors, out, lse_view, scale, lengths, threads, features, recipe
        )

    if not any(target.may_overlap(view) for view in tensors):
        run(target)
        return
    # Kernels read q, k and v while they write.
    dtype = np.dtype(np.uint16 if target.dtype == "bfloat16" else np.float32)
    apart = View.of(np.empty(target.shape, dtype), "out").as_dtype(target.dtype)
    run(apart)
    target.copy_from(apart)


def _order(layout: str) -> tuple[int, ...]:
    if to_text("layout", layout) not in _ORDERS:
        raise ValueError(f"expects layout BSHD or BHSD, but got {layout!r}")
    return _ORDERS[layout]


def _check_options(scale: float | None, threads: int, features: str) -> None:
    if scale is not None:
        try:
            finite = math.isfinite(scale)
        except TypeError:
            raise TypeError(f"expects scale to be a number, but got {scale!r}") from None
        except OverflowError:  # a whole number, which may have too many digits to print
            raise ValueError("expects scale to be finite, but got one beyond 1.8e308") from None
        if not finite:
            raise ValueError(f"expects scale to be finite, but got {scale}")
    if to_size("threads", threads) < 0 or threads > 1024:
        raise ValueError(f"expects threads from 0 to 1024, but got {threads}")
    if features not in _FEATURES:
        raise ValueError(
            f"expects features to be one of {', '.join(_FEATURES[1:])}, but got {features!r}"
        )


def _check_recipe(recipe: str | None) -> None:
    if recipe is not None and to_text("recipe", recipe) not in RECIPES:
        raise ValueError(
            f"expects recipe int8 or None, but got {recipe!r}{suggestion(recipe, RECIPES)}"
        )


def _view(name: str, tensor: Any, layout: str) -> View:
    view = tensor if isinstance(tensor, View) else View.of(tensor, name)
    if view.dtype not in _DTYPES:
        raise TypeError(
            f"expects {name} in float32 or bfloat16, but got {view.dtype}{_as_float(name, tensor)}"
        )
    if len(view.shape) != 4:
        raise ValueError(
            f"expects {name} with 4 dimensions {_DIMENSIONS[layout]}, but got shape {view.shape}"
            + (f"; pass {name}[None] for one batch entry" if len(view.shape) == 3 else "")
        )
    return view


def _as_float(name: str, tensor: Any) -> str:
    """What to append to a message about a type that kernels do not take."""
    if _is_torch(tensor):
        return f"; pass {name}.float()"
    return f'; pass {name}.astype("float32")' if hasattr(tensor, "astype") else ""


def _check_tensors(tensors: _Tensors) -> None:
    q, k, v = tensors
    for name, view in (("k", k), ("v", v)):
        if view.dtype != q.dtype:
            raise TypeError(
                f"expects q, k and v of one type, but got q in {q.dtype} and {name} in {view.dtype}"
            )
        if view.shape[0] != q.shape[0]:
            raise ValueError(
                f"expects {name} with the batch of q, {q.shape[0]}, but got {view.shape[0]}"
            )
    if q.shape[3] != k.shape[3]:
        raise ValueError(
            f"expects q and k with one head dimension, but got {q.shape[3]} and {k.shape[3]}"
        )
    for name, view in (("q", q), ("v", v)):
        if not 1 <= view.shape[3] <= _MAX_HEAD_DIM:
            raise ValueError(
                f"expects a head dimension of {name} from 1 to {_MAX_HEAD_DIM}, "
                f"but got {view.shape[3]}"
            )
    if q.shape[2] and (k.shape[2] == 0 or q.shape[2] % k.shape[2]):
        raise ValueError(
            f"expects query heads to be a multiple of key heads, "
            f"but got {q.shape[2]} query heads and {k.shape[2]} key heads"
        )


def _plan(mask_or_plan: Any, tensors: _Tensors) -> Plan:
    if isinstance(mask_or_plan, Plan):
        return mask_or_plan
    if isinstance(mask_or_plan, Mask):
        dtype = "bf16" if tensors.q.dtype == "bfloat16" else "fp32"
        return mask_or_plan.plan_for(dtype, tensors.q.shape[3])
    raise TypeError(f"expects a falloff.Mask or a falloff.Plan, but got {mask_or_plan!r}")


def _check_plan(plan: Plan, tensors: _Tensors, layout: str = "BSHD") -> None:
    grid, (q, k, v) = plan._impl.grid, tensors
    _check_length("q", q, grid, grid.queries, layout)
    _check_length("k", k, grid, grid.keys, layout)
    if k.shape[1:3] != v.shape[1:3]:
        raise ValueError(
            f"expects v with the tokens and heads of k, {k.shape[1]:,} and {k.shape[2]}, "
            f"but got {v.shape[1]:,} and {v.shape[2]}"
        )
    check_major(plan._impl.major)
    batch, _, heads, _ = tensors.q.shape
    for given, count, one, many in (
        (heads, plan.heads, "head", "heads"),
        (batch, plan.batches, "batch entry", "batch entries"),
    ):
        if count and count != given:
            raise ValueError(
                f"expects q with {count} {one if count == 1 else many}, "
                f"as the plan has tables for, but got {given}"
            )


def check_major(major: str) -> None:
    """Kernels read plans whose rows are query tiles."""
    if major != "query":
        raise ValueError(
            "expects a query-major plan, but got a key-major one; plan with major='query'"
        )


def _check_length(
    name: str, view: View, grid: _falloff.Grid, span: tuple[int, int], layout: str
) -> None:
    first, last = span
    if view.shape[1] == last - first:
        return
    if span == (0, grid.tokens):
        parts = (f"{s.name} {' x '.join(map(str, s.extents))}" for s in grid.segments)
        what = " + ".join(parts)
    else:
        what = f"{first:,} to {last:,} of the sequence"
    other = "BHSD" if layout == "BSHD" else "BSHD"
    remedy = f'; did you mean layout="{other}"?' if view.shape[2] == last - first else ""
    raise ValueError(
        f"expects {last - first:,} tokens ({what}), but got {name} with {view.shape[1]:,}{remedy}"
    )


def _lengths(given: Sequence[int] | None, plan: Plan, batch: int) -> list[int]:
    if given is None:
        return []
    if hasattr(given, "tolist"):
        given = given.tolist()
    try:
        lengths = [to_size("text_lengths", length) for length in given]
    except TypeError:
        raise TypeError(
            f"expects text_lengths as a list of integers, one a batch entry, but got {given!r}"
        ) from None
    if len(lengths) != batch:
        raise ValueError(f"expects {batch} text_lengths, one a batch entry, but got {len(lengths)}")
    segments = [s for s in plan._impl.grid.segments if s.axes == ["token"]]
    if not segments:
        raise ValueError(
            "expects a pattern with a segment over the axis token for text_lengths, but got none"
        )
    extent = segments[0].extents[0]
    for entry, length in enumerate(lengths):
        if not 0 <= length <= extent:
            raise ValueError(
                f"expects text_lengths from 0 to {extent}, the extent of segment "
                f"{segments[0].name}, but got {length} for batch entry {entry}"
            )
    return lengths


def _output_view(
    result: Any, tensors: _Tensors, shape: tuple[int, ...], order: tuple[int, ...], layout: str
) -> View:
    view = result if isinstance(result, View) else View.of(result, "out")
    if view.dtype != tensors.q.dtype:
        raise TypeError(f"expects out in {tensors.q.dtype} like q, but got {view.dtype}")
    expected = tuple(shape[axis] for axis in order)
    if view.shape != expected:
        raise ValueError(
            f"expects out with shape {expected} {_DIMENSIONS[layout]}, but got {view.shape}"
        )
    if view.read_only:
        raise ValueError("expects an out that may be written, but got a read-only one")
    if getattr(result, "requires_grad", False) is True:
        raise ValueError(
            "expects an out that requires no gradient, but got one that does; pass out.detach()"
        )
    if not _has_own_places(view):
        raise ValueError(
            f"expects out with a place of its own for each element, but got strides {view.strides} "
            f"for shape {view.shape}"
        )
    return view.permute(order)


def _has_own_places(view: View) -> bool:
    """Whether each stride steps over all that the smaller ones reach."""
    reach = 0
    sizes = zip(map(abs, view.strides), view.shape, strict=True)
    for stride, size in sorted((stride, size) for stride, size in sizes if size > 1):
        if stride <= reach and 0 not in view.shape:
            return False
        reach += (size - 1) * stride
    return True


def _is_torch(tensor: Any) -> bool:
    return any(base.__module__.partition(".")[0] == "torch" for base in type(tensor).__mro__)


def _empty_like(q: Any, shape: tuple[int, ...], dtype: str | None) -> Any:
    """A tensor of q's library and of q's type or another; numpy's if the library is unknown."""
    if _is_torch(q):
        if dtype is None:
            return q.new_empty(shape)
        return q.new_empty(shape, dtype=getattr(sys.modules["torch"], dtype))
    if dtype is not None:
        return np.empty(shape, dtype)
    if isinstance(q, np.ndarray):
        return np.empty(shape, q.dtype)
    name = View.of(q, "q").dtype
    try:
        return np.empty(shape, name)
    except TypeError:
        raise TypeError(
            f"expects out= for q of type {type(q).__name__} in {name}, "
            "since numpy knows that type only after ml_dtypes was imported"
        ) from None


def _as_library_of(q: Any, result: Any) -> Any:
    """A numpy result as an array of q's library, if that follows the Python array standard."""
    if _is_torch(q) or isinstance(q, np.ndarray) or not hasattr(q, "__array_namespace__"):
        return result
    return q.__array_namespace__().asarray(result)
