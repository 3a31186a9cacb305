# SPDX-License-Identifier: Apache-2.0
"""draw and plan, and the options that other commands share with them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from falloff import models
from falloff._attention import RECIPES
from falloff._mask import TARGETS
from falloff._progress import Progress
from falloff.cli import sizes

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = object


def add_json(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON (keys: docs/json.md)")


def add_draw(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "draw",
        help="draw a mask: a picture or a page with --output, text without",
        description="Draws a mask, queries downwards and keys to the right.",
    )
    sizes.add_pattern(parser)
    sizes.add_sizes(parser)
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="a .png, or an .html page to zoom in, of the tiles of a plan; text on stdout without",
    )
    parser.add_argument("--head", type=int, metavar="H", help="which head, where they differ")
    add_plan_options(parser)
    parser.set_defaults(run=draw, plan_defaults=plan_options(parser.parse_args(["pattern"])))


def draw(arguments: argparse.Namespace) -> int:
    mask = sizes.bind(arguments)
    options = plan_options(arguments)
    given = options != arguments.plan_defaults
    if given and not (arguments.output or "").lower().endswith(".html"):
        raise ValueError("expects --output with an .html page to draw the tiles of a plan")
    plan = mask.plan(**options) if given else None
    mask.draw(arguments.output, head=arguments.head, plan=plan)
    return 0


def add_plan_options(
    parser: argparse.ArgumentParser,
    targets: Sequence[str] = TARGETS,
    dtypes: Sequence[str] = ("bf16", "fp16", "fp32"),
    target_type: Callable[[str], str] = str,
) -> None:
    group = add_tile_options(parser)
    group.add_argument("--major", choices=["query", "key"], default="query")
    group.add_argument("--target", type=target_type, choices=targets, default="cpu")
    group.add_argument("--dtype", choices=dtypes, default="bf16")
    group.add_argument("--head-dim", type=int, metavar="D", help="default: the model's, else 128")


def add_tile_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """How a plan cuts tokens, where tensors say the rest."""
    group = parser.add_argument_group("plan")
    group.add_argument(
        "--grid",
        choices=["box", "flat"],
        default="",
        help="default box, or flat with --round radial-reference",
    )
    tile = "1x128, video=2x8x8,text=128, or one number on the flat grid; searched by default"
    group.add_argument("--tile", metavar="T", help=tile)
    group.add_argument("--tile-query", metavar="T", help="for queries alone")
    group.add_argument("--tile-key", metavar="T", help="for keys alone")
    group.add_argument(
        "--round",
        default="nearest",
        metavar="exact|outward|nearest[:SHARE]|radial-reference",
        help="what becomes of tiles at the border of `about` (default nearest:0.5)",
    )
    return group


def plan_options(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "grid": arguments.grid,
        "tile": arguments.tile,
        "tile_query": arguments.tile_query,
        "tile_key": arguments.tile_key,
        "rounding": arguments.round,
        "major": arguments.major,
        "target": arguments.target,
        "dtype": arguments.dtype,
        "head_dim": head_dim(arguments),
    }


def head_dim(arguments: argparse.Namespace) -> int:
    if arguments.head_dim is not None:
        return int(arguments.head_dim)
    return 128 if arguments.model is None else models.get(arguments.model).head_dim


def add_plan(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "plan",
        help="print which tiles meet, and how each meeting is tested",
        description="Prints the schedule of a mask: rows of runs of tiles, and its pair counts.",
    )
    sizes.add_pattern(parser)
    sizes.add_sizes(parser)
    add_plan_options(parser)
    parser.add_argument("--emit", choices=["text", "json"], default="text")
    parser.add_argument(
        "--json", action="store_const", const="json", dest="emit", help="as --emit json"
    )
    parser.set_defaults(run=plan)


def plan(arguments: argparse.Namespace) -> int:
    mask = sizes.bind(arguments)
    with Progress(1, after=1.0) as progress, progress.step("planning", 1):
        made = mask.plan(**plan_options(arguments))
    print(made.json() if arguments.emit == "json" else made)
    return 0


def add_kernel_options(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, recipes: Sequence[str] = RECIPES
) -> None:
    parser.add_argument(
        "--features",
        choices=["native", "avx512vnni", "avx512", "avx2", "generic"],
        default="native",
        help="vector instructions that kernels may use",
    )
    values = "; int8-fp8: on CUDA devices, v and its weights to e4m3 as well"
    parser.add_argument(
        "--recipe",
        choices=recipes,
        metavar="|".join(recipes),
        help="round q and k to int8; without it they are multiplied in their own type"
        + (values if "int8-fp8" in recipes else ""),
    )
