# SPDX-License-Identifier: Apache-2.0
"""Video models: how pixels become tokens, and what their transformers hold.

from falloff import models

model = models.get("wan2.1-14b")
model.latent("832x480x81")  # (21, 30, 52): frames, rows and columns of tokens
mask = models.bind(falloff.load("radial", decay=0.2), model, "832x480x81")

A size is width x height x frames in pixels, as ``"832x480x81"`` or three integers. Numbers are
those of the models' configurations in diffusers and of the models' own repositories.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from falloff._mask import Mask
from falloff._pattern import Pattern
from falloff._values import one_line, suggestion, to_size, to_text

Size = str | Sequence[int]
"""``"832x480x81"`` or ``(832, 480, 81)``: width, height and frames in pixels."""


@dataclass(frozen=True)
class Model:
    """A video transformer, as far as its attention goes.

    ``vae`` and ``patch`` are strides along (frames, height, width): pixels a latent, latents a
    token. ``text`` is the number of tokens of text that self-attention sees, before the video where
    ``text_first``, else after it; 0 where text is read by cross-attention alone. ``blocks`` that do
    other work than attention are described by the widths of their matrices.
    """

    name: str
    heads: int
    head_dim: int
    layers: int
    feed_forward: int
    feed_forward_matrices: int = 2
    vae: tuple[int, int, int] = (4, 8, 8)
    patch: tuple[int, int, int] = (1, 2, 2)
    text: int = 0
    text_first: bool = False
    text_width: int = 0
    text_feed_forward: int = 0
    cross_text: int = 0
    experts: int = 1

    @property
    def width(self) -> int:
        """Channels of a token: heads x head dimension."""
        return self.heads * self.head_dim

    def latent(self, size: Size) -> tuple[int, int, int]:
        """Frames, rows and columns of tokens of a size in pixels.

        Width and height must be multiples of the VAE's stride x the patch, and frames 1 more than a
        multiple of the VAE's stride, since no pipeline makes anything else: some round, each in its
        own way, and some refuse. Where the patch holds several latent frames (CogVideoX 1.5), the
        last patch is filled up, as its pipeline does: 81 frames are 21 latents, padded to 22, and
        11 frames of tokens.

        Raises ValueError with the nearest sizes that work, smaller and larger, where one does not.
        """
        width, height, frames = parse_size(size)
        down, across = (v * p for v, p in zip(self.vae[1:], self.patch[1:], strict=True))
        time = self.vae[0]
        if width % across or height % down or (frames - 1) % time:
            near = [
                f"{w}x{h}x{f + 1}"
                for w, h, f in (
                    (_down(width, across), _down(height, down), _down(frames - 1, time)),
                    (_up(width, across), _up(height, down), _up(frames - 1, time)),
                )
                if w and h
            ]
            raise ValueError(
                f"expects {_multiples(across, down)} and 1 + a multiple of {time} frames for "
                f"{self.name}, but got {width}x{height}x{frames}; {' and '.join(near)} "
                f"{'work' if len(near) > 1 else 'works'}"
            )
        latents = (frames - 1) // time + 1
        return -(-latents // self.patch[0]), height // down, width // across

    def tokens(self, size: Size, text: int | None = None) -> int:
        """Number of tokens in self-attention, text included."""
        frames, rows, columns = self.latent(size)
        return frames * rows * columns + (self.text if text is None else text)

    def attention_flops(self, pairs: float) -> float:
        """FLOPs of self-attention over so many (query, key) pairs in one layer, all heads: q k^T
        and p v, a multiply-add counting as two."""
        return 4.0 * pairs * self.heads * self.head_dim

    def other_flops(self, video: int, text: int | None = None) -> float:
        """FLOPs of the rest of one layer at so many tokens of video: projections of q, k, v and
        the output, feed-forward, and cross-attention where there is one.

        Norms, modulation and embeddings are left out: they are below a percent.
        """
        text = self.text if text is None else text
        own = 4 * self.width**2 + self.feed_forward_matrices * self.width * self.feed_forward
        text_width = self.text_width or self.width
        text_own = 4 * self.width * text_width + self.feed_forward_matrices * text_width * (
            self.text_feed_forward or self.feed_forward
        )
        cross = 0.0
        if self.cross_text:
            projections = 2 * (video + self.cross_text) * self.width**2
            cross = 2.0 * projections + 4.0 * video * self.cross_text * self.width
        return 2.0 * (video * own + text * text_own) + cross


MODELS = (
    Model("wan2.1-1.3b", 12, 128, 30, feed_forward=8960, cross_text=512),
    Model("wan2.1-14b", 40, 128, 40, feed_forward=13824, cross_text=512),
    Model("wan2.2-a14b", 40, 128, 40, feed_forward=13824, cross_text=512, experts=2),
    Model("wan2.2-5b", 24, 128, 30, feed_forward=14336, cross_text=512, vae=(4, 16, 16)),
    Model("hunyuanvideo", 24, 128, 60, feed_forward=12288, text=256),
    Model(
        *("mochi-1", 24, 128, 48),
        feed_forward=8192,
        feed_forward_matrices=3,
        vae=(6, 8, 8),
        text=256,
        text_width=1536,
        text_feed_forward=4096,
    ),
    Model("cogvideox-2b", 30, 64, 30, feed_forward=7680, text=226, text_first=True),
    Model("cogvideox-5b", 48, 64, 42, feed_forward=12288, text=226, text_first=True),
    Model(
        *("cogvideox1.5-5b", 48, 64, 42),
        feed_forward=12288,
        patch=(2, 2, 2),
        text=226,
        text_first=True,
    ),
)


def names() -> list[str]:
    """Names of the models that ``get`` knows."""
    return [model.name for model in MODELS]


def get(name: str | Model) -> Model:
    """A model by its name, in upper or lower case. Raises ValueError where there is none."""
    if isinstance(name, Model):
        return name
    wanted = to_text("model", name).lower()
    for model in MODELS:
        if model.name == wanted:
            return model
    raise ValueError(f"expects a model, but got '{name}'{suggestion(wanted, names())}")


def parse_size(size: Size) -> tuple[int, int, int]:
    """Width, height and frames in pixels. Raises ValueError where that is not what is given."""
    if isinstance(size, str):
        if not re.fullmatch(r"[0-9]{1,9}[xX*][0-9]{1,9}[xX*][0-9]{1,9}", size):
            raise ValueError(
                f"expects a size as WIDTHxHEIGHTxFRAMES, such as 832x480x81, but got '{size}'"
            )
        numbers = [int(number) for number in re.split("[xX*]", size)]
    elif isinstance(size, Sequence) and len(size) == 3:
        numbers = [
            to_size(name, n) for name, n in zip(("width", "height", "frames"), size, strict=True)
        ]
    else:
        raise ValueError(
            f"expects a size as (width, height, frames) or a string, but got {one_line(size)}"
        )
    for name, number in zip(("width", "height", "number of frames"), numbers, strict=True):
        if not 1 <= number < 2**31:
            raise ValueError(f"expects a {name} from 1 to 2^31 - 1, but got {number}")
    return numbers[0], numbers[1], numbers[2]


def bind(
    pattern: Pattern,
    model: str | Model,
    size: Size,
    *,
    text: int | None = None,
    order: Sequence[str] | None = None,
    **others: object,
) -> Mask:
    """A pattern with the sizes that a model has at a size in pixels.

    The video's segment is the one with the axis ``frame``; its text, the one with the axis
    ``token`` alone. ``text`` replaces the model's number of tokens of text (0: the video alone) and
    ``order`` the model's order of segments; ``others`` are sizes and parameters, as for
    ``Pattern.bind``. A pattern over tokens alone is bound with all of them, video and text.

    Raises ValueError where the model cannot make the size, or where it has text and the pattern has
    no place for it, TypeError for what is no pattern.
    """
    if not isinstance(pattern, Pattern):
        raise TypeError(f"expects pattern to be a falloff.Pattern, but got {one_line(pattern)}")
    model = get(model)
    frames, rows, columns = model.latent(size)
    text = model.text if text is None else to_size("text", text)
    segments = pattern.segments
    video = [name for name, axes in segments.items() if "frame" in axes]
    words = [name for name, axes in segments.items() if list(axes) == ["token"]]
    sizes: dict[str, object] = {}
    if video:
        sizes = {"frames": frames, "height": rows, "width": columns}
        if words:
            sizes["text"] = text
            if order is None and text:
                order = _order(list(segments), words, model.text_first)
        elif text:
            raise ValueError(
                f"expects a pattern with a segment of text, since {model.name} has {text} tokens "
                f"of text in its self-attention, but @{pattern.name} has none; text 0 binds the "
                "video alone"
            )
    elif words and len(segments) == 1:
        sizes["tokens"] = frames * rows * columns + text
    else:
        raise ValueError(
            f"expects a pattern over frames or over tokens alone to bind with {model.name}, but "
            f"@{pattern.name} is over {', '.join(_describe(segments))}"
        )
    for name in others:
        if name in sizes:
            raise ValueError(f"expects {name} from the size in pixels, but got it twice")
    mask = pattern.bind(order=order, **sizes, **others)
    if mask.heads and mask.heads != model.heads:
        raise ValueError(
            f"expects one value for each of the {model.heads} heads of {model.name}, but got "
            f"{mask.heads}"
        )
    return mask


def _order(segments: list[str], words: list[str], text_first: bool) -> list[str]:
    """Segments with those of text in front or behind."""
    others = [name for name in segments if name not in words]
    return [*words, *others] if text_first else [*others, *words]


def _describe(segments: dict[str, dict[str, int | None]]) -> list[str]:
    return [f"{name}({', '.join(axes)})" for name, axes in segments.items()]


def _down(number: int, step: int) -> int:
    return number // step * step


def _up(number: int, step: int) -> int:
    return -(-number // step) * step


def _multiples(across: int, down: int) -> str:
    if across == down:
        return f"a width and a height that are multiples of {across}"
    return f"a width that is a multiple of {across}, a height of {down}"
