# SPDX-License-Identifier: Apache-2.0
"""falloff.fit: from an attention map, or from queries and keys, to the rates at which it decays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falloff._bfloat16 import Widened
from falloff._decay import Array, Curve, Rows, Video, fit_curve, measure
from falloff._progress import Progress
from falloff._values import one_line, to_size

_AXES = ("temporal", "spatial")
_MAP_ROWS = 64  # rows of a map that are read at a time
_SCORE_ROWS = 16  # queries whose scores are held at a time
_SUM_TOLERANCE = 0.02  # of a row of a softmax that was stored in half precision
SAMPLES = 256


@dataclass(frozen=True)
class Decay:
    """Curves ``temporal`` and ``spatial`` of one head or of the mean of heads; None where fewer
    than three distances occur."""

    temporal: Curve | None
    spatial: Curve | None

    def curves(self) -> list[Curve]:
        return [curve for curve in (self.temporal, self.spatial) if curve is not None]

    def as_dict(self) -> dict[str, Any]:
        curves = ((name, getattr(self, name)) for name in _AXES)
        return {name: None if curve is None else curve.as_dict() for name, curve in curves}


@dataclass(frozen=True)
class DecayFit:
    """What ``fit`` found: of the mean over heads and batch entries, and of each head."""

    tokens: int
    queries: int
    mean: Decay
    heads: tuple[Decay, ...]

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "tokens": self.tokens,
            "queries": self.queries,
            "mean": self.mean.as_dict(),
            "heads": [head.as_dict() for head in self.heads],
        }

    def __str__(self) -> str:
        heads = "1 head" if len(self.heads) == 1 else f"{len(self.heads)} heads"
        lines = [f"{self.tokens:,} tokens, {self.queries:,} queries of {heads}"]
        lines.append("attention = exp(-a x + b)")
        lines += _table("mean", self.mean)
        for number, head in enumerate(self.heads if len(self.heads) > 1 else ()):
            lines += _table(f"head {number}", head)
        return "\n".join(lines)


def _table(name: str, decay: Decay) -> Iterator[str]:
    for axis in _AXES:
        curve = getattr(decay, axis)
        if curve is None:
            yield f"{name:>8}  {axis:<8}  fewer than three distances"
            continue
        a, b, r_squared = curve.fit.a, curve.fit.b, curve.fit.r_squared
        yield f"{name:>8}  {axis:<8}  a = {a:<10.4g} b = {b:<10.4g} R² = {r_squared:.4f}"


def fit(
    attention: Any = None,
    *,
    q: Any = None,
    k: Any = None,
    frames: int,
    tokens_per_frame: int | None = None,
    height: int | None = None,
    width: int | None = None,
    text: int = 0,
    text_first: bool = False,
    scale: float | None = None,
    samples: int | None = None,
    seed: int = 0,
    nearest: int = 0,
    farthest: int | None = None,
) -> DecayFit:
    """Fits exp(−a·x + b) to a video's attention against distance in time and in space.

    attention: weights after softmax, rows of queries, (tokens, tokens) or (heads, tokens, tokens).
        Or, where maps are too large, ``q`` (batch, tokens, heads, dim) and ``k`` (batch, tokens,
        key heads, dim), whose softmax is computed for sampled queries.
    frames, and tokens_per_frame or height and width: of the video, row-major. With height and width
        the distance in space is that of rows and columns, rounded; else that of token numbers.
    text: tokens beside the video's, after them unless ``text_first``; they take part in the softmax
        and in nothing else.
    scale: of q and k's scores; default 1 / √dim.
    samples: queries of each head and batch entry; default 256 of q and k, all of a map. The same
        ``seed`` picks the same ones.
    nearest, farthest: distances to fit; default all. 0 is the query's own place.

    Temporal attention at x is the mean over queries of what they give to their own place x frames
    away; spatial, to the places at distance x in their own frame. Memory: one head of q and k and
    16 rows of scores.

    Raises TypeError or ValueError where arrays, sizes or options do not fit, or where a map is no
    softmax.
    """
    if (attention is None) == (q is None) or (q is None) != (k is None):
        raise TypeError("expects attention, or q and k, but got neither or both")
    _check_scale(scale)
    arrays = (attention,) if q is None else (q, k)
    source = _Map(*arrays) if q is None else _QueriesKeys(*arrays, scale=scale)
    sizes = {"tokens_per_frame": tokens_per_frame, "height": height, "width": width}
    video = _video(source.tokens, frames, sizes, text, text_first)
    for name, number in (("nearest", nearest), ("farthest", farthest), ("seed", seed)):
        if number is not None and to_size(name, number) < 0:
            raise ValueError(f"expects {name} of at least 0, but got {number}")
    queries = _queries(video, samples, source.samples, seed)
    means = []
    with Progress(source.heads, after=1.0) as progress:
        for head in range(source.heads):
            with progress.step(f"head {head}", 1):
                means.append(measure(source.rows(head, queries, video), video))

    def decay(temporal: Array, spatial: Array) -> Decay:
        return Decay(
            fit_curve("temporal", temporal, nearest, farthest),
            fit_curve("spatial", spatial, nearest, farthest),
        )

    # Mean of heads: every head counts the same number of pairs at each distance.
    mean = decay(*(np.mean([of[axis] for of in means], axis=0) for axis in (0, 1)))
    if not mean.curves():
        raise ValueError(
            f"expects at least three distances to fit, but got {video.frames} frames of "
            f"{video.patches} tokens and distances from {nearest} to "
            f"{'the last' if farthest is None else farthest}"
        )
    return DecayFit(video.tokens, len(queries), mean, tuple(decay(*of) for of in means))


def _check_scale(scale: Any) -> None:
    if scale is None:
        return
    if not isinstance(scale, Real) or isinstance(scale, bool):
        raise TypeError(f"expects scale to be a number, but got {one_line(scale)}")
    if not math.isfinite(scale):
        raise ValueError(f"expects scale to be finite, but got {scale}")


def _video(
    tokens: int, frames: int, sizes: dict[str, int | None], text: int, text_first: bool
) -> Video:
    given = {name: to_size(name, size) for name, size in sizes.items() if size is not None}
    given |= {"frames": to_size("frames", frames)}
    for name, size in given.items():
        if size < 1:
            raise ValueError(f"expects {name} of at least 1, but got {size}")
    if ("height" in given) != ("width" in given):
        raise ValueError("expects height and width, but got one of them")
    patches = given.get("tokens_per_frame", given.get("height", 1) * given.get("width", 1))
    if "height" in given and given["height"] * given["width"] != patches:
        raise ValueError(
            f"expects tokens_per_frame as height x width = {given['height'] * given['width']}, "
            f"but got {patches}"
        )
    if "height" not in given and "tokens_per_frame" not in given:
        raise ValueError("expects tokens_per_frame or height and width, but got neither")
    if to_size("text", text) < 0:
        raise ValueError(f"expects text of at least 0 tokens, but got {text}")
    if frames * patches + text != tokens:
        beside = f" + {text} of text" if text else ""
        raise ValueError(
            f"expects {frames} frames x {patches} tokens{beside} = {frames * patches + text:,} "
            f"tokens, but got {tokens:,}"
        )
    rows = given.get("height", 1)
    return Video(frames, rows, patches // rows, text if text_first else 0, tokens)


def _queries(video: Video, samples: int | None, default: int | None, seed: int) -> Any:
    """Numbers of the video's tokens, ascending."""
    if samples is not None and to_size("samples", samples) < 1:
        raise ValueError(f"expects samples of at least 1, but got {samples}")
    whole = video.frames * video.patches
    count = samples or default or whole
    if count >= whole:
        return np.arange(whole)
    return np.sort(np.random.default_rng(seed).choice(whole, count, replace=False))


class _Map:
    """Attention weights, (heads, tokens, tokens)."""

    samples: int | None = None

    def __init__(self, attention: Any) -> None:
        array = np.asarray(_floats("attention", attention))
        array = array[None] if array.ndim == 2 else array
        if array.ndim != 3 or array.shape[1] != array.shape[2]:
            raise ValueError(
                "expects attention as (tokens, tokens) or (heads, tokens, tokens), "
                f"but got shape {np.shape(attention)}"
            )
        self._array = array
        self.heads, self.tokens = array.shape[:2]

    def rows(self, head: int, queries: NDArray[np.int64], video: Video) -> Rows:
        for chunk in np.array_split(queries, -(-len(queries) // _MAP_ROWS)):
            rows = self._array[head, video.first + chunk].astype(np.float64)
            _check_softmax(rows, head, video.first + chunk)
            yield chunk, _of_video(rows, video)


class _QueriesKeys:
    """Softmax of scale · q kᵀ, for the queries asked."""

    samples: int | None = SAMPLES

    def __init__(self, q: Any, k: Any, *, scale: float | None) -> None:
        self._q, self._k = _floats("q", q), _floats("k", k)
        for name, array in (("q", self._q), ("k", self._k)):
            if array.ndim != 4:
                raise ValueError(
                    f"expects {name} as (batch, tokens, heads, dim), but got shape {array.shape}"
                )
        batch, self.tokens, self.heads, dim = self._q.shape
        if self._k.shape[:2] != (batch, self.tokens) or self._k.shape[3] != dim:
            raise ValueError(
                f"expects q and k alike but in heads, but got {self._q.shape} and {self._k.shape}"
            )
        if self._k.shape[2] == 0 or self.heads % self._k.shape[2]:
            raise ValueError(
                f"expects query heads to be a multiple of key heads, but got {self.heads} and "
                f"{self._k.shape[2]}"
            )
        self._scale = dim**-0.5 if scale is None else float(scale)

    def rows(self, head: int, queries: NDArray[np.int64], video: Video) -> Rows:
        key_head = head // (self.heads // self._k.shape[2])
        for entry in range(self._q.shape[0]):
            k = np.ascontiguousarray(self._k[entry, :, key_head], np.float32)
            for chunk in np.array_split(queries, -(-len(queries) // _SCORE_ROWS)):
                q = self._q[entry, video.first + chunk, head].astype(np.float32)
                scores = (q @ k.T).astype(np.float64) * self._scale
                if not np.isfinite(scores).all():
                    raise ValueError(f"expects finite q and k, but got others in head {head}")
                weights = np.exp(scores - scores.max(axis=1, keepdims=True))
                yield chunk, _of_video(weights / weights.sum(axis=1, keepdims=True), video)


def _floats(name: str, array: Any) -> NDArray[Any] | Widened:
    result = array if isinstance(array, np.ndarray | Widened) else np.asarray(array)
    if result.dtype.kind != "f":
        raise TypeError(f"expects {name} as floating point numbers, but got {result.dtype}")
    if 0 in result.shape:
        raise ValueError(f"expects {name} with elements, but got shape {result.shape}")
    return result


def _check_softmax(rows: Array, head: int, queries: NDArray[np.int64]) -> None:
    sums = rows.sum(axis=1)
    good = np.isfinite(sums) & (rows.min(axis=1) >= 0) & (np.abs(sums - 1) <= _SUM_TOLERANCE)
    if not good.all():
        place = int(np.argmin(good))
        raise ValueError(
            "expects attention after softmax, rows of at least 0 that sum to 1, but got a row from "
            f"{rows[place].min():.3g} that sums to {sums[place]:.3g} (head {head}, query "
            f"{queries[place]:,})"
        )


def _of_video(rows: Array, video: Video) -> Array:
    return rows[:, video.first : video.first + video.frames * video.patches]
