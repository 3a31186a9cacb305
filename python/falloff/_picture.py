# SPDX-License-Identifier: Apache-2.0
"""Pictures of masks: PNG files and text. Rows are queries, columns are keys."""

from __future__ import annotations

import os
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from falloff import _falloff
from falloff._progress import Progress
from falloff._values import to_size

_BACKGROUND = np.array([247, 247, 244], dtype=np.float64)
_INK = np.array([26, 62, 112], dtype=np.float64)
_SHADES = ".:-=+*%#"
# Pairs asked of the interpreter for a picture of a mask that is larger than the picture.
_BUDGET = 10_000_000


def shares(mask: _falloff.Mask, head: int, rows: int, columns: int) -> NDArray[np.float64]:
    """Share of kept pairs in each cell of a picture of at most rows × columns cells.

    A cell of few pairs is asked whole; of larger ones the same number of queries and keys, spread
    at random but always alike, so that regular masks cast no moiré.
    """
    queries, height = _cells(*mask.queries, rows, columns)
    keys, width = _cells(*mask.keys, columns, rows)
    asked = keys.ravel().tolist()
    result = np.empty((height, width), np.float64)
    step = max(1, height // 64)
    with Progress(height, after=1.0) as progress:
        for first in range(0, height, step):
            part = queries[first : first + step]
            pairs = mask.sample(part.ravel().tolist(), asked, head)
            cells = pairs.reshape(len(part), -1, width, keys.shape[1])
            result[first : first + step] = cells.mean(axis=(1, 3))
            progress.advance(len(part), "drawing")
    return result


def _cells(first: int, last: int, cells: int, others: int) -> tuple[NDArray[np.int64], int]:
    """Tokens asked for each of at most ``cells`` cells: (cells, samples)."""
    tokens = last - first
    cells = min(cells, tokens)
    edges = first + np.arange(cells + 1) * tokens // cells
    samples = min(-(-tokens // cells), max(1, int((_BUDGET / (cells * others)) ** 0.5)))
    sizes = np.diff(edges)[:, None]
    spread = (np.arange(samples) + np.random.default_rng(0).random((cells, samples))) / samples
    if samples >= sizes.max():
        spread = np.broadcast_to((np.arange(samples) + 0.5) / samples, (cells, samples))
    return edges[:-1, None] + (spread * sizes).astype(np.int64), cells


def write(path: str | os.PathLike[str], mask: _falloff.Mask, head: int, side: int) -> None:
    """Writes a PNG; ``path`` holds a whole picture or what it held before."""
    side = to_size("side", side)
    if side < 1:
        raise ValueError(f"expects a side of at least 1 pixel, but got {side}")
    given, path = os.fspath(path), Path(path)
    if not given or (path.suffix.lower() != ".png" and not path.is_dir()):
        raise ValueError(f"expects a path that ends in .png or .html, but got '{given}'")
    share = shares(mask, head, side, side)
    zoom = max(1, side // max(share.shape))
    ink = np.sqrt(share)[..., None]  # thin lines of big masks stay visible
    pixels = np.rint(_BACKGROUND + (_INK - _BACKGROUND) * ink).astype(np.uint8)
    write_whole(path, png(pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of 8-bit (height, width, 3) pixels."""
    height, width, _ = pixels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines.tobytes(), 6))
        + chunk(b"IEND", b"")
    )


def text(mask: _falloff.Mask, head: int, side: int = 64) -> str:
    """One character a pair, ``#`` kept and ``.`` not.

    Of masks with more than 2 × ``side`` keys or queries, one character a cell of pairs, which
    darkens with the share that is kept.
    """
    (first, last), (first_key, last_key) = mask.queries, mask.keys
    if max(last - first, last_key - first_key) <= 2 * side:
        share = shares(mask, head, 2 * side, 2 * side)
    else:
        share = shares(mask, head, side // 2, side)  # characters are twice as high as wide
    # Only an empty cell is a dot, and only a full one a hash.
    shade = np.ceil(share * (len(_SHADES) - 1)).astype(int)
    shade[(share < 1) & (shade == len(_SHADES) - 1)] = len(_SHADES) - 2
    return "\n".join("".join(_SHADES[index] for index in row) for row in shade)


def write_whole(path: Path, data: bytes) -> None:
    """Writes under a temporary name and renames, so that no half-written file is left."""
    try:
        _write_and_rename(path, data)
    except OSError as error:  # names the path that was asked for, not the temporary one
        raise OSError(error.errno, error.strerror, str(path)) from None


def _write_and_rename(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
