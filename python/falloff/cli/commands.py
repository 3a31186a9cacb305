# SPDX-License-Identifier: Apache-2.0
"""check, draw, plan and compile."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import falloff
from falloff import _falloff
from falloff.cli import sizes

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = object


def add_check(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "check",
        help="verify and link a pattern; with a size, find queries that see no key",
        description="Verifies and links a pattern; with a size, finds queries that see no key.",
    )
    sizes.add_pattern(parser)
    sizes.add_sizes(parser)
    parser.set_defaults(run=check)


def check(arguments: argparse.Namespace) -> int:
    if not sizes.has_size(arguments):
        _describe(sizes.load(arguments))
        return 0
    mask = sizes.bind(arguments)
    rows = mask.empty_rows()
    print(f"@{mask.name}: {mask.tokens:,} tokens, density {mask.density:.4f}")
    for name, value in mask.parameters.items():
        print(f"  {name} = {value}")
    if rows is None:
        return 0
    first, count, head = rows
    where = f" of head {head}" if mask.heads else ""
    queries = "1 query sees no key" if count == 1 else f"{count:,} queries see no key"
    raise ValueError(f"@{mask.name}: {queries}; the first is query {first:,}{where}")


def _describe(pattern: falloff.Pattern) -> None:
    print(f"@{pattern.name}: ok")
    for segment, axes in pattern.segments.items():
        extents = ", ".join(f"{a}: {'?' if n is None else n}" for a, n in axes.items())
        print(f"  over {segment}({extents})")
    for name, text in pattern.parameters.items():
        print(f"  {name}: {text}")


def add_draw(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "draw",
        help="draw a mask: a PNG with --output, text without",
        description="Draws a mask, queries downwards and keys to the right.",
    )
    sizes.add_pattern(parser)
    sizes.add_sizes(parser)
    parser.add_argument("--output", metavar="FILE", help="a PNG to write; text on stdout without")
    parser.add_argument("--head", type=int, metavar="H", help="which head, where they differ")
    parser.set_defaults(run=draw)


def draw(arguments: argparse.Namespace) -> int:
    sizes.bind(arguments).draw(arguments.output, head=arguments.head)
    return 0


def add_plan_options(parser: argparse.ArgumentParser) -> None:
    group = add_tile_options(parser)
    group.add_argument("--major", choices=["query", "key"], default="query")
    group.add_argument("--target", choices=["cpu"], default="cpu")
    group.add_argument("--dtype", choices=["bf16", "fp32"], default="bf16")
    group.add_argument("--head-dim", type=int, default=128, metavar="D")


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
        "head_dim": arguments.head_dim,
    }


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
    parser.set_defaults(run=plan)


def plan(arguments: argparse.Namespace) -> int:
    made = sizes.bind(arguments).plan(**plan_options(arguments))
    print(made.json() if arguments.emit == "json" else made)
    return 0


def add_compile(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "compile",
        help="print what the compiler makes of a pattern, stage by stage",
        description="Prints the mask after simplification, its schedule, or its kernels.",
    )
    sizes.add_pattern(parser)
    sizes.add_sizes(parser)
    add_plan_options(parser)
    parser.add_argument("--emit", choices=["mask", "schedule", "llvm", "asm"], default="schedule")
    parser.add_argument(
        "--features",
        choices=["native", "avx512", "avx2", "generic"],
        default="native",
        help="vector instructions that kernels may use",
    )
    parser.set_defaults(run=compile_)


def compile_(arguments: argparse.Namespace) -> int:
    mask = sizes.bind(arguments)
    options = plan_options(arguments)
    if arguments.emit in ("mask", "schedule"):
        text = mask.print(arguments.emit, **options)
    else:
        made = mask.plan(**options)._impl
        text = _falloff.print_kernel(made, arguments.dtype, arguments.emit, arguments.features)
    print(text, end="" if text.endswith("\n") else "\n")
    return 0
