# SPDX-License-Identifier: Apache-2.0
"""fit: how fast the attention of a file falls off with distance in time and in space."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from falloff import _fit, _plot, models
from falloff._fit import DecayFit
from falloff.cli import sizes, tensors
from falloff.cli.commands import Subparsers

_FRAME = ("tokens_per_frame", "height", "width")


def add_fit(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "fit",
        help="fit exp(-a x + b) to attention against distance in time and in space",
        description="Fits exp(-a x + b) to a video's attention against temporal and spatial "
        "distance, prints a, b and R² and draws the fit.",
    )
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help=".npy: attention after softmax, (tokens, tokens) or (heads, tokens, tokens); "
        ".npz: q and k, for sizes whose map does not fit",
    )
    group = parser.add_argument_group("size")
    group.add_argument("--frames", type=int, metavar="N", help="frames of the video")
    group.add_argument("--tokens-per-frame", type=int, metavar="N", help="tokens of a frame")
    group.add_argument("--height", type=int, metavar="N", help="rows of a frame")
    group.add_argument("--width", type=int, metavar="N", help="columns of a frame")
    group.add_argument("--text", type=int, metavar="N", help="tokens beside the video")
    group.add_argument("--order", choices=["video,text", "text,video"], help="of the tokens")
    sizes.add_model(group)
    tensors.add_layout(parser.add_argument_group("tensors of a .npz"))
    group = parser.add_argument_group("fit")
    group.add_argument(
        "--samples",
        type=int,
        metavar="N",
        help=f"queries of each head; default {_fit.SAMPLES} of a .npz, all of a .npy",
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="which queries")
    group.add_argument(
        "--nearest", type=int, default=0, metavar="X", help="first distance to fit (default 0)"
    )
    group.add_argument("--farthest", type=int, metavar="X", help="last distance (default all)")
    parser.add_argument("--output", metavar="FILE", help="an SVG to write; text on stdout without")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=fit)


def fit(arguments: argparse.Namespace) -> int:
    found = _fit.fit(
        **_arrays(arguments),
        **_video(arguments),
        scale=arguments.scale,
        samples=arguments.samples,
        seed=arguments.seed,
        nearest=arguments.nearest,
        farthest=arguments.farthest,
    )
    report(found, arguments.output, as_json=arguments.json)
    return 0


def report(found: DecayFit, output: str | None, *, as_json: bool = False) -> None:
    """Prints a fit and draws it: to a file, or else as text beneath the numbers."""
    curves = found.mean.curves()
    if output is not None:
        _plot.write(output, curves)
    if as_json:
        print(json.dumps(found.as_dict(), indent=1))
        return
    print(found)
    if output is None:
        for curve in curves:
            print("\n" + _plot.text(curve))


def _video(arguments: argparse.Namespace) -> dict[str, Any]:
    """Where the video's tokens lie, by number or by a model and its size in pixels."""
    given = {name: getattr(arguments, name) for name in ("frames", *_FRAME)}
    text_first = arguments.order == "text,video"
    if arguments.model is None and arguments.size is None:
        if given["frames"] is None:
            raise ValueError("expects --frames, or --model with --size, but got neither")
        return {**given, "text": arguments.text or 0, "text_first": text_first}
    if arguments.model is None or arguments.size is None:
        raise ValueError("expects --model with --size, but got one of them")
    for name, value in given.items():
        if value is not None:
            option = name.replace("_", "-")
            raise ValueError(f"expects --model with --size alone, but got --{option} too")
    model = models.get(arguments.model)
    frames, height, width = model.latent(arguments.size)
    return {
        **dict(zip(("frames", "height", "width"), (frames, height, width), strict=True)),
        "text": model.text if arguments.text is None else arguments.text,
        "text_first": model.text_first if arguments.order is None else text_first,
    }


def _arrays(arguments: argparse.Namespace) -> dict[str, Any]:
    path: Path = arguments.file
    if path.suffix.lower() == ".npz":
        return dict(zip("qk", tensors.read_floats(path, ("q", "k"), arguments.layout), strict=True))
    if path.suffix.lower() != ".npy":
        raise ValueError(f"expects a .npy or a .npz file, but got '{path}'")
    if arguments.scale is not None:
        raise ValueError("expects --scale with a .npz of q and k only, but got it with a .npy")
    try:
        return {"attention": np.lib.format.open_memmap(path, mode="r")}
    except OSError:
        raise
    except Exception:  # whatever numpy and its reader of headers raise
        raise ValueError(
            f"expects {path} to hold an array of numbers, but cannot read it as .npy"
        ) from None
