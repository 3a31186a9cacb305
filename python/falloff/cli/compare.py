# SPDX-License-Identifier: Apache-2.0
"""compare: a pattern's attention against dense attention, on tensors of a file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from falloff._compare import Options, compare_sources
from falloff.cli import commands, sizes, tensors
from falloff.cli.commands import Subparsers


def add_compare(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "compare",
        help="errors against dense attention and attention mass kept, on tensors of a file",
        description="Holds a pattern's attention against dense attention on q, k and v of a file: "
        "errors of the output, and the share of the softmax that the mask and the plan keep, per "
        "head.",
    )
    sizes.add_pattern(parser)
    sizes.add_sizes(parser)
    commands.add_tile_options(parser)
    group = parser.add_argument_group("tensors")
    group.add_argument(
        "--qkv",
        required=True,
        type=Path,
        metavar="FILE.npz",
        help="holds q, k and v; float16, float32, float64 or bfloat16",
    )
    tensors.add_layout(group)
    group.add_argument(
        "--text-lengths", type=_lengths, metavar="L,…", help="valid text tokens, one a batch entry"
    )
    group.add_argument(
        "--dtype",
        choices=["fp32", "bf16"],
        default="fp32",
        help="what to compute in: fp32 shows the mask's error alone (default)",
    )
    group.add_argument("--threads", type=int, default=0, metavar="N", help="default: all")
    commands.add_kernel_options(group)
    group.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=compare)


def compare(arguments: argparse.Namespace) -> int:
    mask = sizes.bind(arguments)
    arrays = tensors.read(arguments.qkv, ("q", "k", "v"))
    sources = [tensors.FileSource(array, arguments.layout, arguments.dtype) for array in arrays]
    plan = mask.plan(
        grid=arguments.grid,
        tile=arguments.tile,
        tile_query=arguments.tile_query,
        tile_key=arguments.tile_key,
        rounding=arguments.round,
        dtype=arguments.dtype,
        head_dim=sources[0].whole().shape[3],
    )
    options = Options(
        scale=arguments.scale,
        text_lengths=arguments.text_lengths,
        threads=arguments.threads,
        features=arguments.features,
    )
    result = compare_sources(sources, mask, plan, options, arguments.recipe)
    print(json.dumps(result.as_dict(), indent=1) if arguments.json else result)
    return 0


def _lengths(text: str) -> list[int]:
    try:
        return [int(length) for length in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expects integers by commas, but got {text!r}") from None
