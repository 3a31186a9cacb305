# SPDX-License-Identifier: Apache-2.0
"""The rounding `nearest` in numpy, tile by tile, from the rule in the schedules' README.

It reads the pairs themselves, never a classification, so it is slow and says the rule once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from meanings import Mask, Meaning


@dataclass
class Group:
    """`about` sets of one limit: their union and the limit, both met with `only`."""

    about: Mask
    limit: Mask


def groups_of(meaning: Meaning) -> list[Group]:
    """Sets around which the same limit is filled go together."""
    groups: dict[str, Group] = {}
    for about in meaning.abouts:
        group = groups.setdefault(about.scope, Group(np.zeros_like(about.set), about.limit))
        group.about = group.about | about.set
    return list(groups.values())


def is_plain(meaning: Meaning) -> bool:
    """Whether limits of different scopes differ as sets: else they may go together or not."""
    groups = [group for group in groups_of(meaning) if group.about.any()]
    return not any(
        (one.limit == other.limit).all() for one, other in itertools.combinations(groups, 2)
    )


def nearest(
    meaning: Meaning,
    queries: list[npt.NDArray[np.int64]],
    keys: list[npt.NDArray[np.int64]],
    slices: list[int],
    share: float,
) -> Mask:
    """The pairs that a plan computes.

    `queries` and `keys` hold the tokens of each tile, `slices` the slice of each key tile: in each
    slice that a set touches and where no tile reaches the share, the tile of the largest share is
    filled all the same.
    """
    computed = np.zeros_like(meaning.contains)
    groups = groups_of(meaning)
    for query in queries:
        row = [np.ix_(query, key) for key in keys]
        filled = [fills(meaning, group, row, slices, share) for group in groups]
        for tile, at in enumerate(row):
            mask = meaning.contains[at]
            if mask.all() or meaning.exact[at].any() or any(f[tile] for f in filled):
                computed[at] = mask
            for group, fill in zip(groups, filled, strict=True):
                if fill[tile]:
                    computed[at] |= group.limit[at]
        keep_a_key(meaning, query, row, computed)
    return computed


def fills(
    meaning: Meaning, group: Group, row: list[tuple[Mask, ...]], slices: list[int], share: float
) -> list[bool]:
    """Which tiles of a row are filled around a group."""
    shares = []
    for at in row:
        limit = group.limit[at]
        touched = bool(group.about[at].any())
        shares.append((meaning.contains[at] & limit).sum() / limit.sum() if touched else -1.0)
    filled = [s >= share and s > 0 for s in shares]
    for number in set(slices):
        tiles = [t for t, s in enumerate(slices) if s == number and shares[t] >= 0]
        if tiles and not any(filled[t] for t in tiles):
            filled[max(tiles, key=lambda t: (shares[t], -t))] = True
    return filled


def keep_a_key(
    meaning: Meaning, query: npt.NDArray[np.int64], row: list[tuple[Mask, ...]], computed: Mask
) -> None:
    """Each query that lost all of its keys gets back those in the lowest tile that has one."""
    lost = meaning.contains[query].any(axis=1) & ~computed[query].any(axis=1)
    lowest = set()
    for token in np.flatnonzero(lost):
        lowest.add(next(t for t, at in enumerate(row) if meaning.contains[at][token].any()))
    for tile in lowest:
        computed[row[tile]] |= meaning.contains[row[tile]]


@dataclass
class Counts:
    """Pairs of a whole plan: of the mask, of the tiles kept (their area), and lost."""

    pairs: int = 0
    area: int = 0
    lost: int = 0

    def add(self, counts: Counts) -> None:
        self.pairs += counts.pairs
        self.area += counts.area
        self.lost += counts.lost


def radial_counts(
    frames: int,
    patches: int,
    tile_query: int,
    tile_key: int,
    share: float | None,
    band: Callable[[int], Mask],
) -> Counts:
    """What tiles inside frames keep of a radial mask without text, from the band of each distance.

    The first frame and near frames are whole; the band is the same for distances of one bit length,
    while no frame is thinned out. `share` is that of `nearest`, or None for `outward`.
    """
    assert frames <= patches
    whole = Counts(patches * patches, patches * patches, 0)
    found: dict[int, Counts] = {}
    total = Counts()
    for i in range(frames):
        for j in range(frames):
            d = abs(i - j)
            bits = d.bit_length()
            if bits not in found and d > 1:
                found[bits] = band_counts(band(d), tile_query, tile_key, share)
            total.add(whole if d <= 1 or j == 0 else found[bits])
    return total


def band_counts(band: Mask, tile_query: int, tile_key: int, share: float | None) -> Counts:
    """Tiles kept of one pair of frames: key tiles of a frame are a slice."""
    rows, columns = (range(0, len(band), tile) for tile in (tile_query, tile_key))
    held = np.add.reduceat(np.add.reduceat(band.astype(np.int64), rows, 0), columns, 1)
    area = np.outer(*(np.diff([*starts, len(band)]) for starts in (rows, columns)))
    kept = held > 0 if share is None else held >= share * area
    for row in np.flatnonzero(held.any(axis=1) & ~kept.any(axis=1)):
        kept[row, np.argmax(held[row] / area[row])] = True
    return Counts(int(held.sum()), int(area[kept].sum()), int(held[~kept].sum()))
