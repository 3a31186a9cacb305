# SPDX-License-Identifier: Apache-2.0
"""solve: the value of a parameter that meets a density or a speed-up."""

from __future__ import annotations

import argparse
import json
from typing import Any

import falloff
from falloff import analysis
from falloff._progress import Progress
from falloff.analysis.solve import Point, parameter_of
from falloff.cli import commands, sizes
from falloff.cli.commands import Subparsers


def add_solve(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "solve",
        help="find the parameter that meets a density or a speed-up",
        description="Finds the value of a parameter whose mask comes nearest a density, or whose "
        "plan comes nearest a predicted speed-up of attention.",
    )
    sizes.add_pattern(parser)
    sizes.add_sizes(parser)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--density", type=_number, metavar="D", help="share of pairs, from 0 to 1")
    target.add_argument(
        "--speedup", type=_number, metavar="S", help="all pairs over those the plan issues"
    )
    parser.add_argument("--parameter", metavar="NAME", help="default: decay, or the only number")
    commands.add_plan_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=solve)


def solve(arguments: argparse.Namespace) -> int:
    pattern = sizes.load(arguments)
    name, whole = parameter_of(pattern, arguments.parameter)
    if name in dict(arguments.set):
        raise ValueError(f"expects no value of {name}, which is solved for, but got one")

    def bind(value: float) -> falloff.Mask:
        return sizes.bind_pattern(pattern, arguments, **{name: value})

    with Progress(1.0, after=1.0) as progress:
        found = analysis.solve(
            bind,
            parameter=name,
            whole=whole,
            density=arguments.density,
            speedup=arguments.speedup,
            step=progress.step,
            **commands.plan_options(arguments),
        )
    tokens = bind(found.found.value).tokens
    if arguments.json:
        result: dict[str, Any] = {"pattern": pattern.name, "tokens": tokens, **found.as_dict()}
        print(json.dumps(result, indent=1))
    else:
        print(_text(pattern.name, tokens, found))
    return 0


def _text(pattern: str, tokens: int, found: analysis.Solution) -> str:
    ((what, wanted),) = found.target.items()
    lines = [
        f"@{pattern}, {tokens:,} tokens: {found.parameter} = {found.found.value:g}",
        f"  {_describe(found.found)}  (asked for {what} {wanted:g})",
    ]
    if found.other is not None:
        lines.append(f"  {found.parameter} = {found.other.value:g}: {_describe(found.other)}")
    ends = "; ".join(f"{found.parameter} = {end.value:g}: {_describe(end)}" for end in found.range)
    lines.append(f"  from {ends}")
    return "\n".join(lines)


def _describe(point: Point) -> str:
    text = f"density {point.density:.4f}, sparsity {1.0 - point.density:.4f}"
    return text if point.speedup is None else f"{text}, speed-up {point.speedup:.2f}x"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expects a number, but got {text!r}") from None
