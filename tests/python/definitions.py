# SPDX-License-Identifier: Apache-2.0
"""What each library pattern means, in numpy, written from the formula of its source.

Nothing here is taken from the pattern files or from the compiler: a definition follows its paper or
its public code frame pair by frame pair, or axis by axis, so that it can be wrong only in its own
way. Each function gives the mask as a boolean array, queries x keys, tokens row-major in their
segment and text after the video unless `text_first`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def offsets(places: int) -> npt.NDArray[np.int64]:
    """|k - l| for all pairs of `places` places."""
    place = np.arange(places)
    return np.abs(place[:, None] - place[None, :])


def by_frame_pair(frames: int, patches: int, pair: Callable[[int, int], Mask]) -> Mask:
    """The video's mask from the mask of each pair of frames (query frame, key frame)."""
    mask = np.zeros((frames, patches, frames, patches), bool)
    for i in range(frames):
        for j in range(frames):
            mask[i, :, j, :] = pair(i, j)
    return mask.reshape(frames * patches, frames * patches)


def with_text(video: Mask, text: int, text_first: bool = False) -> Mask:
    """Text tokens see all and are seen by all."""
    n = len(video) + text
    mask = np.ones((n, n), bool)
    start = text if text_first else 0
    mask[start : start + len(video), start : start + len(video)] = video
    return mask


def dense(frames: int, patches: int, text: int = 0) -> Mask:
    """Vaswani et al. 2017, Eq. 1: no pair is masked."""
    return np.ones((frames * patches + text,) * 2, bool)


def causal(tokens: int) -> Mask:
    """Vaswani et al. 2017, section 3.2.3: position i depends on positions up to i."""
    return np.tril(np.ones((tokens, tokens), bool))


def power_of_two_below(x: int) -> int:
    """2^floor(log2 x), for x >= 1."""
    return 1 << (x.bit_length() - 1)


def radial_pair(d: int, patches: int, decay: float) -> Mask:
    """Li et al. 2025, Eq. 4, for two frames at distance d; `decay` scales the width s / p."""
    if d <= 1:
        return np.ones((patches, patches), bool)
    p = power_of_two_below(d)
    offset = offsets(patches)
    mask = np.zeros((patches, patches), bool)
    if p <= patches:
        mask |= offset + 1 <= decay * patches / p
    if d % math.ceil(p / patches) == 0:
        mask |= offset == 0
    return mask


def radial_row(d: int, place: int, patches: int, decay: float) -> Mask:
    """One row of `radial_pair`: the places seen from `place`, in a frame at distance d."""
    offset = np.abs(np.arange(patches) - place)
    if d <= 1:
        return offset >= 0
    p = power_of_two_below(d)
    band = (p <= patches) & (offset + 1 <= decay * patches / p)
    return band | ((offset == 0) & (d % math.ceil(p / patches) == 0))


def radial(
    frames: int,
    patches: int,
    text: int = 0,
    *,
    decay: float = 1.0,
    sinks: int = 1,
    text_first: bool = False,
) -> Mask:
    """Li et al. 2025, Eq. 4, with the first frames as attention sinks."""

    def pair(i: int, j: int) -> Mask:
        whole = np.ones((patches, patches), bool)
        return whole if j < sinks else radial_pair(abs(i - j), patches, decay)

    return with_text(by_frame_pair(frames, patches, pair), text, text_first)


def radial_pairs(frames: int, patches: int, *, decay: float, sinks: int = 1) -> int:
    """How many pairs Eq. 4 keeps, diagonal by diagonal: for masks that do not fit in memory."""
    pairs = 0
    for i in range(frames):
        for j in range(frames):
            d = abs(i - j)
            if d <= 1 or j < sinks:
                pairs += patches * patches
                continue
            p = power_of_two_below(d)
            width = math.floor(decay * patches / p) if p <= patches else 0
            if width >= 1:
                pairs += patches + 2 * sum(patches - o for o in range(1, width))
            elif d % math.ceil(p / patches) == 0:
                pairs += patches
    return pairs


def radial_2d(
    frames: int,
    rows: int,
    columns: int,
    text: int = 0,
    *,
    decay: float = 1.0,
    sinks: int = 1,
    text_first: bool = False,
) -> Mask:
    """Eq. 4 of Li et al. 2025 with s / p shared by rows and columns, a factor 1 / sqrt(p) each.

    Along a side of n places, |k - l| + 1 <= decay n / sqrt(p), or k = l; frames whose p passes the
    places of a frame are thinned to every ceil(p / places)-th.
    """

    def side(places: int, p: int) -> Mask:
        offset = offsets(places)
        return (offset == 0) | (offset + 1 <= decay * places / math.sqrt(p))

    def pair(i: int, j: int) -> Mask:
        d = abs(i - j)
        places = rows * columns
        if d <= 1 or j < sinks:
            return np.ones((places, places), bool)
        p = power_of_two_below(d)
        if d % math.ceil(p / places):
            return np.zeros((places, places), bool)
        return np.kron(side(rows, p), side(columns, p))

    return with_text(by_frame_pair(frames, rows * columns, pair), text, text_first)


def radial_reference(
    frames: int,
    patches: int,
    text: int = 0,
    *,
    rule: str = "wan",
    adjacent: int = 1,
    decay: float = 0.2,
    block: int = 128,
    text_first: bool = False,
) -> Mask:
    """mit-han-lab/radial-attention @72788d4, attn_mask.py, before its blocks are shrunk.

    Lengths L(d) = 2^bits(s) / 2^bits(d) for d >= 1. The half width is s at d = 0; s (or s // 2, in
    ports) at d = 1; else max(L decay, block). Where L < 128 only every int(128 / L)-th frame is
    kept. `wan` keeps frame 0's keys.
    """

    def pair(i: int, j: int) -> Mask:
        d = abs(i - j)
        if rule == "wan" and j == 0:
            return np.ones((patches, patches), bool)
        length = 2 ** patches.bit_length() / 2 ** d.bit_length()
        if length < 128 and d % int(128 / length) != 0:
            return np.zeros((patches, patches), bool)
        if d == 0:
            half = float(patches)
        elif d == 1:
            half = float(patches if adjacent == 1 else patches // adjacent)
        else:
            half = max(length * decay, block)
        return offsets(patches) <= half

    return with_text(by_frame_pair(frames, patches, pair), text, text_first)


def natten_axis(
    places: int, window: int, stride: int = 1, dilation: int = 1, causal: bool = False
) -> Mask:
    """One axis of NATTEN's reference (csrc/include/natten/cuda/reference/mask.hpp).

    Tokens of one residue modulo the dilation form an axis of their own. A window as long as the
    axis, or longer, is the whole axis (NATTEN refuses a longer one).
    """
    mask = np.zeros((places, places), bool)
    left = window // 2
    right = window // 2 + (window % 2 - 1)
    for residue in range(min(dilation, places)):
        tokens = np.arange(residue, places, dilation)
        length = len(tokens)
        for index in range(length):
            if causal:
                leader = min(index // stride * stride + stride - 1, length - 1)
                start, end = max(leader - left - right, 0), index + 1
            elif window >= length:
                start, end = 0, length
            else:
                leader = min(index // stride * stride + stride // 2, length - 1)
                start = max(leader - left, 0)
                if leader + right >= length:
                    start += length - right - leader - 1
                end = start + window
            mask[tokens[index], tokens[start:end]] = True
    return mask


def neighborhood(
    frames: int,
    rows: int,
    columns: int,
    *,
    depth: int = 5,
    side: int = 7,
    stride: int = 1,
    dilation: int = 1,
) -> Mask:
    """NATTEN, Hassani et al. 2025: a product of axes, the frames causal."""
    frame = natten_axis(frames, depth, causal=True)
    row = natten_axis(rows, side, stride, dilation)
    column = natten_axis(columns, side, stride, dilation)
    return np.kron(frame, np.kron(row, column))


def sliding_tile_axis(places: int, tile: int, kernel: int = 3) -> Mask:
    """One axis of FastVideo's sta_mask_3d: the window's centre is clamped inside the tiles."""
    own = np.arange(places) // tile
    tiles = -(-places // tile)
    centre = np.minimum(np.maximum(own, kernel // 2), tiles - 1 - kernel // 2)
    # An axis of fewer tiles than the kernel is seen whole.
    return (
        np.abs(centre[:, None] - own[None, :]) <= kernel // 2
        if tiles >= kernel
        else np.ones((places, places), bool)
    )


def sliding_tile(
    frames: int, rows: int, columns: int, text: int = 0, *, text_first: bool = False
) -> Mask:
    """Zhang et al. 2025: tiles of 6 x 8 x 8, windows of 3 x 3 x 3 tiles."""
    row_column = np.kron(sliding_tile_axis(rows, 8), sliding_tile_axis(columns, 8))
    return with_text(np.kron(sliding_tile_axis(frames, 6), row_column), text, text_first)


def cogvideox(
    frames: int, rows: int, columns: int, text: int = 226, *, text_first: bool = True
) -> Mask:
    """Sliding tiles with the text of CogVideoX, which comes first."""
    return sliding_tile(frames, rows, columns, text, text_first=text_first)


def streaming_llm(tokens: int, *, first: int = 4, recent: int = 1024) -> Mask:
    """Xiao et al. 2024: for token i the cache holds the first tokens and the recent up to i."""
    mask = np.zeros((tokens, tokens), bool)
    for i in range(tokens):
        seen = np.arange(i + 1)
        mask[i, seen[:first]] = True
        if recent:
            mask[i, seen[-recent:]] = True
    return mask


def block_causal(
    frames: int, patches: int, *, chunk: int = 3, window: int = 21, sinks: int = 0
) -> Mask:
    """The blockwise causal mask of guandeh17/Self-Forcing (causal_model.py), with sink frames.

    `ends[q]` is the end of q's chunk; q sees keys before it, from `ends[q] - window` frames on.
    """
    n = frames * patches
    ends = np.zeros(n, np.int64)
    for start in range(0, n, patches * chunk):
        ends[start : start + patches * chunk] = start + patches * chunk
    key = np.arange(n)[None, :]
    end = ends[:, None]
    return (key < end) & ((key >= end - window * patches) | (key < sinks * patches))


def documents(tokens: int, starts: Sequence[int]) -> Mask:
    """Packed sequences: one lower triangle a document."""
    mask = np.zeros((tokens, tokens), bool)
    for begin, end in pairwise([0, *starts, tokens]):
        mask[begin:end, begin:end] = causal(max(end - begin, 0))
    return mask


def sparse_videogen(
    kind: str,
    frames: int,
    patches: int,
    text: int = 0,
    *,
    around: int = 1,
    places: int = 64,
    text_first: bool = False,
) -> Mask:
    """Xi et al. 2025: spatial heads see near frames, temporal ones near places; all the first."""
    whole = np.ones((patches, patches), bool)
    band = offsets(patches) <= places

    def pair(i: int, j: int) -> Mask:
        if j == 0:
            return whole
        if kind == "spatial":
            return whole if abs(i - j) <= around else ~whole
        return band

    return with_text(by_frame_pair(frames, patches, pair), text, text_first)


def scene_of(frame: int, cuts: Sequence[int]) -> int:
    """Number of the scene of a frame: how many cuts lie at it or before."""
    return sum(cut <= frame for cut in cuts)


def scene_aware(
    frames: int,
    patches: int,
    text: int = 0,
    *,
    cuts: Sequence[int],
    links: npt.ArrayLike,
    decay: float = 0.2,
    sinks: int = 1,
    text_first: bool = False,
) -> Mask:
    """CausalDiffusion's SceneAwareMaskMap: frame pairs of scenes not linked drop, the sink too."""
    linked = np.asarray(links, bool)

    def pair(i: int, j: int) -> Mask:
        whole = np.ones((patches, patches), bool)
        if not linked[scene_of(i, cuts), scene_of(j, cuts)]:
            return ~whole
        return whole if j < sinks else radial_pair(abs(i - j), patches, decay)

    return with_text(by_frame_pair(frames, patches, pair), text, text_first)


def chosen(
    frames: int,
    rows: int,
    columns: int,
    text: int = 0,
    *,
    blocks: npt.ArrayLike,
    text_first: bool = False,
) -> Mask:
    """Zhang et al. 2025 (VSA): a video pair needs linked 4 x 4 x 4 cubes, inside @radial_2d."""
    f, r, c = np.meshgrid(np.arange(frames), np.arange(rows), np.arange(columns), indexing="ij")
    cubes = (math.ceil(frames / 4), math.ceil(rows / 4), math.ceil(columns / 4))
    cube = np.ravel_multi_index((f // 4, r // 4, c // 4), cubes).ravel()
    linked = np.asarray(blocks, bool)[cube[:, None], cube[None, :]]
    return with_text(radial_2d(frames, rows, columns) & linked, text, text_first)


def vace(pictures: int, spots: int, frames: int, patches: int, text: int = 0) -> Mask:
    """References first: all see them, they see each other only; the rest is radial."""
    references = pictures * spots
    rest = radial(frames, patches, text)
    n = references + len(rest)
    mask = np.zeros((n, n), bool)
    mask[:, :references] = True
    mask[references:, references:] = rest
    return mask
