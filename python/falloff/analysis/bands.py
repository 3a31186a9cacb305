# SPDX-License-Identifier: Apache-2.0
"""Pairs by the distance of their frames, in the bands of radial attention (Li et al. 2025, arXiv
2506.19852, section 4.2): distances 0 and 1, then 2 to 3, 4 to 7, and so on to powers of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falloff import _falloff
from falloff._mask import Mask
from falloff._plan import Plan

MOST_FRAMES = 4096
"""Pairs of more frames are not counted: their number grows with its square."""


@dataclass(frozen=True)
class Band:
    """Frame pairs at distances ``first`` to ``last``, both included.

    ``tokens`` is the number of token pairs there are, ``pairs`` those in the mask, and ``computed``
    those that a plan of each rounding computes; means over heads.
    """

    first: int
    last: int
    frame_pairs: int
    tokens: int
    pairs: float
    computed: dict[str, float]

    @property
    def density(self) -> float:
        return self.pairs / self.tokens

    def as_dict(self) -> dict[str, Any]:
        return {
            "distances": [self.first, self.last],
            "frame_pairs": self.frame_pairs,
            "pairs": self.pairs,
            "density": self.density,
            "sparsity": 1.0 - self.density,
            "computed": {name: pairs / self.tokens for name, pairs in self.computed.items()},
        }


def video_segment(plan: Plan) -> int | None:
    """Number of the segment whose first axis, of several, is that of frames; None without one."""
    for number, segment in enumerate(plan._impl.grid.segments):
        if segment.axes[0] == "frame" and len(segment.axes) > 1:
            return number
    return None


def frame_pairs(counted: Mask | Plan, segment: int, tables: Sequence[int]) -> NDArray[np.float64]:
    """Pairs between frames, (query frame, key frame), mean over heads.

    ``tables`` tells which heads are alike: entry h is the number of head h's table.
    """
    impl: _falloff.Mask | _falloff.Plan = counted._impl
    total: Any = 0.0
    for table in sorted(set(tables)):
        pairs = impl.leading_pairs(segment, segment, tables.index(table))
        total = total + pairs.astype(np.float64) * tables.count(table)
    result: NDArray[np.float64] = total / len(tables)
    return result


def bands(mask: Mask, plans: dict[str, Plan]) -> list[Band] | None:
    """Bands of the video, nearest first; None where no segment has frames as its first axis, or
    more than ``MOST_FRAMES`` of them.

    ``plans`` are plans of this mask by their rounding.
    """
    plan = next(iter(plans.values()))
    segment = video_segment(plan)
    if segment is None:
        return None
    tables = list(plan._impl.table_of)
    extents = plan._impl.grid.segments[segment].extents
    frames, patches = extents[0], int(np.prod(extents[1:], dtype=np.int64))
    if frames * patches == 0 or frames > MOST_FRAMES:
        return None
    in_mask = by_distance(frame_pairs(mask, segment, tables))
    computed = {
        name: by_distance(frame_pairs(each, segment, list(each._impl.table_of)))
        for name, each in plans.items()
    }
    result = []
    for first, end in _edges(frames):
        count = sum(frames if d == 0 else 2 * (frames - d) for d in range(first, end))
        result.append(
            Band(
                first=first,
                last=end - 1,
                frame_pairs=count,
                tokens=count * patches**2,
                pairs=float(in_mask[first:end].sum()),
                computed={name: float(pairs[first:end].sum()) for name, pairs in computed.items()},
            )
        )
    return result


def by_distance(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of a square matrix over its diagonals at distance 0, 1, ... either side."""
    frames = len(pairs)
    index = np.arange(frames)
    distance = np.abs(index[:, None] - index[None, :])
    sums = np.bincount(distance.ravel(), weights=pairs.ravel(), minlength=frames)
    return sums.astype(np.float64)


def _edges(frames: int) -> list[tuple[int, int]]:
    """Half-open ranges of distances: 0 to 1, then each to the next power of two."""
    edges = [(0, min(2, frames))]
    while edges[-1][1] < frames:
        first = edges[-1][1]
        edges.append((first, min(2 * first, frames)))
    return edges
