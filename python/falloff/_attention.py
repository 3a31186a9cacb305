# SPDX-License-Identifier: Apache-2.0
"""Attention over numpy arrays, torch and CuPy tensors and whatever else speaks DLPack."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from falloff import _falloff
from falloff._devices import Queue, common_device, device_of, library_of, name_of
from falloff._falloff import View
from falloff._mask import Mask
from falloff._plan import Plan
from falloff._values import suggestion, to_size, to_text

_ORDERS = {"BSHD": (0, 1, 2, 3), "BHSD": (0, 2, 1, 3)}
_DIMENSIONS = {"BSHD": "(batch, tokens, heads, dim)", "BHSD": "(batch, heads, tokens, dim)"}
_LSE_DIMENSIONS = "(batch, heads, queries)"
_DTYPES = {False: ("float32", "bfloat16"), True: ("float16", "bfloat16")}  # on a CUDA device?
_SHORT = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
_FEATURES = ("", "native", "avx512vnni", "avx512", "avx2", "generic")
RECIPES = ("int8",)
CUDA_RECIPES = ("int8", "int8-fp8")
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
    text_lengths: Any = None,
    return_lse: bool = False,
    out: Any = None,
    lse: Any = None,
    threads: int = 0,
    features: str = "",
    recipe: str | None = None,
    stream: Any = None,
    workspace: Any = None,
) -> Any:
    """softmax(scale · q kᵀ) v over the pairs of a mask or of a plan.

    q, k, v: all of one type and on one device; of any strides, and never copied. On the CPU float32
        or bfloat16: numpy arrays (bfloat16 of ml_dtypes), torch tensors, or objects with
        ``__dlpack__``. On a CUDA device float16 or bfloat16: torch tensors, CuPy arrays, or objects
        with ``__dlpack__``. With the layout ``"BSHD"`` q is (batch, queries, heads, dim), k is
        (batch, keys, key heads, dim) and v is (batch, keys, key heads, value dim); with ``"BHSD"``
        tokens and heads change places. Both dims are 1 to 256; query head h reads key head
        h // (heads / key heads).
    mask_or_plan: a mask takes its default plan for these tensors, which it keeps; a plan runs as
        it is.
    scale: default 1 / √dim.
    text_lengths: valid text tokens of each batch entry, in the segment with axis ``token``; later
        ones are in no pair. A list of integers, or a tensor, which is read once: that waits where a
        device holds it, and so is refused while a CUDA graph captures the stream. A graph keeps the
        lengths that it was captured with.
    return_lse: also return the natural logarithm of the sum of exp(scaled scores), float32
        (batch, heads, queries).
    out: a tensor like the result to write to; returned.
    lse: a tensor to write the log-sum-exp to.
    threads: 0 means all processors that this process may use; results do not depend on it.
    features: vector instructions of the CPU to use: ``"native"`` (the default), ``"avx512vnni"``,
        ``"avx512"``, ``"avx2"`` or ``"generic"``.
    recipe: None multiplies q and k in their own type. ``"int8"`` takes the mean of the valid keys
        off k, rounds each row of q and k to whole numbers from -127 to 127, and multiplies those
        exactly; weights and v are multiplied in 16 bits where the processor can, else in
        float32 (docs/int8.md). ``"int8-fp8"``, on CUDA devices of compute capability 8.9 and
        later, multiplies those in float8 (e4m3).
    stream: of the CUDA device, that the kernels join: an integer handle, or a stream of torch,
        CuPy or ``__cuda_stream__``. Default: the current stream of q's library, else the device's
        default stream. Tensors that speak DLPack are made to wait for by their library; torch
        tensors are taken as they are, so what writes them must be on that stream already, and
        who lets go of them before it gets there tells torch so (``Tensor.record_stream``).
    workspace: memory on the CUDA device for the kernels to use while they run, a contiguous tensor
        of at least as many bytes as ``prepare`` returns. Default: q's library allocates it.

    Returns a tensor of q's library, type and layout, or (out, lse). On a CUDA device it is written
    when the stream gets there: nothing waits. Only torch and CuPy are asked for memory there; for
    q of another library give ``out``, with ``return_lse`` also ``lse``, and ``workspace`` where
    ``prepare`` returns more than 0. Kernels are compiled and plans uploaded on a first call;
    ``prepare`` does so before a CUDA graph captures.

    A query without a key gives 0 and −inf. No gradient flows through the result. Raises TypeError
    for what is no tensor or of another type, ValueError for shapes, devices and lengths that do not
    fit, each naming both numbers, DeviceError where a CUDA device, its driver or NVRTC is missing
    or refuses.
    """
    order = _order(layout)
    _check_options(scale, threads, features)
    others = {"out": out, "lse": lse, "workspace": workspace}
    queue = _queue({"q": q, "k": k, "v": v}, others, stream, threads, features)
    _check_recipe(recipe, queue)
    tensors = _views({"q": q, "k": k, "v": v}, layout, queue)
    plan = _plan(mask_or_plan, tensors)
    _check_plan(plan, tensors, layout)
    _check_readable(text_lengths, queue)
    lengths = _lengths(text_lengths, plan, tensors.q.shape[0])
    options = _Options(scale, lengths, threads, features, recipe or "")

    batch, queries, heads, _ = tensors.q.shape
    shape = (batch, queries, heads, tensors.v.shape[3])
    laid = tuple(shape[axis] for axis in order)
    result = _empty("out", q, laid, None, queue) if out is None else out
    target = _written("out", result, tensors.q.dtype, laid, _DIMENSIONS[layout], queue)
    sums = lse
    if return_lse and lse is None:
        sums = _empty("lse", q, (batch, heads, queries), "float32", queue)
    sums_view = None
    if sums is not None:
        sums_view = _written(
            "lse", sums, "float32", (batch, heads, queries), _LSE_DIMENSIONS, queue
        )
    if 0 not in shape:
        call = _Call(plan, tensors, sums_view, options, queue, workspace)
        call.run(result, target.permute(order), order)
    result = result if out is not None else _as_library_of(q, result, queue)
    if not return_lse:
        return result
    return result, (sums if lse is not None else _as_library_of(q, sums, queue))


def prepare(
    q: Any,
    k: Any,
    v: Any,
    mask_or_plan: Mask | Plan,
    *,
    layout: str = "BSHD",
    out: Any = None,
    features: str = "",
    recipe: str | None = None,
    stream: Any = None,
) -> int:
    """Does what a first call of ``attention`` over such tensors does beside computing: makes a
    mask's default plan, compiles kernels, and uploads the plan to the tensors' CUDA device.

    After it ``attention`` with the same options allocates and waits for nothing on the device, as a
    CUDA graph that captures it needs. Arguments are those of ``attention``, and so are the errors;
    no element of a tensor is read. Kernels depend on how rows lie in memory: without ``out`` they
    are those for a result that torch or CuPy allocate.

    Returns the bytes that ``attention`` takes as ``workspace``; 0 on the CPU.
    """
    order = _order(layout)
    _check_options(None, 0, features)
    queue = _queue({"q": q, "k": k, "v": v}, {"out": out}, stream, 0, features)
    _check_recipe(recipe, queue)
    tensors = _views({"q": q, "k": k, "v": v}, layout, queue)
    plan = _plan(mask_or_plan, tensors)
    _check_plan(plan, tensors, layout)
    options = _Options(None, [], 0, features, recipe or "")
    if out is None:
        return _prepare(plan, tensors, None, options, queue)
    shape = (*tensors.q.shape[:3], tensors.v.shape[3])
    laid = tuple(shape[axis] for axis in order)
    target = _written("out", out, tensors.q.dtype, laid, _DIMENSIONS[layout], queue)
    return _prepare(plan, tensors, target.permute(order), options, queue)


def _prepare(
    plan: Plan, tensors: _Tensors, out: View | None, options: _Options, queue: Queue | None
) -> int:
    stream = 0 if queue is None else queue.stream
    return _falloff.prepare(plan._impl, *tensors, out, options.features, options.recipe, stream)


class _Options(NamedTuple):
    scale: float | None
    lengths: list[int]
    threads: int
    features: str
    recipe: str


def _queue(
    inputs: dict[str, Any], others: dict[str, Any], stream: Any, threads: int, features: str
) -> Queue | None:
    """Where the kernels are queued; None on the CPU."""
    device = common_device(
        inputs | {n: tensor for n, tensor in others.items() if tensor is not None}
    )
    if device is None:
        for name, value in (("stream", stream), ("workspace", others.get("workspace"))):
            if value is not None:
                raise ValueError(
                    f"expects {name} for tensors on a CUDA device alone, but got q on the CPU"
                )
        return None
    for name, given in (("threads", threads != 0), ("features", features not in ("", "native"))):
        if given:
            raise ValueError(
                f"expects {name} for tensors on the CPU alone, but got q on {name_of(device)}"
            )
    return Queue.of(inputs["q"], device, stream)


def _views(named: dict[str, Any], layout: str, queue: Queue | None) -> _Tensors:
    """Views in (batch, tokens, heads, dim) order, of types and shapes that fit."""
    views = (_view(name, tensor, layout, queue) for name, tensor in named.items())
    tensors = _Tensors(*(view.permute(_ORDERS[layout]) for view in views))
    _check_tensors(tensors)
    return tensors


class _Call(NamedTuple):
    plan: Plan
    tensors: _Tensors
    lse: View | None
    options: _Options
    queue: Queue | None
    workspace: Any

    def run(self, result: Any, target: View, order: tuple[int, ...]) -> None:
        """Writes `result`, of which `target` is a view in (batch, tokens, heads, dim) order."""
        if not any(target.may_overlap(view) for view in self.tensors):
            self._launch(target)
            return
        # Kernels read q, k and v while they write.
        if self.queue is None:
            dtype = np.dtype(np.float32 if target.dtype == "float32" else np.uint16)
            apart = View.of(np.empty(target.shape, dtype), "out").as_dtype(target.dtype)
            self._launch(apart)
            target.copy_from(apart)
            return
        laid = tuple(target.shape[axis] for axis in order)
        memory = self.queue.empty("an out apart from q, k and v as out", laid, None)
        self._launch(View.of(memory, "out", self.queue.stream).permute(order))
        self.queue.copy(memory, result)

    def _launch(self, out: View) -> None:
        scale, lengths, threads, features, recipe = self.options
        _falloff.attention(
            self.plan._impl,
            *self.tensors,
            out,
            self.lse,
            scale,
            lengths,
            threads,
            features,
            recipe,
            0 if self.queue is None else self.queue.stream,
            self._memory(out),
        )

    def _memory(self, out: View) -> View | None:
        """What kernels of a CUDA device use while they run; None where they need nothing."""
        if self.queue is None:
            return None
        size = _prepare(self.plan, self.tensors, out, self.options, self.queue)
        given = self.workspace
        if given is None:
            if size == 0:
                return None
            given = self.queue.empty("workspace", (size,), "uint8")
        view = View.of(given, "workspace", self.queue.stream)
        held = math.prod(view.shape) * view.item_size
        if not view.is_contiguous or view.read_only:
            raise ValueError("expects workspace as contiguous memory that may be written")
        if held < size:
            raise ValueError(f"expects workspace of at least {size:,} bytes, but got {held:,}")
        return view


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


def _check_recipe(recipe: str | None, queue: Queue | None = None) -> None:
    if recipe is None:
        return
    names = RECIPES if queue is None else CUDA_RECIPES
    if to_text("recipe", recipe) in names:
        return
    known = recipe in CUDA_RECIPES
    raise ValueError(
        f"expects recipe {', '.join(names)} or None{' for tensors on the CPU' if known else ''}, "
        f"but got {recipe!r}{', of CUDA devices' if known else suggestion(recipe, names)}"
    )


def _view(name: str, tensor: Any, layout: str, queue: Queue | None = None) -> View:
    view = _as_view(name, tensor, queue)
    types = _DTYPES[queue is not None]
    if view.dtype not in types:
        raise TypeError(
            f"expects {name} in {' or '.join(types)} on {name_of(view.device)}, "
            f"but got {view.dtype}{_as_type(name, tensor, types[0])}"
        )
    if len(view.shape) != 4:
        raise ValueError(
            f"expects {name} with 4 dimensions {_DIMENSIONS[layout]}, but got shape {view.shape}"
            + (f"; pass {name}[None] for one batch entry" if len(view.shape) == 3 else "")
        )
    return view


def _as_view(name: str, tensor: Any, queue: Queue | None) -> View:
    if isinstance(tensor, View):
        return tensor
    return View.of(tensor, name, None if queue is None else queue.stream)


def _as_type(name: str, tensor: Any, dtype: str) -> str:
    """What to append to a message about a type that kernels do not take."""
    if library_of(tensor) == "torch":
        return f"; pass {name}.{'float' if dtype == 'float32' else 'half'}()"
    return f'; pass {name}.astype("{dtype}")' if hasattr(tensor, "astype") else ""


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
        device = tensors.q.device
        target = "cpu" if device is None else _falloff.cuda_target(device)
        return mask_or_plan.plan_for(_SHORT[tensors.q.dtype], tensors.q.shape[3], target)
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


def _check_readable(lengths: Any, queue: Queue | None) -> None:
    """Waiting for a stream that is captured spoils the capture, and another library would say so in
    words about neither lengths nor remedy."""
    if queue is None:
        return
    device = device_of(lengths, "text_lengths")
    if device is None:
        return
    if _falloff.is_capturing(queue.device, queue.stream):
        raise ValueError(
            "expects text_lengths as a list of integers while a stream is captured, but got a "
            f"tensor on {name_of(device)}, which has to be waited for; pass its tolist(), taken "
            "before the capture"
        )


def _lengths(given: Sequence[int] | None, plan: Plan, batch: int) -> list[int]:
    if given is None:
        return []
    if hasattr(given, "tolist"):  # at once: each element by itself would be waited for
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


def _written(
    name: str,
    tensor: Any,
    dtype: str,
    shape: tuple[int, ...],
    dimensions: str,
    queue: Queue | None,
) -> View:
    """The view of a tensor that kernels write."""
    view = _as_view(name, tensor, queue)
    if view.dtype != dtype:
        like = " like q" if name == "out" else ""
        raise TypeError(f"expects {name} in {dtype}{like}, but got {view.dtype}")
    if view.shape != shape:
        raise ValueError(f"expects {name} with shape {shape} {dimensions}, but got {view.shape}")
    if view.read_only:
        raise ValueError(f"expects an {name} that may be written, but got a read-only one")
    if getattr(tensor, "requires_grad", False) is True:
        raise ValueError(
            f"expects an {name} that requires no gradient, but got one that does; "
            f"pass {name}.detach()"
        )
    if not _has_own_places(view):
        raise ValueError(
            f"expects {name} with a place of its own for each element, "
            f"but got strides {view.strides} for shape {view.shape}"
        )
    return view


def _has_own_places(view: View) -> bool:
    """Whether each stride steps over all that the smaller ones reach."""
    reach = 0
    sizes = zip(map(abs, view.strides), view.shape, strict=True)
    for stride, size in sorted((stride, size) for stride, size in sizes if size > 1):
        if stride <= reach and 0 not in view.shape:
            return False
        reach += (size - 1) * stride
    return True


def _empty(
    what: str, q: Any, shape: tuple[int, ...], dtype: str | None, queue: Queue | None
) -> Any:
    """A tensor of q's library and of q's type or another; on the CPU numpy's if the library is
    unknown."""
    if queue is not None:
        return queue.empty(what, shape, dtype)
    if library_of(q) == "torch":
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


def _as_library_of(q: Any, result: Any, queue: Queue | None) -> Any:
    """A numpy result as an array of q's library, if that follows the Python array standard."""
    if queue is not None or library_of(q) or isinstance(q, np.ndarray):
        return result
    if not hasattr(q, "__array_namespace__"):
        return result
    return q.__array_namespace__().asarray(result)
